"""Lies told by the ZIP: what one program takes for the file's content is not what another takes."""

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Any

from tests.registry.formats.hostile import opcodes as op
from tests.registry.formats.hostile import payload
from tests.registry.formats.hostile.network import honest
from tests.registry.formats.hostile.technique import UNSUPPORTED, Chapter
from tests.registry.formats.hostile.zips import (
    Archive,
    Member,
    descriptor,
    members,
    torch_zip,
    zip64_end,
    zip64_locator,
)

CHAPTER = Chapter()
lie = CHAPTER.lie
EVIL_PICKLE = op.PROTO_2 + payload.touch() + op.STOP


def lying_member(index: int = 0, **lies: Any) -> bytes:
    """An honest archive in which one member's headers lie."""
    listed = members(honest())
    for name, value in lies.items():
        setattr(listed[index], name, value)
    return Archive(listed).bytes()


def with_member(*extra: Member) -> bytes:
    return Archive([*members(honest()), *extra]).bytes()


# --- before, behind and between the members ---------------------------------------------------


@lie("zip-prepended-data", "polyglot: any format that is read from the front (fickling's list)")
def prepended_data() -> bytes:
    return Archive(members(honest()), prefix=b"#!/bin/sh\n").bytes()


@lie(
    "zip-prepended-data", "a pickle in front: torch's legacy loader and a scanner see another file"
)
def prepended_pickle() -> bytes:
    return Archive(members(honest()), prefix=EVIL_PICKLE, counts_prefix=False).bytes()


@lie("zip-end-record", "appended data: readers that search backwards find another archive")
def appended_data() -> bytes:
    return Archive(members(honest()), suffix=b"\0" * 7).bytes()


@lie("zip-end-record", "a second archive behind the first: 'last end record wins' in zipfile")
def appended_archive() -> bytes:
    evil = Archive([Member(b"archive/data.pkl", EVIL_PICKLE)], zip64=False).bytes()
    return Archive(members(honest()), suffix=evil + b"!").bytes()


@lie("zip-end-record", "archive comment: an arbitrary payload every ZIP reader skips")
def archive_comment() -> bytes:
    return Archive(members(honest()), comment=EVIL_PICKLE).bytes()


@lie("zip-end-record-field", "an end record inside another's comment: which one is the last?")
def comment_holds_end_record() -> bytes:
    inner = b"PK\x05\x06" + b"\0" * 18
    return Archive(members(honest()), comment=inner).bytes()


@lie("zip-gap", "hidden bytes between two members")
def gap_between_members() -> bytes:
    return lying_member(0, gap_after=EVIL_PICKLE)


@lie("zip-gap", "hidden bytes between the last member and the directory")
def gap_before_directory() -> bytes:
    return Archive(members(honest()), before_directory=EVIL_PICKLE).bytes()


@lie("zip-end-record-field", "hidden bytes between the directory and the end record")
def gap_after_directory() -> bytes:
    return Archive(members(honest()), after_directory=EVIL_PICKLE).bytes()


@lie("zip-gap", "a member that streaming readers see and directory readers do not")
def unlisted_member() -> bytes:
    return with_member(Member(b"archive/data.pkl", EVIL_PICKLE, listed=False))


@lie("zip-overlap", "Fifield's bomb: two directory entries share one local file")
def shared_local_file() -> bytes:
    return with_member(Member(b"archive/data/77", b"", offset=0, written=False))


@lie("zip-overlap", "quoted overlap: a member's span holds the next member's header")
def quoted_overlap() -> bytes:
    listed = members(honest())
    at = len(listed[0].local(0))
    swallowed = len(listed[0].data) + len(listed[1].local(at))
    listed[0].csize = listed[0].usize = swallowed
    return Archive(listed).bytes()


@lie("zip-gap", "an offset that points behind the file")
def offset_behind_file() -> bytes:
    return lying_member(3, offset=0x7FFFFFFF)


@lie("zip-overlap", "an offset that points into another member's data")
def offset_into_data() -> bytes:
    return lying_member(3, offset=200)


# --- local header against directory -----------------------------------------------------------


@lie("zip-local-mismatch", "CVE-2025-1944: name in the local header differs from the directory")
def local_name_differs() -> bytes:
    return lying_member(0, local_name=b"archive/data.txt")


@lie("zip-local-mismatch", "method in the local header differs from the directory")
def local_method_differs() -> bytes:
    return lying_member(0, local_method=8)


@lie("zip-local-mismatch", "flags in the local header differ from the directory")
def local_flags_differ() -> bytes:
    return lying_member(0, local_flags=0x0800)


