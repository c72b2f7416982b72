"""The text in a PNG, found without decoding it, in bounds however the file lies."""

import io
import zlib

import pytest

from registry.png_text import MAX_TEXT, SIGNATURE, NotAPng, parameters_of
from tests.pictures import png


def chunk(kind: bytes, data: bytes, *, size: int | None = None) -> bytes:
    length = (len(data) if size is None else size).to_bytes(4, "big")
    return length + kind + data + b"\0\0\0\0"


def read(*chunks: bytes) -> str:
    return parameters_of(io.BytesIO(SIGNATURE + b"".join(chunks) + chunk(b"IEND", b"")))


def test_of_a_picture_as_the_webui_saves_it() -> None:
    picture = png(parameters="a fox <hypernet:ink:0.5>\nSteps: 20, Seed: 1")

    assert parameters_of(io.BytesIO(picture)) == "a fox <hypernet:ink:0.5>\nSteps: 20, Seed: 1"


def test_a_picture_that_says_nothing() -> None:
    assert parameters_of(io.BytesIO(png())) == ""


@pytest.mark.parametrize(
    "found",
    [
        chunk(b"tEXt", "parameters\0夏".encode()),
        chunk(b"zTXt", b"parameters\0\0" + zlib.compress("夏".encode())),
        chunk(b"iTXt", b"parameters\0\0\0en\0\0" + "夏".encode()),
        chunk(b"iTXt", b"parameters\0\1\0\0\0" + zlib.compress("夏".encode())),
    ],
)
def test_each_kind_of_text(found: bytes) -> None:
    assert read(chunk(b"tEXt", b"Software\0x"), found) == "夏"


def test_latin_1_as_the_standard_has_it() -> None:
    assert read(chunk(b"tEXt", b"parameters\0\xe9t\xe9")) == "été"


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt"])
def test_a_small_chunk_that_holds_much_is_cut(kind: bytes) -> None:
    bomb = zlib.compress(b"a" * 50_000_000)
    head = b"parameters\0\0" if kind == b"zTXt" else b"parameters\0\1\0\0\0"

    assert read(chunk(kind, head + bomb)) == "a" * MAX_TEXT


@pytest.mark.parametrize(
    "chunks",
    [
        [],
        [chunk(b"tEXt", b"parameters")],
        [chunk(b"tEXt", b"parameters\0text", size=2**32 - 1)],
        [chunk(b"zTXt", b"parameters\0\0not deflated")],
        [chunk(b"iTXt", b"parameters\0")],
        [b"\0\0"],
    ],
)
def test_what_is_broken_says_nothing(chunks: list[bytes]) -> None:
    assert read(*chunks) == ""


@pytest.mark.parametrize("content", [b"", b"\xff\xd8\xff\xe0 a JPEG", SIGNATURE[:4]])
def test_what_is_no_png_is_refused(content: bytes) -> None:
    with pytest.raises(NotAPng):
        parameters_of(io.BytesIO(content))
