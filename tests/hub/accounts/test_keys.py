"""The page of API keys: made once, shown once, revoked after a question."""

import re
from datetime import timedelta

from django.test import Client
from django.urls import reverse
from django.utils import timezone

from registry.api_keys import create_api_key, find_api_key
from registry.models import ApiKey, User
from tests.cast import PASSWORD
from tests.hub.accounts.conftest import SignIn

KEYS = reverse("account_keys")


def ask_for_a_key(client: Client, **changes: object) -> str:
    """The page after the form was sent as it stood on the page before it."""
    ticket = re.search(r'name="ticket" value="([^"]+)"', client.get(KEYS).content.decode())
    assert ticket
    form = {"name": "WebUI", "scopes": ["read", "upload"], "expires_at": "90"} | changes
    answer = client.post(KEYS, {"ticket": ticket.group(1), **form})
    return answer.content.decode()


def secret_on(page: str) -> str:
    found = re.search(r"hnh_[0-9A-Za-z]{43}", page)
    return found.group() if found else ""


def test_the_key_on_the_page_works(sign_in: SignIn, alice: User) -> None:
    key = find_api_key(secret_on(ask_for_a_key(sign_in(alice))))

    assert key is not None
    assert (key.user, key.name, key.scopes) == (alice, "WebUI", ["read", "upload"])
    days = (key.expires_at or timezone.now()) - timezone.now()
    assert timedelta(days=89) < days <= timedelta(days=90)


def test_a_key_may_work_until_it_is_revoked(sign_in: SignIn, alice: User) -> None:
    ask_for_a_key(sign_in(alice), expires_at="never")

    assert ApiKey.objects.get().expires_at is None


def test_it_is_shown_once(sign_in: SignIn, alice: User) -> None:
    client = sign_in(alice)
    secret = secret_on(ask_for_a_key(client))

    assert secret
    assert secret not in client.get(KEYS).content.decode()


def test_the_page_with_the_key_is_kept_by_no_cache(sign_in: SignIn, alice: User) -> None:
    answer = sign_in(alice).get(KEYS)

    assert "no-store" in answer["Cache-Control"]


def test_reloading_the_page_that_shows_it_makes_no_second_one(sign_in: SignIn, alice: User) -> None:
    client = sign_in(alice)
    ticket = re.search(r'name="ticket" value="([^"]+)"', client.get(KEYS).content.decode())
    assert ticket
    form = {
        "ticket": ticket.group(1),
        "name": "WebUI",
        "scopes": ["read"],
        "expires_at": "30",
    }
    client.post(KEYS, form)
    again = client.post(KEYS, form, follow=True)

    assert ApiKey.objects.count() == 1
    assert "Sent twice?" in again.content.decode()


def test_a_form_without_a_ticket_makes_nothing(sign_in: SignIn, alice: User) -> None:
    sign_in(alice).post(KEYS, {"name": "x", "scopes": ["read"], "expires_at": "30"})

    assert not ApiKey.objects.exists()


def test_nothing_ticked_is_told(sign_in: SignIn, alice: User) -> None:
    page = ask_for_a_key(sign_in(alice), scopes=[])

    assert "Tick at least one thing that the key may do." in page
    assert not ApiKey.objects.exists()


def test_moderation_is_offered_to_moderators_alone(sign_in: SignIn, alice: User, mod: User) -> None:
    assert not secret_on(ask_for_a_key(sign_in(alice), scopes=["moderate"]))
    assert secret_on(ask_for_a_key(sign_in(mod), scopes=["moderate"]))


def test_too_many_keys_are_refused_with_a_sentence(sign_in: SignIn, alice: User) -> None:
    client = sign_in(alice)
    for _number in range(50):
        create_api_key(user=alice, name="k", scopes=["read"], expires_at=None)

    assert "You have 50 keys in use." in ask_for_a_key(client)


def test_revoking_asks_first(sign_in: SignIn, alice: User) -> None:
    client = sign_in(alice)
    secret = secret_on(ask_for_a_key(client))
    url = reverse("account_key_revoke", args=[ApiKey.objects.get().pk])

    assert "stops working at once" in client.get(url).content.decode()
    assert find_api_key(secret) is not None
    client.post(url)
    assert find_api_key(secret) is None


def test_nobody_revokes_another_ones_key(sign_in: SignIn, alice: User, bob: User) -> None:
    key, secret = create_api_key(user=alice, name="k", scopes=["read"], expires_at=None)
    answer = sign_in(bob).post(reverse("account_key_revoke", args=[key.pk]))

    assert answer.status_code == 404
    assert find_api_key(secret) is not None


def test_keys_are_for_people_who_are_signed_in(anonymous: Client) -> None:
    assert anonymous.get(KEYS)["Location"].startswith(reverse("account_login"))


def test_making_one_needs_a_fresh_proof_and_goes_on_after_it(
    alice_client: Client, alice: User
) -> None:
    """This session came in without a password, like one that is hours old."""
    ticket = alice_client.get(KEYS).context["ticket"]
    form = {"ticket": ticket, "name": "WebUI", "scopes": ["read"], "expires_at": "30"}
    answer = alice_client.post(KEYS, form)
    assert answer["Location"].startswith(reverse("account_reauthenticate"))
    assert not ApiKey.objects.exists()

    page = alice_client.post(answer["Location"], {"password": PASSWORD, "next": KEYS})
    assert find_api_key(secret_on(page.content.decode())) is not None


def test_an_expired_key_is_marked(sign_in: SignIn, alice: User) -> None:
    create_api_key(user=alice, name="old", scopes=["read"], expires_at=None)
    ApiKey.objects.update(expires_at=timezone.now() - timedelta(days=1))

    assert "expired" in sign_in(alice).get(KEYS).content.decode()
