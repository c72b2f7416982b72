"""Reads a picture of the demo base model without any model: colours, masks and outlines.

This is the independent judge of "does the picture show what its prompt says". It knows how the
project draws, and nothing of how the pictures were made.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from inference.engine.demo.captions import BACKGROUNDS, COLOURS, PLACES, SIZES, SUBJECTS, Scene
from inference.engine.demo.scenes import SIDE, background, draw

BORDER = 6  # pixels at the edge of a picture that are background, whatever is in front
FOREIGN = 36.0  # a pixel farther than this from every colour of the background is the subject
OUTLINE = 40  # pixels of the square in which outlines are compared
Mask = NDArray[np.bool_]
Colours = NDArray[np.floating[Any]]
Outline = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Reading:
    """What a picture shows; ``subject`` is None where nothing stands before the background."""

    subject: str | None
    colour: str | None
    background: str
    size: str | None
    place: str | None

    def agrees(self, scene: Scene) -> bool:
        return all(
            getattr(self, part) == getattr(scene, part)
            for part in ("subject", "colour", "background", "size", "place")
        )


def read(picture: Image.Image) -> Reading:
    """Reads an RGB picture; one of another size than 128 × 128 is scaled first."""
    if picture.size != (SIDE, SIDE):
        picture = picture.resize((SIDE, SIDE), Image.Resampling.BOX)
    pixels = np.asarray(picture.convert("RGB"), dtype=np.float32)
    ground = _background_of(pixels)
    mask = _subject_mask(pixels, ground)
    if mask.sum() < 60:
        return Reading(None, None, ground, None, None)
    outline = _outline(mask)
    subject = min(SUBJECTS, key=lambda name: _unlike(outline, name))
    top, bottom, left, right = _bounds(mask)
    return Reading(
        subject=subject,
        colour=_colour_of(pixels[mask], subject),
        background=ground,
        size=_nearest_size((bottom - top) * (right - left), subject),
        place=_place((left + right) / 2 / SIDE),
    )


# --- the background ------------------------------------------------------------------------------


def _background_of(pixels: Colours) -> str:
    """The background whose edge looks most like this picture's."""
    edge = _edge(pixels)
    return min(BACKGROUNDS, key=lambda name: float(np.abs(edge - _edges(name)).mean()))


def _edge(pixels: Colours) -> Colours:
    """Median colour of each eighth of the left and right edge, from the top down: 8 × 3."""
    sides = np.concatenate([pixels[:, :BORDER], pixels[:, -BORDER:]], axis=1)
    edge: Colours = np.median(sides.reshape(8, -1, 3), axis=1)
    return edge


@cache
def _edges(name: str) -> Colours:
    drawn = [_edge(_pixels(background(name, seed))) for seed in range(8)]
    edge: Colours = np.mean(drawn, axis=0)
    return edge


def _subject_mask(pixels: Colours, ground: str) -> Mask:
    distance = np.linalg.norm(pixels[:, :, None, :] - _palette(ground), axis=3).min(axis=2)
    foreign = Image.fromarray((distance > FOREIGN).astype(np.uint8) * 255)
    opened = foreign.filter(ImageFilter.MinFilter(3)).filter(ImageFilter.MaxFilter(3))
    return _largest_part(np.asarray(opened) > 0)


@cache
def _palette(name: str) -> Colours:
    """Up to 24 colours that stand for all of a background's, its stars left out."""
    rows = [np.median(_pixels(background(name, seed)), axis=1) for seed in range(3)]
    hills = [_pixels(background(name, seed)).reshape(-1, 3)[::97] for seed in range(3)]
    colours = np.concatenate([*rows, *hills] if name != "night" else rows)
    kept: list[Colours] = []
    for colour in colours:
        if all(np.linalg.norm(colour - other) > 14 for other in kept):
            kept.append(colour)
    return np.stack(kept)


