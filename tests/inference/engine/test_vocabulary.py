"""CLIP's own words, from the file that ships: the numbers that every CLIP knows them by."""

import pytest

from inference.engine.vocabulary import clip_tokenizer


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("a photo of a cat", [320, 1125, 539, 320, 2368]),
        ("A  Photo of\na CAT", [320, 1125, 539, 320, 2368]),
        ("", []),
        ("hello world!", [3306, 1002, 256]),
    ],
)
def test_known_numbers(text: str, numbers: list[int]) -> None:
    assert clip_tokenizer()(text).input_ids == [49406, *numbers, 49407]


def test_every_letter_of_every_script_is_a_token() -> None:
    tokenizer = clip_tokenizer()
    assert len(tokenizer) == 49408
    text = "naïve 日本 żółć"
    assert tokenizer.decode(tokenizer(text).input_ids, skip_special_tokens=True) == text


def test_sd1_pads_with_the_end_and_sd2_with_0() -> None:
    ends = clip_tokenizer()("a", padding="max_length").input_ids
    zeros = clip_tokenizer(padding="!")("a", padding="max_length").input_ids
    assert len(ends) == len(zeros) == 77
    assert ends[3:] == [49407] * 74
    assert zeros[3:] == [0] * 74
