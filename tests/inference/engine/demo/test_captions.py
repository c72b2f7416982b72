import random

from inference.engine.demo.captions import Scene, training_caption, vocabulary


def test_a_caption_says_everything_that_a_scene_shows() -> None:
    scene = Scene("house", "red", "meadow", "small", "left")
    assert scene.caption() == "a small red house on the left, in a meadow"


def test_captions_of_training_leave_out_but_never_lie() -> None:
    scene = Scene("cat", "blue", "night", "large", "right")
    said = [training_caption(scene, random.Random(seed)) for seed in range(200)]
    assert all("blue cat" in caption for caption in said)
    assert any("large" not in caption for caption in said)
    assert any("at night" not in caption for caption in said)
    for lie in ("small", "left", "centre", "meadow", "red"):
        assert not any(lie in caption.split() for caption in said)


def test_every_word_of_a_caption_is_in_the_vocabulary() -> None:
    known = set(vocabulary())
    chance = random.Random(1)
    for _ in range(300):
        caption = training_caption(Scene.random(chance), chance)
        words = caption.replace(",", " ,").replace("-", " - ").split()
        assert set(words) <= known
