"""The ZIP archive that torch.save writes, and no other: every byte of it is accounted for.

The archive must be readable in one way only, whichever of its records a program trusts. So the
local headers agree with the directory, entries are stored, and headers, padding, data and
descriptors follow one another from byte 0 to the directory without a gap or an overlap.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from registry.formats import near_miss
from registry.formats.errors import (
    BigEndian,
    CentralExtra,
    Checksum,
    CompressedMember,
    DescriptorMismatch,
    DirectoryEntry,
    DuplicateMember,
    EndRecord,
    EndRecordField,
    Gap,
    LargeProgram,
    LocalExtra,
    LocalMismatch,
    ManyMembers,
    MemberComment,
    MemberContent,
    MemberFlags,
    MemberMissing,
    MemberName,
    MemberSizes,
    Overlap,
    PrependedData,
    SeveralRoots,
    Zip64Disagrees,
    shown,
)
from registry.formats.source import Source

MAX_MEMBERS: Final = 4096
MAX_PROGRAM_BYTES: Final = 1 << 20
MAX_NAME_BYTES: Final = 512

LOCAL = struct.Struct("<4s5H3I2H")
CENTRAL = struct.Struct("<4s6H3I5H2I")
END = struct.Struct("<4s4H2IH")
END64 = struct.Struct("<4sQ2H2I4Q")
LOCATOR64 = struct.Struct("<4sIQI")
DESCRIPTOR = {16: struct.Struct("<4s3I"), 24: struct.Struct("<4sI2Q")}

FLAG_DESCRIPTOR: Final = 0x0008
FLAG_UTF8: Final = 0x0800

_STORAGE = re.compile(r"data/(0|[1-9]\d{0,9})", re.ASCII)
_CONTENT: Mapping[str, tuple[re.Pattern[bytes], str]] = {
    "version": (re.compile(rb"([1-9]|10)\n?"), "a version from 1 to 10"),
    "byteorder": (re.compile(rb"little"), "little"),
    ".format_version": (re.compile(rb"[1-9]\d{0,3}\n?"), "a version number"),
    ".storage_alignment": (re.compile(rb"[1-9]\d{0,6}\n?"), "a number of bytes"),
    ".data/serialization_id": (re.compile(rb"\d{1,64}"), "a number"),
}


@dataclass(frozen=True)
class Member:
    """One stored entry. `offset` is where its local header begins, `start` where its data does."""

    name: str
    offset: int
    size: int
    crc32: int
    flags: int
    start: int = -1


@dataclass(frozen=True)
class Archive:
    """The entries of a checked archive by their name inside the one root folder, in file order."""

    root: str
    members: Mapping[str, Member]

    def storages(self) -> dict[str, Member]:
        """Return the blocks of weights by their key: `data/3` is “3”."""
        return {
            name.removeprefix("data/"): member
            for name, member in self.members.items()
            if name.startswith("data/")
        }


class _Directory(NamedTuple):
    entries: int
    offset: int
    size: int


class _Entry(NamedTuple):
    name: bytes
    flags: int
    method: int
    crc32: int
    compressed: int
    size: int
    extra: int
    comment: int
    disk: int
    offset: int


def read_archive(source: Source, *, shallow: bool = False) -> Archive:
    """Check the archive's structure and return its entries; no weight is looked at.

    A shallow reading trusts the directory for everything but `data.pkl`, so that a far file is
    read at two places only.
    """
    start = bytes(source.view(0, 4))
    if start != b"PK\3\4":
        raise PrependedData(start=shown(start))
    directory = _read_end(source)
    entries = list(_read_directory(source, directory))
    near_miss.refuse_member_names([shown(entry.name) for entry in entries])
    for entry in entries:
        _check_entry(entry)
    names = [_decoded(entry.name) for entry in entries]
    root = _common_root(names)
    members = [_named(root, name, entry) for name, entry in zip(names, entries, strict=True)]
    _check_unique(members)
    members.sort(key=lambda member: member.offset)
    placed = _place_members(source, root, members, directory.offset, shallow)
    archive = Archive(root, {member.name: member for member in placed})
    _check_complete(archive)
    return archive


def read_program(source: Source, archive: Archive) -> bytes:
    """Return the checksummed pickle, `data.pkl`."""
    member = archive.members["data.pkl"]
    if member.size > MAX_PROGRAM_BYTES:
        raise LargeProgram(size=member.size, limit=MAX_PROGRAM_BYTES)
    return read_small(source, member)


def check_contents(source: Source, archive: Archive) -> None:
    """Check what the small entries beside `data.pkl` say: version, byte order, and so on."""
    for name, (pattern, expected) in _CONTENT.items():
        if name not in archive.members:
            continue
        content = read_small(source, archive.members[name])
        if name == "byteorder" and content == b"big":
            raise BigEndian(found="big")
        if not pattern.fullmatch(content):
            raise MemberContent(member=name, found=shown(content, 40), expected=expected)


def read_small(source: Source, member: Member) -> bytes:
    """Return a copy of an entry's data whose checksum is right."""
    data = bytes(source.view(member.start, member.size))
    check_crc(member, data)
    return data


def check_crc(member: Member, data: bytes | memoryview) -> None:
    """Compare an entry's data with its checksum."""
    if (found := zlib.crc32(data)) != member.crc32:
        raise Checksum(member=member.name, found=found, expected=member.crc32)


