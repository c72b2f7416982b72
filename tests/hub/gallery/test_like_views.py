"""The heart: a form without a script, a button with one."""

import pytest
from django.test import Client
from django.urls import reverse

from registry.models import Network, User
from tests.factories import NetworkFactory
from tests.hub.gallery.networks import published

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture
def network(alice: User) -> Network:
    return published(alice, "Ink").network


def count(network: Network) -> int:
    network.refresh_from_db(fields=["like_count"])
    return network.like_count


def test_a_form_comes_back_to_the_card(bob_client: Client, network: Network) -> None:
    response = bob_client.post(reverse("like", args=[network.pk]), {"next": "/?tag=ink"})

    assert response.headers["Location"] == f"/?tag=ink#network-{network.pk}"
    assert count(network) == 1


def test_and_to_nowhere_else(bob_client: Client, network: Network) -> None:
    response = bob_client.post(
        reverse("like", args=[network.pk]), {"next": "https://evil.example/"}
    )

    assert response.headers["Location"] == f"/#network-{network.pk}"


def test_a_button_is_answered_by_the_button_that_takes_it_back(
    bob_client: Client, network: Network
) -> None:
    liked = bob_client.post(reverse("like", args=[network.pk]), headers=HTMX).content.decode()

    assert 'aria-pressed="true"' in liked
    assert reverse("unlike", args=[network.pk]) in liked
    assert "<html" not in liked

    bob_client.post(reverse("unlike", args=[network.pk]), headers=HTMX)
    assert count(network) == 0


def test_a_stranger_signs_in_first(anonymous: Client, network: Network) -> None:
    response = anonymous.post(reverse("like", args=[network.pk]))

    assert response.headers["Location"].startswith(reverse("account_login"))
    assert count(network) == 0


def test_coming_back_from_signing_in_changes_nothing(bob_client: Client, network: Network) -> None:
    response = bob_client.get(reverse("like", args=[network.pk]))

    assert response.headers["Location"] == "/alice/ink"
    assert count(network) == 0


def test_what_one_may_not_open_cannot_be_liked(bob_client: Client, alice: User) -> None:
    draft = NetworkFactory(creator=alice)

    assert bob_client.post(reverse("like", args=[draft.pk])).status_code == 404
