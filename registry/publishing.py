"""Publishing: a checked draft becomes a version that everyone sees and nobody changes.

Every verb locks the network's row first, then the version's: two clicks at once are one after the
other. What lists show of a network is written by `refresh_listing`, here and nowhere else.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from registry import audit
from registry.base_models import require_fitting
from registry.errors import Forbidden, NoFile, TimeIsPast, WrongStatus
from registry.formats.compatibility import App, Verdict
from registry.models import Network, User, Version
from registry.permissions import Action, require
from registry.signals import announce, version_published, version_unyanked, version_yanked
from registry.tagging import count_change, refresh_tags

DUE_AT_ONCE: Final = 100


def publish_version(*, version: Version, by: User | None) -> Version:
    """Make it public, now. Publishing it again changes nothing; `by` None is the hub's clock.

    Raises Forbidden, WrongStatus, NoFile, BaseModelMissing, BaseModelMismatch.
    """
    with transaction.atomic():
        network, version = lock(version)
        require(Action.PUBLISH, by=by, creator=network.creator)
        if version.status == Version.Status.PUBLISHED:
            return version
        _require_publishable(network, version)
        now = timezone.now()
        version.status, version.published_at = Version.Status.PUBLISHED, now
        version.status_reason, version.publish_at = "", None
        version.save()
        network.status = Network.Status.PUBLISHED
        network.published_at = network.published_at or now
        refresh_listing(network, changed=["status", "published_at", "updated_at"])
        audit.record("version.published", by=by, on=version, data={"name": version.name})
        announce(version_published, version=version, by=by)
    return version


def schedule_version(*, version: Version, at: datetime, by: User) -> Version:
    """Let the hub publish it at that time; again with another time to move it.

    Raises what `publish_version` does, and TimeIsPast.
    """
    with transaction.atomic():
        network, version = lock(version)
        require(Action.PUBLISH, by=by, creator=network.creator)
        _require_publishable(network, version)
        if at <= timezone.now():
            raise TimeIsPast(at=at)
        version.status, version.publish_at = Version.Status.SCHEDULED, at
        version.status_reason = ""
        version.save()
        audit.record("version.scheduled", by=by, on=version, data={"at": at.isoformat()})
    return version


def unschedule_version(*, version: Version, by: User | None, reason: str = "") -> Version:
    """A draft again, until its creator decides otherwise."""
    with transaction.atomic():
        network, version = lock(version)
        require(Action.PUBLISH, by=by, creator=network.creator)
        _require_status(version, Version.Status.SCHEDULED)
        version.status, version.publish_at = Version.Status.DRAFT, None
        version.status_reason = reason
        version.save()
        audit.record("version.unscheduled", by=by, on=version, reason=reason)
    return version


def publish_due_versions() -> int:
    """Publish what was scheduled for now or earlier; how many. Any number may run at once.

    What cannot be published any more (its creator was blocked) is a draft again, with the reason.
    """
    due = Version.objects.filter(status=Version.Status.SCHEDULED, publish_at__lte=timezone.now())
    published = 0
    for version in due.select_related("network__creator").order_by("publish_at")[:DUE_AT_ONCE]:
        try:
            require(Action.PUBLISH, by=version.network.creator, creator=version.network.creator)
            publish_version(version=version, by=None)
            published += 1
        except (WrongStatus, Version.DoesNotExist):
            continue  # someone was faster, or took it back
        except (Forbidden, NoFile) as objection:
            unschedule_version(version=version, by=None, reason=str(objection))
    return published


def yank_version(*, version: Version, reason: str, by: User | None) -> Version:
    """Withdraw it from lists, for this reason; direct and by-hash downloads go on."""
    with transaction.atomic():
        network, version = lock(version)
        require(Action.YANK, by=by, creator=network.creator)
        _require_status(version, Version.Status.PUBLISHED)
        version.status, version.status_reason = Version.Status.YANKED, reason
        version.yanked_at = timezone.now()
        version.save()
        refresh_listing(network)
        audit.record("version.yanked", by=by, on=version, reason=reason)
        announce(version_yanked, version=version, by=by)
    return version


def unyank_version(*, version: Version, by: User | None) -> Version:
    """Put it back into lists, with its old date."""
    with transaction.atomic():
        network, version = lock(version)
        require(Action.YANK, by=by, creator=network.creator)
        _require_status(version, Version.Status.YANKED)
        version.status, version.status_reason = Version.Status.PUBLISHED, ""
        version.yanked_at = None
        version.save()
        refresh_listing(network)
        audit.record("version.unyanked", by=by, on=version)
        announce(version_unyanked, version=version, by=by)
    return version


# --- Rows under lock ------------------------------------------------------------------------------


def lock_network(network: Network) -> Network:
    """The row as it is now, ours until the transaction ends; foreign keys to it may still come."""
    rows = Network.objects.select_for_update(of=("self",), no_key=True)
    return rows.select_related("creator").defer("search").get(pk=network.pk)


def lock(version: Version) -> tuple[Network, Version]:
    """Network first, then version: the order of everyone. Raises Version.DoesNotExist."""
    network = lock_network(Network(pk=version.network_id))
    fresh = Version.objects.select_for_update(of=("self",), no_key=True).get(pk=version.pk)
    fresh.network = network
    return network, fresh


def _require_publishable(network: Network, version: Version) -> None:
    _require_status(version, Version.Status.DRAFT, Version.Status.SCHEDULED)
    if network.status not in (Network.Status.DRAFT, Network.Status.PUBLISHED):
        raise WrongStatus(status=network.get_status_display(), needed=[_("draft"), _("published")])
    if not version.weights_hash or not version.files.filter(blob__isnull=False).exists():
        raise NoFile
    require_fitting(version.base_model, dims=version.dims)


def _require_status(version: Version, *needed: Version.Status) -> None:
    if version.status not in needed:
        raise WrongStatus(
            status=version.get_status_display(), needed=[str(each.label) for each in needed]
        )


# --- What lists show --------------------------------------------------------------------------


def refresh_listing(network: Network, *, changed: Iterable[str] = ()) -> None:
    """Write what lists filter and sort by from the versions and the tags.

    The caller holds the network's row. `network` is the instance that gets the values; fields that
    the caller has `changed` on it are written in the same statement, so that a network is never
    listed and taken down at once.
    """
    counted = _counted_tags(network)
    versions = list(
        network.versions.listed().order_by("-published_at", "-number").prefetch_related("files")
    )
    latest = versions[0] if versions else None
    network.latest_version = latest
    network.last_version_at = latest.published_at if latest else None
    network.base_models = _distinct(v.base_model for v in versions)
    network.activations = _distinct(v.activation or "linear" for v in versions)
    network.works_with = works_with(latest) if latest else []
    network.trigger_words = " ".join(_distinct(w for v in versions for w in v.trigger_words))
    network.file_size = (
        next((f.size for f in latest.files.all() if f.is_primary), 0) if latest else 0
    )
    network.is_listed = (
        latest is not None
        and network.status == Network.Status.PUBLISHED
        and network.published_at is not None
        and network.creator.blocked_at is None
    )
    refresh_tags(network)
    network.save(update_fields=[*LISTING_FIELDS, *changed])
    count_change(before=counted, after=network.tag_ids if network.is_listed else [])


LISTING_FIELDS: Final = (
    "latest_version",
    "last_version_at",
    "base_models",
    "activations",
    "works_with",
    "trigger_words",
    "file_size",
    "is_listed",
    "tag_ids",
    "tag_words",
)


def refresh_listings_of(*, creator: User) -> None:
    """After a creator was blocked or is back: everything of theirs leaves or enters the lists."""
    with transaction.atomic():
        for network in Network.objects.filter(creator=creator).order_by("pk"):
            refresh_listing(lock_network(network))


def works_with(version: Version) -> list[str]:
    """Slugs of the programs in which the portable file just works."""
    cells = version.facts.get("compatibility", [])
    return sorted(App(c["app"]).slug for c in cells if c["verdict"] == Verdict.WORKS)


def _counted_tags(network: Network) -> list[int]:
    """The tags whose count this network is in now, whatever the instance at hand says."""
    row = Network.objects.filter(pk=network.pk, is_listed=True).values_list("tag_ids", flat=True)
    return list(row.first() or [])


def _distinct(values: Iterable[str]) -> list[str]:
    return sorted({value for value in values if value})
