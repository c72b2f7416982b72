"""The end and the directory of a ZIP archive that is read in one way only.

The end record is exactly the last 22 bytes, what stands before it is the zip64 pair or nothing, the
directory touches them, and its entries fill it: no program could find another directory.
"""

from __future__ import annotations

import stat
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from registry.formats.errors import (
    CentralExtra,
    CompressedMember,
    DirectoryEntry,
    EndRecord,
    EndRecordField,
    ManyMembers,
    MemberAttributes,
    MemberComment,
    MemberFlags,
    MemberSizes,
    Zip64Disagrees,
    shown,
)
from registry.formats.source import Source

MAX_MEMBERS: Final = 4096
MAX_NAME_BYTES: Final = 512

CENTRAL: Final = struct.Struct("<4s6H3I5H2I")
END: Final = struct.Struct("<4s4H2IH")
END64: Final = struct.Struct("<4sQ2H2I4Q")
LOCATOR64: Final = struct.Struct("<4sIQI")

FLAG_DESCRIPTOR: Final = 0x0008
FLAG_UTF8: Final = 0x0800


class Entry(NamedTuple):
    """One entry of the directory, as it stands there; `offset` is that of its local header."""

    name: bytes
    flags: int
    method: int
    crc32: int
    compressed: int
    size: int
    extra: int
    comment: int
    disk: int
    attributes: int
    offset: int


@dataclass(frozen=True)
class Directory:
    """The entries in order, and where the directory begins: there all data has ended."""

    entries: tuple[Entry, ...]
    offset: int


class _End(NamedTuple):
    entries: int
    offset: int
    size: int


def read_directory(source: Source) -> Directory:
    """Find the directory from the end of the file, and read it."""
    end = _read_end(source)
    return Directory(tuple(_read_entries(source, end)), end.offset)


def _read_end(source: Source) -> _End:
    """Return what the end record says, which is exactly the last 22 bytes of the file."""
    at = source.size - END.size
    record = source.view(max(at, 0), END.size)
    if at < 0 or bytes(record[:4]) != b"PK\5\6":
        raise EndRecord(offset=max(at, 0))
    _, disk, first_disk, here, entries, size, offset, comment = END.unpack(record)
    _require_field("disk", disk, 0)
    _require_field("directory disk", first_disk, 0)
    _require_field("entries on this disk", here, entries)
    _require_field("comment length", comment, 0)
    if entries > MAX_MEMBERS:
        raise ManyMembers(found=entries, limit=MAX_MEMBERS)
    directory = _End(entries, offset, size)
    end = _read_end64(source, at, directory)
    _require_field("directory offset", offset, end - size)
    return directory


def _require_field(field: str, found: int, expected: int) -> None:
    if found != expected:
        raise EndRecordField(field=field, found=found, expected=expected)


def _read_end64(source: Source, end: int, directory: _End) -> int:
    """Check the zip64 records before the end record, if any; return where they begin."""
    at = end - LOCATOR64.size
    locator = source.view(max(at, 0), LOCATOR64.size)
    if at < 0 or bytes(locator[:4]) != b"PK\6\7":
        return end
    begin = at - END64.size
    if begin < 0:
        raise Zip64Disagrees(field="offset of the record", found=begin, expected=0)
    _, disk, offset, disks = LOCATOR64.unpack(locator)
    record = source.view(begin, END64.size)
    signature, length, _, _, this, first, here, entries, size, start = END64.unpack(record)
    for field, found, expected in (
        ("signature", int.from_bytes(signature, "big"), int.from_bytes(b"PK\6\6", "big")),
        ("disk of the record", disk, 0),
        ("offset of the record", offset, begin),
        ("number of disks", disks, 1),
        ("length", length, END64.size - 12),
        ("disk", this, 0),
        ("directory disk", first, 0),
        ("entries on this disk", here, directory.entries),
        ("entries", entries, directory.entries),
        ("directory size", size, directory.size),
        ("directory offset", start, directory.offset),
    ):
        if found != expected:
            raise Zip64Disagrees(field=field, found=found, expected=expected)
    return begin


def _read_entries(source: Source, directory: _End) -> Iterator[Entry]:
    """Yield the entries in the directory's order; together they fill it exactly."""
    if directory.size > directory.entries * (CENTRAL.size + MAX_NAME_BYTES):
        raise DirectoryEntry(offset=directory.offset, reason="it is too long for its entries")
    data = source.view(directory.offset, directory.size)
    at = 0
    for _ in range(directory.entries):
        if len(data) < at + CENTRAL.size or bytes(data[at : at + 4]) != b"PK\1\2":
            raise DirectoryEntry(offset=directory.offset + at, reason="an entry was expected")
        (_, _, _, flags, method, _, _, crc32, compressed, size, *rest) = CENTRAL.unpack_from(
            data, at
        )
        names, extra, comment, disk, _, attributes, offset = rest
        at += CENTRAL.size
        name = bytes(data[at : at + names])
        yield Entry(
            name, flags, method, crc32, compressed, size, extra, comment, disk, attributes, offset
        )
        at += names + extra + comment
    if at != len(data):
        raise DirectoryEntry(offset=directory.offset + at, reason="it does not end where it should")


def check_stored(entry: Entry) -> None:
    """Refuse every way of storing an entry but plainly."""
    name = shown(entry.name)
    if entry.flags & ~(FLAG_DESCRIPTOR | FLAG_UTF8):
        raise MemberFlags(member=name, flags=entry.flags)
    if entry.method:
        raise CompressedMember(member=name, method=entry.method)
    if entry.compressed != entry.size:
        raise MemberSizes(member=name, compressed=entry.compressed, uncompressed=entry.size)
    if entry.comment:
        raise MemberComment(member=name)
    if entry.extra:
        raise CentralExtra(member=name)
    if not _is_file(entry.attributes):
        raise MemberAttributes(member=name, attributes=entry.attributes)
    if entry.disk:
        raise DirectoryEntry(offset=entry.offset, reason=f"“{name}” lies on another disk")


def _is_file(attributes: int) -> bool:
    """Whether an entry is an ordinary file to DOS and to Unix: torch leaves both unsaid."""
    unix, dos = attributes >> 16, attributes & 0xFFFF
    return stat.S_IFMT(unix) in (0, stat.S_IFREG) and not dos & ~stat.FILE_ATTRIBUTE_ARCHIVE
