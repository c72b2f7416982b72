"""The colours of static/css/tokens.css can be read, in both themes, on every ground they meet.

Contrast is that of WCAG 2.2 (1.4.3 and 1.4.11); OKLCH to sRGB by Ottosson, "A perceptual color
space for image processing" (2020).
"""

import math
import re
from pathlib import Path

import pytest
from django.conf import settings

TEXT, CONTROL = 4.5, 3.0
COLOUR = re.compile(r"--([\w-]+): oklch\(([\d.]+)% ([\d.]+) ([\d.]+)deg\)")
GROUNDS = ("wall", "panel", "raised")
WASHES = ("good-wash", "warn-wash", "bad-wash")
INKS = ("ink", "ink-2", "ink-3", "accent-text")
MEETINGS = [
    *((ink, ground, TEXT) for ink in INKS for ground in GROUNDS),
    *((edge, ground, CONTROL) for edge in ("edge", "accent", "bad") for ground in GROUNDS),
    *((ink, wash, TEXT) for ink in ("ink", "ink-2") for wash in WASHES),
    *((name, f"{name}-wash", TEXT) for name in ("good", "warn", "bad")),
    ("accent-text", "accent-wash", TEXT),
    ("accent-ink", "accent", TEXT),
    ("on-bad", "bad-fill", TEXT),
    ("bad", "wall", TEXT),
    ("bad", "panel", TEXT),
    ("wall", "ink", TEXT),
]


def luminance(lightness: float, chroma: float, hue: float) -> float:
    """Relative luminance, 0 to 1, of OKLCH with lightness in percent and hue in degrees."""
    a = chroma * math.cos(math.radians(hue))
    b = chroma * math.sin(math.radians(hue))
    long = (lightness / 100 + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness / 100 - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness / 100 - 0.0894841775 * a - 1.2914855480 * b) ** 3
    red = 4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short
    green = -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short
    blue = -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short
    red, green, blue = (min(1.0, max(0.0, part)) for part in (red, green, blue))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def colours(theme: str) -> dict[str, float]:
    """The luminance of each colour of a theme."""
    css = (Path(settings.BASE_DIR) / "static" / "css" / "tokens.css").read_text()
    block = css.split(f'[data-theme="{theme}"] {{\n    color-scheme')[1].split("}")[0]
    return {
        name: luminance(float(lightness), float(chroma), float(hue))
        for name, lightness, chroma, hue in COLOUR.findall(block)
    }


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize(("front", "ground", "least"), MEETINGS)
def test_contrast(theme: str, front: str, ground: str, least: float) -> None:
    seen = colours(theme)
    dark, bright = sorted((seen[front], seen[ground]))

    assert (bright + 0.05) / (dark + 0.05) >= least
