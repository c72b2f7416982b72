"""Files on their way in: begun, gone on with at any byte, finished, cancelled.

The bytes themselves are `registry.receiving`'s, which knows where an upload goes on; the row
follows.
"""

import os
import re
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import uuid_utils.compat as uuid_utils
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from registry import audit, receiving, storage
from registry.blobs import free_after_commit
from registry.errors import (
    BadFileName,
    DiskFull,
    EmptyUpload,
    HasFile,
    HubError,
    TooManyUploads,
    UploadExpired,
    UploadNotReady,
    UploadQuotaUsedUp,
    UploadTooLarge,
    WrongOffset,
)
from registry.ingest import start_ingest
from registry.jobs import JobFinished, cancel_job
from registry.models import File, Upload, User, Version
from registry.permissions import Action, require
from registry.receiving import Body, Checksum

MAX_NAME: Final = 200
# Not files of a version, and taking up the disk all the same.
UNFINISHED: Final = Q(
    state__in=[
        Upload.State.RECEIVING,
        Upload.State.RECEIVED,
        Upload.State.CHECKING,
        Upload.State.FAILED,
    ]
) | Q(state=Upload.State.READY, version=None)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


# --- Verbs ----------------------------------------------------------------------------------------


def create_upload(
    *, by: User, name: str, size: int, version: Version | None = None, checksum: str | None = None
) -> Upload:
    """A file of `size` bytes will come; `checksum` is the SHA256 of the whole, in hex.

    Raises Forbidden, BadFileName, EmptyUpload, HasFile, and TooMuch for sizes and quotas.
    """
    require(Action.UPLOAD, by=by, creator=version.network.creator if version else by)
    if version is not None and version.weights_hash:
        raise HasFile(stem=version.stem)
    name = checked_name(name)
    _check_size(size)
    _check_disk(size)
    report = {"received_sha256": checksum.lower()} if checksum else {}
    upload = Upload(
        id=uuid_utils.uuid7(), owner=by, version=version, name=name, size=size, report=report
    )
    upload.expires_at = _in_hours()
    with transaction.atomic():
        # One at a time for a person, or two at once would both find room.
        User.objects.select_for_update(no_key=True).get(pk=by.pk)
        _check_quotas(by, size)
        upload.save(force_insert=True)
        audit.record("upload.begun", by=by, on=upload, data={"name": name, "size": size})
    storage.incoming(upload.pk).mkdir(parents=True, exist_ok=True)
    return upload


def append(
    *, upload: Upload, by: User, offset: int, body: Body, checksum: Checksum | None = None
) -> int:
    """Write the body at `offset`, which must be where the file ends; returns where it ends now.

    A body that breaks off is kept as far as it came, unless it has a checksum, of which a part
    proves nothing. The last byte starts the check. Raises Forbidden, WrongOffset, UploadBusy,
    UploadTooLong, WrongChecksum, UploadExpired, DiskFull.
    """
    require(Action.UPLOAD, by=by, creator=upload.owner)
    _require_receiving(upload)
    with receiving.sole_writer(upload.pk) as file:
        # The one before us may just have finished or cancelled it.
        upload.refresh_from_db(fields=["state", "offset"])
        _require_receiving(upload)
        start = receiving.settled_size(upload.pk, file)
        if offset != start:
            raise WrongOffset(given=offset, expected=start)
        # A body may take minutes, and there are fewer connections than threads.
        _lend_connection_back()
        if checksum is None:
            end = receiving.write(file, body, start, upload.size)
        else:
            end = receiving.write_checked(
                file, body, start, upload.size, upload=upload.pk, checksum=checksum
            )
    if end > start and not _note(upload, end) and _is_gone(upload):
        raise UploadExpired
    if end == upload.size:
        finish_upload(upload=upload)
    return end


def receive_file(*, upload: Upload, path: Path) -> Upload:
    """Take a file that came in one request, by its path on the same filesystem, and check it."""
    _sync(path)
    path.replace(storage.received(upload.pk))
    return finish_upload(upload=upload)


def finish_upload(*, upload: Upload) -> Upload:
    """Have a file that is all there checked; asking again changes nothing.

    An upload whose version takes no file any more ends as refused, with the reason.
    """
    _note(upload, upload.size)
    try:
        start_ingest(upload=upload)
    except UploadNotReady:
        upload.refresh_from_db()
        if upload.state == Upload.State.RECEIVING:
            raise
    except HubError as objection:
        _refuse(upload, objection.message)
    upload.refresh_from_db()
    return upload


def cancel_upload(*, upload: Upload, by: User | None, reason: str = "") -> None:
    """Drop what came, and stop the check. Raises Forbidden; UploadNotReady when it has ended."""
    require(Action.UPLOAD, by=by, creator=upload.owner)
    upload.refresh_from_db()
    if upload.state in (Upload.State.RECEIVED, Upload.State.CHECKING):
        # Not under the upload's lock: a worker locks the job first, then the upload.
        return _cancel_check(upload, by, reason)
    with transaction.atomic():
        upload = Upload.objects.select_for_update(no_key=True).get(pk=upload.pk)
        unused = upload.state == Upload.State.READY and upload.version_id is None
        if not unused and upload.state not in (Upload.State.RECEIVING, Upload.State.FAILED):
            raise UploadNotReady(state=upload.get_state_display())
        free_after_commit(upload.held_blobs.values_list("pk", flat=True))
        upload.held_blobs.clear()
        upload.state, upload.reason = Upload.State.CANCELLED, reason or _("Cancelled.")
        upload.save(update_fields=["state", "reason", "updated_at"])
        audit.record("upload.cancelled", by=by, on=upload, reason=reason)
        transaction.on_commit(lambda: storage.discard_incoming(upload.pk), robust=True)


