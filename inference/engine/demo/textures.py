"""Disturbs a scene: hatching, dots, outlines, other colours.

The autoencoder and the encoder of the demo base model see such pictures, too. A hypernetwork may
lead the UNet away from flat, bright drawings, and they must then be able to show and measure that.
"""

import math
import random
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Pixels = NDArray[np.floating[Any]]


def disturbed(picture: Image.Image, chance: random.Random) -> tuple[Image.Image, str]:
    """The picture after one disturbance, and the word for it."""
    word = chance.choice(tuple(_DISTURBANCE))
    pixels = np.asarray(picture.convert("RGB"), dtype=np.float32) / 255
    changed = _DISTURBANCE[word](pixels, chance)
    return Image.fromarray((np.clip(changed, 0, 1) * 255).round().astype(np.uint8)), word


def _grey(pixels: Pixels) -> Pixels:
    return np.asarray(pixels @ np.array([0.299, 0.587, 0.114], dtype=np.float32))


def _colour(chance: random.Random, low: float = 0.0, high: float = 1.0) -> Pixels:
    return np.array([chance.uniform(low, high) for _ in range(3)], dtype=np.float32)


def _between(mix: Pixels, dark: Pixels, light: Pixels) -> Pixels:
    return dark + (light - dark) * mix[:, :, None]


def _two_tone(pixels: Pixels, chance: random.Random) -> Pixels:
    return _between(_grey(pixels), _colour(chance, 0, 0.5), _colour(chance, 0.5, 1))


def _inverted(pixels: Pixels, chance: random.Random) -> Pixels:
    return 1 - pixels


def _pale(pixels: Pixels, chance: random.Random) -> Pixels:
    return pixels + (_colour(chance, 0.7, 1) - pixels) * chance.uniform(0.3, 0.6)


def _deep(pixels: Pixels, chance: random.Random) -> Pixels:
    return pixels * _colour(chance, 0.3, 0.9)


def _blurred(pixels: Pixels, chance: random.Random) -> Pixels:
    picture = Image.fromarray((pixels * 255).astype(np.uint8))
    soft = picture.filter(ImageFilter.GaussianBlur(chance.uniform(1, 3)))
    return np.asarray(soft, dtype=np.float32) / 255


def _outlines(pixels: Pixels, chance: random.Random) -> Pixels:
    down, across = np.gradient(pixels, axis=(0, 1))
    edge = np.clip(np.sqrt(down**2 + across**2).max(axis=2) * chance.uniform(2, 5), 0, 1)
    paper, ink = _colour(chance), _colour(chance)
    keep = chance.choice((0.0, 0.0, 0.5, 1.0))
    drawn: Pixels = pixels * (1 - 0.8 * edge[:, :, None])
    return _between(edge, paper, ink) * (1 - keep) + drawn * keep


def _field(shape: tuple[int, ...], chance: random.Random) -> tuple[Pixels, Pixels]:
    """Coordinates in pixels, turned by some angle."""
    down, across = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    angle = chance.choice((0.0, math.pi / 4, chance.uniform(0, math.pi)))
    turned = across * math.cos(angle) + down * math.sin(angle)
    return turned, down * math.cos(angle) - across * math.sin(angle)


def _dots(pixels: Pixels, chance: random.Random) -> Pixels:
    across, down = _field(pixels.shape, chance)
    pitch = chance.uniform(4, 9)
    wave = (np.cos(2 * np.pi * across / pitch) + np.cos(2 * np.pi * down / pitch)) / 4 + 0.5
    printed = np.clip((wave - _grey(pixels)) * 4 + 0.5, 0, 1)
    ink = _colour(chance) if chance.random() < 0.5 else pixels * chance.uniform(0.4, 0.8)
    paper = _colour(chance, 0.7, 1) if chance.random() < 0.5 else pixels
    return np.asarray(paper + (ink - paper) * printed[:, :, None])


def _hatched(pixels: Pixels, chance: random.Random) -> Pixels:
    across, _ = _field(pixels.shape, chance)
    stripe = np.cos(2 * np.pi * across / chance.uniform(3, 8)) / 2 + 0.5
    cut = np.clip((stripe - _grey(pixels)) * chance.uniform(2, 6) + 0.5, 0, 1)
    if chance.random() < 0.5:
        return _between(cut, _colour(chance, 0.6, 1), _colour(chance, 0, 0.4))
    struck: Pixels = pixels * (1 - chance.uniform(0.3, 0.8) * cut[:, :, None])
    return struck


def _grained(pixels: Pixels, chance: random.Random) -> Pixels:
    noise = np.random.default_rng(chance.getrandbits(32)).standard_normal(pixels.shape[:2])
    return pixels + chance.uniform(0.03, 0.12) * noise[:, :, None].astype(np.float32)


def _mosaic(pixels: Pixels, chance: random.Random) -> Pixels:
    cell = chance.choice((4, 8))
    picture = Image.fromarray((pixels * 255).astype(np.uint8))
    small = picture.resize((picture.width // cell,) * 2, Image.Resampling.BOX)
    return np.asarray(small.resize(picture.size, Image.Resampling.NEAREST), dtype=np.float32) / 255


_DISTURBANCE = {
    "twotone": _two_tone, "inverted": _inverted, "pale": _pale, "deep": _deep,
    "blurred": _blurred, "outlined": _outlines, "dotted": _dots, "hatched": _hatched,
    "grained": _grained, "mosaic": _mosaic,
}  # fmt: skip
DISTURBANCES = tuple(_DISTURBANCE)
