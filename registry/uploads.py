"""Files on their way in: begun, gone on with at any byte, finished, cancelled.

What the disk has is the truth: the size of the received file is where an upload goes on, so that a
killed process or a broken connection costs nothing that was written. One connection writes at a
time, held by a lock of the kernel's, which the death of its process lets go of. A part with a
checksum counts once it is checked: until then a mark beside the file says where it began.
"""

import errno
import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

import uuid_utils.compat as uuid_utils
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from registry import audit, storage
from registry.blobs import free_after_commit
from registry.errors import (
    BadFileName,
    DiskFull,
    EmptyUpload,
    HasFile,
    HubError,
    TooManyUploads,
    UploadBusy,
    UploadExpired,
    UploadNotReady,
    UploadQuotaUsedUp,
    UploadTooLarge,
    UploadTooLong,
    WrongChecksum,
    WrongOffset,
)
from registry.ingest import start_ingest
from registry.jobs import JobFinished, cancel_job
from registry.models import File, Upload, User, Version
from registry.permissions import Action, require

BLOCK: Final = 256 << 10
# A power cut costs at most this much; a killed process costs nothing.
SYNCED_EVERY: Final = 64 << 20
MAX_NAME: Final = 200
ALGORITHMS: Final = ("sha256", "sha1", "md5")  # tus asks for sha1; none of them is for secrets
# Not yet files of a version, and taking up the disk.
UNFINISHED: Final = (Upload.State.RECEIVING, Upload.State.RECEIVED, Upload.State.CHECKING)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class Body(Protocol):
    """A request's raw body. May raise OSError where the connection breaks."""

    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True)
class Checksum:
    algorithm: str
    digest: bytes


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
    with _sole_writer(upload) as file:
        start = _settled_size(upload, file)
        if offset != start:
            raise WrongOffset(given=offset, expected=start)
        # A body may take minutes, and there are fewer connections than threads.
        _lend_connection_back()
        if checksum is None:
            end = _write(file, body, start, upload.size, None)
        else:
            end = _write_checked(upload, file, body, start, checksum)
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
    with transaction.atomic():
        upload = Upload.objects.select_for_update(no_key=True).get(pk=upload.pk)
        if upload.state in (Upload.State.RECEIVED, Upload.State.CHECKING):
            return _cancel_check(upload, by, reason)
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
    try:
        size = storage.received(upload.pk).stat().st_size
    except FileNotFoundError:
        return 0
    begun = _begun_at(upload)
    return min(size, upload.size) if begun is None else min(size, begun)


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
    unfinished = Upload.objects.filter(owner=owner, state__in=UNFINISHED)
    if unfinished.count() >= settings.UPLOADS_UNFINISHED:
        raise TooManyUploads(most=settings.UPLOADS_UNFINISHED)
    under_way = unfinished.aggregate(sum=Sum("size"))["sum"] or 0
    if under_way + size > settings.UPLOAD_BYTES_UNFINISHED:
        raise UploadQuotaUsedUp(used=under_way, wanted=size, most=settings.UPLOAD_BYTES_UNFINISHED)
    stored = File.objects.filter(version__network__creator=owner, blob__isnull=False)
    used = (stored.aggregate(sum=Sum("size"))["sum"] or 0) + under_way
    if used + size > settings.STORAGE_BYTES_PER_USER:
        raise UploadQuotaUsedUp(used=used, wanted=size, most=settings.STORAGE_BYTES_PER_USER)


# --- Writing --------------------------------------------------------------------------------------


@contextmanager
def _sole_writer(upload: Upload) -> Iterator[int]:
    """The received file's descriptor, locked. Raises UploadBusy, UploadExpired."""
    path = storage.received(upload.pk)
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:  # its folder is gone
        raise UploadExpired from None
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UploadBusy from None
        # The one before us may just have finished or cancelled it.
        upload.refresh_from_db(fields=["state", "offset"])
        _require_receiving(upload)
        yield file
    finally:
        os.close(file)


def _require_receiving(upload: Upload) -> None:
    if upload.state == Upload.State.CANCELLED or upload.expires_at < timezone.now():
        raise UploadExpired
    if upload.state != Upload.State.RECEIVING:
        raise UploadNotReady(state=upload.get_state_display())


def _settled_size(upload: Upload, file: int) -> int:
    """Under the lock: a checked part that its process did not live to check is taken away."""
    if (begun := _begun_at(upload)) is not None and begun < os.fstat(file).st_size:
        os.ftruncate(file, begun)
    _mark(upload).unlink(missing_ok=True)
    return os.fstat(file).st_size


def _write_checked(upload: Upload, file: int, body: Body, start: int, checksum: Checksum) -> int:
    _mark(upload).write_text(str(start))
    digest = hashlib.new(checksum.algorithm, usedforsecurity=False)
    try:
        end = _write(file, body, start, upload.size, digest.update)
        if digest.digest() != checksum.digest:
            raise WrongChecksum(algorithm=checksum.algorithm)
    except BaseException:
        os.ftruncate(file, start)
        raise
    finally:
        _mark(upload).unlink(missing_ok=True)
    return end


def _write(
    file: int, body: Body, start: int, size: int, update: Callable[[bytes], None] | None
) -> int:
    """Copy the body to the file from `start` on; returns where it ends. Synced on the way."""
    end = synced = start
    while block := _next_block(body):
        if end + len(block) > size:
            os.ftruncate(file, start)
            raise UploadTooLong(size=size)
        if update is not None:
            update(block)
        _write_block(file, block, end)
        end += len(block)
        if end - synced >= SYNCED_EVERY:
            os.fdatasync(file)
            synced = end
    os.fdatasync(file)
    return end


def _next_block(body: Body) -> bytes:
    """Empty at the end, and where the connection breaks: the client will come again."""
    try:
        return body.read(BLOCK)
    except OSError:
        return b""


def _write_block(file: int, block: bytes, at: int) -> None:
    view = memoryview(block)
    try:
        while view:
            written = os.pwrite(file, view, at)
            view, at = view[written:], at + written
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull from error
        raise


def _mark(upload: Upload) -> Path:
    """Says where a part begins that is not checked yet."""
    return storage.incoming(upload.pk) / "unchecked-from"


def _begun_at(upload: Upload) -> int | None:
    with suppress(FileNotFoundError):
        # Killed between making it and writing to it: nothing was received after it either.
        return int(_mark(upload).read_text() or storage.received(upload.pk).stat().st_size)
    return None


# --- The row --------------------------------------------------------------------------------------


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
