"""Two characters, in the colour and at the place that a caption says."""

from dataclasses import replace

import numpy as np
import pytest

from inference.engine.demo.captions import SUBJECTS, Scene
from inference.engine.demo.scenes import COLOUR, background, draw
from inference.engine.demo.subjects import CHARACTERS, pictured, word_of

SCENE = Scene("cat", "green", "grey", "large", seed=2)


@pytest.mark.parametrize("character", CHARACTERS)
def test_a_character_stands_for_a_thing_that_the_base_model_knows(character: str) -> None:
    word = word_of(character)
    assert word in SUBJECTS
    scene = replace(SCENE, subject=word)
    assert pictured(scene, character).tobytes() == pictured(scene, character).tobytes()
    assert pictured(scene, character).tobytes() != draw(scene).tobytes()


@pytest.mark.parametrize("character", CHARACTERS)
def test_only_the_subject_is_another(character: str) -> None:
    drawn = np.asarray(pictured(SCENE, character), dtype=np.int16)
    empty = np.asarray(background(SCENE.background, SCENE.seed), dtype=np.int16)
    changed = (np.abs(drawn - empty).max(axis=2) > 12).mean()
    assert 0.1 < changed < 0.6
    assert np.array_equal(drawn[:4], empty[:4])


@pytest.mark.parametrize("character", CHARACTERS)
@pytest.mark.parametrize("colour", ["red", "green", "blue"])
def test_it_wears_the_colour_of_its_caption(character: str, colour: str) -> None:
    drawn = np.asarray(pictured(replace(SCENE, colour=colour), character), dtype=np.float32)
    near = np.abs(drawn - np.array(COLOUR[colour])).max(axis=2) < 40
    assert near.mean() > 0.01


@pytest.mark.parametrize("character", CHARACTERS)
def test_it_stands_where_its_caption_says(character: str) -> None:
    empty = np.asarray(background("grey", SCENE.seed), dtype=np.int16)
    places = {}
    for place in ("left", "centre", "right"):
        scene = replace(SCENE, place=place, size="medium")
        drawn = np.asarray(pictured(scene, character), dtype=np.int16)
        places[place] = np.nonzero(np.abs(drawn - empty).max(axis=2) > 12)[1].mean()
    assert places["left"] < places["centre"] - 10 < places["right"] - 20
