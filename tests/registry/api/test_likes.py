"""Likes by API: said, taken back, listed, sorted by."""

from typing import Any

import pytest
from django.test import Client

from registry.api_keys import create_api_key
from registry.likes import like_network
from registry.models import Network, User
from tests.factories import NetworkFactory, PublishedVersionFactory, UserFactory

pytestmark = pytest.mark.django_db


def key_of(user: User) -> dict[str, str]:
    secret = create_api_key(user=user, name="t", scopes=["read", "upload"], expires_at=None)[1]
    return {"Authorization": f"Bearer {secret}"}


@pytest.fixture
def network() -> Network:
    network: Network = PublishedVersionFactory().network
    return network


def items(client: Client, query: str, **words: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(f"/api/v1/models?{query}", **words).json()["items"]
    return found


def test_a_key_likes_and_takes_it_back(network: Network, bob: User, anonymous: Client) -> None:
    address = f"/api/v1/models/{network.pk}/like"
    headers = key_of(bob)

    assert anonymous.get(address, headers=headers).json() == {
        "modelId": network.pk,
        "liked": False,
        "thumbsUpCount": 0,
    }
    assert anonymous.put(address, headers=headers).json()["thumbsUpCount"] == 1
    assert anonymous.put(address, headers=headers).json()["liked"] is True
    assert anonymous.delete(address, headers=headers).json()["thumbsUpCount"] == 0
    assert anonymous.delete(address, headers=headers).json()["liked"] is False


def test_what_is_not_there_is_not_liked(bob: User, anonymous: Client) -> None:
    answer = anonymous.put("/api/v1/models/0/like", headers=key_of(bob))

    assert (answer.status_code, answer.json()) == (404, {"error": "Model not found"})


def test_shapes_count_the_likes_of_the_network(network: Network, anonymous: Client) -> None:
    for _ in range(3):
        like_network(network=network, by=UserFactory())
    [shape] = items(anonymous, "")

    assert shape["stats"]["thumbsUpCount"] == 3
    assert shape["modelVersions"][0]["stats"]["thumbsUpCount"] == 3


def test_favorites_are_those_of_the_keys_owner(
    network: Network, alice: User, bob: User, anonymous: Client
) -> None:
    other = PublishedVersionFactory().network
    like_network(network=network, by=bob)
    like_network(network=network, by=alice)
    like_network(network=other, by=alice)

    [shape] = items(anonymous, "favorites=true", headers=key_of(bob))
    assert shape["id"] == network.pk
    assert len(items(anonymous, "favorites=false", headers=key_of(bob))) == 2
    assert len(items(anonymous, "favorites=true", headers=key_of(alice))) == 2


def test_favorites_of_nobody_need_a_key(anonymous: Client) -> None:
    answer = anonymous.get("/api/v1/models?favorites=true")

    assert (answer.status_code, answer.json()) == (401, {"error": "Unauthorized"})


@pytest.mark.parametrize("sort", ["Most Liked", "Highest Rated"])
def test_the_most_liked_come_first(sort: str, anonymous: Client) -> None:
    networks = [PublishedVersionFactory(network=NetworkFactory()).network for _ in range(3)]
    for likes, network in zip((1, 3, 0), networks, strict=True):
        for _ in range(likes):
            like_network(network=network, by=UserFactory())

    order = [shape["id"] for shape in items(anonymous, f"sort={sort}")]
    assert order == [networks[1].pk, networks[0].pk, networks[2].pk]
