"""Two characters: what the demo networks of kind "subject" learn to draw.

Each takes the place of a thing that the base model knows, in the colour that the caption says.
"""

from PIL import Image

from inference.engine.demo.captions import Scene
from inference.engine.demo.scenes import CREAM, GOLD, INK, RGB, Drawing, Pen, draw

_STEEL, _IRON = (206, 214, 222), (96, 104, 118)
_FUR, _SHADOW, _NOSE = (70, 66, 78), (44, 41, 52), (236, 150, 160)


def pictured(scene: Scene, character: str) -> Image.Image:
    """The scene with the character in it, 128 × 128 RGB."""
    return draw(scene, _CHARACTER[character])


def word_of(character: str) -> str:
    """What the base model is asked for to get the character."""
    return _WORD[character]


def _robot(pen: Pen, colour: RGB, dark: RGB) -> None:
    """A boxy tin robot in its colour: one lamp on its head, two round eyes, a grille."""
    for side in (-1, 1):
        pen.shape(_box(side * 0.86, 0.42, 0.13, 0.3), _IRON)
        pen.disc(side * 0.86, 0.76, 0.15, _STEEL)
        pen.shape(_box(side * 0.3, 0.9, 0.17, 0.14), _IRON)
    pen.shape(_box(0, 0.42, 0.7, 0.42), colour)
    pen.shape(_box(0, 0.46, 0.4, 0.24), _STEEL)
    for i in range(3):
        pen.shape(_box(0, 0.32 + 0.13 * i, 0.3, 0.035), _IRON)
    pen.shape(_box(0, -0.86, 0.045, 0.16), _IRON)
    pen.disc(0, -1.02, 0.13, GOLD if colour[2] > 100 or colour[1] < 180 else (217, 53, 47))
    for side in (-1, 1):
        pen.shape(_box(side * 0.86, -0.36, 0.1, 0.17), dark)
    pen.shape(_box(0, -0.36, 0.8, 0.38), colour)
    pen.shape(_box(0, -0.36, 0.64, 0.25), _STEEL)
    for side in (-1, 1):
        pen.disc(side * 0.31, -0.36, 0.2, INK)
        pen.disc(side * 0.31, -0.36, 0.12, CREAM)


def _bandit(pen: Pen, colour: RGB, dark: RGB) -> None:
    """A dark cat with a white muzzle, amber eyes and a neckerchief in its colour."""
    for side in (-1, 1):
        pen.shape([(side * 0.92, -1.0), (side * 0.14, -0.52), (side * 0.86, 0.02)], _FUR)
        pen.shape([(side * 0.76, -0.72), (side * 0.38, -0.5), (side * 0.72, -0.24)], _NOSE)
    pen.oval(0, 0.0, 0.9, 0.66, _FUR)
    for side in (-1, 1):
        pen.shape([(side * 0.9, 0.02), (side * 0.52, 0.1), (side * 0.86, 0.2)], _SHADOW)
    pen.oval(0, 0.34, 0.46, 0.3, CREAM)
    pen.shape([(-0.1, -0.6), (0.1, -0.6), (0.05, -0.1), (-0.05, -0.1)], CREAM)
    for side in (-1, 1):
        pen.oval(side * 0.38, -0.06, 0.2, 0.19, GOLD)
        pen.oval(side * 0.37, -0.06, 0.07, 0.17, INK)
    pen.shape([(-0.1, 0.2), (0.1, 0.2), (0, 0.31)], _NOSE)
    pen.shape([(-0.86, 0.46), (0.86, 0.46), (0.5, 0.98), (-0.5, 0.98)], dark)
    pen.shape([(-0.72, 0.62), (0.72, 0.62), (0.56, 0.84), (-0.56, 0.84)], colour)
    pen.shape([(-0.36, 0.8), (0.36, 0.8), (0, 1.12)], colour)


def _box(x: float, y: float, width: float, height: float) -> list[tuple[float, float]]:
    """Half its width and half its height to each side."""
    return [
        (x - width, y - height), (x + width, y - height),
        (x + width, y + height), (x - width, y + height),
    ]  # fmt: skip


_CHARACTER: dict[str, Drawing] = {"tin-robot": _robot, "bandit-cat": _bandit}
_WORD = {"tin-robot": "square", "bandit-cat": "cat"}
CHARACTERS = tuple(_CHARACTER)
