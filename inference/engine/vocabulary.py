"""The tokenizer of CLIP, from the vocabulary that ships with the project."""

import gzip
from functools import cache
from pathlib import Path
from typing import Final

from transformers import CLIPTokenizer

MERGES: Final = Path(__file__).parent / "clip" / "merges.txt.gz"
START: Final = "<|startoftext|>"
END: Final = "<|endoftext|>"
LENGTH: Final = 77


def clip_tokenizer(*, padding: str = END, length: int = LENGTH) -> CLIPTokenizer:
    """CLIP's tokenizer. SD 1.x pads a prompt with its end mark, SD 2.x with "!", the token 0."""
    vocabulary, merges = _vocabulary()
    return CLIPTokenizer(
        vocab=dict(vocabulary),
        merges=list(merges),
        pad_token=padding,
        model_max_length=length,
    )


@cache
def _vocabulary() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Tokens by number: 256 bytes, the same at the end of a word, one for each merge, two marks."""
    with gzip.open(MERGES, "rt", encoding="utf-8") as lines:
        merges = [(left, right) for left, right in map(str.split, lines)]
    alphabet = _bytes_as_letters()
    tokens = [*alphabet, *(f"{letter}</w>" for letter in alphabet)]
    tokens += [left + right for left, right in merges]
    return {token: number for number, token in enumerate([*tokens, START, END])}, merges


def _bytes_as_letters() -> list[str]:
    """A printable letter for each byte, in CLIP's order: those that are printable come first."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1)]
    printable += range(ord("®"), ord("ÿ") + 1)
    others = 256 - len(printable)
    return [*map(chr, printable), *(chr(256 + number) for number in range(others))]