@lie("zip-local-mismatch", "CVE-2025-1945: flag bits flipped in the directory only")
def central_flags_flipped() -> bytes:
    return lying_member(0, flags=0x0000, local_flags=0x0808)


@lie("zip-local-mismatch", "local size differs: streaming readers cut the pickle elsewhere")
def local_size_differs() -> bytes:
    return lying_member(0, local_csize=12, local_usize=12)


@lie("zip-local-mismatch", "no local header where the directory says there is one")
def local_signature_wrong() -> bytes:
    return lying_member(2, local_signature=b"PK\x03\x05")


@lie("zip-local-extra", "a local extra field that re-declares the sizes (zip64, 0x0001)")
def local_zip64_extra() -> bytes:
    return lying_member(0, local_extra=struct.pack("<HHQQ", 1, 16, 5, 5))


@lie("zip-local-extra", "a local Unicode-path extra field that renames the member (0x7075)")
def local_unicode_path() -> bytes:
    path = b"archive/evil.pkl"
    extra = struct.pack("<HHBI", 0x7075, 5 + len(path), 1, zlib.crc32(b"archive/data.pkl")) + path
    return lying_member(0, local_extra=extra)


@lie("zip-local-extra", "an FB padding whose length runs past the field")
def local_padding_too_long() -> bytes:
    return lying_member(0, local_extra=b"FB" + struct.pack("<H", 60) + b"Z" * 10)


@lie("zip-central-extra", "a Unicode-path extra field in the directory (0x7075)")
def central_unicode_path() -> bytes:
    path = b"archive/evil.pkl"
    extra = struct.pack("<HHBI", 0x7075, 5 + len(path), 1, zlib.crc32(b"archive/data.pkl")) + path
    return lying_member(0, central_extra=extra)


@lie("zip-member-comment", "a payload in a member's comment")
def member_comment() -> bytes:
    return lying_member(0, comment=EVIL_PICKLE)


# --- flags, methods, sizes, checksums ---------------------------------------------------------


@lie("zip-member-flags", "CVE-2025-1945: the encryption bit makes scanners skip what torch reads")
def encrypted_flag() -> bytes:
    return lying_member(0, flags=0x0809)


@lie("zip-member-flags", "CVE-2025-1945: the 'compressed patched data' bit")
def patched_data_flag() -> bytes:
    return lying_member(0, flags=0x0828)


@lie("zip-member-flags", "the strong-encryption and masked-header bits")
def masked_header_flag() -> bytes:
    return lying_member(0, flags=0x0808 | 0x2040)


@lie(
    "zip-member-attributes",
    "marked as a folder: miniz reads no byte, torch takes what lay in memory",
)
def weights_marked_as_folder() -> bytes:
    return lying_member(1, attributes=0x10)


@lie("zip-member-attributes", "the same mark on data.pkl, which extractors make a folder of")
def program_marked_as_folder() -> bytes:
    return lying_member(0, attributes=0o040755 << 16 | 0x10)


@lie("zip-member-attributes", "marked as a symbolic link: extractors write through it")
def weights_marked_as_link() -> bytes:
    return lying_member(1, attributes=0o120777 << 16)


@lie("zip-member-compressed", "a deflated data.pkl: small file, large pickle")
def deflated_program() -> bytes:
    data = honest().program()
    packed = zlib.compress(data, 9)[2:-4]
    return lying_member(0, data=packed, method=8, usize=len(data), crc=zlib.crc32(data))


@lie("zip-member-compressed", "the bomb that costs scanners 14 s and 1 GB: 10 MB of zeros deflated")
def deflated_bomb() -> bytes:
    packed = zlib.compress(bytes(10_000_000), 9)[2:-4]
    return lying_member(1, data=packed, method=8, usize=10_000_000)


@lie("zip-member-compressed", "a method scanners cannot open (LZMA, 14)")
def lzma_method() -> bytes:
    return lying_member(0, method=14)


@lie("zip-member-sizes", "stored, yet the two sizes differ")
def sizes_differ() -> bytes:
    return lying_member(0, usize=4)


@lie("zip-overlap", "sizes that promise a zip64 field that is not there")
def sizes_promise_zip64() -> bytes:
    return lying_member(1, usize=0xFFFFFFFF, csize=0xFFFFFFFF)


@lie("zip-central-extra", "a zip64 field that gives a small member an enormous size")
def zip64_member_size() -> bytes:
    extra = struct.pack("<HHQQ", 1, 16, 1 << 62, 1 << 62)
    return lying_member(1, usize=0xFFFFFFFF, csize=0xFFFFFFFF, central_extra=extra)


@lie("zip-crc", "CVE-2025-10156: a wrong CRC crashes scanners, torch reads on")
def wrong_crc() -> bytes:
    return lying_member(0, crc=0x12345678)


