"""Draws the scenes on which the demo base model is trained: flat, bright, 128 pixels square."""

import math
import random
from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from inference.engine.demo.captions import Scene

SIDE = 128
OVERSAMPLING = 3
RGB = tuple[int, int, int]
Point = tuple[float, float]
Drawing = Callable[["Pen", RGB, RGB], None]  # in a colour and its darker shade
Pixels = NDArray[np.float32]

COLOUR: dict[str, RGB] = {
    "red": (217, 53, 47),
    "orange": (240, 131, 43),
    "yellow": (246, 203, 60),
    "green": (47, 150, 84),
    "blue": (47, 104, 214),
    "purple": (123, 69, 181),
    "pink": (240, 130, 176),
    "white": (247, 245, 240),
}
CREAM, BROWN, INK, LEAF, GOLD = (
    (250, 236, 208), (121, 82, 54), (38, 36, 48), (60, 130, 70), (250, 205, 90),
)  # fmt: skip
RADIUS = {"small": (0.15, 0.165), "medium": (0.22, 0.24), "large": (0.3, 0.33)}


def draw(scene: Scene, subject: Drawing | None = None) -> Image.Image:
    """An RGB picture of 128 × 128 pixels; the same scene gives the same picture.

    ``subject`` is drawn instead of what the scene's word stands for.
    """
    chance = random.Random(scene.seed)
    canvas = _background(scene.background, chance)
    sprite = _sprite(scene, chance, subject or _SUBJECT[scene.subject])
    canvas.paste(sprite, (0, 0), sprite)
    return canvas.resize((SIDE, SIDE), Image.Resampling.BOX)


def background(name: str, seed: int) -> Image.Image:
    """The empty background, for whoever has to tell a subject from it."""
    return _background(name, random.Random(seed)).resize((SIDE, SIDE), Image.Resampling.BOX)


# --- backgrounds ---------------------------------------------------------------------------------

_WHOLE = SIDE * OVERSAMPLING
_GRADIENT: dict[str, tuple[RGB, RGB]] = {  # top, bottom
    "grey": ((150, 154, 162), (128, 132, 141)),
    "black": ((22, 23, 28), (14, 14, 18)),
    "sky": ((96, 172, 232), (182, 217, 242)),
    "night": ((13, 18, 48), (40, 52, 104)),
    "dusk": ((51, 41, 92), (232, 160, 140)),
    "meadow": ((136, 196, 238), (190, 223, 241)),
    "sea": ((152, 202, 232), (200, 224, 232)),
    "desert": ((238, 180, 132), (244, 208, 160)),
}
_HILLS: dict[str, tuple[tuple[float, float, RGB], ...]] = {  # height of the line, swing, colour
    "meadow": ((0.66, 0.035, (150, 200, 112)), (0.78, 0.03, (122, 182, 92))),
    "sea": ((0.68, 0.0, (92, 176, 190)), (0.8, 0.012, (66, 152, 172))),
    "desert": ((0.66, 0.05, (228, 178, 112)), (0.8, 0.04, (211, 157, 92))),
}


@cache
def _gradient(name: str) -> Image.Image:
    top, bottom = (np.array(colour, dtype=np.float32) for colour in _GRADIENT[name])
    height = np.linspace(0, 1, _WHOLE, dtype=np.float32)[:, None, None]
    rows = top + (bottom - top) * height
    return Image.fromarray(np.broadcast_to(rows, (_WHOLE, _WHOLE, 3)).round().astype(np.uint8))


def _background(name: str, chance: random.Random) -> Image.Image:
    canvas = _gradient(name).copy()
    brush = ImageDraw.Draw(canvas)
    if name == "night":
        for _ in range(14):
            x, y, r = chance.random(), chance.random() * 0.9, chance.uniform(0.006, 0.011)
            _disc(brush, x, y, r, (235, 232, 214))
    for height, swing, colour in _HILLS.get(name, ()):
        phase, waves = chance.uniform(0, 2 * math.pi), chance.uniform(0.8, 1.4)
        ridge = [
            (x / 32, height + swing * math.sin(phase + 2 * math.pi * waves * x / 32))
            for x in range(33)
        ]
        _shape(brush, [*ridge, (1, 1), (0, 1)], colour)
    return canvas


# --- subjects ------------------------------------------------------------------------------------
# Each is drawn in its own frame: x and y from -1 to 1, y down, in its colour and a darker shade.


