"""The child's part in a profile picture: what is read, what is refused, and under which limits."""

import base64
import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from registry import faces
from registry.sandbox import Sandbox


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def square(data: bytes, side: int = 16) -> dict[str, str]:
    source = memoryview(data)
    return faces.square(SimpleNamespace(parameters={"side": side}, sources={"picture": source}))


@pytest.mark.parametrize("kind", faces.FORMATS)
def test_every_format_is_read_where_nothing_can_be_opened_any_more(
    kind: str, tmp_path: Path
) -> None:
    """Exif too: Pillow imports its reader late, and AVIF's would like more threads."""
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "picture"
    path.write_bytes(saved(Image.new("RGB", (64, 48), "red"), kind, exif=exif))
    sandbox = Sandbox("registry.faces")
    outcome = sandbox.run("square", parameters={"side": 8}, sources={"picture": path})
    sandbox.close()

    assert outcome.refusal is None
    assert "limits" in outcome.confinement
    pixels = base64.b64decode(outcome.value["pixels"])
    assert Image.frombytes("RGBA", (8, 8), pixels).getpixel((4, 4)) == pytest.approx(
        (255, 0, 0, 255), abs=8
    )


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
def test_every_kind_of_pixel_is_read(mode: str) -> None:
    assert len(base64.b64decode(square(saved(Image.new(mode, (30, 20)), "PNG"))["pixels"])) == 1024


def test_what_is_no_picture_and_what_is_too_large_are_told_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = saved(Image.new("1", (8000, 5001)), "PNG")
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda *_: pytest.fail("it was read"))

    assert square(data) == {"problem": "too-many-pixels"}
    assert square(b"<svg/>") == square(b"") == {"problem": "unreadable"}
