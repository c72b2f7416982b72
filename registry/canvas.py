"""What the sandboxed child does with a picture that people show: its pixels, and what it says.

As `registry.faces`: decoders are C on hostile bytes. The pixels leave by a file, the text by the
answer, both as data that nothing interprets.
"""

from __future__ import annotations

import codecs
import io
import os
import warnings
from collections.abc import Mapping
from typing import Any, Final, Protocol

from PIL import Image, ImageOps, UnidentifiedImageError

from registry.faces import FORMATS, MAX_PIXELS, TooManyPixels

MAX_TEXT: Final = 32_768
EXIF_IFD: Final = 0x8769
USER_COMMENT: Final = 0x9286

# Looked up late, where nothing can be opened any more.
for _name in ("utf-16-be", "utf-16-le", "ascii", "utf-8", "latin-1"):
    codecs.lookup(_name)


class Job(Protocol):
    """The part of `registry.forkserver.Job` that is used here."""

    @property
    def parameters(self) -> Mapping[str, Any]: ...
    @property
    def sources(self) -> Mapping[str, memoryview]: ...
    @property
    def outputs(self) -> Mapping[str, int]: ...


def painting(job: Job) -> dict[str, Any]:
    """Write the source `picture` to the output `pixels`: RGB, upright, no side longer than `side`.

    Answers `{"width", "height", "parameters"}`, the last being A1111's infotext or "", or
    `{"problem": …}`: `unreadable` or `too-many-pixels`.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image, text = read_picture(
                bytes(job.sources["picture"]), side=int(job.parameters["side"])
            )
    except (TooManyPixels, Image.DecompressionBombWarning, Image.DecompressionBombError):
        return {"problem": "too-many-pixels"}
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError):
        return {"problem": "unreadable"}
    pixels = memoryview(image.tobytes())
    while pixels:
        pixels = pixels[os.write(job.outputs["pixels"], pixels) :]
    return {"width": image.width, "height": image.height, "parameters": text}


def read_picture(data: bytes, *, side: int) -> tuple[Image.Image, str]:
    """RGB of the first frame, and the infotext. Raises TooManyPixels and what Pillow raises."""
    with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
        if opened.width * opened.height > MAX_PIXELS:
            raise TooManyPixels
        opened.draft("RGB", (side, side))  # a JPEG is read at the size that is needed
        opened.seek(0)
        opened.load()
        # After the pixels: a PNG may say what it says behind them.
        text, exif = _parameters(opened), opened.getexif()
        image = _opaque(opened)
    if max(image.size) > side:
        image = ImageOps.contain(image, (side, side), method=Image.Resampling.LANCZOS)
    image.info = {"exif": exif.tobytes()} if exif else {}
    return ImageOps.exif_transpose(image), text


def _opaque(image: Image.Image) -> Image.Image:
    """What is transparent lies on white."""
    if not image.has_transparency_data:
        return image.convert("RGB")
    clear = image.convert("RGBA")
    white = Image.new("RGBA", clear.size, "white")
    return Image.alpha_composite(white, clear).convert("RGB")


def _parameters(image: Image.Image) -> str:
    """Where A1111 writes it: a text chunk of a PNG, the user comment of everything else."""
    said = image.info.get("parameters")
    if not isinstance(said, str):
        said = _comment(image.getexif().get_ifd(EXIF_IFD).get(USER_COMMENT, b""))
    return said[:MAX_TEXT]


def _comment(value: object) -> str:
    """Exif's user comment: eight bytes that name the encoding, and the text."""
    if isinstance(value, str):
        return value
    if not isinstance(value, bytes):
        return ""
    kind, text = value[:8], value[8:]
    if kind.startswith(b"UNICODE"):
        # Big-endian as A1111 writes it; others write what their machine does.
        order = "utf-16-le" if text[1:2] == b"\0" else "utf-16-be"
        return text.decode(order, "replace")
    return text.decode("utf-8", "replace") if kind.startswith(b"ASCII") else ""


VERBS: Final = {"painting": painting}