def start_forgotten() -> int:
    """For the sweep: check those that came whole just before their process died."""
    since = timezone.now() - timedelta(minutes=5)
    waiting = Upload.objects.filter(state=Upload.State.RECEIVING, updated_at__lt=since)
    whole = [each for each in waiting.iterator() if received_size(each) == each.size]
    for upload in whole:
        finish_upload(upload=upload)
    return len(whole)


# --- Reads ----------------------------------------------------------------------------------------


def received_size(upload: Upload) -> int:
    """How many bytes are here for good: where a client goes on. Raises UploadExpired."""
    if upload.state == Upload.State.CANCELLED:
        raise UploadExpired
    if upload.state != Upload.State.RECEIVING:
        return upload.offset
    return min(receiving.size_on_disk(upload.pk), upload.size)


def checked_name(name: str) -> str:
    """A file's own name, without folders. Raises BadFileName."""
    name = re.split(r"[/\\]", name)[-1].strip()
    if not name.strip(". ") or len(name) > MAX_NAME or _CONTROL.search(name):
        raise BadFileName
    return name


# --- Limits ---------------------------------------------------------------------------------------


def _check_size(size: int) -> None:
    if size == 0:
        raise EmptyUpload
    if size > settings.UPLOAD_MAX_BYTES:
        raise UploadTooLarge(size=size, most=settings.UPLOAD_MAX_BYTES)


def _check_disk(size: int) -> None:
    root = Path(settings.INCOMING_ROOT)
    root.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(root).free < size + settings.MIN_FREE_BYTES:
        raise DiskFull


def _check_quotas(owner: User, size: int) -> None:
    unfinished = Upload.objects.filter(UNFINISHED, owner=owner)
    if unfinished.count() >= settings.UPLOADS_UNFINISHED:
        raise TooManyUploads(most=settings.UPLOADS_UNFINISHED)
    under_way = unfinished.aggregate(sum=Sum("size"))["sum"] or 0
    if under_way + size > settings.UPLOAD_BYTES_UNFINISHED:
        raise UploadQuotaUsedUp(used=under_way, wanted=size, most=settings.UPLOAD_BYTES_UNFINISHED)
    stored = File.objects.filter(version__network__creator=owner, blob__isnull=False)
    used = (stored.aggregate(sum=Sum("size"))["sum"] or 0) + under_way
    if used + size > settings.STORAGE_BYTES_PER_USER:
        raise UploadQuotaUsedUp(used=used, wanted=size, most=settings.STORAGE_BYTES_PER_USER)


# --- The row --------------------------------------------------------------------------------------


def _require_receiving(upload: Upload) -> None:
    if upload.state == Upload.State.CANCELLED or upload.expires_at < timezone.now():
        raise UploadExpired
    if upload.state != Upload.State.RECEIVING:
        raise UploadNotReady(state=upload.get_state_display())


def _note(upload: Upload, offset: int) -> bool:
    """Write down how far it came; False: it is not being received any more."""
    now, whole = timezone.now(), offset == upload.size
    expires_at = now + timedelta(days=settings.UPLOAD_KEPT_DAYS) if whole else _in_hours()
    found = Upload.objects.filter(pk=upload.pk, state=Upload.State.RECEIVING).update(
        offset=offset, updated_at=now, expires_at=expires_at
    )
    if found:
        upload.offset, upload.expires_at = offset, expires_at
    return bool(found)


def _is_gone(upload: Upload) -> bool:
    """Cancelled or swept; and not just found whole by another request, and being checked."""
    rest = Upload.objects.exclude(state=Upload.State.CANCELLED)
    return not rest.filter(pk=upload.pk).exists()


def _refuse(upload: Upload, reason: str) -> None:
    changed = Upload.objects.filter(pk=upload.pk, state=Upload.State.RECEIVING).update(
        state=Upload.State.REFUSED, reason=reason, updated_at=timezone.now()
    )
    if changed:
        audit.record("upload.refused", by=None, on=upload, reason=reason)
        storage.discard_incoming(upload.pk)


def _cancel_check(upload: Upload, by: User | None, reason: str) -> None:
    """The job's end is the upload's: see `registry.endings`."""
    if upload.job is None:
        raise UploadNotReady(state=upload.get_state_display())
    try:
        cancel_job(job=upload.job, by=by, reason=reason)
    except JobFinished:
        raise UploadNotReady(state=upload.get_state_display()) from None


def _in_hours() -> datetime:
    return timezone.now() + timedelta(hours=settings.UPLOAD_HOURS)


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fdatasync(file.fileno())


def _lend_connection_back() -> None:
    if not connection.in_atomic_block:
        connection.close()
