"""Bytes come from a mapping, or from a far file of which little is read."""

import io
from pathlib import Path

import pytest

from registry.formats import source
from registry.formats.errors import EmptyFile, LargeFile, UnreadableFile
from registry.formats.source import HEAD_BYTES, mapped, remote


class Counted(io.BytesIO):
    """A file that counts how often it is read, and how much."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.reads: list[int] = []

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.reads.append(len(data))
        return data


def test_a_file_is_mapped_and_its_views_are_not_copies(tmp_path: Path) -> None:
    file = tmp_path / "net.pt"
    file.write_bytes(b"0123456789")
    found = mapped(file)

    assert found.size == 10
    assert bytes(found.view(2, 3)) == b"234"
    assert found.view(2, 3).obj is found.view(0, 10).obj
    assert found.view(2, 3).readonly


def test_a_view_past_the_end_is_short() -> None:
    assert bytes(mapped(b"0123").view(2, 9)) == b"23"
    assert bytes(remote(io.BytesIO(b"0123")).view(2, 9)) == b"23"
    assert bytes(remote(io.BytesIO(b"0123")).view(7, 9)) == b""


def test_a_far_file_is_read_once_at_its_beginning() -> None:
    file = Counted(bytes(HEAD_BYTES) + b"tail")
    found = remote(file)

    assert found.view(0, 4) == found.view(HEAD_BYTES - 4, 4) == bytes(4)
    assert file.reads == [HEAD_BYTES]
    assert bytes(found.view(HEAD_BYTES, 4)) == b"tail"
    assert file.reads == [HEAD_BYTES, 4]


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.pt").touch()

    for opening in (lambda: mapped(tmp_path / "empty.pt"), lambda: remote(io.BytesIO())):
        with pytest.raises(EmptyFile):
            opening()


def test_a_file_beyond_the_cap_is_refused_before_it_is_mapped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "MAX_FILE_BYTES", 4)
    (tmp_path / "large.pt").write_bytes(b"01234")

    with pytest.raises(LargeFile) as caught:
        mapped(tmp_path / "large.pt")
    assert caught.value.data() == {"size": 5, "limit": 4}


def test_a_file_that_is_not_there_is_a_refusal_too(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="No such file"):
        mapped(tmp_path / "missing.pt")