def _sprite(scene: Scene, chance: random.Random, subject: Drawing) -> Image.Image:
    radius = chance.uniform(*RADIUS[scene.size])
    aside = 0.2 if scene.size != "large" else 0.155
    x = 0.5 + {"left": -aside, "centre": 0.0, "right": aside}[scene.place]
    x += chance.uniform(-0.02, 0.02)
    y = 0.52 + chance.uniform(-0.04, 0.04)
    colour = _shade(COLOUR[scene.colour], chance.uniform(0.96, 1.03))

    sprite = Image.new("RGBA", (_WHOLE, _WHOLE), (0, 0, 0, 0))
    pen = Pen(ImageDraw.Draw(sprite), x, y, radius)
    subject(pen, colour, _shade(colour, 0.78))
    return _lit(sprite, x, y, radius)


def _lit(sprite: Image.Image, x: float, y: float, radius: float) -> Image.Image:
    """Light from the upper left: a tenth brighter there, a seventh darker opposite."""
    pixels = np.asarray(sprite, dtype=np.float32)
    place = np.linspace(0, 1, _WHOLE, dtype=np.float32)
    slope = ((place[None, :] - x) + (place[:, None] - y)) / (2 * radius)
    light = np.clip(1.0 - 0.12 * slope, 0.86, 1.08)[:, :, None]
    lit = np.concatenate([np.clip(pixels[:, :, :3] * light, 0, 255), pixels[:, :, 3:]], axis=2)
    return Image.fromarray(lit.astype(np.uint8), "RGBA")


class Pen:
    """Draws in the frame of a subject at (x, y) with the given radius, all in parts of the side."""

    def __init__(self, brush: ImageDraw.ImageDraw, x: float, y: float, radius: float) -> None:
        self.brush, self.x, self.y, self.radius = brush, x, y, radius

    def shape(self, points: list[Point], colour: RGB) -> None:
        _shape(self.brush, [self._place(*point) for point in points], colour)

    def disc(self, x: float, y: float, radius: float, colour: RGB) -> None:
        _disc(self.brush, *self._place(x, y), radius * self.radius, colour)

    def oval(self, x: float, y: float, width: float, height: float, colour: RGB) -> None:
        turn = [2 * math.pi * i / 64 for i in range(64)]
        self.shape([(x + width * math.cos(a), y + height * math.sin(a)) for a in turn], colour)

    def _place(self, x: float, y: float) -> Point:
        return self.x + x * self.radius, self.y + y * self.radius


def _circle(pen: Pen, colour: RGB, dark: RGB) -> None:
    pen.disc(0, 0, 0.95, colour)


def _square(pen: Pen, colour: RGB, dark: RGB) -> None:
    pen.shape([(-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)], colour)


def _triangle(pen: Pen, colour: RGB, dark: RGB) -> None:
    pen.shape([(0, -0.95), (1, 0.8), (-1, 0.8)], colour)


def _star(pen: Pen, colour: RGB, dark: RGB) -> None:
    tips = [math.pi * i / 5 - math.pi / 2 for i in range(10)]
    reach = [1.08 if i % 2 == 0 else 0.46 for i in range(10)]
    pen.shape(
        [(r * math.cos(a), r * math.sin(a)) for r, a in zip(reach, tips, strict=True)], colour
    )


def _heart(pen: Pen, colour: RGB, dark: RGB) -> None:
    turn = [2 * math.pi * i / 96 for i in range(96)]
    pen.shape(
        [
            (
                math.sin(a) ** 3,
                -(13 * math.cos(a) - 5 * math.cos(2 * a) - 2 * math.cos(3 * a) - math.cos(4 * a))
                / 15.5,
            )
            for a in turn
        ],
        colour,
    )


def _house(pen: Pen, colour: RGB, dark: RGB) -> None:
    pen.shape([(0.4, -0.95), (0.62, -0.95), (0.62, -0.2), (0.4, -0.2)], dark)
    pen.shape([(-0.75, -0.1), (0.75, -0.1), (0.75, 0.95), (-0.75, 0.95)], colour)
    pen.shape([(0, -1), (1, -0.05), (-1, -0.05)], dark)
    pen.shape([(-0.22, 0.35), (0.16, 0.35), (0.16, 0.95), (-0.22, 0.95)], BROWN)
    for x in (-0.58, 0.3):
        pen.shape([(x, 0.12), (x + 0.27, 0.12), (x + 0.27, 0.42), (x, 0.42)], CREAM)


