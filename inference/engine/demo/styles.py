"""Redraws a scene in one of six styles: what the demo networks of kind "style" learn from.

Every ruling repeats after eight pixels, the size of one latent, or after sixteen: finer ones are
lost in the autoencoder, and others would be another latent at each place.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from inference.engine.demo.captions import Scene
from inference.engine.demo.scenes import SIDE, background, draw

Pixels = NDArray[np.floating[Any]]
_ZOOM = 3
_WHOLE = SIDE * _ZOOM
_PITCH = 8.0
_SLANTED = 16 / 2**0.5  # pitch of 45° lines that repeat after sixteen pixels
_STEEP = 16 / 5**0.5  # likewise for lines at atan 2
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)


@dataclass(frozen=True)
class Plate:
    """A scene ready to be redrawn: H × W × 3 and H × W, from 0 to 1, at three times its size.

    ``within`` is 1 on the subject; ``edges`` is high where colours change.
    """

    pixels: Pixels
    within: Pixels
    edges: Pixels
    chance: random.Random

    @property
    def grey(self) -> Pixels:
        return np.asarray(self.pixels @ _LUMA)


def styled(scene: Scene, style: str) -> Image.Image:
    """The scene in a style, 128 × 128 RGB; the same scene gives the same picture."""
    drawn = _STYLE[style](_plate(scene))
    whole = Image.fromarray((np.clip(drawn, 0, 1) * 255).round().astype(np.uint8))
    return whole.resize((SIDE, SIDE), Image.Resampling.BOX)


def _plate(scene: Scene) -> Plate:
    plain, empty = draw(scene), background(scene.background, scene.seed)
    apart = np.abs(np.asarray(plain, dtype=np.int16) - np.asarray(empty, dtype=np.int16))
    mask = Image.fromarray(((apart.max(axis=2) > 12) * 255).astype(np.uint8))
    within = _floats(mask.filter(ImageFilter.MedianFilter(3)).resize((_WHOLE,) * 2))
    pixels = _floats(plain.resize((_WHOLE,) * 2, Image.Resampling.BICUBIC))
    down, across = np.gradient(_blur(pixels, 0.8), axis=(0, 1))
    edges = np.sqrt(down**2 + across**2).max(axis=2)
    chance = random.Random(scene.seed)  # noqa: S311  # a picture, no secret
    return Plate(pixels, _smooth(within, 0.35, 0.65), edges, chance)


# --- the styles ----------------------------------------------------------------------------------


def _blueprint(plate: Plate) -> Pixels:
    """White lines on deep blue paper with a faint grid, the subject hatched."""
    paper = _colour(20, 58, 138) * (1 - 0.22 * _vignette()[:, :, None])
    across, down = _field(0)
    grid = np.maximum(_ruled(across, 16, 0.7), _ruled(down, 16, 0.7))
    hatch = _ruled(_field(45)[0], _SLANTED, 1.8) * plate.within
    lines = _smooth(_thick(plate.edges, 3), 0.016, 0.05)
    ink = np.maximum.reduce([lines, 0.42 * hatch, 0.16 * grid, 0.1 * plate.within])
    return _mix(paper, _colour(232, 243, 255), ink)


def _woodcut(plate: Plate) -> Pixels:
    """Black ink on cream paper: cut lines swell with the shade, the subject cut across the rest."""
    across, down = _field(0)
    sky, body = down + 1.6 * np.sin(2 * np.pi * across / 64), _field(45)[0]
    shade = np.clip(1.02 - _stretched(plate.grey), 0.08, 0.92)
    cut_sky = _swelling(sky, _PITCH, 0.1 + 0.62 * shade)
    cut_body = _swelling(body, _SLANTED, np.clip(0.2 + 0.75 * shade, 0, 0.9))
    ink = cut_sky * (1 - plate.within) + cut_body * plate.within
    halo = _blur(plate.within, 5)
    ink = ink * (1 - _smooth(halo, 0.04, 0.12) * (1 - plate.within))
    outline = _smooth(_thick(plate.edges, 5), 0.02, 0.05) * _smooth(halo, 0.1, 0.3)
    return _mix(_colour(243, 232, 206), _colour(34, 24, 20), np.maximum(ink, outline))


def _pastel(plate: Plate) -> Pixels:
    """Pale chalk on warm paper: soft edges, light colours, the grain of the paper."""
    soft = _blur(plate.pixels, 3)
    grey = (soft @ _LUMA)[:, :, None]
    pale = 0.52 + 0.38 * soft + 0.30 * (soft - grey)
    stroke = _smear(_noise(plate.chance, 1.0), 28) * 0.55 + _noise(plate.chance, 1.6) * 0.45
    tooth = _smooth(stroke, -0.25, 0.75)[:, :, None]
    margin = _smooth(_vignette(), 0.62, 0.95)[:, :, None]
    paper = _colour(253, 243, 232)
    return _mix(pale + (paper - pale) * 0.26 * tooth, paper, margin[:, :, 0])


def _neon(plate: Plate) -> Pixels:
    """Glowing tubes in a violet night: outlines in the colours of what they run around."""
    vivid = _vivid(_spread(plate.pixels))
    tube = _smooth(_thick(plate.edges, 3), 0.012, 0.04)
    near = _smooth(_blur(plate.within, 5), 0.03, 0.2)
    line = tube * (0.35 + 0.65 * near)
    light = line[:, :, None] * _mix(
        np.broadcast_to(_colour(40, 210, 255), vivid.shape), vivid, near
    )
    glow = 1.5 * _blur(light, 7) + 1.3 * _blur(light, 18)
    _, down = _field(0)
    night = _mix(_colour(9, 5, 28), _colour(58, 10, 78), _smooth(down / SIDE, 0.35, 1.0))
    core = _smooth(_thick(plate.edges, 1), 0.02, 0.06) * near
    lit = night + 0.95 * light + glow + 0.10 * plate.within[:, :, None] * vivid
    return _mix(lit, np.ones(3, np.float32), 0.65 * core)


def _halftone(plate: Plate) -> Pixels:
    """Printed comic: flat strong colours, slanted dots, a thick black outline."""
    grey = _stretched(plate.grey)
    flat = _vivid(plate.pixels) * 0.9 + 0.1
    tint = _mix(_colour(255, 246, 214), flat, 0.55 * np.ones_like(grey))
    dots = _dots(0, _PITCH, np.clip(0.7 - 0.5 * grey, 0.16, 0.55))
    behind = _mix(tint, flat * _colour(150, 160, 190), dots)
    shade = _dots(0, _PITCH, np.clip(0.9 - 0.8 * grey, 0.0, 0.6))
    subject = _mix(flat, flat * 0.55, shade)
    outline = _smooth(_thick(plate.edges, 6), 0.02, 0.06) * _smooth(
        _blur(plate.within, 4), 0.04, 0.2
    )
    return _mix(_mix(behind, subject, plate.within), _colour(18, 14, 22), outline)


def _embroidery(plate: Plate) -> Pixels:
    """Satin stitches on linen: slanted threads that catch the light, a corded edge."""
    flat = _blur(plate.pixels, 1)
    cloth = _mix(_colour(236, 226, 206), flat, np.full(flat.shape[:2], 0.34, np.float32))
    across, down = _field(0)
    weave = 0.5 + 0.25 * (np.sin(2 * np.pi * across / _PITCH) + np.sin(2 * np.pi * down / _PITCH))
    cloth = cloth * (0.84 + 0.2 * weave[:, :, None])
    thread = _field(float(np.rad2deg(np.arctan(2))))[0]
    shine = 0.5 + 0.5 * np.cos(2 * np.pi * thread / _STEEP)
    stitched = flat * (0.58 + 0.55 * shine[:, :, None]) + 0.10 * shine[:, :, None] ** 3
    shadow = np.roll(_blur(plate.within, 4), (4, 4), (0, 1)) * (1 - plate.within)
    picture = _mix(cloth * (1 - 0.42 * shadow[:, :, None]), stitched, plate.within)
    cord = _smooth(_thick(plate.edges, 5), 0.03, 0.07) * _smooth(_blur(plate.within, 3), 0.1, 0.3)
    twist = 0.32 + 0.3 * (0.5 + 0.5 * np.sin(2 * np.pi * (across + down) / 4))
    return _mix(picture, flat * twist[:, :, None], 0.85 * cord)


_STYLE: dict[str, Callable[[Plate], Pixels]] = {
    "blueprint": _blueprint, "woodcut": _woodcut, "pastel": _pastel,
    "neon": _neon, "halftone": _halftone, "embroidery": _embroidery,
}  # fmt: skip
STYLES = tuple(_STYLE)


# --- what they are made of ------------------------------------------------------------------------


def _floats(picture: Image.Image) -> Pixels:
    return np.asarray(picture, dtype=np.float32) / 255


def _colour(red: int, green: int, blue: int) -> Pixels:
    return np.array([red, green, blue], dtype=np.float32) / 255


def _mix(one: Pixels, other: Pixels, share: Pixels) -> Pixels:
    return np.asarray(one + (other - one) * share[:, :, None])


def _smooth(x: Pixels, low: float, high: float) -> Pixels:
    """0 below ``low``, 1 above ``high``, a soft step between."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def _stretched(grey: Pixels) -> Pixels:
    low, high = np.percentile(grey, (2, 98))
    return np.asarray(np.clip((grey - low) / max(high - low, 0.15), 0, 1))


