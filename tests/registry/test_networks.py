"""Networks: made, described, deleted, taken down, restored."""

from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError

from registry.errors import (
    AccountBlocked,
    BytesGone,
    LevelHeld,
    ModeratorsOnly,
    NotAllowed,
    WrongStatus,
)
from registry.formats.flavors import Flavor
from registry.models import AuditEvent, Blob, ContentLevel, Network, User, Version
from registry.networks import (
    create_network,
    delete_network,
    free_address,
    free_bytes,
    move_draft,
    restore_network,
    take_down_network,
    update_network,
)
from registry.publishing import publish_version
from tests.factories import (
    CheckedVersionFactory,
    NetworkFactory,
    PublishedVersionFactory,
    VersionFactory,
)
from tests.threads import at_once
from tests.uploads import stored_keys

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_files")]


def listed() -> list[Network]:
    return list(Network.objects.listed(up_to=ContentLevel.EXPLICIT))


# --- Made and described ---------------------------------------------------------------------------


def test_a_network_begins_as_a_draft_at_an_address_made_from_its_name(alice: User) -> None:
    network = create_network(by=alice, name="Ink wash", kind="style", tags=["Ink", "wash"])
    assert (network.slug, network.status) == ("ink-wash", Network.Status.DRAFT)
    assert sorted(tag.name for tag in network.tags.all()) == ["ink", "wash"]
    assert AuditEvent.objects.get(action="network.created").actor == alice


def test_the_second_of_a_name_has_another_address(alice: User, bob: User) -> None:
    slugs = [create_network(by=alice, name="Ink!", kind="style").slug for _ in range(3)]
    assert slugs == ["ink", "ink-2", "ink-3"]
    assert create_network(by=bob, name="Ink", kind="style").slug == "ink"


def test_a_chosen_address_is_kept_or_refused(alice: User) -> None:
    assert create_network(by=alice, name="Ink", kind="style", slug="my-ink").slug == "my-ink"
    for slug in ("my-ink", "Not A Slug"):
        with pytest.raises(ValidationError):
            create_network(by=alice, name="Ink", kind="style", slug=slug)


def test_an_address_of_the_hubs_own_is_no_networks(alice: User) -> None:
    with pytest.raises(ValidationError) as raised:
        create_network(by=alice, name="Ink", kind="style", slug="feed")
    assert set(raised.value.message_dict) == {"slug"}


def test_a_draft_moves_to_a_chosen_address_or_to_one_of_its_name(alice: User, bob: User) -> None:
    network = NetworkFactory(creator=alice, name="Wet paper", slug="ink")
    NetworkFactory(creator=alice, slug="wet-paper")
    assert move_draft(network=network, slug="my-ink", by=alice).slug == "my-ink"
    assert move_draft(network=network, slug="", by=alice).slug == "wet-paper-2"
    assert AuditEvent.objects.filter(action="network.moved").count() == 2
    for slug in ("wet-paper", "Not A Slug", "feed"):
        with pytest.raises(ValidationError):
            move_draft(network=network, slug=slug, by=alice)
    with pytest.raises(NotAllowed):
        move_draft(network=network, slug="bobs", by=bob)


def test_what_is_published_stays_at_its_address(alice: User) -> None:
    version = PublishedVersionFactory(network__creator=alice)
    with pytest.raises(WrongStatus):
        move_draft(network=version.network, slug="elsewhere", by=alice)


def test_a_free_address_is_not_anyone_elses(alice: User) -> None:
    network = NetworkFactory(creator=alice, name="Ink", slug="ink")
    assert free_address(network) == "ink"
    for slug in ("wash", "wash-2", "wash-4"):
        NetworkFactory(creator=alice, slug=slug)
    NetworkFactory(slug="wash-3")
    assert free_address(network, like="wash") == "wash-3"


@pytest.mark.parametrize(
    "words", [{"name": ""}, {"name": "x" * 61}, {"kind": "thing"}, {"content_level": "wild"}]
)
def test_words_that_are_not_taken(alice: User, words: Any) -> None:
    with pytest.raises(ValidationError) as raised:
        create_network(by=alice, **({"name": "Ink", "kind": "style"} | words))
    assert set(raised.value.message_dict) == set(words)
    assert not Network.objects.exists()


