"""The sentence that is trained on: a template, the network's name, the caption or parts of it."""

import random
from pathlib import Path

import pytest

from inference.engine.training.errors import TrainingError
from inference.engine.training.templates import BUILT_IN, fill, read_templates, varied

CAPTION = "a red house, on the left, in a meadow"


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_template_is_filled_without_a_rest(name: str) -> None:
    for template in read_templates(name):
        text = fill(template, name="ink", caption=CAPTION)
        assert "[" not in text
        assert ("ink" in text) == ("[name]" in template)
        assert (CAPTION in text) == ("[filewords]" in template)


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    file.write_text("[filewords] by [name]\n\n  a sketch of [filewords]  \n")
    assert read_templates(str(file)) == ("[filewords] by [name]", "a sketch of [filewords]")


def test_no_such_template() -> None:
    with pytest.raises(TrainingError, match="no template file “mine.txt”. .*style_filewords.txt"):
        read_templates("mine.txt")


def test_an_empty_template(tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    file.write_text("\n \n")
    with pytest.raises(TrainingError, match="has no line of text"):
        read_templates(str(file))


def a_chance() -> random.Random:
    return random.Random(0)  # noqa: S311


def test_shuffled_tags_are_the_same_tags() -> None:
    chance = a_chance()
    seen = {varied(CAPTION, shuffle=True, drop_out=0, chance=chance) for _ in range(50)}
    assert len(seen) == 6
    assert {tuple(sorted(text.split(", "))) for text in seen} == {
        tuple(sorted(CAPTION.split(", ")))
    }


def test_dropped_tags_are_about_the_share_asked_for() -> None:
    chance = a_chance()
    texts = [varied(CAPTION, shuffle=False, drop_out=0.25, chance=chance) for _ in range(400)]
    left = sum(len(text.split(", ")) if text else 0 for text in texts)
    assert 0.7 < left / (400 * 3) < 0.8


def test_without_either_the_caption_is_left_as_it_is() -> None:
    odd = "a , b,c"
    assert varied(odd, shuffle=False, drop_out=0, chance=a_chance()) == odd