@lie("zip-crc", "CVE-2025-10156: the CRC set to zero, which torch's reader ignores")
def zero_crc() -> bytes:
    return lying_member(1, crc=0)


@lie("zip-descriptor-mismatch", "a data descriptor with another checksum")
def descriptor_crc_differs() -> bytes:
    data = honest().program()
    return lying_member(0, descriptor=descriptor(1, len(data), len(data)))


@lie("zip-descriptor-mismatch", "a data descriptor with another size")
def descriptor_size_differs() -> bytes:
    data = honest().program()
    return lying_member(0, descriptor=descriptor(zlib.crc32(data), 5, 5, wide=True))


@lie("zip-descriptor-mismatch", "a data descriptor that is promised and missing")
def descriptor_missing() -> bytes:
    return lying_member(0, descriptor=b"")


@lie("zip-descriptor-mismatch", "a data descriptor without its signature (12 bytes)")
def descriptor_without_signature() -> bytes:
    data = honest().program()
    return lying_member(0, descriptor=descriptor(zlib.crc32(data), len(data), len(data))[4:])


# --- the end records --------------------------------------------------------------------------


@lie("zip-directory", "fewer members in the end record than in the directory")
def end_count_lies() -> bytes:
    return Archive(members(honest()), zip64=False, count=3).bytes()


@lie("zip-end-record-field", "a directory size that leaves out the last entry")
def directory_size_lies() -> bytes:
    return Archive(members(honest()), zip64=False, directory_size=100).bytes()


@lie("zip-end-record-field", "a directory offset that selects a second, hidden directory")
def two_directories() -> bytes:
    hidden = Member(b"archive/data.pkl", EVIL_PICKLE).central(0)
    at = sum(len(part) for part in _bodies())
    return Archive(
        members(honest()),
        before_directory=hidden,
        directory_offset=at,
        directory_size=len(hidden),
        count=1,
        zip64=False,
    ).bytes()


def _bodies() -> Iterator[bytes]:
    at = 0
    for member in members(honest()):
        body = member.local(at)
        at += len(body)
        yield body


@lie("zip-end-record-field", "an end record on another disk")
def end_record_on_another_disk() -> bytes:
    file = bytearray(Archive(members(honest()), zip64=False).bytes())
    file[-18:-16] = b"\1\0"
    return bytes(file)


@lie("zip-end-record-field", "more members on this disk than altogether")
def members_on_this_disk() -> bytes:
    file = bytearray(Archive(members(honest()), zip64=False).bytes())
    file[-14:-12] = b"\xff\0"
    return bytes(file)


def _zip64(end: Callable[[int, int, int], bytes] | None = None) -> bytes:
    true = Archive(members(honest()))
    body = true.bytes()
    count, size, offset = struct.unpack("<HII", body[-12:-2])
    true.zip64_end = (end or zip64_end)(count, size, offset)
    return true.bytes()


@lie("zip64-disagrees", "the zip64 record counts other members than the end record")
def zip64_count_lies() -> bytes:
    return _zip64(lambda count, size, offset: zip64_end(count - 1, size, offset))


@lie("zip64-disagrees", "the zip64 record points to another directory than the end record")
def zip64_offset_lies() -> bytes:
    return _zip64(lambda count, size, offset: zip64_end(count, size, offset - 46))


@lie("zip64-disagrees", "the zip64 locator points somewhere else")
def zip64_locator_lies() -> bytes:
    return Archive(members(honest()), zip64_locator=zip64_locator(0)).bytes()


@lie("zip64-disagrees", "the zip64 locator speaks of several disks")
def zip64_several_disks() -> bytes:
    true = Archive(members(honest()), zip64_locator=b"").bytes()
    at = len(true) - 22 - 56
    return Archive(members(honest()), zip64_locator=zip64_locator(at, disks=2)).bytes()


@lie("zip-end-record-field", "a zip64 record without its locator")
def zip64_without_locator() -> bytes:
    return Archive(members(honest()), zip64_locator=b"").bytes()


@lie("zip-directory", "a member on another disk")
def member_on_another_disk() -> bytes:
    return lying_member(0, disk=1)


# --- names and contents -----------------------------------------------------------------------


@lie("zip-duplicate-member", "two data.pkl: zipfile takes the last, torch the first")
def duplicate_program() -> bytes:
    return with_member(Member(b"archive/data.pkl", EVIL_PICKLE))


@lie("zip-duplicate-member", "the same storage twice")
def duplicate_storage() -> bytes:
    return with_member(Member(b"archive/data/0", honest().storages["0"]))


