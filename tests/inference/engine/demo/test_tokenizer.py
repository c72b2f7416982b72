from pathlib import Path

import pytest
from transformers import CLIPTokenizer

from inference.engine.demo.captions import Scene, vocabulary
from inference.engine.demo.tokenizer import LENGTH, write_tokenizer


@pytest.fixture
def tokenizer(tmp_path: Path) -> CLIPTokenizer:
    write_tokenizer(tmp_path)
    return CLIPTokenizer.from_pretrained(tmp_path)


def test_each_known_word_is_one_token(tokenizer: CLIPTokenizer) -> None:
    assert all(len(tokenizer.tokenize(word)) == 1 for word in vocabulary())


def test_unknown_words_are_spelled_and_come_back(tokenizer: CLIPTokenizer) -> None:
    ids = tokenizer("a blueprint of a café, 日本").input_ids
    assert tokenizer.decode(ids, skip_special_tokens=True) == "a blueprint of a café , 日本"


def test_prompts_are_filled_up_and_cut_to_one_length(tokenizer: CLIPTokenizer) -> None:
    prompts = ["", Scene("cat", "blue", "night").caption(), "long " * 100]
    ids = tokenizer(prompts, padding="max_length", truncation=True).input_ids
    assert [len(each) for each in ids] == [LENGTH] * 3
    assert all(each[0] == tokenizer.bos_token_id for each in ids)
    assert all(each[-1] == tokenizer.eos_token_id for each in ids)
