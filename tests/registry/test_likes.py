"""Likes: one a person and network, counted by the database whoever changes the rows."""

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from registry.errors import AccountBlocked, WrongStatus
from registry.likes import like_network, unlike_network
from registry.models import Like, Network, User
from tests.factories import NetworkFactory, PublishedVersionFactory, UserFactory
from tests.threads import at_once

pytestmark = pytest.mark.django_db


@pytest.fixture
def network(alice: User) -> Network:
    network: Network = PublishedVersionFactory(network=NetworkFactory(creator=alice)).network
    return network


def count(network: Network) -> int:
    return Network.objects.values_list("like_count", flat=True).get(pk=network.pk)


def test_a_like_counts_once_however_often_it_is_said(network: Network, bob: User) -> None:
    assert like_network(network=network, by=bob).like_count == 1
    assert like_network(network=network, by=bob).like_count == 1
    assert Like.objects.get().user == bob


def test_taking_it_back_uncounts_it_once(network: Network, alice: User, bob: User) -> None:
    like_network(network=network, by=alice)
    like_network(network=network, by=bob)

    assert unlike_network(network=network, by=bob).like_count == 1
    assert unlike_network(network=network, by=bob).like_count == 1


def test_a_person_who_leaves_takes_the_like_along(network: Network) -> None:
    somebody = UserFactory()
    like_network(network=network, by=somebody)
    somebody.delete()

    assert count(network) == 0


def test_rows_changed_behind_our_back_are_counted_too(network: Network, bob: User) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO registry_like (user_id, network_id, created_at) VALUES (%s, %s, now())",
            [bob.pk, network.pk],
        )
        assert count(network) == 1
        cursor.execute("DELETE FROM registry_like")
    assert count(network) == 0


def test_the_database_refuses_a_second_one(network: Network, bob: User) -> None:
    Like.objects.create(user=bob, network=network)
    with pytest.raises(IntegrityError), transaction.atomic():
        Like.objects.create(user=bob, network=network)
    assert count(network) == 1


def test_only_what_is_out_is_liked(bob: User) -> None:
    with pytest.raises(WrongStatus):
        like_network(network=NetworkFactory(creator=bob), by=bob)


def test_the_blocked_like_nothing(network: Network, bob: User) -> None:
    bob.blocked_at, bob.blocked_reason = timezone.now(), "Spam."
    with pytest.raises(AccountBlocked):
        like_network(network=network, by=bob)


@pytest.mark.django_db(transaction=True)
def test_many_at_once_are_all_counted() -> None:
    network = PublishedVersionFactory().network
    people = [UserFactory() for _ in range(6)]
    twice = [
        (lambda person=person: like_network(network=network, by=person))
        for person in [*people, *people]
    ]
    at_once(*twice)

    assert count(network) == Like.objects.count() == len(people)
