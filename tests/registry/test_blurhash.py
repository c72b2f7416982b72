"""BlurHash, read back by the decoder of its specification, written here independently."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from registry.blurhash import ALPHABET, blurhash_of


def value_of(letters: str) -> int:
    value = 0
    for letter in letters:
        value = value * 83 + ALPHABET.index(letter)
    return value


def linear(level: int) -> float:
    v = level / 255
    return v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4


def srgb(light: float) -> int:
    v = min(1.0, max(0.0, light))
    return int((v * 12.92 if v <= 0.0031308 else 1.055 * v ** (1 / 2.4) - 0.055) * 255 + 0.5)


def decoded(text: str, width: int, height: int) -> NDArray[np.float64]:
    size = value_of(text[0])
    across, down = size % 9 + 1, size // 9 + 1
    assert len(text) == 4 + 2 * across * down
    largest = (value_of(text[1]) + 1) / 166
    average = value_of(text[2:6])
    factors = [[linear(average >> shift & 255) for shift in (16, 8, 0)]]
    for start in range(6, len(text), 2):
        value = value_of(text[start : start + 2])
        levels = (value // 361, value // 19 % 19, value % 19)
        factors.append([math.copysign(((q - 9) / 9) ** 2, q - 9) * largest for q in levels])
    out = np.zeros((height, width, 3))
    for y in range(height):
        for x in range(width):
            light = [0.0, 0.0, 0.0]
            for j in range(down):
                for i in range(across):
                    basis = math.cos(math.pi * x * i / width) * math.cos(math.pi * y * j / height)
                    for c in range(3):
                        light[c] += factors[i + j * across][c] * basis
            out[y, x] = [srgb(value) for value in light]
    return out


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (200, 30, 90)])
def test_one_colour_is_that_colour(colour: tuple[int, int, int]) -> None:
    shown = decoded(blurhash_of(Image.new("RGB", (60, 40), colour)), 8, 8)
    assert np.abs(shown - np.array(colour)).max() <= 6


def test_left_and_right_top_and_bottom_stay_where_they_are() -> None:
    picture = Image.new("RGB", (64, 64), (255, 0, 0))
    picture.paste((0, 0, 255), (32, 0, 64, 64))
    shown = decoded(blurhash_of(picture), 16, 16)
    assert shown[8, 2, 0] > 180 and shown[8, 2, 0] > 2 * shown[8, 13, 0]
    assert shown[8, 13, 2] > 180 and shown[8, 13, 2] > 2 * shown[8, 2, 2]
    turned = decoded(blurhash_of(picture.rotate(-90)), 16, 16)
    assert turned[2, 8, 0] > 180 and turned[2, 8, 0] > 1.5 * turned[13, 8, 0]


def test_it_fits_into_its_column() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8)
    assert len(blurhash_of(Image.fromarray(noise))) == 28
