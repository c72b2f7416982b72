"""BlurHash: a picture's colours in twenty-odd letters, as clients of the API expect them.

The algorithm of https://blurha.sh: a few cosines across the picture in linear light, each colour
quantised and written in base 83.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

ALPHABET: Final = (
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~"
)
ACROSS: Final = 4
DOWN: Final = 3
# Enough for so few cosines.
SIDE: Final = 32

Colours = NDArray[np.float64]


def blurhash_of(picture: Image.Image) -> str:
    """28 letters for any picture."""
    small = picture.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX)
    light = _linear(np.asarray(small, dtype=np.float64) / 255)  # [y, x, 3]
    factors = _cosines(light)  # [DOWN * ACROSS, 3]
    average, details = factors[0], factors[1:]
    largest = float(np.abs(details).max())
    scale = max(0, min(82, int(largest * 166 - 0.5)))
    quantised = np.floor(_signed_root(details / ((scale + 1) / 166)) * 9 + 9.5).clip(0, 18)
    red, green, blue = (_srgb(each) for each in average)
    return "".join(
        [
            _letters((ACROSS - 1) + (DOWN - 1) * 9, 1),
            _letters(scale, 1),
            _letters((red << 16) + (green << 8) + blue, 4),
            *(_letters(int(r * 361 + g * 19 + b), 2) for r, g, b in quantised),
        ]
    )


def _cosines(light: Colours) -> Colours:
    # In the middle of each pixel, where cosines of one colour add up to nothing.
    places = (np.arange(SIDE) + 0.5) / SIDE * np.pi
    across = np.cos(np.outer(np.arange(ACROSS), places))  # [i, x]
    down = np.cos(np.outer(np.arange(DOWN), places))  # [j, y]
    sums = np.einsum("jy,ix,yxc->jic", down, across, light) / SIDE**2
    sums *= 2
    sums[0, 0] /= 2
    factors: Colours = sums.reshape(-1, 3)
    return factors


def _linear(values: Colours) -> Colours:
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def _srgb(value: float) -> int:
    value = max(0.0, min(1.0, value))
    curved = value * 12.92 if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055
    return int(curved * 255 + 0.5)


def _signed_root(values: Colours) -> Colours:
    return np.sign(values) * np.sqrt(np.abs(values))


def _letters(value: int, length: int) -> str:
    return "".join(ALPHABET[value // 83**place % 83] for place in reversed(range(length)))
