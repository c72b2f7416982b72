import random

import pytest
from PIL import Image

from inference.engine.demo.captions import BACKGROUNDS, Scene
from inference.engine.demo.reading import read
from inference.engine.demo.scenes import background, draw


def test_drawn_scenes_are_read_as_they_were_meant() -> None:
    chance = random.Random(11)
    scenes = [Scene.random(chance) for _ in range(60)]
    right = sum(read(draw(scene)).agrees(scene) for scene in scenes)
    assert right >= 57


@pytest.mark.parametrize("name", BACKGROUNDS)
def test_an_empty_background_shows_no_subject(name: str) -> None:
    seen = read(background(name, 77))
    assert seen.background == name
    assert seen.subject is None


def test_a_picture_of_another_scene_does_not_agree() -> None:
    seen = read(draw(Scene("heart", "red", "black", "large", "left")))
    assert seen.agrees(Scene("heart", "red", "black", "large", "left"))
    for other in (
        Scene("star", "red", "black", "large", "left"),
        Scene("heart", "pink", "black", "large", "left"),
        Scene("heart", "red", "night", "large", "left"),
        Scene("heart", "red", "black", "small", "left"),
        Scene("heart", "red", "black", "large", "right"),
    ):
        assert not seen.agrees(other)


def test_noise_agrees_with_nothing() -> None:
    noise = Image.effect_noise((128, 128), 90).convert("RGB")
    chance = random.Random(5)
    assert not any(read(noise).agrees(Scene.random(chance)) for _ in range(50))
