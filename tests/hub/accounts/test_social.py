"""Going on with an account of another site, played by allauth's own stand-in."""

import re

from allauth.socialaccount.models import SocialAccount
from django.core.mail import EmailMessage
from django.test import Client
from django.urls import reverse

from registry.models import AuditEvent, User
from tests.hub.accounts.conftest import SignIn, link_in


def come_from_there(client: Client, process: str = "login", **fields: str) -> str:
    """The address at which the visitor lands."""
    start = client.post(f"{reverse('dummy_login')}?process={process}")
    form = {"id": "7", "email": "someone@example.org"} | fields
    return str(client.post(start["Location"], form)["Location"])


def test_who_comes_for_the_first_time_chooses_a_public_name(
    anonymous: Client, mailoutbox: list[EmailMessage]
) -> None:
    assert come_from_there(anonymous) == reverse("socialaccount_signup")
    assert not User.objects.exists()

    anonymous.post(
        reverse("socialaccount_signup"), {"email": "someone@example.org", "username": "someone-1"}
    )
    anonymous.post(link_in(mailoutbox[0]))
    assert User.objects.get().username == "someone-1"


def test_no_name_is_made_from_an_address(anonymous: Client) -> None:
    come_from_there(anonymous)
    page = anonymous.get(reverse("socialaccount_signup")).content.decode()
    name = re.search(r'name="username"[^>]*', page)

    assert name
    assert 'value="someone"' not in name.group()


def test_reserved_names_are_refused_there_too(anonymous: Client) -> None:
    come_from_there(anonymous)
    page = anonymous.post(
        reverse("socialaccount_signup"), {"email": "someone@example.org", "username": "admin"}
    )

    assert "is an address of the hub itself" in page.content.decode()
    assert not User.objects.exists()


def test_an_address_from_elsewhere_opens_nobodys_account(anonymous: Client, alice: User) -> None:
    come_from_there(anonymous, email=alice.email, email_verified="on")

    assert "_auth_user_id" not in anonymous.session


def test_connecting_and_disconnecting(sign_in: SignIn, alice: User) -> None:
    client = sign_in(alice)
    come_from_there(client, process="connect")
    account = SocialAccount.objects.get(user=alice)
    assert come_from_there(Client()) == "/"

    client.post(reverse("socialaccount_connections"), {"account": account.pk})
    assert not SocialAccount.objects.exists()
    actions = AuditEvent.objects.values_list("action", flat=True)
    assert {"social_account.added", "social_account.removed"} <= set(actions)
