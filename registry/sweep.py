"""Cleaning up after everyone: uploads nobody finished, bytes nobody needs, promises that ran out.

Each broom is idempotent and may run while the hub is at work: what it takes away is old, or is
shown to be unused under the lock that its users take.
"""

import shutil
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from registry import audit, blobs, exporting, pictures, storage, tagging, uploads
from registry.endings import UNDER_WAY, quarantine_key
from registry.jobs import Run, handler
from registry.models import Blob, File, Finding, Job, Network, Upload, Version
from registry.networks import free_bytes
from registry.publishing import lock, lock_network
from registry.webhooks import deliveries

# Younger than this, something on the disk may be in somebody's hands.
SAFE_AGE: Final = timedelta(hours=1)


@handler("registry.sweep", queue=Job.Queue.INGEST)
def sweep_job(run: Run) -> dict[str, Any]:
    return sweep(on_broom=run.checkpoint)


def sweep(*, on_broom: Callable[[], object] = lambda: None) -> dict[str, int]:
    """Use every broom; what each took away, by its name."""
    swept = {}
    for name, broom in BROOMS.items():
        on_broom()
        swept[name] = broom()
    return swept


def expired_uploads() -> int:
    """Uploads past their time that no job is at. Findings stay with what they led to."""
    busy = Q(job__state__in=[Job.State.QUEUED, Job.State.RUNNING], state__in=UNDER_WAY)
    expired = Upload.objects.filter(expires_at__lt=timezone.now()).exclude(
        state=Upload.State.QUARANTINED
    )
    return sum(_delete_upload(upload) for upload in expired.exclude(busy).iterator())


def old_quarantine() -> int:
    """What the moderators have had long enough."""
    since = timezone.now() - timedelta(days=settings.QUARANTINE_DAYS)
    old = Upload.objects.filter(state=Upload.State.QUARANTINED, updated_at__lt=since)
    return sum(_delete_upload(upload) for upload in old)


def _delete_upload(upload: Upload) -> bool:
    with transaction.atomic():
        blobs.free_after_commit(upload.held_blobs.values_list("pk", flat=True))
        Finding.objects.filter(upload=upload, original__isnull=False).update(upload=None)
        audit.record("upload.expired", by=None, on=upload, data={"state": upload.state})
        Upload.objects.filter(pk=upload.pk).delete()
    storage.discard_incoming(upload.pk)
    if upload.state == Upload.State.QUARANTINED:
        storage.remove(quarantine_key(upload.pk))
    return True


def stranded_uploads() -> int:
    """Uploads that wait for a job which has ended: they can be checked again."""
    ended = [Job.State.DONE, Job.State.FAILED, Job.State.CANCELLED]
    stranded = Upload.objects.filter(state__in=UNDER_WAY, job__state__in=ended)
    reason = _("Its check was lost. Ask for it again.")
    return stranded.update(state=Upload.State.FAILED, reason=reason, updated_at=timezone.now())


def stuck_versions() -> int:
    """Drafts that wait for an upload which has come to its end without telling them."""
    waiting = Version.objects.filter(status=Version.Status.PROCESSING).exclude(
        uploads__state__in=UNDER_WAY
    )
    return waiting.update(status=Version.Status.DRAFT, updated_at=timezone.now())


def working_folders() -> int:
    """Folders of uploads that have ended or are not known, left by killed processes."""
    root = Path(settings.INCOMING_ROOT)
    folders = [each for each in root.iterdir() if _is_old(each)] if root.exists() else []
    needed = _uploads_with_bytes([folder.name for folder in folders])
    for folder in folders:
        if folder.name not in needed:
            shutil.rmtree(folder, ignore_errors=True)
    return len(folders) - len(needed)


def _uploads_with_bytes(names: list[str]) -> set[str]:
    """Those of these uploads that somebody may still go on with."""
    open_states = [Upload.State.RECEIVING, Upload.State.FAILED, *UNDER_WAY]
    waiting = Q(state__in=open_states) | Q(state=Upload.State.READY, version=None)
    keys = [name for name in names if _is_uuid(name)]
    found = Upload.objects.filter(waiting, pk__in=keys).values_list("pk", flat=True)
    return set(map(str, found))