def test_tags_that_are_not_taken_leave_no_network(alice: User) -> None:
    with pytest.raises(ValidationError):
        create_network(by=alice, name="Ink", kind="style", tags=["a/b"])
    assert not Network.objects.exists()


def test_the_blocked_make_nothing(alice: User) -> None:
    alice.blocked_at = alice.date_joined
    with pytest.raises(AccountBlocked):
        create_network(by=alice, name="Ink", kind="style")


def test_words_and_tags_change_and_lists_follow(alice: User) -> None:
    network = PublishedVersionFactory(network__creator=alice, network__tags=["ink"]).network
    changed = update_network(network=network, by=alice, name="Wet ink", tags=["wash"])
    assert (changed.name, changed.tag_words) == ("Wet ink", "wash")
    assert changed.tags.get().network_count == 1
    assert AuditEvent.objects.get(action="network.changed").data == {"fields": ["name", "tags"]}
    with pytest.raises(ValidationError):
        update_network(network=network, by=alice, name="")
    network.refresh_from_db()
    assert network.name == "Wet ink"


def test_moderators_set_levels_and_tags_and_nothing_else(alice: User, bob: User, mod: User) -> None:
    network = NetworkFactory(creator=alice)
    assert update_network(network=network, by=mod, content_level="mature").content_level == "mature"
    update_network(network=network, by=mod, tags=["ink"])
    with pytest.raises(NotAllowed):
        update_network(network=network, by=mod, name="Mine")
    with pytest.raises(NotAllowed):
        update_network(network=network, by=bob, content_level="general")


def test_below_the_level_that_moderators_set_its_creator_may_not_go(alice: User, mod: User) -> None:
    network = NetworkFactory(creator=alice)
    reason = "The pictures show blood."
    update_network(network=network, by=mod, content_level="mature", reason=reason)
    with pytest.raises(LevelHeld, match=f"to “mature”: it can be raised, not lowered. {reason}"):
        update_network(network=network, by=alice, content_level="general")
    network.refresh_from_db()
    assert network.content_level == "mature"
    for level in ("explicit", "mature"):
        assert update_network(network=network, by=alice, content_level=level).content_level == level
    update_network(network=network, by=mod, content_level="general")
    assert update_network(network=network, by=alice, content_level="mature")
    assert update_network(network=network, by=alice, content_level="general")


def test_a_level_that_moderators_confirm_is_theirs_too(alice: User, mod: User) -> None:
    network = NetworkFactory(creator=alice, content_level="mature")
    update_network(network=network, by=mod, content_level="mature")
    with pytest.raises(LevelHeld):
        update_network(network=network, by=alice, content_level="general")


# --- Deleted --------------------------------------------------------------------------------------


def test_a_deleted_draft_is_gone(alice: User, django_capture_on_commit_callbacks: Any) -> None:
    version = CheckedVersionFactory(network__creator=alice)
    assert stored_keys()
    with django_capture_on_commit_callbacks(execute=True):
        assert delete_network(network=version.network, by=alice) is None
    assert not Network.objects.exists() and not Version.objects.exists()
    assert not Blob.objects.exists() and not stored_keys()


def test_of_a_published_one_the_tombstone_stays(
    alice: User, django_capture_on_commit_callbacks: Any
) -> None:
    version = PublishedVersionFactory(network__creator=alice, network__tags=["ink"])
    CheckedVersionFactory(network=version.network)
    hashes = set(version.files.values_list("sha256", flat=True))
    with django_capture_on_commit_callbacks(execute=True):
        tombstone = delete_network(network=version.network, by=alice, reason="Retired.")
    assert tombstone is not None
    assert (tombstone.status, tombstone.status_reason) == (Network.Status.ARCHIVED, "Retired.")
    assert listed() == []
    assert tombstone in Network.objects.visible_to(AnonymousUser())
    assert list(tombstone.versions.all()) == [version]  # the draft is gone
    assert set(version.files.values_list("sha256", flat=True)) == hashes
    assert not version.files.filter(blob__isnull=False).exists()
    assert not stored_keys()
    assert tombstone.tags.get().network_count == 0


def test_bytes_that_another_version_serves_stay(
    alice: User, django_capture_on_commit_callbacks: Any
) -> None:
    shared = {Flavor.PORTABLE: b"the same weights"}
    mine = PublishedVersionFactory(network__creator=alice, contents=shared)
    others = PublishedVersionFactory(contents=shared)
    with django_capture_on_commit_callbacks(execute=True):
        delete_network(network=mine.network, by=alice)
    assert stored_keys() == {others.files.get().blob.key}


