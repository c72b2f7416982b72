"""Signing in and out, forgotten passwords, other sessions, and what is asked of a guesser."""

import pytest
from django.core.mail import EmailMessage
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from registry.models import AuditEvent, User
from tests.cast import PASSWORD
from tests.hub.accounts.conftest import SignIn, link_in

NEW_PASSWORD = "a purple lighthouse"


def try_to_sign_in(client: Client, login: str, password: str = PASSWORD) -> bool:
    client.post(reverse("account_login"), {"login": login, "password": password})
    return "_auth_user_id" in client.session


@pytest.mark.parametrize("login", ["alice", "ALICE", "alice@example.org", "Alice@Example.ORG"])
def test_by_name_or_address_in_any_case(anonymous: Client, alice: User, login: str) -> None:
    assert try_to_sign_in(anonymous, login)


@pytest.mark.parametrize(
    ("login", "password"), [("alice", "wrong"), ("nobody", PASSWORD), ("bob@example.org", PASSWORD)]
)
def test_a_wrong_name_and_a_wrong_password_are_refused_alike(
    anonymous: Client, alice: User, login: str, password: str
) -> None:
    page = anonymous.post(reverse("account_login"), {"login": login, "password": password})

    assert "_auth_user_id" not in anonymous.session
    assert "password is wrong." in page.content.decode()


def test_a_closed_account_does_not_open(anonymous: Client, alice: User) -> None:
    User.objects.update(is_active=False)

    assert not try_to_sign_in(anonymous, "alice")


def test_a_failed_attempt_is_noted_without_what_was_typed(anonymous: Client, alice: User) -> None:
    try_to_sign_in(anonymous, "alice", "hunter2-typed-here")
    try_to_sign_in(anonymous, "my-password-in-the-wrong-field", "x")

    known, unknown = AuditEvent.objects.filter(action="login.failed").order_by("id")
    assert (known.target, known.actor) == (f"registry.user:{alice.pk}", None)
    assert unknown.target == ""
    stored = str(list(AuditEvent.objects.values()))
    assert "hunter2" not in stored
    assert "wrong-field" not in stored


def test_guessing_is_slowed_down(anonymous: Client, alice: User, settings: Settings) -> None:
    """allauth's limits, in the shared cache; off in the other tests."""
    settings.ACCOUNT_RATE_LIMITS = {}
    for _attempt in range(5):
        try_to_sign_in(anonymous, "alice", "wrong")

    page = anonymous.post(reverse("account_login"), {"login": "alice", "password": PASSWORD})
    assert "Too many failed attempts" in page.content.decode()
    assert "_auth_user_id" not in anonymous.session


def test_too_many_requests_get_a_page_of_ours(anonymous: Client, settings: Settings) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"signup": "1/m/ip"}
    for _attempt in range(2):
        answer = anonymous.post(reverse("account_signup"), {})

    assert answer.status_code == 429
    assert "Retry-After" in answer.headers
    assert "Wait a little" in answer.content.decode()


def test_limits_count_the_visitor_and_not_what_he_says_of_himself(
    anonymous: Client, settings: Settings
) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"signup": "1/m/ip"}
    answers = [
        anonymous.post(reverse("account_signup"), {}, headers={"x-forwarded-for": f"10.0.0.{n}"})
        for n in range(2)
    ]
    assert answers[1].status_code == 429


def test_signing_out_leaves_a_line(sign_in: SignIn, alice: User) -> None:
    client = sign_in(alice)
    client.post(reverse("account_logout"))

    assert "_auth_user_id" not in client.session
    assert AuditEvent.objects.filter(action="user.logged_out", actor=alice).count() == 1


def test_a_forgotten_password_is_replaced_by_a_link_in_a_mail(
    anonymous: Client, alice: User, mailoutbox: list[EmailMessage]
) -> None:
    anonymous.post(reverse("account_reset_password"), {"email": alice.email})
    form = anonymous.get(link_in(mailoutbox[0]))["Location"]
    anonymous.post(form, {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})

    assert not try_to_sign_in(Client(), "alice", PASSWORD)
    assert try_to_sign_in(Client(), "alice", NEW_PASSWORD)
    assert AuditEvent.objects.filter(action="password.reset", actor=alice).exists()


