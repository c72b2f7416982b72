"""A1111's emphasis in prompts: (more), [less], (as much:1.3), and \\( for a bracket that is meant.

Source: A1111's wiki, "Attention/emphasis". Text states are multiplied by the weight of their token,
and then all of them so that their mean is what it was.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor

if TYPE_CHECKING:
    from inference.engine.base import LoadedBase

MORE: Final = 1.1
LESS: Final = 1 / MORE
_PIECE: Final = re.compile(
    r"""
    \\(?P<meant>[\\()\[\]])                             # a bracket or backslash that is meant
    | (?P<open>[(\[])
    | :\s*(?P<weight>[+-]?(?:\d+\.?\d*|\.\d+))\s*\)     # the end of (text:1.3)
    | (?P<close>[)\]])
    | (?P<text>[^\\()\[\]:]+ | [\\:])
    """,
    re.VERBOSE,
)
# Below this share of their spread the mean of text states is rounding: dividing by it gives noise.
# (CLIP's is about a tenth.)
_NO_MEAN: Final = 0.01


@dataclass(frozen=True)
class Fragment:
    text: str
    weight: float = 1.0


def fragments(prompt: str) -> list[Fragment]:
    """The prompt without its marks of emphasis; never empty. A bracket that is not closed counts
    to the end; one that was not opened is text.
    """
    texts: list[str] = []
    weights: list[float] = []
    opened: dict[str, list[int]] = {"(": [], "[": []}

    def weigh(start: int, factor: float) -> None:
        weights[start:] = [weight * factor for weight in weights[start:]]

    for piece in _PIECE.finditer(prompt):
        bracket = piece["open"] or {"]": "["}.get(piece["close"] or "", "(")
        if piece["open"]:
            opened[bracket].append(len(texts))
        elif (piece["close"] or piece["weight"]) and opened[bracket]:
            usual = MORE if bracket == "(" else LESS
            weigh(opened[bracket].pop(), float(piece["weight"] or usual))
        else:
            texts.append(piece["meant"] or piece[0])
            weights.append(1.0)
    for bracket, factor in (("(", MORE), ("[", LESS)):
        for start in opened[bracket]:
            weigh(start, factor)
    return list(_joined(texts, weights)) or [Fragment("")]


def _joined(texts: Sequence[str], weights: Sequence[float]) -> Iterator[Fragment]:
    """Neighbours of one weight are one text: a tokenizer must not see where a bracket was meant."""
    text, weight = "", 1.0
    for more, its_weight in zip(texts, weights, strict=True):
        if text and its_weight != weight:
            yield Fragment(text, weight)
            text = ""
        text, weight = text + more, its_weight
    if text:
        yield Fragment(text, weight)


def tokens_of(base: LoadedBase, prompt: str) -> tuple[list[int], list[float]]:
    """All tokens of a prompt, without start and end, and the weight of each."""
    tokens: list[int] = []
    weights: list[float] = []
    for fragment in fragments(prompt):
        ids = base.tokenizer(fragment.text, add_special_tokens=False, verbose=False).input_ids
        tokens += ids
        weights += [fragment.weight] * len(ids)
    return tokens, weights


def framed(base: LoadedBase, prompts: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Tokens with start, end and padding, and their weights: two of (prompts, tokens)."""
    tokenizer = base.tokenizer
    length = tokenizer.model_max_length
    rows, shares = [], []
    for prompt in prompts:
        tokens, weights = tokens_of(base, prompt)
        row = [tokenizer.bos_token_id, *tokens[: length - 2], tokenizer.eos_token_id]
        share = [1.0, *weights[: length - 2]]
        rows.append(row + [tokenizer.pad_token_id] * (length - len(row)))
        shares.append(share + [1.0] * (length - len(share)))
    return torch.tensor(rows, device=base.device), torch.tensor(shares, device=base.device)


def weighted(states: Tensor, weights: Tensor) -> Tensor:
    """`states` (prompts, tokens, width) by `weights` (prompts, tokens); each prompt by itself."""
    if (weights == 1).all():
        return states
    changed = states * weights.unsqueeze(-1).to(states.dtype)
    before, after = (each.mean(dim=(1, 2), keepdim=True) for each in (states, changed))
    has_mean = before.abs() > _NO_MEAN * states.std(dim=(1, 2), keepdim=True)
    return torch.where(has_mean, changed * (before / after), changed)
