"""Publishing, scheduling, withdrawing; what lists show; and that nothing published changes."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from registry.errors import (
    BaseModelMismatch,
    BaseModelMissing,
    NoFile,
    NotAllowed,
    TimeIsPast,
    WrongStatus,
)
from registry.formats.flavors import Flavor
from registry.formats.hypernetwork import HypernetworkSpec
from registry.models import AuditEvent, ContentLevel, File, Network, Original, User, Version
from registry.networks import take_down_network
from registry.publishing import (
    publish_due_versions,
    publish_version,
    refresh_listings_of,
    schedule_version,
    unschedule_version,
    unyank_version,
    yank_version,
)
from registry.signals import version_published, version_yanked
from tests.factories import (
    CheckedVersionFactory,
    NetworkFactory,
    PublishedVersionFactory,
    VersionFactory,
    add_file,
)
from tests.threads import at_once

pytestmark = pytest.mark.django_db
TOMORROW = timezone.now() + timedelta(days=1)


@pytest.fixture
def draft(alice: User) -> Version:
    version: Version = CheckedVersionFactory(network__creator=alice, trigger_words=["inkwash"])
    return version


@pytest.fixture
def heard() -> Iterator[list[tuple[str, Version]]]:
    """What was announced."""
    said: list[tuple[str, Version]] = []

    def on_published(version: Version, **_: Any) -> None:
        said.append(("published", version))

    def on_yanked(version: Version, **_: Any) -> None:
        said.append(("yanked", version))

    version_published.connect(on_published)
    version_yanked.connect(on_yanked)
    yield said
    version_published.disconnect(on_published)
    version_yanked.disconnect(on_yanked)


def listed() -> list[Network]:
    return list(Network.objects.listed(up_to=ContentLevel.GENERAL))


# --- Publishing -----------------------------------------------------------------------------------


def test_a_checked_draft_is_published_with_its_network(draft: Version, alice: User) -> None:
    version = publish_version(version=draft, by=alice)
    network = version.network
    assert version.status == Version.Status.PUBLISHED and version.published_at
    assert network.status == Network.Status.PUBLISHED
    assert network.published_at == version.published_at == network.last_version_at
    assert listed() == [network]
    assert AuditEvent.objects.get(action="version.published").actor == alice


def test_it_is_announced_once_after_the_commit(
    draft: Version,
    alice: User,
    heard: list[tuple[str, Version]],
    django_capture_on_commit_callbacks: Any,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        publish_version(version=draft, by=alice)
        assert heard == []
        publish_version(version=draft, by=alice)
    assert heard == [("published", draft)]
    assert AuditEvent.objects.filter(action="version.published").count() == 1


def test_without_a_checked_file_there_is_nothing_to_publish(alice: User) -> None:
    with pytest.raises(NoFile):
        publish_version(version=VersionFactory(network__creator=alice), by=alice)


def test_the_base_model_is_asked_for_and_must_fit(alice: User) -> None:
    with pytest.raises(BaseModelMissing):
        publish_version(
            version=CheckedVersionFactory(network__creator=alice, base_model=""), by=alice
        )
    with pytest.raises(BaseModelMismatch):
        publish_version(
            version=CheckedVersionFactory(network__creator=alice, base_model="SD 2.1"), by=alice
        )


def test_only_the_creator_publishes(draft: Version, bob: User, mod: User) -> None:
    for other in (bob, mod):
        with pytest.raises(NotAllowed):
            publish_version(version=draft, by=other)


def test_a_network_that_was_taken_down_publishes_nothing(draft: Version, mod: User) -> None:
    take_down_network(network=draft.network, reason="stolen", by=mod)
    with pytest.raises(WrongStatus):
        publish_version(version=draft, by=draft.network.creator)


# --- Scheduling -----------------------------------------------------------------------------------


def test_a_scheduled_version_is_published_when_it_is_due(draft: Version, alice: User) -> None:
    scheduled = schedule_version(version=draft, at=TOMORROW, by=alice)
    assert (scheduled.status, scheduled.publish_at) == (Version.Status.SCHEDULED, TOMORROW)
    assert publish_due_versions() == 0 and listed() == []

    Version.objects.filter(pk=draft.pk).update(publish_at=timezone.now())
    assert publish_due_versions() == 1
    assert listed() == [draft.network]
    assert AuditEvent.objects.get(action="version.published").actor is None


def test_it_can_be_moved_taken_back_and_published_at_once(draft: Version, alice: User) -> None:
    schedule_version(version=draft, at=TOMORROW, by=alice)
    later = TOMORROW + timedelta(days=1)
    assert schedule_version(version=draft, at=later, by=alice).publish_at == later
    assert unschedule_version(version=draft, by=alice).status == Version.Status.DRAFT
    schedule_version(version=draft, at=TOMORROW, by=alice)
    assert publish_version(version=draft, by=alice).publish_at is None


def test_the_past_is_not_scheduled(draft: Version, alice: User) -> None:
    with pytest.raises(TimeIsPast):
        schedule_version(version=draft, at=timezone.now(), by=alice)


def test_the_blocked_publish_nothing_by_the_clock_either(draft: Version, alice: User) -> None:
    schedule_version(version=draft, at=TOMORROW, by=alice)
    Version.objects.update(publish_at=timezone.now())
    User.objects.filter(pk=alice.pk).update(blocked_at=timezone.now(), blocked_reason="Spam.")
    assert publish_due_versions() == 0
    draft.refresh_from_db()
    assert draft.status == Version.Status.DRAFT
    assert "Spam" in draft.status_reason


# --- Withdrawing ----------------------------------------------------------------------------------


def test_a_withdrawn_version_leaves_the_lists_with_its_reason(
    alice: User, heard: list[tuple[str, Version]], django_capture_on_commit_callbacks: Any
) -> None:
    version = PublishedVersionFactory(network__creator=alice)
    with django_capture_on_commit_callbacks(execute=True):
        yanked = yank_version(version=version, reason="Wrong file.", by=alice)
    assert (yanked.status, yanked.status_reason) == (Version.Status.YANKED, "Wrong file.")
    assert listed() == [] and heard == [("yanked", version)]
    # Who has its address, or its hash, still finds it.
    assert Version.objects.visible_to(AnonymousUser()).filter(pk=version.pk).exists()
    assert yanked.files.filter(blob__isnull=False).exists()

    back = unyank_version(version=version, by=alice)
    assert (back.status, back.status_reason) == (Version.Status.PUBLISHED, "")
    assert back.published_at == version.published_at
    assert listed() == [version.network]


def test_only_what_is_published_is_withdrawn(draft: Version, alice: User, bob: User) -> None:
    with pytest.raises(WrongStatus):
        yank_version(version=draft, reason="", by=alice)
    with pytest.raises(WrongStatus):
        unyank_version(version=publish_version(version=draft, by=alice), by=alice)
    with pytest.raises(NotAllowed):
        yank_version(version=draft, reason="", by=bob)


# --- What lists show ------------------------------------------------------------------------------


def test_lists_show_the_latest_and_filter_by_all(alice: User) -> None:
    network = NetworkFactory(creator=alice, tags=["ink"])
    old = PublishedVersionFactory(
        network=network,
        base_model="SD 1.4",
        trigger_words=["inkwash"],
        published_at=timezone.now() - timedelta(days=9),
    )
    latest = PublishedVersionFactory(
        network=network,
        trigger_words=["inkwash", "wet"],
        spec=HypernetworkSpec(
            name="latest", activation_func="mish", activate_output=False, is_layer_norm=True
        ),
        contents={Flavor.PORTABLE: b"12345"},
    )
    network.refresh_from_db()
    assert network.latest_version == latest
    assert network.base_models == ["SD 1.4", "SD 1.5"]
    assert network.activations == ["mish", "relu"]
    assert network.works_with == ["a1111", "a1111-old"]
    assert network.trigger_words == "inkwash wet"
    assert network.file_size == 5

    yank_version(version=latest, reason="broken", by=alice)
    network.refresh_from_db()
    assert network.latest_version == old
    assert network.last_version_at == old.published_at
    assert (network.activations, network.trigger_words) == (["relu"], "inkwash")


def test_the_blocked_are_listed_nowhere(alice: User) -> None:
    network = PublishedVersionFactory(network__creator=alice).network
    User.objects.filter(pk=alice.pk).update(blocked_at=timezone.now())
    refresh_listings_of(creator=alice)
    assert listed() == []
    User.objects.filter(pk=alice.pk).update(blocked_at=None)
    refresh_listings_of(creator=alice)
    assert listed() == [network]


# --- What is published never changes --------------------------------------------------------------

FREE = {
    *("status", "status_reason", "publish_at", "updated_at", "yanked_at", "taken_down_at"),
    *("recommended_strength", "min_strength", "max_strength", "strength_source"),
    *("download_count", "preview_grid"),
    "changelog_html",  # made of the changelog, and made anew when Markdown is shown otherwise
}
OTHER: dict[type, Any] = {str: "new", int: 99, bool: True, list: [3], dict: {"x": 1}}


def another(value: Any) -> Any:
    if isinstance(value, datetime):
        return value + timedelta(hours=1)
    if isinstance(value, bool):
        return not value
    return next(other for kind, other in OTHER.items() if isinstance(value, kind))


@pytest.mark.parametrize(
    "column",
    [f.column for f in Version._meta.concrete_fields if f.column not in {"id", *FREE}],
)
def test_the_database_refuses_each_change_of_a_published_version(column: str) -> None:
    version = PublishedVersionFactory()
    field = next(f for f in Version._meta.concrete_fields if f.column == column)
    value = another(getattr(version, field.attname))
    if column == "network_id":
        value = NetworkFactory().pk
    if isinstance(value, list) and column == "trigger_words":
        value = ["changed"]
    with pytest.raises(IntegrityError, match="never changes"), transaction.atomic():
        Version.objects.filter(pk=version.pk).update(**{field.name: value})


def test_what_is_said_of_it_later_may_change() -> None:
    version = PublishedVersionFactory()
    Version.objects.filter(pk=version.pk).update(
        recommended_strength=0.6, strength_source="measured", download_count=5
    )
    version.refresh_from_db()
    version.save()
    assert version.recommended_strength == 0.6


def test_files_neither_change_nor_come_nor_go() -> None:
    version = PublishedVersionFactory()
    for change in ({"name": "x.pt"}, {"size": 1}, {"sha256": "0" * 64}, {"is_primary": True}):
        with pytest.raises(IntegrityError), transaction.atomic():
            version.files.filter(is_primary=False).update(**change)
    with pytest.raises(IntegrityError), transaction.atomic():
        version.files.all().delete()
    with pytest.raises(IntegrityError), transaction.atomic():
        add_file(version, Flavor.TRAINING, b"another")
    with pytest.raises(IntegrityError), transaction.atomic():
        Version.objects.filter(pk=version.pk).delete()
    with pytest.raises(IntegrityError), transaction.atomic():
        Original.objects.filter(version=version).update(sha256="0" * 64)
    assert version.files.count() == 2


def test_bytes_may_go_and_never_come_back() -> None:
    file = PublishedVersionFactory().files.get(is_primary=True)
    File.objects.filter(pk=file.pk).update(blob=None)
    with pytest.raises(IntegrityError), transaction.atomic():
        File.objects.filter(pk=file.pk).update(blob=file.sha256)


def test_what_was_published_is_never_a_draft_again() -> None:
    version = PublishedVersionFactory()
    with pytest.raises(IntegrityError), transaction.atomic():
        Version.objects.filter(pk=version.pk).update(status="draft")
    with pytest.raises(IntegrityError), transaction.atomic():
        Version.objects.filter(pk=version.pk).update(status="draft", published_at=None)


# --- At once --------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_two_clicks_publish_once(alice: User) -> None:
    version = CheckedVersionFactory(network__creator=alice)
    results = at_once(*[lambda: publish_version(version=version, by=alice)] * 4)
    assert results == [version] * 4
    assert AuditEvent.objects.filter(action="version.published").count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_versions_published_at_once_are_both_counted(alice: User) -> None:
    network = NetworkFactory(creator=alice, tags=["ink"])
    versions = [
        CheckedVersionFactory(network=network, base_model=name) for name in ("SD 1.4", "SD 1.5")
    ]
    results = at_once(*(lambda v=v: publish_version(version=v, by=alice) for v in versions))
    assert not [each for each in results if isinstance(each, Exception)]
    network.refresh_from_db()
    assert network.base_models == ["SD 1.4", "SD 1.5"]
    assert network.tags.get().network_count == 1


@pytest.mark.django_db(transaction=True)
def test_two_clocks_publish_each_due_version_once(alice: User) -> None:
    for _ in range(3):
        schedule_version(
            version=CheckedVersionFactory(network__creator=alice), at=TOMORROW, by=alice
        )
    Version.objects.update(publish_at=timezone.now())
    counted = at_once(publish_due_versions, publish_due_versions)
    assert not [each for each in counted if isinstance(each, Exception)]
    assert AuditEvent.objects.filter(action="version.published").count() == 3
    assert Version.objects.filter(status=Version.Status.PUBLISHED).count() == 3


@pytest.mark.django_db(transaction=True)
def test_signals_come_when_others_can_see_it(alice: User, heard: list[tuple[str, Version]]) -> None:
    seen: list[bool] = []

    def look(version: Version, **_: Any) -> None:
        seen.append(connection.in_atomic_block)

    version_published.connect(look)
    publish_version(version=CheckedVersionFactory(network__creator=alice), by=alice)
    version_published.disconnect(look)
    assert seen == [False]