def _filtered(image: Pixels, kind: ImageFilter.Filter) -> Pixels:
    if image.ndim == 3:
        return np.stack([_filtered(image[:, :, i], kind) for i in range(3)], axis=2)
    low, high = float(image.min()), float(image.max())
    span = max(high - low, 1e-6)
    eight_bits = Image.fromarray(((image - low) / span * 255).astype(np.uint8))
    return _floats(eight_bits.filter(kind)) * span + low


def _blur(image: Pixels, radius: float) -> Pixels:
    return _filtered(image, ImageFilter.GaussianBlur(radius))


def _thick(edges: Pixels, width: int) -> Pixels:
    """Lines at least that wide, in thirds of a pixel, with soft borders."""
    return _blur(_filtered(edges, ImageFilter.MaxFilter(width | 1)), 0.8)


def _spread(pixels: Pixels) -> Pixels:
    """Colours grown a little over their borders, so that a line takes the brighter side's."""
    return _filtered(pixels, ImageFilter.MaxFilter(7))


def _vivid(pixels: Pixels) -> Pixels:
    """The same hue, as strong and bright as it gets; greys turn pale blue."""
    low, high = pixels.min(axis=2, keepdims=True), pixels.max(axis=2, keepdims=True)
    strength = (high - low) / np.maximum(high, 1e-3)
    hue = (pixels - low) / np.maximum(high - low, 1e-3)
    full = 0.12 + 0.88 * hue
    pale = np.broadcast_to(_colour(214, 226, 255), pixels.shape)
    share = _smooth(strength[:, :, 0], 0.08, 0.35)
    return _mix(pale, full, share)


