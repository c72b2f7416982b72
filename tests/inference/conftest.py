"""Base models and painters for tests of grids."""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from PIL import Image

from inference.models import BaseModel, Cell
from inference.rendering import GridRendering
from inference.suites import add_suite


def make_base_model(**words: Any) -> BaseModel:
    """A row alone: nothing lies at its path."""
    name = words.setdefault("name", "Small SD")
    words.setdefault("hash", hashlib.sha256(name.encode()).hexdigest())
    words.setdefault("stands_for", ["SD 1.5"])
    base_model = BaseModel.objects.create(
        **{"family": "sd1", "path": "/nowhere", "width": 64, "height": 64, "steps": 4, **words}
    )
    add_suite(base_model)
    return base_model


@pytest.fixture
def base_model(db: None) -> BaseModel:
    """For networks made for SD 1.5; it measures nothing."""
    return make_base_model()


@pytest.fixture
def painted(monkeypatch: pytest.MonkeyPatch) -> list[list[Cell]]:
    """Rows are painted at once, by a picture of (prompt, seed, multiplier); which were asked."""
    asked: list[list[Cell]] = []

    def render(self: GridRendering, cells: Sequence[Cell]) -> list[Image.Image]:
        asked.append(list(cells))
        return [painting(cell) for cell in cells]

    monkeypatch.setattr(GridRendering, "_render", render)
    monkeypatch.setattr(GridRendering, "_infotext", lambda self, cell: f"{cell}")
    return asked


def painting(cell: Cell) -> Image.Image:
    """Moves away from the base's picture as the multiplier grows."""
    seed = int.from_bytes(hashlib.sha256(cell.prompt.encode()).digest()[:4], "big") + cell.seed
    chance = np.random.default_rng(seed)
    start, end = chance.integers(0, 256, (2, 8, 8, 3)).astype(float)
    pixels = start + (end - start) * min(1.0, cell.multiplier)
    image = Image.fromarray(pixels.astype(np.uint8))
    return image.resize((64, 64), Image.Resampling.BICUBIC)


Painted = list[list[Cell]]
MakeBaseModel = Callable[..., BaseModel]