@lie("zip-several-roots", "a second root with its own data.pkl; torch takes the first name's root")
def second_root() -> bytes:
    return with_member(Member(b"evil/data.pkl", EVIL_PICKLE))


@lie("zip-several-roots", "two roots that differ only in case")
def case_twin_root() -> bytes:
    return with_member(Member(b"Archive/data.pkl", EVIL_PICKLE))


@lie("zip-member-missing", "no data.pkl at all")
def no_program() -> bytes:
    return Archive(members(honest())[1:]).bytes()


@lie("zip-member-content", "a version of a megabyte: what is read whole must be small")
def huge_version() -> bytes:
    listed = members(honest())
    listed[-1] = Member(b"archive/version", bytes(1 << 20))
    return Archive(listed).bytes()


@lie("zip-member-content", "a later version of torch's archive than any program knows")
def later_version() -> bytes:
    listed = members(honest())
    listed[-1] = Member(b"archive/version", b"11\n")
    return Archive(listed).bytes()


@lie("zip-byteorder", "big-endian weights: others see other numbers", severity=UNSUPPORTED)
def big_endian() -> bytes:
    return with_member(Member(b"archive/byteorder", b"big"))


def _named(name: bytes) -> Callable[[], bytes]:
    return lambda: with_member(Member(name, EVIL_PICKLE))


for _name, _member, _bypass in (
    ("extra-pickle", b"archive/weights.pkl", "a second pickle that some loaders also read"),
    ("extra-pickle-odd-extension", b"archive/config.p", "CVE-2025-1889: a pickle by another name"),
    ("nested-program", b"archive/inner/data.pkl", "a data.pkl one folder deeper"),
    ("upper-case-program", b"archive/DATA.PKL", "case-folding file systems see two data.pkl"),
    ("path-traversal", b"archive/../../evil.pkl", "zip slip for whoever extracts"),
    ("nul-in-name", b"archive/data.pkl\0.txt", "zipfile cuts the name at the NUL byte"),
    ("homoglyph-name", "archive/dаta.pkl".encode(), "a Cyrillic letter that looks like data.pkl"),
    ("folder-entry", b"archive/data/", "a folder entry, no file"),
    ("storage-leading-zero", b"archive/data/00", "a storage name that int() maps onto another"),
    ("storage-arabic-digit", "archive/data/١".encode(), "str.isdigit() accepts it, ASCII does not"),
    ("storage-underscore", b"archive/data/1_0", "int('1_0') is 10 in Python"),
    ("trailing-newline-name", b"archive/version\n", "re's $ also matches before a newline"),
):
    CHAPTER.add(_name, _named(_member), "zip-member-name", _bypass)


for _name, _member, _bypass in (
    ("absolute-path", b"/etc/evil.pkl", "an absolute path for whoever extracts"),
    ("backslash-path", b"archive\\data.pkl", "Windows readers see archive/data.pkl"),
    ("empty-name", b"", "a member without a name"),
):
    CHAPTER.add(_name, _named(_member), "zip-several-roots", _bypass)


def _rooted(root: str) -> Callable[[], bytes]:
    return lambda: Archive(members(honest(), root=root)).bytes()


for _name, _root, _bypass in (
    ("root-parent", "..", "the whole archive beside the folder it is extracted to"),
    ("root-here", ".", "a root that is no folder"),
    ("root-empty", "", "the whole archive at the root of the file system"),
    ("root-backslash", "..\\..\\evil", "a root that climbs on Windows"),
    ("root-control-characters", "a\x1b[2Jb", "a root that talks to the terminal"),
    ("root-right-to-left", "a\u202etp.exe", "a root that reads backwards"),
):
    CHAPTER.add(_name, _rooted(_root), "zip-member-name", _bypass)


@lie("zip-member-name", "a nested archive: scanners stop at the outer one")
def nested_archive() -> bytes:
    return with_member(Member(b"archive/inner.zip", torch_zip(honest())))


@lie("zip-member-name", "latin-1 and UTF-8 readers see different names: bytes that are not UTF-8")
def name_not_utf8() -> bytes:
    return with_member(Member(b"archive/data\xff.pkl", EVIL_PICKLE))


@lie("cap-members", "five thousand members", severity=UNSUPPORTED)
def too_many_members() -> bytes:
    names = (f"archive/data/{n}".encode() for n in range(100, 5_100))
    return with_member(*(Member(name, b"") for name in names))


@lie("cap-program-size", "a data.pkl of two megabytes", severity=UNSUPPORTED)
def huge_program() -> bytes:
    buffer = io.BytesIO()
    buffer.write(op.PROTO_2 + op.EMPTY_LIST * (2 << 20) + op.STOP)
    return lying_member(0, data=buffer.getvalue())
