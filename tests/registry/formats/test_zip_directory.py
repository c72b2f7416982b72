"""The directory of an archive is found in one way only."""

import io
import zipfile

import pytest

from registry.formats.errors import (
    CompressedMember,
    DirectoryEntry,
    EndRecord,
    EndRecordField,
    MemberFlags,
    Refusal,
    Zip64Disagrees,
)
from registry.formats.source import Mapped
from registry.formats.zip_directory import END, END64, LOCATOR64, check_stored, read_directory
from tests.registry.formats.saved import network, saved

FILE = saved(network())


def changed(offset_from_end: int, value: int) -> bytes:
    """The file with the byte that many bytes before its end replaced."""
    data = bytearray(FILE)
    assert data[-offset_from_end] != value
    data[-offset_from_end] = value
    return bytes(data)


def read(data: bytes) -> None:
    for entry in read_directory(Mapped(memoryview(data))).entries:
        check_stored(entry)


def test_the_directory_of_a_torch_file_is_read() -> None:
    directory = read_directory(Mapped(memoryview(FILE)))
    names = [info.filename for info in zipfile.ZipFile(io.BytesIO(FILE)).infolist()]

    assert [entry.name.decode() for entry in directory.entries] == names
    assert FILE[directory.offset :].startswith(b"PK\1\2")


@pytest.mark.parametrize("tail", [b"\0", b"PK", FILE[-22:]])
def test_nothing_follows_the_end_record(tail: bytes) -> None:
    with pytest.raises((EndRecord, EndRecordField)):
        read(FILE + tail)


def test_a_comment_is_no_hiding_place() -> None:
    hidden = io.BytesIO(FILE)
    with zipfile.ZipFile(hidden, "a") as archive:
        archive.comment = b"hidden"

    with pytest.raises(EndRecord):
        read(hidden.getvalue())


@pytest.mark.parametrize(
    ("field", "at"),
    [("disk", 18), ("entries on this disk", 14), ("directory offset", 6), ("comment length", 2)],
)
def test_the_end_record_tells_the_truth(field: str, at: int) -> None:
    with pytest.raises(Refusal) as caught:
        read(changed(at, 0x77))
    assert isinstance(caught.value, EndRecordField | Zip64Disagrees)


@pytest.mark.parametrize("at", range(END.size + 1, END.size + LOCATOR64.size + END64.size + 1))
def test_each_byte_of_the_zip64_records_agrees_with_it(at: int) -> None:
    versions = {END.size + LOCATOR64.size + END64.size - n for n in range(12, 16)}
    value = FILE[-at] ^ 0xFF
    if at in versions:
        read(changed(at, value))
    else:
        with pytest.raises((Zip64Disagrees, EndRecordField, DirectoryEntry)):
            read(changed(at, value))


def test_entries_must_be_stored_and_unencrypted() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"0" * 100)
    with pytest.raises(CompressedMember):
        read(packed.getvalue())

    encrypted = bytearray(FILE)
    encrypted[read_directory(Mapped(memoryview(FILE))).offset + 8] |= 1
    with pytest.raises(MemberFlags):
        read(bytes(encrypted))
