"""Where a file's bytes come from: a mapping held whole, or a far file of which little is read."""

from __future__ import annotations

import io
import mmap
from pathlib import Path
from typing import BinaryIO, Protocol

from registry.formats.errors import EmptyFile, LargeFile, UnreadableFile

MAX_FILE_BYTES = 1 << 30
HEAD_BYTES = 64 << 10


class Source(Protocol):
    """Random access to the bytes of a file; a view past the end is shorter than asked for."""

    @property
    def size(self) -> int:
        """The file's length in bytes."""

    def view(self, offset: int, length: int) -> memoryview:
        """Return `length` read-only bytes from `offset`."""


class Mapped:
    """A file in memory, or mapped there: views of it cost nothing."""

    def __init__(self, data: memoryview) -> None:
        self._data = data.toreadonly().cast("B")

    @property
    def size(self) -> int:
        return len(self._data)

    def view(self, offset: int, length: int) -> memoryview:
        return self._data[offset : offset + length]


class Remote:
    """A seekable file of which the first 64 KiB are read at once, and the rest only when asked."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._size = file.seek(0, io.SEEK_END)
        self._head = self._read(0, HEAD_BYTES)

    @property
    def size(self) -> int:
        return self._size

    def view(self, offset: int, length: int) -> memoryview:
        if offset + length <= len(self._head):
            return memoryview(self._head)[offset : offset + length]
        return memoryview(self._read(offset, length))

    def _read(self, offset: int, length: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(min(length, max(0, self._size - offset)))


def mapped(source: Path | bytes | memoryview) -> Mapped:
    """Map a file, or take bytes that are already in memory; both must be of a bearable size."""
    if not isinstance(source, Path):
        data = memoryview(source)
        check_size(data.nbytes)
        return Mapped(data)
    try:
        with source.open("rb") as file:
            check_size(file.seek(0, io.SEEK_END))
            return Mapped(memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)))
    except OSError as error:
        raise UnreadableFile(reason=error.strerror or type(error).__name__) from error


def remote(file: BinaryIO) -> Remote:
    """Open a far file by its first 64 KiB; it must be of a bearable size."""
    source = Remote(file)
    check_size(source.size)
    return source


def check_size(size: int) -> None:
    """Refuse an empty file, and one larger than 1 GiB."""
    if size == 0:
        raise EmptyFile()
    if size > MAX_FILE_BYTES:
        raise LargeFile(size=size, limit=MAX_FILE_BYTES)
