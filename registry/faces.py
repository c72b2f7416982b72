"""What the sandboxed child does with an uploaded picture: only the pixels of a square leave it.

Pillow's decoders are C on hostile bytes, so they run under `registry.confinement`. What they would
import late is imported here, before the child can open nothing any more.
"""

from __future__ import annotations

import base64
import io
import warnings
from collections.abc import Mapping
from typing import Any, Final, Protocol

from PIL import (
    AvifImagePlugin,
    Image,
    ImageOps,
    JpegImagePlugin,  # noqa: F401
    MpoImagePlugin,  # noqa: F401
    PngImagePlugin,  # noqa: F401
    TiffImagePlugin,  # noqa: F401 - reads Exif
    UnidentifiedImageError,
    WebPImagePlugin,  # noqa: F401
)

FORMATS: Final = ("PNG", "JPEG", "WEBP", "AVIF")
MAX_PIXELS: Final = 40_000_000

Image.preinit()
# A second thread would need calls that are sealed.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1


class Job(Protocol):
    """The part of `registry.forkserver.Job` that is used here."""

    @property
    def parameters(self) -> Mapping[str, Any]: ...
    @property
    def sources(self) -> Mapping[str, memoryview]: ...


class TooManyPixels(Exception):
    """More than MAX_PIXELS."""


def square(job: Job) -> dict[str, str]:
    """`{"pixels": …}` of the source `picture`: RGBA in base64, of the parameter `side` squared.

    Or `{"problem": …}`: `unreadable` or `too-many-pixels`.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            pixels = square_of(bytes(job.sources["picture"]), side=int(job.parameters["side"]))
    except (TooManyPixels, Image.DecompressionBombWarning, Image.DecompressionBombError):
        return {"problem": "too-many-pixels"}
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError):
        return {"problem": "unreadable"}
    return {"pixels": base64.b64encode(pixels).decode()}


def square_of(data: bytes, *, side: int) -> bytes:
    """RGBA bytes: upright, cut to the middle. Raises TooManyPixels and what Pillow raises."""
    with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
        if opened.width * opened.height > MAX_PIXELS:
            raise TooManyPixels
        opened.draft("RGB", (side * 2, side * 2))  # a JPEG is read at the size that is needed
        opened.seek(0)
        pixels = opened.convert("RGBA")
        # Of what was read: a PNG may tell which side is up after its pixels.
        orientation = opened.getexif()
    middle = ImageOps.fit(pixels, (side, side), method=Image.Resampling.LANCZOS)
    middle.info = {"exif": orientation.tobytes()} if orientation else {}
    # The middle of a picture that is turned is the turned middle.
    return ImageOps.exif_transpose(middle).tobytes()


VERBS: Final = {"square": square}