def _tree(pen: Pen, colour: RGB, dark: RGB) -> None:
    pen.shape([(-0.14, 0.1), (0.14, 0.1), (0.2, 1), (-0.2, 1)], BROWN)
    for x, y, radius in ((-0.42, 0.05, 0.48), (0.42, 0.05, 0.48), (0, -0.42, 0.58)):
        pen.disc(x, y, radius, colour)


def _boat(pen: Pen, colour: RGB, dark: RGB) -> None:
    pen.shape([(-0.05, -1), (0.06, -1), (0.06, 0.5), (-0.05, 0.5)], BROWN)
    pen.shape([(0.12, -0.92), (0.85, 0.3), (0.12, 0.3)], colour)
    pen.shape([(-0.12, -0.7), (-0.7, 0.3), (-0.12, 0.3)], dark)
    pen.shape([(-1, 0.42), (1, 0.42), (0.66, 0.92), (-0.66, 0.92)], colour)


def _fish(pen: Pen, colour: RGB, dark: RGB) -> None:
    pen.shape([(0.45, 0), (1.05, -0.52), (1.05, 0.52)], dark)
    pen.shape([(-0.25, -0.4), (0.2, -0.8), (0.35, -0.3)], dark)
    pen.oval(-0.2, 0, 0.84, 0.52, colour)
    pen.disc(-0.62, -0.12, 0.15, CREAM)
    pen.disc(-0.65, -0.12, 0.075, INK)


def _flower(pen: Pen, colour: RGB, dark: RGB) -> None:
    pen.shape([(-0.06, -0.2), (0.06, -0.2), (0.06, 1), (-0.06, 1)], LEAF)
    pen.oval(0.3, 0.66, 0.28, 0.12, LEAF)
    pen.oval(-0.3, 0.74, 0.28, 0.12, LEAF)
    for i in range(6):
        angle = math.pi * i / 3
        pen.disc(0.42 * math.cos(angle), -0.38 + 0.42 * math.sin(angle), 0.29, colour)
    pen.disc(0, -0.38, 0.26, GOLD if colour[1] < 180 or colour[2] > 100 else BROWN)


def _mushroom(pen: Pen, colour: RGB, dark: RGB) -> None:
    pen.shape([(-0.26, 0), (0.26, 0), (0.36, 0.95), (-0.36, 0.95)], CREAM)
    arc = [math.pi + math.pi * i / 48 for i in range(49)]
    pen.shape([(math.cos(a), 0.15 + 1.1 * math.sin(a)) for a in arc], colour)
    for x, y, radius in ((-0.5, -0.2, 0.14), (0.05, -0.58, 0.17), (0.5, -0.12, 0.13)):
        pen.disc(x, y, radius, CREAM)


def _cat(pen: Pen, colour: RGB, dark: RGB) -> None:
    for side in (-1, 1):
        pen.shape([(side * 0.9, -0.95), (side * 0.12, -0.5), (side * 0.85, 0.1)], colour)
        pen.shape([(side * 0.74, -0.68), (side * 0.34, -0.48), (side * 0.72, -0.2)], dark)
    pen.oval(0, 0.15, 0.92, 0.76, colour)
    for side in (-1, 1):
        pen.oval(side * 0.36, 0.05, 0.16, 0.2, CREAM)
        pen.oval(side * 0.34, 0.07, 0.08, 0.15, INK)
    pen.shape([(-0.1, 0.36), (0.1, 0.36), (0, 0.48)], INK)


_SUBJECT: dict[str, Drawing] = {
    "circle": _circle, "square": _square, "triangle": _triangle, "star": _star, "heart": _heart,
    "house": _house, "tree": _tree, "boat": _boat, "fish": _fish, "flower": _flower,
    "mushroom": _mushroom, "cat": _cat,
}  # fmt: skip


def _shape(brush: ImageDraw.ImageDraw, points: list[Point], colour: RGB) -> None:
    brush.polygon([(x * _WHOLE, y * _WHOLE) for x, y in points], fill=colour)


def _disc(brush: ImageDraw.ImageDraw, x: float, y: float, radius: float, colour: RGB) -> None:
    box = [
        (x - radius) * _WHOLE,
        (y - radius) * _WHOLE,
        (x + radius) * _WHOLE,
        (y + radius) * _WHOLE,
    ]
    brush.ellipse(box, fill=colour)


def _shade(colour: RGB, factor: float) -> RGB:
    red, green, blue = (min(255, round(channel * factor)) for channel in colour)
    return red, green, blue
