"""Bytes under keys: the same promises from a folder and from an object store."""

import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from registry import storage
from registry.errors import StorageTrouble
from registry.formats.hashes import hash_bytes

KEY = "blobs/ab/cd/abcd"


@pytest.fixture(params=["own_files", "object_store"])
def place(request: pytest.FixtureRequest) -> str:
    request.getfixturevalue(request.param)
    return str(request.param)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(b"weights" * 1000)
    return path


def test_what_was_put_is_read_back(place: str, source: Path) -> None:
    storage.put(KEY, source)
    assert storage.sha256_of(KEY) == (hash_bytes(source.read_bytes()).sha256, 7000)
    assert [(each.key, each.size) for each in storage.keys("blobs")] == [(KEY, 7000)]


def test_nothing_is_there_before_and_after(place: str, source: Path) -> None:
    assert storage.sha256_of(KEY) is None
    storage.put(KEY, source)
    storage.remove(KEY)
    storage.remove(KEY)
    assert storage.sha256_of(KEY) is None
    assert list(storage.keys("blobs")) == []


def test_putting_again_replaces(place: str, source: Path) -> None:
    storage.put(KEY, source)
    source.write_bytes(b"mended")
    storage.put(KEY, source)
    assert default_storage.open(KEY).read() == b"mended"


def test_a_folder_takes_a_link_and_no_copy(own_files: Path, source: Path) -> None:
    storage.put(KEY, source)
    assert (own_files / KEY).stat().st_ino == source.stat().st_ino


def test_another_filesystem_costs_a_copy(
    own_files: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_link(*_: object) -> None:
        raise OSError("Invalid cross-device link")

    monkeypatch.setattr(os, "link", no_link)
    storage.put(KEY, source)
    assert (own_files / KEY).stat().st_ino != source.stat().st_ino
    assert (own_files / KEY).read_bytes() == source.read_bytes()


def test_a_write_that_breaks_off_leaves_nothing(
    own_files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: object, chunk_size: int | None = None) -> Iterator[bytes]:
        yield b"half of it"
        raise OSError("disk full")

    monkeypatch.setattr(ContentFile, "chunks", broken)
    with pytest.raises(OSError, match="disk full"):
        default_storage.save(KEY, ContentFile(b"all of it"))
    assert list(storage.keys("blobs")) == []


def test_trouble_has_one_name(
    own_files: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(storage, "_sync", full)
    with pytest.raises(StorageTrouble) as raised:
        storage.put(KEY, source)
    assert raised.value.key == KEY
    assert "No space left" in raised.value.reason
    assert list(storage.keys("blobs")) == []


def test_an_object_store_that_does_not_answer_is_trouble_too(
    object_store: str, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    default_storage.bucket.objects.all().delete()  # type: ignore[attr-defined]
    default_storage.bucket.delete()  # type: ignore[attr-defined]
    with pytest.raises(StorageTrouble):
        storage.put(KEY, source)


def test_stored_files_can_be_read_by_a_web_server_of_another_user(
    own_files: Path, source: Path
) -> None:
    source.chmod(0o600)
    storage.put(KEY, source)
    assert (own_files / KEY).stat().st_mode & 0o777 == 0o644


def test_the_digest_of_an_open_file_is_from_its_position_on() -> None:
    file = io.BytesIO(b"headbody")
    file.seek(4)
    assert storage.digest_of(file) == (hash_bytes(b"body").sha256, 4)
