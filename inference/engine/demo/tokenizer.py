"""CLIP tokenizer files for a closed vocabulary: one token per known word, bytes for all else."""

from itertools import accumulate
from pathlib import Path

from tokenizers.pre_tokenizers import ByteLevel
from transformers import CLIPTokenizer

from inference.engine.demo.captions import vocabulary

START, END = "<|startoftext|>", "<|endoftext|>"
LENGTH = 32  # tokens of a prompt; Stable Diffusion has 77, our captions need 24


def write_tokenizer(folder: Path) -> CLIPTokenizer:
    """vocab.json, merges.txt and the rest, in the layout that diffusers loads."""
    words = sorted(vocabulary(), key=lambda word: (-len(word), word))
    tokenizer = _tokenizer(words)
    while split := [word for word in words if len(tokenizer.tokenize(word)) > 1]:
        # A merge of another word tore it apart: what comes first in the list is merged first.
        words = [*split, *(word for word in words if word not in split)]
        tokenizer = _tokenizer(words)
    tokenizer.save_pretrained(folder)
    return tokenizer


def _tokenizer(words: list[str]) -> CLIPTokenizer:
    symbols = sorted(ByteLevel.alphabet())
    tokens = [*symbols, *(symbol + "</w>" for symbol in symbols)]
    merges = []
    for word in words:
        letters = [*word[:-1], word[-1] + "</w>"]
        for beginning, letter in zip(accumulate(letters), letters[1:], strict=False):
            if beginning + letter not in tokens:
                merges.append((beginning, letter))
                tokens.append(beginning + letter)
    tokens += [START, END]
    return CLIPTokenizer(
        vocab={token: number for number, token in enumerate(tokens)},
        merges=merges,
        model_max_length=LENGTH,
    )
