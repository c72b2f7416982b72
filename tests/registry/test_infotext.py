"""What a picture says of how it was made, as every age of A1111 wrote it, and as nobody did."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.engine.infotext import infotext
from inference.engine.sampling import Settings
from registry.infotext import MOST_NETWORKS, UsedNetwork, read_infotext

SETTINGS = "Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 42, Size: 512x512, Model: anything"


def test_ours_is_read_back() -> None:
    settings = Settings(width=512, height=768, steps=20, negative_prompt="blurry, dark")
    text = infotext("a fox, in the snow", 7, settings, "Small, SD", "a" * 64, "ink", 0.75)
    said = read_infotext(text)

    assert said.text == text
    assert said.prompt == "a fox, in the snow <hypernet:ink:0.75>"
    assert said.negative_prompt == "blurry, dark"
    assert said.settings["Model"] == "Small, SD"
    assert said.networks == (UsedNetwork("ink", 0.75),)
    meta = said.as_meta()
    assert (meta["seed"], meta["steps"], meta["Size"]) == (7, 20, "512x768")
    assert meta["resources"] == [{"type": "hypernet", "name": "ink", "weight": 0.75}]


def test_a_prompt_and_a_negative_prompt_have_many_lines() -> None:
    said = read_infotext(f"a fox\nin the snow\nNegative prompt: dark\nblurry\n{SETTINGS}")

    assert said.prompt == "a fox\nin the snow"
    assert said.negative_prompt == "dark\nblurry"
    assert said.settings["Sampler"] == "Euler a"


@pytest.mark.parametrize(
    ("text", "networks"),
    [
        ("<hypernet:ink:0.6>", [UsedNetwork("ink", 0.6)]),
        ("<hypernet:ink>", [UsedNetwork("ink", 1.0)]),
        ("<hypernet:ink:-0.5:extra>", [UsedNetwork("ink", -0.5)]),
        ("<hypernet:b:1> <hypernet:a:0.2>", [UsedNetwork("b", 1.0), UsedNetwork("a", 0.2)]),
        ("<hypernet:ink:nonsense>", [UsedNetwork("ink", 1.0)]),
        ("<lora:ink:1>", []),
    ],
)
def test_tags_in_the_prompt(text: str, networks: list[UsedNetwork]) -> None:
    assert list(read_infotext(f"{text}\n{SETTINGS}").networks) == networks


def test_the_pairs_of_before_there_were_tags() -> None:
    pairs = f"{SETTINGS}, Hypernet: ink, Hypernet strength: 0.4, Hypernet hash: 0123abcd"
    assert read_infotext(f"a fox\n{pairs}").networks == (UsedNetwork("ink", 0.4, "0123abcd"),)
    hashed = read_infotext(f"a fox\n{SETTINGS}, Hypernet: ink(0123abcd)")
    assert hashed.networks == (UsedNetwork("ink", 1.0, "0123abcd"),)


@pytest.mark.parametrize(
    "hashes",
    ['{"vae": "1", "hypernet:ink": "AAbbccdd00"}', r'"{\"hypernet:ink\": \"aabbccdd00\"}"'],
)
def test_hashes_beside_the_tags_quoted_or_not(hashes: str) -> None:
    said = read_infotext(f"a <hypernet:ink:0.6>\n{SETTINGS}, Hashes: {hashes}, Version: v1.6.0")

    assert said.networks == (UsedNetwork("ink", 0.6, "aabbccdd00"),)
    assert said.settings["Version"] == "v1.6.0"


def test_a_text_without_settings_is_a_prompt() -> None:
    said = read_infotext("Dear diary: it rained, a fox: wet")

    assert said.prompt == "Dear diary: it rained, a fox: wet"
    assert not said.settings
    assert read_infotext("").as_meta() == {}


def test_no_picture_names_more_networks_than_anyone_uses() -> None:
    many = " ".join(f"<hypernet:n{number}:1>" for number in range(500))

    assert len(read_infotext(many).networks) == MOST_NETWORKS


@given(st.text(max_size=400))
def test_nothing_that_is_written_there_breaks_it(text: str) -> None:
    said = read_infotext(f"{text}\n{SETTINGS}, Hashes: {text}")

    assert "\0" not in said.text
