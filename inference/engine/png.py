"""PNGs that carry their infotext. Without torch: every process that renders or serves may ask."""

import io

from PIL import Image
from PIL.PngImagePlugin import PngInfo


def as_png(image: Image.Image, parameters: str) -> bytes:
    """With the infotext where A1111 and its clients look for it."""
    text = PngInfo()
    text.add_text("parameters", parameters)
    out = io.BytesIO()
    image.save(out, "PNG", pnginfo=text)
    return out.getvalue()
