import time

import pytest
from django.core import signing
from django.test import Client
from django.urls import reverse

from hub.accounts.first_admin import (
    LIFETIME,
    SALT,
    FirstAdminExists,
    first_admin_link,
    make_first_admin,
)
from registry.models import AuditEvent, User

FORM = {"username": "root-rita", "email": "rita@example.org", "password": "correct horse battery"}


@pytest.fixture
def path(db: None, settings: object) -> str:
    return first_admin_link().removeprefix("http://testserver")


def test_who_opens_the_link_becomes_the_administrator_and_is_signed_in(
    path: str, anonymous: Client
) -> None:
    assert anonymous.get(path).status_code == 200

    anonymous.post(path, FORM)

    rita = User.objects.get()
    assert rita.role == User.Role.ADMIN
    assert rita.check_password(FORM["password"])
    assert anonymous.session["_auth_user_id"] == str(rita.pk)
    assert AuditEvent.objects.filter(action="user.made_first_admin", actor=rita).count() == 1


def test_the_first_thing_that_matters_does_not_ask_for_the_password_again(
    path: str, anonymous: Client
) -> None:
    anonymous.post(path, FORM)

    assert anonymous.get(reverse("mfa_activate_totp")).status_code == 200


def test_the_link_works_once(path: str, anonymous: Client) -> None:
    anonymous.post(path, FORM)

    second = Client().post(path, {**FORM, "username": "mallory", "email": "m@example.org"})

    assert second.status_code == 410
    assert User.objects.count() == 1
    assert first_admin_link() == ""


def test_it_does_not_come_back_when_the_account_goes(path: str, anonymous: Client) -> None:
    anonymous.post(path, FORM)
    User.objects.all().delete()

    assert anonymous.get(path).status_code == 410
    with pytest.raises(FirstAdminExists):
        make_first_admin(**FORM)


def test_it_works_for_a_day(path: str, anonymous: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    tomorrow = time.time() + LIFETIME + 5
    monkeypatch.setattr(time, "time", lambda: tomorrow)
    assert anonymous.get(path).status_code == 410


def test_a_link_signed_for_something_else_is_refused(anonymous: Client) -> None:
    token = signing.dumps("", salt=f"not-{SALT}")
    assert anonymous.get(f"/account/first-admin/{token}/").status_code == 410


def test_there_is_none_where_there_is_an_administrator(path: str, boss: User) -> None:
    assert first_admin_link() == ""


@pytest.mark.parametrize(
    ("field", "value"),
    [("password", "12345678"), ("username", "admin"), ("username", "a"), ("email", "nobody")],
)
def test_what_is_wrong_is_said_and_nobody_is_made(
    path: str, anonymous: Client, field: str, value: str
) -> None:
    answer = anonymous.post(path, {**FORM, field: value})

    assert answer.status_code == 200
    assert answer.context["form"].errors[field]
    assert not User.objects.exists()


def test_a_name_or_an_address_that_is_taken_is_said_in_words(
    path: str, anonymous: Client, alice: User
) -> None:
    taken = {**FORM, "username": alice.username.upper(), "email": alice.email.upper()}
    page = anonymous.post(path, taken).content.decode()

    assert "This name is taken." in page
    assert "This address belongs to another account." in page
