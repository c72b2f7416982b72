import random

import numpy as np
import pytest

from inference.engine.demo.captions import BACKGROUNDS, COLOURS, SUBJECTS, Scene
from inference.engine.demo.scenes import SIDE, background, draw
from inference.engine.demo.textures import DISTURBANCES, disturbed


def test_the_same_scene_gives_the_same_picture_and_another_seed_another() -> None:
    scene = Scene("boat", "red", "sea", seed=4)
    assert draw(scene).tobytes() == draw(scene).tobytes()
    assert draw(scene).tobytes() != draw(Scene("boat", "red", "sea", seed=5)).tobytes()


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_subject_covers_a_part_of_its_background(subject: str) -> None:
    bare = np.asarray(background("grey", 0), dtype=int)
    for colour in COLOURS:
        picture = np.asarray(draw(Scene(subject, colour, "grey", "medium")), dtype=int)
        assert picture.shape == (SIDE, SIDE, 3)
        covered = (np.abs(picture - bare).max(axis=2) > 20).mean()
        assert 0.05 < covered < 0.3


def test_backgrounds_differ_from_each_other() -> None:
    seen = {background(name, 0).tobytes() for name in BACKGROUNDS}
    assert len(seen) == len(BACKGROUNDS)


def test_each_disturbance_changes_the_picture_and_is_named() -> None:
    picture = draw(Scene("tree", "green", "meadow"))
    named = set()
    for seed in range(120):
        changed, word = disturbed(picture, random.Random(seed))
        assert changed.size == picture.size
        assert changed.tobytes() != picture.tobytes()
        named.add(word)
    assert named == set(DISTURBANCES)
