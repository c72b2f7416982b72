"""Blobs: bytes stored once for everyone, and freed when nobody refers to them.

A blob is referred to by files, and by uploads that hold it until their files exist. Storing and
freeing the same bytes exclude each other by an advisory lock, bytes are there before their row and
the row is gone before they are, so that whatever a crash leaves is bytes without a row: a sweep's.
"""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

import structlog
from django.db import connection, transaction
from django.utils import timezone

from registry import storage
from registry.errors import StorageTrouble
from registry.locks import locked
from registry.models import Blob, Upload

logger = structlog.get_logger(__name__)
# The first half of the advisory lock's key; nothing else here uses it.
LOCK: Final = 0x424C4F42


def keep(*, path: Path, sha256: str, size: int, upload: Upload) -> Blob:
    """Store the file's bytes, read them back, and hold them for the upload. Idempotent.

    Bytes that are there already are read back too: a rotten copy is replaced. Raises
    StorageTrouble.
    """
    blob = Blob(sha256=sha256, size=size)
    with _locked(sha256):
        if storage.sha256_of(blob.key) != (sha256, size):
            storage.put(blob.key, path)
            if (found := storage.sha256_of(blob.key)) != (sha256, size):
                storage.remove(blob.key)
                raise StorageTrouble(key=blob.key, reason=f"{found} was read back")
        with transaction.atomic():
            now = timezone.now()
            blob, _ = Blob.objects.update_or_create(
                sha256=sha256,
                defaults={"verified_at": now},
                create_defaults={"size": size, "verified_at": now},
            )
            upload.held_blobs.add(blob)
    return blob


def free_after_commit(digests: Iterable[str | None]) -> None:
    """Once the surrounding transaction has let go of these, free those that nobody else needs."""
    freed = sorted({digest for digest in digests if digest})
    if freed:
        transaction.on_commit(lambda: free_unreferenced(freed), robust=True)


def free_unreferenced(digests: Iterable[str]) -> int:
    """Remove the bytes of blobs that neither a file nor an upload refers to; how many.

    What the storage does not remove now has no row any more: the sweep removes it.
    """
    freed = 0
    for digest in digests:
        with _locked(digest):
            if not _forget(digest):
                continue
            freed += 1
            try:
                storage.remove(Blob(sha256=digest).key)
            except StorageTrouble as trouble:
                logger.warning("bytes not removed", key=trouble.key, reason=trouble.reason)
    return freed


def remove_orphan(key: str) -> bool:
    """Remove bytes under blobs/ that have no row; whether they had none."""
    digest = key.rpartition("/")[2]
    with _locked(digest):
        if Blob.objects.filter(pk=digest).exists():
            return False
        storage.remove(key)
        return True


def is_digest(name: str) -> bool:
    """Whether this can be the name of a blob."""
    return len(name) == 64 and not set(name) - set("0123456789abcdef")


def _forget(digest: str) -> bool:
    """Delete the row unless something refers to it. One statement, so one point in time: a hold
    that turns into a file meanwhile is seen as one of the two."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            DELETE FROM registry_blob WHERE sha256 = %(digest)s
            AND NOT EXISTS (SELECT FROM registry_file WHERE blob_id = %(digest)s)
            AND NOT EXISTS (SELECT FROM registry_upload_held_blobs WHERE blob_id = %(digest)s)
            """,
            {"digest": digest},
        )
        return bool(cursor.rowcount)


def _locked(sha256: str) -> AbstractContextManager[None]:
    return locked(sha256, space=LOCK)
