"""Versions before they are published: made, described, deleted; and what may be said of them after.

Once published only the recommended strength can change: it is an opinion about the file, measured
or the creator's, and no part of the release. The database's triggers say the same.
"""

from typing import Final, TypedDict, Unpack

from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from registry import audit
from registry.base_models import require_fitting
from registry.blobs import free_after_commit
from registry.errors import BytesGone, VersionIsPublished, WrongStatus
from registry.jobs import JobFinished, cancel_job
from registry.models import Network, Upload, User, Version
from registry.permissions import Action, require
from registry.publishing import lock, lock_network, refresh_listing
from registry.signals import announce, version_restored, version_taken_down

STRENGTH_FIELDS: Final = frozenset({"recommended_strength", "min_strength", "max_strength"})
UNPUBLISHED: Final = (
    Version.Status.DRAFT,
    Version.Status.PROCESSING,
    Version.Status.SCHEDULED,
)

# Written by registry.ingest, from the checked file.
FACT_FIELDS: Final = (
    "stem",
    "layer_structure",
    "activation",
    "is_layer_norm",
    "dropout_structure",
    "dims",
    "dtype",
    "parameters",
    "step",
    "trained_on_name",
    "trained_on_hash",
    "weights_hash",
    "facts",
)


class VersionWords(TypedDict, total=False):
    """What its creator says of a version; each as on the model."""

    name: str
    changelog: str
    trigger_words: list[str]
    base_model: str
    recommended_strength: float | None
    min_strength: float | None
    max_strength: float | None


def create_version(*, network: Network, by: User, **words: Unpack[VersionWords]) -> Version:
    """The next draft of a network; "v3" unless it is called otherwise.

    Raises Forbidden, WrongStatus for a tombstone, ValidationError.
    """
    with transaction.atomic():
        network = lock_network(network)
        require(Action.EDIT, by=by, creator=network.creator)
        if network.status not in (Network.Status.DRAFT, Network.Status.PUBLISHED):
            raise WrongStatus(status=network.get_status_display(), needed=["draft", "published"])
        number = (network.versions.aggregate(last=Max("number"))["last"] or 0) + 1
        words.setdefault("name", "")
        version = Version(network=network, number=number, **words)
        version.name = version.name or _free_name(network, number)
        _note_source(version, words)
        version.full_clean()
        version.save(force_insert=True)
        audit.record("version.created", by=by, on=version, data={"network": network.pk})
    return version


def update_version(*, version: Version, by: User, **words: Unpack[VersionWords]) -> Version:
    """Change what is said of it. Raises Forbidden, VersionIsPublished, BaseModelMismatch and
    ValidationError."""
    with transaction.atomic():
        network, version = lock(version)
        require(Action.EDIT, by=by, creator=network.creator)
        changed = {k: v for k, v in words.items() if getattr(version, k) != v}
        if version.status not in UNPUBLISHED and (frozen := set(changed) - STRENGTH_FIELDS):
            raise VersionIsPublished(fields=sorted(frozen))
        for field, value in changed.items():
            setattr(version, field, value)
        _note_source(version, words)
        version.full_clean()
        if changed.get("base_model"):
            require_fitting(version.base_model, dims=version.dims)
        version.save()
        audit.record("version.changed", by=by, on=version, data={"fields": sorted(changed)})
    return version


def record_measured_strength(
    *, version: Version, recommended: float, least: float, most: float
) -> bool:
    """Keep what the preview grid says, unless the creator has decided; whether it was kept."""
    return bool(
        Version.objects.filter(pk=version.pk)
        .exclude(strength_source=Version.StrengthSource.CREATOR)
        .update(
            recommended_strength=recommended,
            min_strength=least,
            max_strength=most,
            strength_source=Version.StrengthSource.MEASURED,
            updated_at=timezone.now(),
        )
    )


