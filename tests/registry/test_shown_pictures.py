"""Showing a picture with a network: who may, what is refused, and that it leaves nothing behind."""

import io

import pytest
from django.utils import timezone

from registry import storage
from registry.errors import AccountBlocked, Forbidden, WrongStatus
from registry.models import Network, Picture, User, Version
from registry.picture_uploads import MAX_BYTES, UnusablePicture
from registry.shown_pictures import (
    SIDE,
    hide_picture,
    read_upload,
    remove_picture,
    show_picture,
)
from tests.factories import CheckedVersionFactory, NetworkFactory, PublishedVersionFactory
from tests.pictures import png

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def version(alice: User) -> Version:
    made: Version = PublishedVersionFactory(network=NetworkFactory(creator=alice))
    return made


def shown(version: Version, by: User, content: bytes = b"", level: str = "general") -> Picture:
    upload = io.BytesIO(content or png())
    return show_picture(version=version, by=by, upload=upload, content_level=level)


def test_a_large_one_is_made_smaller_and_keeps_its_words() -> None:
    brought = png(3000, 1500, parameters="a fox\nSteps: 20, Seed: 7")
    kept, said = read_upload(io.BytesIO(brought))

    again, _ = read_upload(io.BytesIO(kept))
    assert said.settings["Seed"] == "7"
    assert again == kept
    assert int.from_bytes(kept[16:20]) == SIDE


def test_more_bytes_than_anyone_needs_are_not_looked_at() -> None:
    with pytest.raises(UnusablePicture, match="larger than 20 MB"):
        read_upload(io.BytesIO(bytes(MAX_BYTES + 1)))


def test_nothing_is_shown_with_what_is_not_out(version: Version, alice: User) -> None:
    with pytest.raises(WrongStatus):
        shown(CheckedVersionFactory(network=version.network), alice)
    Network.objects.update(status="archived", is_listed=False)
    version.network.refresh_from_db()
    with pytest.raises(WrongStatus):
        shown(version, alice)


def test_who_is_blocked_shows_nothing(version: Version, bob: User) -> None:
    bob.blocked_at = timezone.now()
    with pytest.raises(AccountBlocked):
        shown(version, bob)


@pytest.mark.parametrize(
    ("network", "said", "kept"),
    [
        ("general", "mature", "mature"),
        ("mature", "general", "mature"),
        ("mature", "explicit", "explicit"),
    ],
)
def test_the_stronger_level_counts(
    version: Version, bob: User, network: str, said: str, kept: str
) -> None:
    version.network.content_level = network
    assert shown(version, bob, level=said).content_level == kept


def test_its_bytes_go_with_the_last_who_shows_them(
    version: Version, alice: User, bob: User
) -> None:
    mine, theirs = shown(version, alice), shown(version, bob)
    folder = f"pictures/{mine.sha256}"
    assert mine != theirs and mine.sha256 == theirs.sha256
    remove_picture(picture=mine, by=alice)
    assert list(storage.keys(folder))
    remove_picture(picture=theirs, by=bob)
    assert not list(storage.keys(folder))


def test_others_neither_remove_nor_hide(version: Version, bob: User, mod: User) -> None:
    picture = shown(version, bob)
    with pytest.raises(Forbidden):
        remove_picture(picture=picture, by=mod)
    stranger = User.objects.create_user("carol", "carol@example.org")
    with pytest.raises(Forbidden):
        hide_picture(picture=picture, network=version.network, by=stranger)
    hide_picture(picture=picture, network=version.network, by=mod, reason="Not made with it.")
    picture.refresh_from_db()
    assert picture.hidden_at is not None
    assert shown(version, bob) == picture
    picture.refresh_from_db()
    assert picture.hidden_at is not None, "bringing it again does not undo the decision"