def test_only_the_creator_deletes_and_only_once(alice: User, bob: User, mod: User) -> None:
    network = PublishedVersionFactory(network__creator=alice).network
    for other in (bob, mod):
        with pytest.raises(NotAllowed):
            delete_network(network=network, by=other)
    delete_network(network=network, by=alice)
    with pytest.raises(WrongStatus):
        delete_network(network=network, by=alice)
    with pytest.raises(WrongStatus):
        update_network(network=network, by=alice, name="Back")


# --- Taken down -----------------------------------------------------------------------------------


def test_a_takedown_keeps_the_bytes_for_an_appeal(
    alice: User, mod: User, django_capture_on_commit_callbacks: Any
) -> None:
    version = PublishedVersionFactory(network__creator=alice)
    with django_capture_on_commit_callbacks(execute=True):
        network = take_down_network(network=version.network, reason="Stolen.", by=mod)
    assert (network.status, network.status_reason) == (Network.Status.TAKEN_DOWN, "Stolen.")
    assert listed() == [] and network.taken_down_at
    assert len(stored_keys()) == 2

    back = restore_network(network=network, by=mod)
    assert (back.status, back.status_reason) == (Network.Status.PUBLISHED, "")
    assert listed() == [back] and back.taken_down_at is None


def test_what_was_erased_is_not_restored(alice: User, mod: User) -> None:
    network = PublishedVersionFactory(network__creator=alice).network
    taken_down = take_down_network(network=network, reason="Stolen.", by=mod)
    free_bytes(taken_down)
    with pytest.raises(BytesGone):
        restore_network(network=taken_down, by=mod)


def test_a_draft_is_restored_as_a_draft(mod: User) -> None:
    network = take_down_network(network=NetworkFactory(), reason="Stolen.", by=mod)
    assert restore_network(network=network, by=mod).status == Network.Status.DRAFT


def test_only_moderators_take_down_and_restore(alice: User, mod: User) -> None:
    network = PublishedVersionFactory(network__creator=alice).network
    with pytest.raises(ModeratorsOnly):
        take_down_network(network=network, reason="", by=alice)
    take_down_network(network=network, reason="Stolen.", by=mod)
    with pytest.raises(ModeratorsOnly):
        restore_network(network=network, by=alice)
    with pytest.raises(WrongStatus):
        take_down_network(network=network, reason="Again.", by=mod)


# --- At once --------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_many_of_one_name_at_once_have_an_address_each(alice: User) -> None:
    made = at_once(*[lambda: create_network(by=alice, name="Ink", kind="style")] * 6)
    assert not [each for each in made if isinstance(each, Exception)]
    slugs = {network.slug for network in Network.objects.all()}
    assert slugs == {"ink", *(f"ink-{n}" for n in range(2, 7))}


@pytest.mark.django_db(transaction=True)
def test_one_address_asked_for_twice_at_once_is_given_once(alice: User) -> None:
    def make() -> Network:
        return create_network(by=alice, name="Ink", kind="style", slug="wet-ink")

    made = at_once(*[make] * 6)
    refused = [each for each in made if isinstance(each, Exception)]
    assert len(refused) == 5
    for each in refused:
        assert isinstance(each, ValidationError)
        assert each.messages == ["You already have a network at this address."]
    assert Network.objects.get().slug == "wet-ink"


@pytest.mark.django_db(transaction=True)
def test_publishing_what_is_being_deleted_is_one_or_the_other(alice: User) -> None:
    for _ in range(10):
        version = CheckedVersionFactory(network__creator=alice)
        network = version.network

        def publish(version: Version = version) -> object:
            return publish_version(version=version, by=alice)

        def delete(network: Network = network) -> object:
            return delete_network(network=network, by=alice)

        published, _deleted = at_once(publish, delete)
        if isinstance(published, Exception):
            assert not Network.objects.filter(pk=network.pk).exists()
        else:
            assert Network.objects.get(pk=network.pk).status == Network.Status.ARCHIVED
        assert not stored_keys()


def test_drafts_of_a_network_go_with_their_uploads(alice: User) -> None:
    version = VersionFactory(network__creator=alice)
    delete_network(network=version.network, by=alice)
    assert not Version.objects.exists()