def delete_version(*, version: Version, by: User | None) -> None:
    """A draft, its files and its ingest. Raises VersionIsPublished: those are yanked instead."""
    with transaction.atomic():
        network, version = lock(version)
        require(Action.DELETE, by=by, creator=network.creator)
        if version.status not in UNPUBLISHED:
            raise VersionIsPublished(fields=[])
        audit.record("version.deleted", by=by, on=version, data={"name": version.name})
        _delete(version)


def delete_drafts(network: Network) -> None:
    """All that was never published. The caller holds the network's row."""
    for version in network.versions.filter(status__in=UNPUBLISHED).order_by("pk"):
        _delete(version)


def remove_file(*, version: Version, by: User) -> Version:
    """Take the file out of a draft, so that another can be uploaded into it."""
    with transaction.atomic():
        network, version = lock(version)
        require(Action.EDIT, by=by, creator=network.creator)
        if version.status not in UNPUBLISHED:
            raise VersionIsPublished(fields=["files"])
        _stop_ingest(version)
        _let_go_of_files(version)
        blank = Version()
        for field in FACT_FIELDS:
            setattr(version, field, getattr(blank, field))
        version.status, version.publish_at = Version.Status.DRAFT, None
        version.save()
        audit.record("version.file_removed", by=by, on=version)
    return version


def take_down_version(*, version: Version, reason: str, by: User | None) -> Version:
    """Moderators: this version is not served any more; the network stays."""
    with transaction.atomic():
        network, version = lock(version)
        require(Action.TAKE_DOWN, by=by)
        if version.status not in (Version.Status.PUBLISHED, Version.Status.YANKED):
            raise WrongStatus(
                status=version.get_status_display(), needed=["published", "withdrawn"]
            )
        version.status, version.status_reason = Version.Status.TAKEN_DOWN, reason
        version.taken_down_at = timezone.now()
        version.save()
        refresh_listing(network)
        audit.record("version.taken_down", by=by, on=version, reason=reason)
        announce(version_taken_down, version=version, by=by)
    return version


def restore_version(*, version: Version, by: User | None, reason: str = "") -> Version:
    """Moderators, after an appeal: as it was before. Raises BytesGone when it was erased."""
    with transaction.atomic():
        network, version = lock(version)
        require(Action.RESTORE, by=by)
        if version.status != Version.Status.TAKEN_DOWN:
            raise WrongStatus(status=version.get_status_display(), needed=["taken down"])
        if version.files.filter(blob=None).exists():
            raise BytesGone
        yanked = version.yanked_at is not None
        version.status = Version.Status.YANKED if yanked else Version.Status.PUBLISHED
        version.status_reason, version.taken_down_at = "", None
        version.save()
        refresh_listing(network)
        audit.record("version.restored", by=by, on=version, reason=reason)
        announce(version_restored, version=version, by=by)
    return version


def _delete(version: Version) -> None:
    _stop_ingest(version)
    _let_go_of_files(version)
    version.delete()


def _let_go_of_files(version: Version) -> None:
    free_after_commit(version.files.filter(blob__isnull=False).values_list("blob_id", flat=True))
    version.files.all().delete()
    if hasattr(version, "original"):
        version.original.delete()


def _stop_ingest(version: Version) -> None:
    """What is on its way into this version is no longer wanted."""
    for upload in version.uploads.select_related("job").exclude(job=None):
        if upload.job is not None and not upload.job.is_finished:
            try:
                cancel_job(job=upload.job, by=None, reason=_("The version was deleted."))
            except JobFinished:
                continue
    Upload.objects.filter(version=version).update(version=None)


def _note_source(version: Version, words: VersionWords) -> None:
    """A strength that someone typed is the creator's; one that was cleared is to be measured."""
    if not STRENGTH_FIELDS & set(words):
        return
    given = version.recommended_strength is not None
    version.strength_source = Version.StrengthSource.CREATOR if given else ""


def _free_name(network: Network, number: int) -> str:
    taken = set(network.versions.values_list("name", flat=True))
    return next(
        n for n in (f"v{k}" for k in range(number, number + len(taken) + 1)) if n not in taken
    )
