"""Signing up by e-mail: what is taken, what is refused and how, and what proves an address."""

import pytest
from allauth.account.models import EmailAddress
from django.core.mail import EmailMessage
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from registry.models import AuditEvent, User
from tests.hub.accounts.conftest import link_in

SIGN_UP = {"email": "new@example.org", "username": "newcomer", "password1": "violet otter 9"}


def sign_up(client: Client, **changes: str) -> str:
    """The page after the attempt."""
    answer = client.post(reverse("account_signup"), SIGN_UP | changes, follow=True)
    return answer.content.decode()


def test_an_account_is_usable_once_its_address_is_proven(
    anonymous: Client, mailoutbox: list[EmailMessage]
) -> None:
    page = sign_up(anonymous)
    assert "Look into your mail" in page
    assert "_auth_user_id" not in anonymous.session

    link = link_in(mailoutbox[0])
    assert mailoutbox[0].to == ["new@example.org"]
    assert "Is this your address?" in anonymous.get(link).content.decode()
    anonymous.post(link)

    user = User.objects.get(username="newcomer")
    assert EmailAddress.objects.get(user=user).verified
    assert anonymous.session["_auth_user_id"] == str(user.pk)


def test_opening_the_link_alone_proves_nothing(
    anonymous: Client, mailoutbox: list[EmailMessage]
) -> None:
    """Mail scanners open links; people press buttons."""
    sign_up(anonymous)
    anonymous.get(link_in(mailoutbox[0]))

    assert not EmailAddress.objects.get().verified


def test_the_link_in_another_browser_proves_the_address_but_signs_nobody_in(
    anonymous: Client, mailoutbox: list[EmailMessage]
) -> None:
    sign_up(anonymous)
    elsewhere = Client()
    elsewhere.post(link_in(mailoutbox[0]))

    assert EmailAddress.objects.get().verified
    assert "_auth_user_id" not in elsewhere.session


def test_signing_in_before_the_proof_sends_the_link_again(
    anonymous: Client, mailoutbox: list[EmailMessage]
) -> None:
    sign_up(anonymous)
    answer = Client().post(
        reverse("account_login"), {"login": "newcomer", "password": SIGN_UP["password1"]}
    )

    assert answer["Location"] == reverse("account_email_verification_sent")
    assert len(mailoutbox) == 2


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("admin", "“admin” is an address of the hub itself. Choose another name."),
        ("Studio", "“Studio” is an address of the hub itself. Choose another name."),
        ("ab", "A name has 3 to 30 letters, digits, “_” or “-”."),
        ("two words", "A name has 3 to 30 letters, digits, “_” or “-”."),
        ("naïve", "A name has 3 to 30 letters, digits, “_” or “-”."),
        ("../etc", "A name has 3 to 30 letters, digits, “_” or “-”."),
        ("alice", "This name is taken."),
        ("ALICE", "This name is taken."),
    ],
)
def test_a_name_that_cannot_be_had_is_refused_with_a_sentence(
    anonymous: Client, alice: User, name: str, sentence: str
) -> None:
    assert sentence in sign_up(anonymous, username=name)
    assert User.objects.count() == 1


@pytest.mark.parametrize("password", ["short", "12345678", "password1", "newcomer"])
def test_a_password_that_is_guessed_at_once_is_refused(anonymous: Client, password: str) -> None:
    sign_up(anonymous, password1=password)

    assert not User.objects.exists()


def test_a_stranger_cannot_learn_who_has_an_account(
    anonymous: Client, alice: User, mailoutbox: list[EmailMessage]
) -> None:
    page = sign_up(anonymous, email=alice.email.upper())

    assert "Look into your mail" in page
    assert User.objects.count() == 1
    assert mailoutbox[0].subject == "You have an account at HyperHub already"
    assert mailoutbox[0].to == [alice.email]


def test_signing_up_leaves_lines_in_the_audit_trail(
    anonymous: Client, mailoutbox: list[EmailMessage]
) -> None:
    sign_up(anonymous)
    anonymous.post(link_in(mailoutbox[0]))

    user = User.objects.get()
    events = AuditEvent.objects.order_by("id")
    assert [e.action for e in events] == ["user.signed_up", "email.confirmed", "user.logged_in"]
    assert {e.target for e in events} == {f"registry.user:{user.pk}"}
    assert {e.address for e in events} == {"127.0.0.1"}
    assert all(e.request_id for e in events)


def test_a_hub_may_take_no_new_accounts(anonymous: Client, settings: Settings) -> None:
    settings.SIGNUP_OPEN = False

    assert "takes no new accounts" in sign_up(anonymous)
    assert not User.objects.exists()


class TestWithoutAMailServer:
    """The log is the mail, and in debug the page is too."""

    @pytest.fixture(autouse=True)
    def console_mail(self, settings: Settings) -> None:
        settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"

    def test_the_mail_is_on_standard_output_which_is_the_log(
        self, anonymous: Client, capsys: pytest.CaptureFixture[str]
    ) -> None:
        sign_up(anonymous)

        assert "http://testserver/account/confirm-email/" in capsys.readouterr().out

    def test_in_debug_the_link_is_on_the_page(self, anonymous: Client, settings: Settings) -> None:
        settings.DEBUG = True

        page = sign_up(anonymous)
        assert 'href="http://testserver/account/confirm-email/' in page

    def test_in_service_the_page_keeps_it_to_itself(self, anonymous: Client) -> None:
        assert "http://testserver/account/confirm-email/" not in sign_up(anonymous)


def test_in_production_links_lead_to_the_sites_own_address(
    anonymous: Client, mailoutbox: list[EmailMessage], settings: Settings
) -> None:
    """Whatever Host a request names: a link in a mail is a key."""
    settings.PRODUCTION, settings.SITE_URL = True, "https://hub.example"
    settings.ALLOWED_HOSTS = ["*"]

    anonymous.post(reverse("account_signup"), SIGN_UP, headers={"host": "evil.example"})

    assert "https://hub.example/account/confirm-email/" in mailoutbox[0].body
    assert "evil.example" not in mailoutbox[0].body
