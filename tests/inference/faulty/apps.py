"""A render worker whose every step takes a while, so that it can be killed in any of them."""

import time
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from django.apps import AppConfig
from PIL import Image

PAUSE = 0.012


class SlowPainter(AppConfig):
    name = "tests.inference.faulty"

    def ready(self) -> None:
        from django.core.files.storage import default_storage

        from inference.models import Cell
        from inference.rendering import GridRendering
        from registry import storage
        from registry.models import Picture
        from tests.inference.conftest import painting

        def render(rendering: GridRendering, cells: Sequence[Cell]) -> list[Image.Image]:
            time.sleep(PAUSE * 4)
            # Other bits at each attempt: what a killed one announced is never found again.
            return [_marked(painting(cell), rendering.run.job.attempt) for cell in cells]

        patched: Any = GridRendering
        patched._render = render
        patched._infotext = lambda rendering, cell: f"{cell}"
        patched._done = _slow(patched._done)
        patched._picture_of = _slow(patched._picture_of)
        patched.encoder = None
        for owner, name in (
            (storage, "put_bytes"),
            (storage, "remove"),
            (type(default_storage), "_settle"),
            (Picture.objects, "create"),
        ):
            if hasattr(owner, name):
                setattr(owner, name, _slow(getattr(owner, name)))


def _marked(image: Image.Image, attempt: int) -> Image.Image:
    image.putpixel((0, 0), (attempt % 256, 0, 0))
    return image


def _slow(work: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(work)
    def slow(*args: Any, **words: Any) -> Any:
        time.sleep(PAUSE)
        result = work(*args, **words)
        time.sleep(PAUSE)
        return result

    return slow
