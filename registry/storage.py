"""Where bytes lie: the default storage (a folder, or S3), under keys that never change their bytes.

Locally a file appears whole or not at all: a link or a temporary file, synced, then renamed. What
the storage says goes wrong is `StorageTrouble`, which callers may try again.
"""

import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from django.conf import settings
from django.core.files import File as DjangoFile
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, default_storage

from registry.errors import StorageTrouble

BLOCK: Final = 1 << 20
# The mark of a file that is being written; a sweep removes those that a killed process left.
TEMPORARY: Final = ".part-"


@dataclass(frozen=True)
class Stored:
    """What a listing says of one key; size in bytes."""

    key: str
    size: int
    modified: datetime


class LocalStorage(FileSystemStorage):
    """Files in a folder, each written atomically."""

    def adopt(self, key: str, source: Path) -> None:
        """Let `source` be the bytes of `key` too, without copying where a link will do."""
        target = self._prepared(key)
        temporary = _temporary(target)
        try:
            try:
                os.link(source, temporary)
            except OSError:  # another filesystem, or one without links
                shutil.copyfile(source, temporary)
            self._settle(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)

    def _save(self, name: str, content: "DjangoFile[Any]") -> str:
        target = self._prepared(name)
        temporary = _temporary(target)
        try:
            with temporary.open("xb") as out:
                for chunk in content.chunks():
                    out.write(chunk.encode() if isinstance(chunk, str) else chunk)
            self._settle(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)
        return name

    def keys(self, prefix: str) -> Iterator[Stored]:
        """Everything under a folder, in no order; unfinished files too, by their mark."""
        for folder, _, names in os.walk(self.path(prefix)):
            for name in names:
                path = Path(folder, name)
                with suppress(FileNotFoundError):
                    found = path.stat()
                    key = path.relative_to(self.location).as_posix()
                    yield Stored(key, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))

    def _prepared(self, key: str) -> Path:
        target = Path(self.path(key))
        target.parent.mkdir(parents=True, exist_ok=True)
        return target

    def _settle(self, temporary: Path, target: Path) -> None:
        """On the disk first, then in its place: a power cut leaves the old state or the new one."""
        if self.file_permissions_mode is not None:
            temporary.chmod(self.file_permissions_mode)
        _sync(temporary)
        temporary.replace(target)
        _sync(target.parent)


# --- Verbs ----------------------------------------------------------------------------------------


def put(key: str, source: Path) -> None:
    """Store the file's bytes under the key, replacing what is there. Raises StorageTrouble."""
    with _trouble(key):
        if hasattr(default_storage, "adopt"):
            default_storage.adopt(key, source)
            return
        with source.open("rb") as file:
            saved = default_storage.save(key, DjangoFile(file))
        if saved != key:
            default_storage.delete(saved)
            raise OSError(f"the storage called it {saved}")


def put_bytes(key: str, content: bytes) -> None:
    """Store these bytes under the key unless something is there. Raises StorageTrouble."""
    with _trouble(key):
        if default_storage.exists(key):
            return
        saved = default_storage.save(key, ContentFile(content))
        if saved != key:  # someone was faster; keys never change their bytes
            default_storage.delete(saved)


def get_bytes(key: str) -> bytes | None:
    """What is stored, whole; None: nothing is. Raises StorageTrouble."""
    with _trouble(key):
        try:
            with default_storage.open(key) as file:
                content: bytes = file.read()
        except FileNotFoundError:
            return None
        return content


def sha256_of(key: str) -> tuple[str, int] | None:
    """Digest and size of what is stored, read whole; None: nothing is. Raises StorageTrouble."""
    with _trouble(key):
        try:
            file = default_storage.open(key)
        except FileNotFoundError:
            return None
        with file:
            return digest_of(cast(BinaryIO, file))


def remove(key: str) -> None:
    """Delete the bytes, if there are any. Raises StorageTrouble."""
    with _trouble(key):
        default_storage.delete(key)


def keys(prefix: str) -> Iterator[Stored]:
    """What is stored under `prefix` + "/". Raises StorageTrouble."""
    with _trouble(prefix):
        if hasattr(default_storage, "keys"):
            yield from default_storage.keys(prefix)
            return
        bucket: Any = default_storage.bucket  # type: ignore[attr-defined]  # S3's
        for each in bucket.objects.filter(Prefix=f"{prefix}/"):
            yield Stored(each.key, each.size, each.last_modified)


def digest_of(file: BinaryIO) -> tuple[str, int]:
    """SHA256 in hex and size of an open file, from its position on."""
    digest, size = hashlib.sha256(), 0
    while block := file.read(BLOCK):
        digest.update(block)
        size += len(block)
    return digest.hexdigest(), size


# --- What is on its way in ------------------------------------------------------------------------


def incoming(upload: uuid.UUID) -> Path:
    """The working folder of an upload: what was received, and what is made of it."""
    return Path(settings.INCOMING_ROOT) / str(upload)


def received(upload: uuid.UUID) -> Path:
    """The bytes as they came."""
    return incoming(upload) / "received"


def discard_incoming(upload: uuid.UUID) -> None:
    shutil.rmtree(incoming(upload), ignore_errors=True)


# --- Small print ----------------------------------------------------------------------------------


@contextmanager
def _trouble(key: str) -> Iterator[None]:
    """Disks, networks and object stores fail in their own ways; callers know one."""
    try:
        yield
    except Exception as error:
        raise StorageTrouble(key=key, reason=f"{type(error).__name__}: {error}") from error


def _temporary(target: Path) -> Path:
    return target.with_name(f"{TEMPORARY}{uuid.uuid4().hex}")


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
