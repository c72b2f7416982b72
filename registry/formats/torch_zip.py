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
from typing import Final

from registry.formats import near_miss
from registry.formats.errors import (
    BigEndian,
    Checksum,
    DescriptorMismatch,
    DuplicateMember,
    Gap,
    LargeProgram,
    LocalExtra,
    LocalMismatch,
    MemberContent,
    MemberMissing,
    MemberName,
    Overlap,
    PrependedData,
    SeveralRoots,
    shown,
)
from registry.formats.source import Source
from registry.formats.zip_directory import FLAG_DESCRIPTOR, Entry, check_stored, read_directory

MAX_PROGRAM_BYTES: Final = 1 << 20
MAX_NOTE_BYTES: Final = 64

LOCAL = struct.Struct("<4s5H3I2H")
DESCRIPTOR = {16: struct.Struct("<4s3I"), 24: struct.Struct("<4sI2Q")}

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


def read_archive(source: Source, *, shallow: bool = False) -> Archive:
    """Check the archive's structure and return its entries; no weight is looked at.

    A shallow reading trusts the directory for everything but `data.pkl`, so that a far file is
    read at two places only.
    """
    start = bytes(source.view(0, 4))
    if start != b"PK\3\4":
        raise PrependedData(start=shown(start))
    directory = read_directory(source)
    near_miss.refuse_member_names([shown(entry.name) for entry in directory.entries])
    for entry in directory.entries:
        check_stored(entry)
    names = [_decoded(entry.name) for entry in directory.entries]
    root = _common_root(names)
    members = [_named(root, *named) for named in zip(names, directory.entries, strict=True)]
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
        content = _read_note(source, archive.members[name], expected)
        if name == "byteorder" and content == b"big":
            raise BigEndian(found="big")
        if not pattern.fullmatch(content):
            raise MemberContent(member=name, found=shown(content, 40), expected=expected)


def _read_note(source: Source, member: Member, expected: str) -> bytes:
    """Return what a small entry says; one that is not small says nothing of ours."""
    if member.size > MAX_NOTE_BYTES:
        raise MemberContent(member=member.name, found=f"{member.size} bytes", expected=expected)
    return read_small(source, member)


def read_small(source: Source, member: Member) -> bytes:
    """Return a copy of an entry's data whose checksum is right."""
    data = bytes(source.view(member.start, member.size))
    check_crc(member, data)
    return data


def check_crc(member: Member, data: bytes | memoryview) -> None:
    """Compare an entry's data with its checksum."""
    if (found := zlib.crc32(data)) != member.crc32:
        raise Checksum(member=member.name, found=found, expected=member.crc32)


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


def _named(root: str, full: str, entry: Entry) -> Member:
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
