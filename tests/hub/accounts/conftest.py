"""What the tests of the account area share: mails and the links in them."""

import re
from collections.abc import Callable

import pytest
from django.core.mail import EmailMessage
from django.test import Client
from django.urls import reverse

from registry.models import User
from tests.cast import PASSWORD


def link_in(mail: EmailMessage) -> str:
    """The path of the link that a mail asks to open."""
    found = re.search(
        r"http://\S+?(/account/(?:confirm-email|password/reset/key)/\S+)", str(mail.body)
    )
    assert found, mail.body
    return found.group(1)


SignIn = Callable[[User], Client]


@pytest.fixture
def sign_in() -> SignIn:
    """A browser whose owner has just given the password, as allauth remembers it."""

    def sign_in(user: User) -> Client:
        client = Client()
        answer = client.post(
            reverse("account_login"), {"login": user.username, "password": PASSWORD}
        )
        assert answer.status_code == 302, answer.content.decode()
        return client

    return sign_in
