"""Closing an account: what goes, what stays, and who cannot leave."""

from typing import Any

import pytest

from registry.api_keys import create_api_key
from registry.errors import LastAdmin
from registry.leaving import FORMER, close_account
from registry.models import (
    ApiKey,
    AuditEvent,
    Collection,
    Follow,
    Like,
    Network,
    Picture,
    Scope,
    Upload,
    User,
    Version,
)
from registry.pictures import recount
from tests.cast import PASSWORD
from tests.factories import NetworkFactory, PublishedVersionFactory, UploadFactory, VersionFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_files")]


@pytest.fixture
def close(django_capture_on_commit_callbacks: Any) -> Any:
    def do(user: User, *, keep: bool = False) -> None:
        with django_capture_on_commit_callbacks(execute=True):
            close_account(by=user, keep_networks=keep)

    return do


def furnish(alice: User, bob: User) -> None:
    liked = PublishedVersionFactory(network=NetworkFactory(creator=bob)).network
    Like.objects.create(user=alice, network=liked)
    Follow.objects.create(follower=alice, creator=bob)
    Follow.objects.create(follower=bob, creator=alice)
    Collection.objects.create(owner=alice, slug="dusk", name="Dusk")
    create_api_key(user=alice, name="WebUI", scopes=[Scope.READ], expires_at=None)
    VersionFactory(network=NetworkFactory(creator=alice))
    UploadFactory(owner=alice)


def assert_nothing_personal_is_left() -> None:
    for model in (Like, Follow, Collection, ApiKey, Upload):
        assert not model._default_manager.exists(), model
    liked = Network.objects.get(creator__username="bob")
    assert liked.like_count == 0
    assert not AuditEvent.objects.filter(actor__isnull=False).exists()
    assert AuditEvent.objects.filter(action="account.closed").count() == 1


def test_without_published_networks_nothing_of_a_person_stays(
    alice: User, bob: User, close: Any
) -> None:
    furnish(alice, bob)
    close(alice)
    assert not User.objects.filter(pk=alice.pk).exists()
    assert not Network.objects.exclude(creator=bob).exists()
    assert_nothing_personal_is_left()


def test_what_was_published_leaves_tombstones(alice: User, bob: User, close: Any) -> None:
    furnish(alice, bob)
    version = PublishedVersionFactory(network=NetworkFactory(creator=alice))
    digests = [file.sha256 for file in version.files.all()]
    close(alice)
    network = Network.objects.get(pk=version.network_id)
    assert network.status == Network.Status.ARCHIVED and network.status_reason
    assert [file.sha256 for file in version.files.all()] == digests
    assert not version.files.filter(blob__isnull=False).exists()
    assert_nothing_personal_is_left()


def test_or_stays_under_a_former_member(alice: User, bob: User, close: Any) -> None:
    furnish(alice, bob)
    version = PublishedVersionFactory(network=NetworkFactory(creator=alice))
    VersionFactory(network=version.network)
    close(alice, keep=True)
    network = Network.objects.get(pk=version.network_id)
    assert network.status == Network.Status.PUBLISHED and network.is_listed
    assert list(network.versions.all()) == [version]
    assert version.files.filter(blob__isnull=False).exists()
    assert not Version.objects.filter(status=Version.Status.DRAFT).exists()
    assert network.creator.name == FORMER
    assert_nothing_personal_is_left()


def test_the_shell_has_no_name_no_address_and_no_way_in(
    alice: User, close: Any, client: Any
) -> None:
    PublishedVersionFactory(network=NetworkFactory(creator=alice))
    close(alice)
    shell = User.objects.get(pk=alice.pk)
    assert "alice" not in f"{shell.username} {shell.email} {shell.bio} {shell.avatar}"
    assert not shell.is_active and not shell.has_usable_password()
    assert not client.login(username=shell.username, password=PASSWORD)
    User.objects.create_user("alice", "alice@example.org", PASSWORD)  # both are free again


def test_pictures_that_one_brought_go_those_of_the_hub_stay(
    alice: User, bob: User, close: Any
) -> None:
    liked = PublishedVersionFactory(network=NetworkFactory(creator=bob))
    mine = PublishedVersionFactory(network=NetworkFactory(creator=alice))
    for version, is_preview in ((liked, False), (mine, True)):
        picture = Picture.objects.create(
            owner=alice,
            sha256=f"{version.pk:064x}",
            width=8,
            height=8,
            blurhash="L00000fQfQfQfQfQfQfQfQfQfQfQ",
            is_preview=is_preview,
        )
        picture.versions.add(version)
        recount(version.network)
    close(alice, keep=True)
    assert [each.is_preview for each in Picture.objects.all()] == [True]
    counts = dict(Network.objects.values_list("pk", "picture_count"))
    assert counts == {liked.network_id: 0, mine.network_id: 1}


def test_the_last_administrator_cannot_leave(boss: User, close: Any) -> None:
    with pytest.raises(LastAdmin):
        close(boss)
    assert User.objects.filter(pk=boss.pk, is_active=True).exists()
    User.objects.create_user("second", "second@example.org", PASSWORD, role=User.Role.ADMIN)
    close(boss)
    assert not User.objects.filter(pk=boss.pk).exists()
