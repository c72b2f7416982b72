"""Follows: whom, by whom, and what comes of it."""

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from registry import following
from registry.errors import AccountBlocked, FollowedOneself, TooManyFollows, WrongStatus
from registry.following import follow_creator, unfollow_creator, with_followers
from registry.models import AuditEvent, Follow, User, Version
from tests.factories import NetworkFactory, PublishedVersionFactory, UserFactory

pytestmark = pytest.mark.django_db


def test_following_twice_changes_nothing(alice: User, bob: User) -> None:
    for _ in range(2):
        follow_creator(creator=alice, by=bob)
    follow = Follow.objects.get()
    assert (follow.follower, follow.creator) == (bob, alice)
    assert AuditEvent.objects.get().action == "creator.followed"


def test_nor_does_taking_back_what_was_not_given(alice: User, bob: User) -> None:
    follow_creator(creator=alice, by=bob)
    for _ in range(2):
        unfollow_creator(creator=alice, by=bob)
    assert not Follow.objects.exists()
    assert AuditEvent.objects.filter(action="creator.unfollowed").count() == 1


def test_nobody_follows_oneself(alice: User) -> None:
    with pytest.raises(FollowedOneself):
        follow_creator(creator=alice, by=alice)
    with pytest.raises(IntegrityError), transaction.atomic():
        Follow.objects.create(follower=alice, creator=alice)


def test_the_database_refuses_a_second_one(alice: User, bob: User) -> None:
    Follow.objects.create(follower=bob, creator=alice)
    with pytest.raises(IntegrityError), transaction.atomic():
        Follow.objects.create(follower=bob, creator=alice)


def test_the_blocked_neither_follow_nor_are_followed(alice: User, bob: User) -> None:
    alice.blocked_at, alice.blocked_reason = timezone.now(), "Spam."
    with pytest.raises(AccountBlocked):
        follow_creator(creator=bob, by=alice)
    with pytest.raises(WrongStatus):
        follow_creator(creator=alice, by=bob)


def test_there_is_a_most(alice: User, bob: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "MOST_FOLLOWS", 1)
    follow_creator(creator=alice, by=bob)
    follow_creator(creator=alice, by=bob)
    with pytest.raises(TooManyFollows, match="You follow 1 creators"):
        follow_creator(creator=UserFactory(), by=bob)


def test_how_many_follow_and_whether_the_viewer_does(alice: User, bob: User, mod: User) -> None:
    for by in (bob, mod):
        follow_creator(creator=alice, by=by)
    unfollow_creator(creator=alice, by=mod)

    for viewer, followed in ((bob, True), (mod, False), (None, False)):
        seen = with_followers(User.objects.filter(pk=alice.pk), viewer=viewer).get()
        assert (seen.follower_count, seen.is_followed) == (1, followed)  # type: ignore[attr-defined]


def test_what_followed_creators_publish(alice: User, bob: User) -> None:
    version = PublishedVersionFactory(network=NetworkFactory(creator=alice))
    PublishedVersionFactory()
    follow_creator(creator=alice, by=bob)
    assert list(Version.objects.of_followed(bob)) == [version]
