"""Parts of files: what is asked, what is answered, byte for byte."""

import os
from pathlib import Path
from typing import Any

import pytest
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from registry.ranges import ByteRange, Unsatisfiable, asked_range, file_response

SIZE = 100
ETAG = '"abc"'


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-0", ByteRange(0, 0)),
        ("bytes=0-", ByteRange(0, 99)),
        ("bytes=99-", ByteRange(99, 99)),
        ("bytes=10-19", ByteRange(10, 19)),
        ("bytes=90-1000", ByteRange(90, 99)),
        ("bytes=-1", ByteRange(99, 99)),
        ("bytes=-1000", ByteRange(0, 99)),
        ("bytes = 10 - 19", ByteRange(10, 19)),
    ],
)
def test_one_part_is_understood(header: str, expected: ByteRange) -> None:
    assert asked_range(header, SIZE) == expected


@pytest.mark.parametrize(
    "header",
    ["bytes=", "bytes=-", "bytes=5-2", "bytes=a-b", "lines=0-1", "bytes=0-1,5-6", "bytes=0-1;", ""],
)
def test_what_is_malformed_or_several_parts_is_the_whole(header: str) -> None:
    assert asked_range(header, SIZE) is None


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_a_part_behind_the_end_cannot_be_had(header: str) -> None:
    with pytest.raises(Unsatisfiable):
        asked_range(header, SIZE)


@given(st.integers(0, 120), st.one_of(st.none(), st.integers(0, 120)))
def test_a_part_is_what_a_slice_would_be(first: int, last: int | None) -> None:
    content = bytes(range(SIZE))
    header = f"bytes={first}-{'' if last is None else last}"
    try:
        part = asked_range(header, SIZE)
    except Unsatisfiable:
        assert first >= SIZE
        return
    if part is None:
        assert last is not None and last < first
        return
    expected = content[first : None if last is None else last + 1]
    assert content[part.first : part.last + 1] == expected


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "file"
    file.write_bytes(bytes(range(SIZE)))
    return file


def answer(path: Path, method: str = "GET", **headers: str) -> tuple[Any, bytes]:
    request = RequestFactory().generic(method, "/", headers=headers)
    response: Any = file_response(request, path.open("rb"), etag=ETAG)
    body = b"".join(response.streaming_content) if response.streaming else response.content
    return response, body


def test_the_whole_file(path: Path) -> None:
    response, body = answer(path)
    assert response.status_code == 200
    assert body == path.read_bytes()
    assert response["Content-Length"] == "100"
    assert response["Accept-Ranges"] == "bytes"
    assert response["ETag"] == ETAG


def test_a_part(path: Path) -> None:
    response, body = answer(path, Range="bytes=10-19")
    assert response.status_code == 206
    assert body == bytes(range(10, 20))
    assert response["Content-Length"] == "10"
    assert response["Content-Range"] == "bytes 10-19/100"
    assert response["ETag"] == ETAG


def test_a_part_that_is_not_there(path: Path) -> None:
    response, body = answer(path, Range="bytes=100-")
    assert response.status_code == 416
    assert response["Content-Range"] == "bytes */100"
    assert body == b""


@pytest.mark.parametrize(
    ("condition", "status"), [(ETAG, 206), ('"other"', 200), ("W/" + ETAG, 200)]
)
def test_a_part_only_of_the_same_bytes(path: Path, condition: str, status: int) -> None:
    headers = {"Range": "bytes=10-19", "If-Range": condition}
    assert answer(path, **headers)[0].status_code == status


def test_head_tells_of_the_whole(path: Path) -> None:
    response, _ = answer(path, "HEAD", Range="bytes=10-19")
    assert response.status_code == 200
    assert response["Content-Length"] == "100"


@pytest.mark.django_db  # closing a response looks after connections
def test_the_file_is_closed_with_the_response(path: Path) -> None:
    for headers in ({}, {"Range": "bytes=1-2"}, {"Range": "bytes=100-"}):
        file = path.open("rb")
        request = RequestFactory().get("/", headers=headers)
        file_response(request, file, etag=ETAG).close()
        assert file.closed


@pytest.mark.django_db
def test_a_server_with_sendfile_finds_the_part(path: Path) -> None:
    """gunicorn sends `Content-Length` bytes from the descriptor's position on."""
    request = RequestFactory().get("/", headers={"Range": "bytes=10-19"})
    response: Any = file_response(request, path.open("rb"), etag=ETAG)
    assert os.lseek(response.file_to_stream.fileno(), 0, os.SEEK_CUR) == 10
    response.close()
