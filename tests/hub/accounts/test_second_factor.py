"""Authenticator apps and recovery codes. Passkeys need a browser, and have their tests there."""

import base64
import hashlib
import hmac
import time

import pytest
from allauth.mfa.models import Authenticator
from cryptography.fernet import InvalidToken
from django.core.mail import EmailMessage
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from hub.accounts.adapters import MFAAdapter
from registry.models import AuditEvent, User
from tests.cast import PASSWORD
from tests.hub.accounts.conftest import SignIn

# allauth tells of an app once it is committed.
pytestmark = pytest.mark.django_db(transaction=True)


def totp(secret: str, *, steps: int = 0) -> str:
    """RFC 6238 with its defaults: SHA-1, six digits, half a minute."""
    counter = int(time.time()) // 30 + steps
    digest = hmac.digest(base64.b32decode(secret), counter.to_bytes(8, "big"), hashlib.sha1)
    start = digest[-1] & 15
    return f"{(int.from_bytes(digest[start : start + 4], 'big') & 0x7FFFFFFF) % 10**6:06}"


@pytest.fixture
def protected(sign_in: SignIn, alice: User) -> str:
    """Alice has an app; this is its secret."""
    client = sign_in(alice)
    page = client.get(reverse("mfa_activate_totp"))
    secret = str(page.context["form"].secret)
    client.post(reverse("mfa_activate_totp"), {"code": totp(secret, steps=-1)})
    assert Authenticator.objects.filter(user=alice, type="totp").exists()
    return secret


def password_step(client: Client) -> None:
    client.post(reverse("account_login"), {"login": "alice", "password": PASSWORD})


def test_the_password_alone_no_longer_opens(anonymous: Client, protected: str) -> None:
    password_step(anonymous)
    assert "_auth_user_id" not in anonymous.session

    anonymous.post(reverse("mfa_authenticate"), {"code": totp(protected)})
    assert "_auth_user_id" in anonymous.session


def test_a_wrong_code_does_not_open_and_is_noted(
    anonymous: Client, protected: str, alice: User
) -> None:
    password_step(anonymous)
    page = anonymous.post(reverse("mfa_authenticate"), {"code": "000000"})

    assert "_auth_user_id" not in anonymous.session
    assert "This code is wrong, or too old." in page.content.decode()
    event = AuditEvent.objects.get(action="login.failed")
    assert (event.target, event.actor) == (f"registry.user:{alice.pk}", None)


def test_a_code_works_once(protected: str) -> None:
    code = totp(protected)
    for expected in (True, False):
        client = Client()
        password_step(client)
        client.post(reverse("mfa_authenticate"), {"code": code})
        assert ("_auth_user_id" in client.session) is expected


def test_recovery_codes_come_with_the_app_and_each_works_once(
    sign_in: SignIn, protected: str, alice: User
) -> None:
    codes = Authenticator.objects.get(user=alice, type="recovery_codes").wrap().get_unused_codes()
    assert len(codes) == 10

    for expected in (True, False):
        client = Client()
        password_step(client)
        client.post(reverse("mfa_authenticate"), {"code": codes[0]})
        assert ("_auth_user_id" in client.session) is expected


def test_turning_it_off_leaves_a_line_and_a_mail(
    anonymous: Client, protected: str, alice: User, mailoutbox: list[EmailMessage]
) -> None:
    password_step(anonymous)
    anonymous.post(reverse("mfa_authenticate"), {"code": totp(protected)})
    anonymous.post(reverse("mfa_deactivate_totp"))

    assert not Authenticator.objects.filter(user=alice).exists()
    kinds = AuditEvent.objects.filter(action="two_factor.added").values_list(
        "data__kind", flat=True
    )
    assert set(kinds) == {"totp", "recovery_codes"}
    assert AuditEvent.objects.filter(action="two_factor.removed", data__kind="totp").exists()
    assert all(mail.to == [alice.email] for mail in mailoutbox)
    assert mailoutbox


def test_secrets_are_encrypted_in_the_database(protected: str) -> None:
    stored = str(list(Authenticator.objects.values_list("data", flat=True)))

    assert protected not in stored


def test_a_new_secret_key_still_reads_what_the_old_one_wrote(settings: Settings, db: None) -> None:
    written = MFAAdapter().encrypt("seed")
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another-" + "y" * 50

    assert MFAAdapter().decrypt(written) == "seed"
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(InvalidToken):
        MFAAdapter().decrypt(written)


def test_the_app_shows_the_hub_and_the_public_name_not_the_address(
    sign_in: SignIn, alice: User
) -> None:
    url = MFAAdapter().build_totp_url(alice, "SECRET")

    assert url.startswith("otpauth://totp/alice?")
    assert "issuer=HyperHub" in url
