"""Who is looking: what happens to those whose session ended before they pressed a button."""

import pytest
from django.test import Client
from django.urls import reverse

from registry.models import User
from tests.cast import PASSWORD

pytestmark = pytest.mark.django_db


def test_a_form_sent_after_the_session_ended_leads_back_to_its_page(
    anonymous: Client, alice: User
) -> None:
    sent = anonymous.post(reverse("account_avatar"), {"remove": ""})
    person = {"login": alice.username, "password": PASSWORD}
    back = anonymous.post(sent["Location"], person, follow=True)

    assert [page for page, _ in back.redirect_chain] == [
        reverse("account_avatar"),
        reverse("account_profile"),
    ]
    assert back.status_code == 200


@pytest.mark.parametrize("button", ["switch", "try", "secret"])
def test_reloading_after_a_webhooks_button_shows_the_webhook(
    alice_client: Client, button: str
) -> None:
    answer = alice_client.get(reverse(f"account_webhook_{button}", args=[7]))

    assert answer["Location"] == reverse("account_webhook", args=[7])