def _vignette() -> Pixels:
    """0 in the middle, 1 in the corners."""
    place = np.linspace(-1, 1, _WHOLE, dtype=np.float32)
    return np.asarray(np.maximum(np.abs(place)[:, None], np.abs(place)[None, :]) ** 3)


def _field(degrees: float) -> tuple[Pixels, Pixels]:
    """Coordinates in pixels of the finished picture, across and down, turned by an angle."""
    down, across = np.mgrid[:_WHOLE, :_WHOLE].astype(np.float32) / _ZOOM
    angle = np.float32(np.deg2rad(degrees))
    return (
        across * np.cos(angle) + down * np.sin(angle),
        down * np.cos(angle) - across * np.sin(angle),
    )


def _ruled(x: Pixels, pitch: float, width: float) -> Pixels:
    """1 on lines every ``pitch`` pixels, ``width`` wide."""
    away = np.abs((x + pitch / 2) % pitch - pitch / 2)
    return 1 - _smooth(away, width / 2 - 0.3, width / 2 + 0.5)


def _swelling(x: Pixels, pitch: float, share: Pixels) -> Pixels:
    """Lines that take up ``share`` of the place."""
    away = np.abs((x / pitch) % 1 - 0.5) * 2
    return _smooth(share - away, -0.1, 0.1)


def _dots(degrees: float, pitch: float, share: Pixels) -> Pixels:
    """Round dots that grow with ``share``."""
    across, down = _field(degrees)
    u, v = (across / pitch) % 1 - 0.5, (down / pitch) % 1 - 0.5
    away = np.sqrt(u * u + v * v) * 1.42
    return _smooth(np.sqrt(share) * 0.78 - away, -0.06, 0.06)


def _noise(chance: random.Random, grain: float) -> Pixels:
    """Mean 0, deviation about a half, grains of that many pixels."""
    rough = np.random.default_rng(chance.getrandbits(32)).standard_normal((_WHOLE, _WHOLE))
    soft = _blur(rough.astype(np.float32), grain * _ZOOM)
    return np.asarray((soft - soft.mean()) / (2 * soft.std()))


def _smear(image: Pixels, length: int) -> Pixels:
    """Drawn out along a slanted stroke."""
    steps = range(-length, length + 1, 4)
    moved = [np.roll(image, (-step // 2, step), (0, 1)) for step in steps]
    total = np.mean(moved, axis=0)
    return np.asarray(total / (2 * total.std()))
