"""The child's part in a picture that people show: pixels, infotext, and what is refused."""

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from registry import canvas
from registry.canvas import EXIF_IFD, USER_COMMENT, read_picture
from registry.faces import FORMATS
from registry.sandbox import Sandbox

SAID = "a fox <hypernet:ink:0.6>\nSteps: 20, Seed: 1"


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def commented(text: bytes, turned: int = 1) -> bytes:
    """As bytes: of an Exif object the AVIF writer keeps only the outermost directory."""
    exif = Image.Exif()
    exif[0x0112] = turned
    exif.get_ifd(EXIF_IFD)[USER_COMMENT] = text
    return exif.tobytes()


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_is_read_where_nothing_can_be_opened_any_more(
    kind: str, tmp_path: Path
) -> None:
    """Exif too, whose reader Pillow imports late."""
    text = b"UNICODE\0" + SAID.encode("utf-16-be")
    source, pixels = tmp_path / "picture", tmp_path / "pixels"
    source.write_bytes(saved(Image.new("RGB", (64, 32), "red"), kind, exif=commented(text, 6)))
    sandbox = Sandbox("registry.canvas")
    outcome = sandbox.run(
        "painting", parameters={"side": 16}, sources={"picture": source}, outputs={"pixels": pixels}
    )
    sandbox.close()

    assert outcome.refusal is None
    assert "limits" in outcome.confinement
    assert outcome.value == {"width": 8, "height": 16, "parameters": SAID}
    image = Image.frombytes("RGB", (8, 16), pixels.read_bytes())
    assert image.getpixel((4, 8)) == pytest.approx((255, 0, 0), abs=8)


@pytest.mark.parametrize(
    "comment",
    [
        b"UNICODE\0" + SAID.encode("utf-16-le"),
        b"UNICODE\0" + SAID.encode("utf-16-be"),
        b"ASCII\0\0\0" + SAID.encode(),
    ],
)
def test_a_comment_in_every_encoding(comment: bytes) -> None:
    data = saved(Image.new("RGB", (4, 4)), "JPEG", exif=commented(comment))

    assert read_picture(data, side=8)[1] == SAID


def test_the_text_of_a_png_wherever_it_stands() -> None:
    info = PngInfo()
    info.add_itxt("parameters", SAID)
    before = saved(Image.new("RGB", (4, 4)), "PNG", pnginfo=info)
    after = PngInfo()
    after.add_text("parameters", SAID, zip=True)
    late = saved(Image.new("RGB", (4, 4)), "PNG", pnginfo=after)

    assert read_picture(before, side=8)[1] == read_picture(late, side=8)[1] == SAID


def test_what_is_transparent_lies_on_white_and_nothing_is_enlarged() -> None:
    image, text = read_picture(saved(Image.new("RGBA", (4, 4), (0, 0, 0, 0)), "PNG"), side=64)

    assert (image.mode, image.size, text) == ("RGB", (4, 4), "")
    assert image.getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16", "CMYK"])
def test_every_kind_of_pixel_is_read(mode: str) -> None:
    kind = "JPEG" if mode == "CMYK" else "PNG"
    image, _ = read_picture(saved(Image.new(mode, (30, 20)), kind), side=16)

    assert (image.mode, max(image.size)) == ("RGB", 16)


def test_what_is_no_picture_and_what_is_too_large_are_told_apart(tmp_path: Path) -> None:
    class Job:
        parameters = {"side": 16}
        outputs: dict[str, int] = {}

        def __init__(self, data: bytes) -> None:
            self.sources = {"picture": memoryview(data)}

    large = saved(Image.new("1", (8000, 5001)), "PNG")
    assert canvas.painting(Job(large)) == {"problem": "too-many-pixels"}
    for data in (b"<svg/>", b"", saved(Image.new("RGB", (4, 4)), "GIF")):
        assert canvas.painting(Job(data)) == {"problem": "unreadable"}
