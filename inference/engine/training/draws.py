"""All chance of a training in one place: which picture, which words, which noise, which time.

Everything is drawn on the CPU, so the device changes nothing, and the state can be stored and
taken up again to the last bit.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from inference.engine.training.datasets import Example
from inference.engine.training.options import TrainingOptions
from inference.engine.training.templates import fill, varied


@dataclass(frozen=True)
class Draw:
    """One batch to come: ``posterior`` noise draws its latents, ``noise`` is put on them."""

    pictures: Tensor
    texts: tuple[str, ...]
    times: Tensor
    noise: Tensor
    posterior: Tensor

    def part(self, start: int, stop: int) -> "Draw":
        return Draw(
            self.pictures[start:stop],
            self.texts[start:stop],
            self.times[start:stop],
            self.noise[start:stop],
            self.posterior[start:stop],
        )


class Draws:
    """Every picture comes once before any comes again, in a new order each time."""

    def __init__(
        self,
        options: TrainingOptions,
        examples: Sequence[Example],
        templates: Sequence[str],
        *,
        shape: tuple[int, ...],
        times: int,
    ) -> None:
        self._options, self._examples, self._templates = options, examples, templates
        self._shape, self._times = shape, times
        self._words = random.Random(options.seed)  # noqa: S311  # chance, no secret
        self._numbers = torch.Generator().manual_seed(options.seed)
        self._order: list[int] = []

    def batch(self) -> Draw:
        size = self._options.batch_size
        pictures = [self._next_picture() for _ in range(size)]
        return Draw(
            pictures=torch.tensor(pictures),
            texts=tuple(self._text(self._examples[i].caption) for i in pictures),
            times=torch.randint(0, self._times, (size,), generator=self._numbers),
            noise=torch.randn(size, *self._shape, generator=self._numbers),
            posterior=torch.randn(size, *self._shape, generator=self._numbers),
        )

    def state(self) -> dict[str, Any]:
        return {
            "order": list(self._order),
            "words": self._words.getstate(),
            "numbers": self._numbers.get_state(),
        }

    def take_up(self, state: dict[str, Any]) -> None:
        self._order = list(state["order"])
        self._words.setstate(state["words"])
        self._numbers.set_state(state["numbers"])

    def _next_picture(self) -> int:
        if not self._order:
            self._order = list(range(len(self._examples)))
            self._words.shuffle(self._order)
        return self._order.pop()

    def _text(self, caption: str) -> str:
        template = self._words.choice(self._templates)
        words = varied(
            caption,
            shuffle=self._options.shuffle_tags,
            drop_out=self._options.tag_drop_out,
            chance=self._words,
        )
        return fill(template, name=self._options.name, caption=words)
