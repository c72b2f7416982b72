"""The sets of drawn pictures that the stages learn from, drawn once and kept in the work folder."""

import random
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inference.engine.demo.captions import Scene
from inference.engine.demo.scenes import draw
from inference.engine.demo.textures import disturbed

Bytes = NDArray[np.uint8]


def scenes(count: int, seed: int) -> list[Scene]:
    chance = random.Random(seed)
    return [Scene.random(chance) for _ in range(count)]


def drawn(count: int, *, seed: int, work: Path) -> Bytes:
    """The pictures of ``scenes(count, seed)``: count × SIDE × SIDE × 3."""
    return _kept(work / f"scenes-{seed}-{count}.npy", _draw, scenes(count, seed))


def disturbed_words(count: int, seed: int) -> list[str]:
    """What was done to each picture of ``drawn_and_disturbed``."""
    return [_disturb(scene)[1] for scene in scenes(count, seed)]


def drawn_and_disturbed(count: int, *, seed: int, work: Path) -> Bytes:
    return _kept(work / f"disturbed-{seed}-{count}.npy", _draw_disturbed, scenes(count, seed))


def as_tensor(pictures: Bytes | list[Bytes]) -> Tensor:
    """N × 3 × H × W from -1 to 1, as Stable Diffusion's autoencoder takes it."""
    pixels = torch.from_numpy(np.array(pictures)).permute(0, 3, 1, 2)
    return (pixels.float() / 127.5 - 1).contiguous()


def _draw(scene: Scene) -> Bytes:
    return np.asarray(draw(scene))


def _disturb(scene: Scene) -> tuple[Bytes, str]:
    picture, word = disturbed(draw(scene), random.Random(scene.seed))
    return np.asarray(picture), word


def _draw_disturbed(scene: Scene) -> Bytes:
    return _disturb(scene)[0]


def _kept(file: Path, draw_one: Callable[[Scene], Bytes], wanted: list[Scene]) -> Bytes:
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        with ProcessPoolExecutor() as pool:
            pictures = np.stack(list(pool.map(draw_one, wanted, chunksize=64)))
        unfinished = file.with_suffix(".part.npy")
        np.save(unfinished, pictures)
        unfinished.replace(file)
    kept: Bytes = np.load(file, mmap_mode="r")
    return kept