def test_such_a_link_works_once(
    anonymous: Client, alice: User, mailoutbox: list[EmailMessage]
) -> None:
    anonymous.post(reverse("account_reset_password"), {"email": alice.email})
    link = link_in(mailoutbox[0])
    form = anonymous.get(link)["Location"]
    anonymous.post(form, {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})

    assert "This link does not work" in Client().get(link).content.decode()


def test_strangers_get_no_mail_and_the_asker_the_same_page(
    anonymous: Client, alice: User, mailoutbox: list[EmailMessage]
) -> None:
    url = reverse("account_reset_password")
    known = anonymous.post(url, {"email": alice.email})
    unknown = anonymous.post(url, {"email": "stranger@example.org"})

    assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])
    assert [mail.to for mail in mailoutbox] == [[alice.email]]


def test_a_new_password_signs_out_everywhere_else_and_is_told_by_mail(
    sign_in: SignIn, alice: User, mailoutbox: list[EmailMessage]
) -> None:
    here, elsewhere = sign_in(alice), sign_in(alice)
    here.post(
        reverse("account_change_password"),
        {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD},
    )

    assert here.get(reverse("account_profile")).status_code == 200
    assert elsewhere.get(reverse("account_profile")).status_code == 302
    assert mailoutbox[0].to == [alice.email]
    assert "127.0.0.1" in mailoutbox[0].body
    assert AuditEvent.objects.filter(action="password.changed", actor=alice).exists()


def test_what_is_wrong_in_a_form_of_the_account_is_said_in_our_words(
    sign_in: SignIn, alice: User
) -> None:
    client = sign_in(alice)
    forms = {
        "account_change_password": {
            "oldpassword": "wrong",
            "password1": NEW_PASSWORD,
            "password2": NEW_PASSWORD,
        },
        "account_email": {"email": alice.email, "action_add": ""},
    }
    password, address = (client.post(reverse(page), form) for page, form in forms.items())

    assert "This is not your current password." in password.content.decode()
    assert "This is your address already." in address.content.decode()


def test_other_sessions_are_listed_and_ended(sign_in: SignIn, alice: User) -> None:
    here, elsewhere = sign_in(alice), sign_in(alice)
    page = here.get(reverse("usersessions_list")).content.decode()
    assert page.count("127.0.0.1") == 2
    assert page.count("this one") == 1

    here.post(reverse("usersessions_list"))
    assert elsewhere.get(reverse("account_profile")).status_code == 302
    assert here.get(reverse("account_profile")).status_code == 200


def test_the_old_address_stays_until_the_new_one_is_proven(
    sign_in: SignIn, alice: User, mailoutbox: list[EmailMessage]
) -> None:
    client = sign_in(alice)
    client.post(reverse("account_email"), {"email": "new@example.org", "action_add": ""})
    alice.refresh_from_db()
    assert alice.email == "alice@example.org"

    client.post(link_in(mailoutbox[0]))
    alice.refresh_from_db()
    assert alice.email == "new@example.org"
    assert mailoutbox[-1].to == ["alice@example.org"]  # who loses an address is told
    assert AuditEvent.objects.filter(action="email.changed", actor=alice).exists()


def test_an_address_that_another_has_cannot_be_taken(
    sign_in: SignIn, alice: User, bob: User, mailoutbox: list[EmailMessage]
) -> None:
    client = sign_in(alice)
    client.post(reverse("account_email"), {"email": bob.email.upper(), "action_add": ""})
    for mail in mailoutbox:
        if "confirm-email" in mail.body:
            client.post(link_in(mail))

    alice.refresh_from_db()
    assert alice.email == "alice@example.org"


def test_after_a_while_the_password_is_asked_for_again(
    sign_in: SignIn, alice: User, settings: Settings
) -> None:
    client = sign_in(alice)
    assert client.get(reverse("mfa_activate_totp")).status_code == 200

    settings.ACCOUNT_REAUTHENTICATION_TIMEOUT = 0
    answer = client.get(reverse("mfa_activate_totp"))
    assert answer["Location"].startswith(reverse("account_reauthenticate"))


def test_a_session_that_came_in_by_no_password_is_asked_at_once(alice_client: Client) -> None:
    answer = alice_client.get(reverse("mfa_activate_totp"))

    assert answer["Location"].startswith(reverse("account_reauthenticate"))