def _largest_part(mask: Mask) -> Mask:
    """The largest part of the mask that hangs together, gaps of four pixels bridged."""
    near = Image.fromarray(mask.astype(np.uint8) * 255).filter(ImageFilter.MaxFilter(5))
    left = np.asarray(near) > 0
    best = np.zeros_like(mask)
    while left.any():
        part = _flooded(left)
        left = left & ~part
        if (part & mask).sum() > best.sum():
            best = part & mask
    return best


def _flooded(mask: Mask) -> Mask:
    part = np.zeros_like(mask)
    part[np.unravel_index(int(mask.argmax()), mask.shape)] = True
    while True:
        grown = part.copy()
        grown[1:] |= part[:-1]
        grown[:-1] |= part[1:]
        grown[:, 1:] |= part[:, :-1]
        grown[:, :-1] |= part[:, 1:]
        grown &= mask
        if (grown == part).all():
            return part
        part = grown


# --- the subject ---------------------------------------------------------------------------------


def _bounds(mask: Mask) -> tuple[int, int, int, int]:
    """Top, bottom, left and right, the ends excluded."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def _outline(mask: Mask) -> Outline:
    """The mask cut to its bounds and stretched over a square; last, its proportions."""
    top, bottom, left, right = _bounds(mask)
    cut = Image.fromarray(mask[top:bottom, left:right].astype(np.uint8) * 255)
    square = np.asarray(cut.resize((OUTLINE, OUTLINE), Image.Resampling.BOX), dtype=np.float32)
    shape = np.full((4, OUTLINE), 127.5 * np.log((right - left) / (bottom - top)) + 127.5)
    return np.concatenate([square, shape.astype(np.float32)]) / 255


def _unlike(outline: Outline, subject: str) -> float:
    return min(float(np.abs(outline - known).mean()) for known in _outlines(subject))


@cache
def _known(subject: str) -> list[tuple[Scene, Mask, Colours]]:
    """Drawings of a subject in four colours and each size, on black, and where they show it."""
    scenes = [
        Scene(subject, colour, ground, size, "centre", seed)
        for ground, colour in (("black", "red"), ("black", "white"), ("sky", "blue"))
        for size in SIZES
        for seed in range(2)
    ]
    drawn = [(scene, _pixels(draw(scene))) for scene in scenes]
    return [(scene, _subject_mask(pixels, scene.background), pixels) for scene, pixels in drawn]


@cache
def _outlines(subject: str) -> list[Outline]:
    return [_outline(mask) for _, mask, _ in _known(subject)]


def _nearest_size(area: int, subject: str) -> str:
    return min(SIZES, key=lambda size: abs(np.log(area / _areas(subject)[size])))


@cache
def _areas(subject: str) -> dict[str, float]:
    areas: dict[str, list[int]] = {size: [] for size in SIZES}
    for scene, mask, _ in _known(subject):
        top, bottom, left, right = _bounds(mask)
        areas[scene.size].append((bottom - top) * (right - left))
    return {size: float(np.mean(each)) for size, each in areas.items()}


def _colour_of(pixels: Colours, subject: str) -> str:
    """The colour whose own drawings of this subject have the most alike mean and median."""
    seen = _tones(pixels)
    return min(COLOURS, key=lambda name: float(np.abs(seen - _tones_of(subject, name)).sum()))


def _tones(pixels: Colours) -> Colours:
    return np.stack([pixels.mean(axis=0), np.median(pixels, axis=0)])


@cache
def _tones_of(subject: str, colour: str) -> Colours:
    drawn = []
    for seed in range(2):
        pixels = _pixels(draw(Scene(subject, colour, "black", "medium", "centre", seed)))
        drawn.append(_tones(pixels[_subject_mask(pixels, "black")]))
    tones: Colours = np.mean(drawn, axis=0)
    return tones


def _place(x: float) -> str:
    return tuple(PLACES)[0 if x < 0.415 else 1 if x < 0.585 else 2]


def _pixels(picture: Image.Image) -> Colours:
    return np.asarray(picture, dtype=np.float32)
