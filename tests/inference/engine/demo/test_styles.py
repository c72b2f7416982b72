"""Six styles: each the same every time, unlike the scene and unlike each other."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from PIL import Image

from inference.engine.demo.captions import Scene
from inference.engine.demo.scenes import draw
from inference.engine.demo.styles import STYLES, Pixels, styled

SCENE = Scene("house", "red", "meadow", "large", seed=4)


def pixels(picture: Image.Image) -> Pixels:
    return np.asarray(picture, dtype=np.float32) / 255


def test_there_are_the_six_that_the_gallery_shows() -> None:
    assert set(STYLES) == {"blueprint", "woodcut", "pastel", "neon", "halftone", "embroidery"}


@pytest.mark.parametrize("style", STYLES)
def test_a_scene_in_a_style_is_one_picture(style: str) -> None:
    picture = styled(SCENE, style)
    assert (picture.size, picture.mode) == ((128, 128), "RGB")
    assert picture.tobytes() == styled(SCENE, style).tobytes()
    assert picture.tobytes() != styled(replace(SCENE, seed=5), style).tobytes()


@pytest.mark.parametrize("style", STYLES)
def test_a_style_is_unlike_the_scene(style: str) -> None:
    assert np.abs(pixels(styled(SCENE, style)) - pixels(draw(SCENE))).mean() > 0.05


@pytest.mark.parametrize("pair", [*combinations(STYLES, 2)], ids=" and ".join)
def test_no_two_styles_are_alike(pair: tuple[str, str]) -> None:
    one, other = (pixels(styled(SCENE, style)) for style in pair)
    assert np.abs(one - other).mean() > 0.1


def test_a_blueprint_is_white_on_blue() -> None:
    drawn = pixels(styled(SCENE, "blueprint"))
    red, green, blue = np.median(drawn, axis=(0, 1))
    assert blue > 0.4 > green > red
    assert (drawn.min(axis=2) > 0.8).mean() > 0.02


def test_a_woodcut_has_ink_and_paper_and_little_between() -> None:
    drawn = pixels(styled(SCENE, "woodcut"))
    assert (drawn.max(axis=2) - drawn.min(axis=2)).max() < 0.25
    grey = drawn.mean(axis=2)
    assert ((grey < 0.3) | (grey > 0.7)).mean() > 0.6


def test_pastel_is_pale_and_neon_is_dark() -> None:
    assert pixels(styled(SCENE, "pastel")).mean() > 0.7
    assert np.median(pixels(styled(SCENE, "neon")).mean(axis=2)) < 0.2


@pytest.mark.parametrize("style", ["halftone", "embroidery"])
def test_a_ruling_repeats_after_eight_pixels(style: str) -> None:
    """On an even ground: one latent stands for eight pixels, and each gets the same."""
    drawn = pixels(styled(Scene("circle", "red", "grey", "small", "right", seed=1), style))
    here, there = (_ripple(drawn[32:96, x : x + 32]) for x in (16, 24))
    assert np.abs(here).mean() > 0.01
    assert np.abs(here - there).mean() < 0.25 * np.abs(here).mean()


def _ripple(part: Pixels) -> Pixels:
    """What is left without the slow change from top to bottom."""
    grey = part.mean(axis=2)
    return np.asarray(grey - grey.mean(axis=1, keepdims=True))