def ended_holds() -> int:
    """Blobs held for uploads that have ended: nobody will make files of them."""
    ended = Upload.held_blobs.through.objects.exclude(upload__state__in=UNDER_WAY)
    return ended.delete()[0]


def unused_blobs() -> int:
    """Rows that nothing refers to, and their bytes."""
    unused = Blob.objects.filter(files=None, held_for=None).values_list("pk", flat=True)
    return blobs.free_unreferenced(list(unused))


def orphan_bytes() -> int:
    """Bytes in the storage without a row, and files that were never finished."""
    removed = 0
    for stored in storage.keys("blobs"):
        name = stored.key.rpartition("/")[2]
        if name.startswith(storage.TEMPORARY):
            if stored.modified < timezone.now() - SAFE_AGE:
                storage.remove(stored.key)
                removed += 1
        elif blobs.is_digest(name) and not Blob.objects.filter(pk=name).exists():
            removed += blobs.remove_orphan(stored.key)
    return removed


def orphan_quarantine() -> int:
    """Quarantined bytes whose upload is not in quarantine."""
    removed = 0
    for stored in storage.keys("quarantine"):
        name = stored.key.rpartition("/")[2]
        states = [Upload.State.QUARANTINED, *UNDER_WAY]
        held = _is_uuid(name) and Upload.objects.filter(pk=name, state__in=states).exists()
        if not held and stored.modified < timezone.now() - SAFE_AGE:
            storage.remove(stored.key)
            removed += 1
    return removed


def unappealed_takedowns() -> int:
    """Bytes of what was taken down, once the time for an appeal is over."""
    since = timezone.now() - timedelta(days=settings.APPEAL_DAYS)
    taken_down = Q(taken_down_at__lt=since)
    erased = 0
    networks = Network.objects.filter(taken_down, status=Network.Status.TAKEN_DOWN)
    for network in networks.filter(versions__files__blob__isnull=False).distinct():
        with transaction.atomic():
            fresh = lock_network(network)
            if fresh.status == Network.Status.TAKEN_DOWN:
                free_bytes(fresh)
                audit.record("network.erased", by=None, on=fresh)
                erased += 1
    versions = Version.objects.filter(taken_down, status=Version.Status.TAKEN_DOWN)
    for version in versions.filter(files__blob__isnull=False).distinct():
        erased += _erase(version)
    return erased


def _erase(version: Version) -> bool:
    with transaction.atomic():
        _network, version = lock(version)
        if version.status != Version.Status.TAKEN_DOWN:
            return False
        files: QuerySet[File] = version.files.filter(blob__isnull=False)
        blobs.free_after_commit(list(files.values_list("blob_id", flat=True)))
        files.update(blob=None)
        audit.record("version.erased", by=None, on=version)
    return True


BROOMS: Final[Mapping[str, Callable[[], int]]] = {
    "whole uploads": uploads.start_forgotten,
    "expired uploads": expired_uploads,
    "old quarantine": old_quarantine,
    "stranded uploads": stranded_uploads,
    "stuck versions": stuck_versions,
    "working folders": working_folders,
    "ended holds": ended_holds,
    "unappealed takedowns": unappealed_takedowns,
    "unused blobs": unused_blobs,
    "orphan bytes": orphan_bytes,
    "orphan quarantine": orphan_quarantine,
    "old exports": exporting.old_exports,
    "unwanted pictures": pictures.remove_unwanted,
    "wrong tag counts": tagging.recount,
    "forgotten deliveries": deliveries.start_forgotten,
    "old deliveries": deliveries.delete_old,
}


def _is_old(path: Path) -> bool:
    """Its own time and that of everything in it: a long read writes into the files."""
    try:
        times = [each.stat().st_mtime for each in (path, *path.rglob("*"))]
    except FileNotFoundError:
        return False
    return datetime.fromtimestamp(max(times), UTC) < timezone.now() - SAFE_AGE


def _is_uuid(name: str) -> bool:
    try:
        uuid.UUID(name)
    except ValueError:
        return False
    return True