def _read_end(source: Source) -> _Directory:
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
    directory = _Directory(entries, offset, size)
    end = _read_end64(source, at, directory)
    _require_field("directory offset", offset, end - size)
    return directory


def _require_field(field: str, found: int, expected: int) -> None:
    if found != expected:
        raise EndRecordField(field=field, found=found, expected=expected)


def _read_end64(source: Source, end: int, directory: _Directory) -> int:
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


def _read_directory(source: Source, directory: _Directory) -> Iterator[_Entry]:
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
        names, extra, comment, disk, _, _, offset = rest
        at += CENTRAL.size
        name = bytes(data[at : at + names])
        yield _Entry(name, flags, method, crc32, compressed, size, extra, comment, disk, offset)
        at += names + extra + comment
    if at != len(data):
        raise DirectoryEntry(offset=directory.offset + at, reason="it does not end where it should")


def _check_entry(entry: _Entry) -> None:
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
    if entry.disk:
        raise DirectoryEntry(offset=entry.offset, reason=f"“{name}” lies on another disk")


def _common_root(names: Sequence[str]) -> str:
    """Return the one folder that all entries lie in."""
    roots = {name.partition("/")[0] for name in names}
    if len(roots) > 1:
        raise SeveralRoots(roots=tuple(sorted(roots)[:10]))
    root = next(iter(roots), "")
    if not root.strip(".") or not root.isprintable() or "\\" in root:
        raise MemberName(member=names[0] if names else "")
    return root


def _decoded(name: bytes) -> str:
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MemberName(member=shown(name)) from error


def _named(root: str, full: str, entry: _Entry) -> Member:
    """Return an entry under its name inside the root, if it is one that torch writes."""
    name = full.removeprefix(f"{root}/")
    if name == full or not (name == "data.pkl" or name in _CONTENT or _STORAGE.fullmatch(name)):
        raise MemberName(member=full)
    return Member(name, entry.offset, entry.size, entry.crc32, entry.flags)


def _check_unique(members: Sequence[Member]) -> None:
    seen: set[str] = set()
    for member in members:
        if member.name in seen:
            raise DuplicateMember(member=member.name)
        seen.add(member.name)


def _check_complete(archive: Archive) -> None:
    for name in ("data.pkl", "version"):
        if name not in archive.members:
            raise MemberMissing(member=name)


def _place_members(
    source: Source, root: str, members: Sequence[Member], end: int, shallow: bool
) -> Iterator[Member]:
    """Walk the file from byte 0 to its directory; yield each entry with where its data begins."""
    if not members:
        raise MemberMissing(member="data.pkl")
    if members[0].offset:
        raise Gap(offset=0, length=members[0].offset)
    borders = [*(member.offset for member in members[1:]), end]
    for member, border in zip(members, borders, strict=True):
        if shallow and member.name != "data.pkl":
            if member.offset + LOCAL.size + member.size > border:
                raise Overlap(member=member.name, offset=border)
            yield member
        else:
            yield _place(source, root, member, border)


def _place(source: Source, root: str, member: Member, border: int) -> Member:
    """Check the local header, and that header, data and descriptor end exactly at `border`."""
    header = source.view(member.offset, LOCAL.size)
    if len(header) < LOCAL.size or bytes(header[:4]) != b"PK\3\4":
        raise LocalMismatch(member=member.name, offset=member.offset, field="signature")
    _, _, flags, method, _, _, crc32, compressed, size, names, extra = LOCAL.unpack(header)
    described = bool(member.flags & FLAG_DESCRIPTOR)
    name = f"{root}/{member.name}".encode()
    at = member.offset + LOCAL.size
    for field, agrees in (
        ("flags", flags == member.flags),
        ("method", method == 0),
        ("checksum", crc32 == member.crc32 or (described and crc32 == 0)),
        ("size", size == member.size or (described and size == 0)),
        ("size", compressed == size),
        ("name", bytes(source.view(at, names)) == name),
    ):
        if not agrees:
            raise LocalMismatch(member=member.name, offset=member.offset, field=field)
    start = at + names + extra
    _check_padding(bytes(source.view(at + names, extra)), member, at + names)
    _check_descriptor(source, member, start + member.size, border)
    return replace(member, start=start)


def _check_padding(extra: bytes, member: Member, offset: int) -> None:
    """Allow nothing between name and data but torch's padding: “FB”, a length, and that many Z."""
    if not extra:
        return
    length = int.from_bytes(extra[2:4], "little")
    if extra[:2] != b"FB" or length != len(extra) - 4 or extra[4:].strip(b"Z\0"):
        raise LocalExtra(member=member.name, offset=offset)


def _check_descriptor(source: Source, member: Member, end: int, border: int) -> None:
    """Between the data's end and the next entry stands a descriptor if announced, or nothing."""
    length = border - end
    least = min(DESCRIPTOR) if member.flags & FLAG_DESCRIPTOR else 0
    if length < 0:
        raise Overlap(member=member.name, offset=border)
    if length < least:
        raise DescriptorMismatch(member=member.name, offset=end)
    if length == 0:
        return
    if not least or length not in DESCRIPTOR:
        raise Gap(offset=end + least, length=length - least)
    found = DESCRIPTOR[length].unpack(source.view(end, length))
    if found != (b"PK\7\x08", member.crc32, member.size, member.size):
        raise DescriptorMismatch(member=member.name, offset=end)
