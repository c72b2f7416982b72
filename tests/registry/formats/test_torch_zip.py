"""The archive of torch.save: each byte belongs to something, and nothing is told twice differently.

Single lies, one for each rule, are in `hostile/zip_lies.py`.
"""

import io
import zipfile
import zlib

import pytest

from registry.formats import torch_zip
from registry.formats.errors import (
    BigEndian,
    Checksum,
    MemberContent,
    MemberMissing,
    MemberName,
    OtherContainer,
    PrependedData,
    Refusal,
    SeveralRoots,
)
from registry.formats.source import Mapped
from tests.registry.formats.saved import FIXTURES, network, saved

FILE = saved(network())
OLD = (FIXTURES / "gelu_not_in_comfy.pt").read_bytes()


def source(data: bytes) -> Mapped:
    return Mapped(memoryview(data))


def repacked(**changed: bytes | None) -> bytes:
    """The old file as Python's zipfile writes it, with entries replaced, added or left out."""
    old = zipfile.ZipFile(io.BytesIO(OLD))
    entries = {info.filename: old.read(info) for info in old.infolist()}
    entries |= {name: data for name, data in changed.items() if data is not None}
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in entries.items():
            if changed.get(name, b"") is not None:
                archive.writestr(name, data)
    return file.getvalue()


@pytest.mark.parametrize("data", [FILE, OLD, repacked()], ids=["today", "2022", "zipfile"])
def test_archives_of_every_age_are_read(data: bytes) -> None:
    archive = torch_zip.read_archive(source(data))
    torch_zip.check_contents(source(data), archive)

    assert archive.root == "archive"
    assert set(archive.storages()) == {str(number) for number in range(8)}
    for member in archive.members.values():
        content = data[member.start : member.start + member.size]
        assert zlib.crc32(content) == member.crc32


def test_the_pickle_is_checksummed_before_it_is_read() -> None:
    archive = torch_zip.read_archive(source(OLD))
    damaged = bytearray(OLD)
    damaged[archive.members["data.pkl"].start + 100] ^= 1

    assert torch_zip.read_program(source(OLD), archive).startswith(b"\x80\x02")
    with pytest.raises(Checksum):
        torch_zip.read_program(source(bytes(damaged)), archive)


def test_every_byte_before_the_directory_belongs_to_an_entry() -> None:
    """Whatever changes there is noticed by the structure or a checksum, but for two idle fields."""
    archive = torch_zip.read_archive(source(OLD))
    first = archive.members["data.pkl"]
    idle = {4, 5, *range(10, 14)}  # version needed, time, date

    for at in range(first.start):
        changed = bytearray(OLD)
        changed[at] ^= 0xFF
        if at in idle:
            assert torch_zip.read_archive(source(bytes(changed))) == archive
        else:
            with pytest.raises(Refusal):
                torch_zip.read_archive(source(bytes(changed)))


def test_a_shallow_reading_looks_at_the_ends_only() -> None:
    archive = torch_zip.read_archive(source(OLD), shallow=True)

    assert archive.members["data.pkl"] == torch_zip.read_archive(source(OLD)).members["data.pkl"]
    assert archive.members["data/3"].size == 1280


@pytest.mark.parametrize(
    ("name", "content", "refusal"),
    [
        ("archive/version", b"0\n", MemberContent),
        ("archive/version", b"3\n3\n", MemberContent),
        ("archive/version", None, MemberMissing),
        ("archive/data.pkl", None, MemberMissing),
        ("archive/byteorder", b"big", BigEndian),
        ("archive/byteorder", b"middle", MemberContent),
        ("archive/.format_version", b"one", MemberContent),
        ("archive/.data/serialization_id", b"import os", MemberContent),
        ("archive/data/08", b"", MemberName),
        ("archive/data/8/9", b"", MemberName),
        ("archive/other.pkl", b"", MemberName),
        ("archive/../data.pkl", b"", MemberName),
        ("data.pkl", b"", SeveralRoots),
        ("/version", b"", SeveralRoots),
        ("archive/code/net.py", b"", OtherContainer),
        ("archive/constants.pkl", b"", OtherContainer),
    ],
)
def test_entries_are_those_of_torch_and_say_what_torch_says(
    name: str, content: bytes | None, refusal: type[Refusal]
) -> None:
    data = source(repacked(**{name: content}))

    with pytest.raises(refusal):
        torch_zip.check_contents(data, torch_zip.read_archive(data))


def test_current_entries_are_known() -> None:
    data = source(
        repacked(
            **{
                "archive/byteorder": b"little",
                "archive/.format_version": b"1",
                "archive/.storage_alignment": b"64",
                "archive/.data/serialization_id": b"1234567890" * 4,
            }
        )
    )

    torch_zip.check_contents(data, torch_zip.read_archive(data))


@pytest.mark.parametrize("length", [16, 24])
def test_descriptors_come_in_two_widths(length: int) -> None:
    """Python's zipfile writes the narrow one to a pipe, and the wide one when told to."""

    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.data = b""

        def writable(self) -> bool:
            return True

        def write(self, data: bytes, /) -> int:  # type: ignore[override]
            self.data += bytes(data)
            return len(data)

    old, pipe = zipfile.ZipFile(io.BytesIO(OLD)), Pipe()
    with zipfile.ZipFile(pipe, "w") as archive:
        for info in old.infolist():
            with archive.open(info.filename, "w", force_zip64=False) as entry:
                entry.write(old.read(info))
    data = pipe.data if length == 16 else _widened(pipe.data)

    assert len(torch_zip.read_archive(source(data)).storages()) == 8


def _widened(data: bytes) -> bytes:
    """The archive with every descriptor written with 8-byte sizes."""
    archive = torch_zip.read_archive(source(data))
    out, offsets = b"", []
    for member in archive.members.values():
        offsets.append((member.offset, len(out)))
        out += data[member.offset : member.start + member.size] + b"PK\7\x08"
        out += member.crc32.to_bytes(4, "little") + member.size.to_bytes(8, "little") * 2
    directory = data.index(b"PK\1\2")
    tail = data[directory:-22]
    for before, after in reversed(offsets):
        tail = tail.replace(
            before.to_bytes(4, "little") + b"archive", after.to_bytes(4, "little") + b"archive"
        )
    end = data[-22:-6] + len(out).to_bytes(4, "little") + b"\0\0"
    return out + tail + end


@pytest.mark.parametrize("prefix", [b"#!/bin/sh\n", b"\0"])
def test_nothing_precedes_the_archive(prefix: bytes) -> None:
    with pytest.raises(PrependedData):
        torch_zip.read_archive(source(prefix + OLD))
