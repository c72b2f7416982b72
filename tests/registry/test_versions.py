"""Versions before they are published, and the little that may be said of them after."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from registry.errors import (
    BaseModelMismatch,
    BytesGone,
    ModeratorsOnly,
    NotAllowed,
    VersionIsPublished,
    WrongStatus,
)
from registry.ingest import start_ingest
from registry.models import Job, Network, Upload, User, Version
from registry.networks import delete_network
from registry.publishing import yank_version
from registry.versions import (
    create_version,
    delete_version,
    record_measured_strength,
    remove_file,
    restore_version,
    take_down_version,
    update_version,
)
from tests.factories import CheckedVersionFactory, NetworkFactory, PublishedVersionFactory
from tests.threads import at_once
from tests.uploads import FIXTURES, received, stored_keys

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_files")]


@pytest.fixture
def network(alice: User) -> Network:
    made: Network = NetworkFactory(creator=alice)
    return made


def test_versions_are_numbered_and_named(network: Network, alice: User) -> None:
    versions = [create_version(network=network, by=alice) for _ in range(2)]
    versions.append(create_version(network=network, by=alice, name="final", base_model="SD 1.5"))
    versions.append(create_version(network=network, by=alice, name="v5"))
    versions.append(create_version(network=network, by=alice))
    assert [v.number for v in versions] == [1, 2, 3, 4, 5]
    assert [v.name for v in versions] == ["v1", "v2", "final", "v5", "v6"]


@pytest.mark.parametrize(
    ("words", "field"),
    [
        ({"name": "main"}, "name"),
        ({"name": "a" * 40}, "name"),
        ({"name": "1/2"}, "name"),
        ({"base_model": "SDXL"}, "base_model"),
        ({"recommended_strength": 9.0}, "recommended_strength"),
        ({"trigger_words": ["x" * 121]}, "trigger_words"),
        ({"min_strength": 1.0, "max_strength": 0.5}, "__all__"),
    ],
)
def test_words_that_are_not_taken(network: Network, alice: User, words: Any, field: str) -> None:
    with pytest.raises(ValidationError) as raised:
        create_version(network=network, by=alice, **words)
    assert set(raised.value.message_dict) == {field}


def test_a_name_is_used_once_in_a_network(network: Network, alice: User) -> None:
    create_version(network=network, by=alice, name="one")
    with pytest.raises(ValidationError, match="already has a version of that name"):
        create_version(network=network, by=alice, name="one")
    create_version(network=NetworkFactory(creator=alice), by=alice, name="one")


def test_only_the_creator_makes_versions_and_only_of_living_networks(
    network: Network, alice: User, bob: User
) -> None:
    with pytest.raises(NotAllowed):
        create_version(network=network, by=bob)
    published = PublishedVersionFactory(network__creator=alice).network
    delete_network(network=published, by=alice)
    with pytest.raises(WrongStatus):
        create_version(network=published, by=alice)


def test_a_draft_changes_in_every_word(alice: User) -> None:
    version = CheckedVersionFactory(network__creator=alice)
    changed = update_version(
        version=version, by=alice, name="one", changelog="More.", base_model="SD 1.4"
    )
    assert (changed.name, changed.changelog, changed.base_model) == ("one", "More.", "SD 1.4")
    with pytest.raises(BaseModelMismatch):
        update_version(version=version, by=alice, base_model="SD 2.1")


def test_of_a_published_version_only_the_strength(alice: User, bob: User) -> None:
    version = PublishedVersionFactory(network__creator=alice)
    changed = update_version(version=version, by=alice, recommended_strength=0.6, max_strength=1.0)
    assert (changed.recommended_strength, changed.strength_source) == (0.6, "creator")
    for words in ({"name": "x"}, {"trigger_words": ["x"]}, {"base_model": "SD 1.4"}):
        with pytest.raises(VersionIsPublished) as raised:
            update_version(version=version, by=alice, **words)
        assert raised.value.fields == list(words)
    # The same words again change nothing, so a client may send them all.
    update_version(version=version, by=alice, name=version.name, recommended_strength=0.7)
    with pytest.raises(NotAllowed):
        update_version(version=version, by=bob, recommended_strength=0.1)


def test_a_measured_strength_gives_way_to_the_creators(alice: User) -> None:
    version = PublishedVersionFactory(network__creator=alice)
    assert record_measured_strength(version=version, recommended=0.5, least=0.3, most=0.9)
    version.refresh_from_db()
    assert (version.recommended_strength, version.strength_source) == (0.5, "measured")
    update_version(version=version, by=alice, recommended_strength=0.8)
    assert not record_measured_strength(version=version, recommended=0.5, least=0.3, most=0.9)
    update_version(version=version, by=alice, recommended_strength=None)
    assert record_measured_strength(version=version, recommended=0.4, least=0.3, most=0.9)


def test_a_deleted_draft_takes_its_bytes_and_its_ingest_along(
    alice: User, django_capture_on_commit_callbacks: Any
) -> None:
    version = CheckedVersionFactory(network__creator=alice)
    waiting = create_version(network=version.network, by=alice)
    upload = received(FIXTURES / "sd2_softsign.pt", owner=alice, version=waiting)
    start_ingest(upload=upload)
    with django_capture_on_commit_callbacks(execute=True):
        delete_version(version=version, by=alice)
        delete_version(version=waiting, by=alice)
    assert not Version.objects.exists() and not stored_keys()
    upload.refresh_from_db()
    assert upload.state == Upload.State.CANCELLED
    assert Job.objects.get().state == Job.State.CANCELLED


def test_a_published_version_is_withdrawn_instead(alice: User) -> None:
    version = PublishedVersionFactory(network__creator=alice)
    with pytest.raises(VersionIsPublished):
        delete_version(version=version, by=alice)
    with pytest.raises(VersionIsPublished):
        remove_file(version=version, by=alice)


def test_a_draft_without_its_file_is_as_it_was_before(alice: User) -> None:
    version = CheckedVersionFactory(network__creator=alice)
    cleared = remove_file(version=version, by=alice)
    assert (cleared.stem, cleared.weights_hash, cleared.facts, cleared.dims) == ("", "", {}, [])
    assert not cleared.files.exists()
    assert not hasattr(Version.objects.get(pk=version.pk), "original")


@pytest.mark.parametrize("yanked", [False, True])
def test_a_version_taken_down_is_restored_as_it_was(alice: User, mod: User, yanked: bool) -> None:
    version = PublishedVersionFactory(network__creator=alice)
    if yanked:
        yank_version(version=version, reason="Wrong file.", by=alice)
    before = Version.objects.get(pk=version.pk).status
    down = take_down_version(version=version, reason="Stolen.", by=mod)
    assert (down.status, down.status_reason) == (Version.Status.TAKEN_DOWN, "Stolen.")
    down.network.refresh_from_db()
    assert not down.network.is_listed
    assert restore_version(version=version, by=mod).status == before


def test_only_moderators_take_versions_down(alice: User, mod: User) -> None:
    version = PublishedVersionFactory(network__creator=alice)
    with pytest.raises(ModeratorsOnly):
        take_down_version(version=version, reason="", by=alice)
    take_down_version(version=version, reason="Stolen.", by=mod)
    version.files.update(blob=None)
    with pytest.raises(BytesGone):
        restore_version(version=version, by=mod)
    with pytest.raises(WrongStatus):
        take_down_version(version=version, reason="Again.", by=mod)


@pytest.mark.django_db(transaction=True)
def test_versions_made_at_once_have_a_number_each(network: Network, alice: User) -> None:
    made = at_once(*[lambda: create_version(network=network, by=alice)] * 6)
    assert not [each for each in made if isinstance(each, Exception)]
    assert {v.number for v in network.versions.all()} == {1, 2, 3, 4, 5, 6}
