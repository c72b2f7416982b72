"""The received file on the disk: one writer at a time, at any byte, checked parts or plain ones.

What the disk has is the truth: the size of the received file is where an upload goes on, so that a
killed process or a broken connection costs nothing that was written. One connection writes at a
time, held by a lock of the kernel's, which the death of its process lets go of. A part with a
checksum counts once it is checked: until then a mark beside the file says where it began.
"""

import errno
import fcntl
import hashlib
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from registry import storage
from registry.errors import DiskFull, UploadBusy, UploadExpired, UploadTooLong, WrongChecksum

BLOCK: Final = 256 << 10
# A power cut costs at most this much; a killed process costs nothing.
SYNCED_EVERY: Final = 64 << 20
ALGORITHMS: Final = ("sha256", "sha1", "md5")  # tus asks for sha1; none of them is for secrets


class Body(Protocol):
    """A request's raw body. May raise OSError where the connection breaks."""

    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True)
class Checksum:
    algorithm: str
    digest: bytes


def size_on_disk(upload: uuid.UUID) -> int:
    """How many bytes are there for good."""
    try:
        size = storage.received(upload).stat().st_size
    except FileNotFoundError:
        return 0
    begun = _begun_at(upload)
    return size if begun is None else min(size, begun)


@contextmanager
def sole_writer(upload: uuid.UUID) -> Iterator[int]:
    """The received file's descriptor, locked. Raises UploadBusy, UploadExpired."""
    path = storage.received(upload)
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:  # its folder is gone
        raise UploadExpired from None
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UploadBusy from None
        yield file
    finally:
        os.close(file)


def settled_size(upload: uuid.UUID, file: int) -> int:
    """Under the lock: a checked part that its process did not live to check is taken away."""
    if (begun := _begun_at(upload)) is not None and begun < os.fstat(file).st_size:
        os.ftruncate(file, begun)
    mark(upload).unlink(missing_ok=True)
    return os.fstat(file).st_size


def write_checked(
    file: int, body: Body, start: int, size: int, *, upload: uuid.UUID, checksum: Checksum
) -> int:
    """As `write`, but nothing is kept that is not what the checksum says. Raises WrongChecksum."""
    mark(upload).write_text(str(start))
    digest = hashlib.new(checksum.algorithm, usedforsecurity=False)
    try:
        end = write(file, body, start, size, digest.update)
        if digest.digest() != checksum.digest:
            raise WrongChecksum(algorithm=checksum.algorithm)
    except BaseException:
        os.ftruncate(file, start)
        raise
    finally:
        mark(upload).unlink(missing_ok=True)
    return end


def write(
    file: int,
    body: Body,
    start: int,
    size: int,
    update: Callable[[bytes], None] | None = None,
) -> int:
    """Copy the body to the file from `start` on; returns where it ends. Synced on the way.

    A body that breaks off is kept as far as it came. Raises UploadTooLong where the file would grow
    beyond `size`, and DiskFull.
    """
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


def mark(upload: uuid.UUID) -> Path:
    """Says where a part begins that is not checked yet."""
    return storage.incoming(upload) / "unchecked-from"


def _begun_at(upload: uuid.UUID) -> int | None:
    with suppress(FileNotFoundError):
        # Killed between making it and writing to it: nothing was received after it either.
        return int(mark(upload).read_text() or storage.received(upload).stat().st_size)
    return None
