"""Pictures for tests: drawn, stored, and with a row."""

import io

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from registry import pictures
from registry.models import Picture, Version


def png(width: int = 96, height: int = 64, *, seed: int = 0, parameters: str = "") -> bytes:
    """Smooth colours, other ones for each seed."""
    chance = np.random.default_rng(seed)
    corners = chance.integers(0, 256, (3, 3, 3), dtype=np.uint8)
    image = Image.fromarray(corners).resize((width, height), Image.Resampling.BICUBIC)
    text = PngInfo()
    if parameters:
        text.add_text("parameters", parameters)
    out = io.BytesIO()
    image.save(out, "PNG", pnginfo=text)
    return out.getvalue()


def picture_of(version: Version, content: bytes | None = None, **words: object) -> Picture:
    """A stored preview of a version."""
    with pictures.stored(content or png()) as stored:
        picture = Picture.objects.create(
            **vars(stored), owner=version.network.creator, is_preview=True, **words
        )
        picture.versions.add(version)
    return picture
