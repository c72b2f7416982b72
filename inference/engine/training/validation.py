"""The one loss that can be compared: pictures, times and noise that never change.

The loss of a training step mostly tells which time was drawn. Here the times are spread evenly, so
two numbers differ only by what the network has learned.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from inference.engine.training.datasets import Example
from inference.engine.training.diffusion import Diffusion
from inference.engine.training.pictures import Latents, TextStates
from inference.engine.training.templates import fill

Predict = Callable[[Tensor, Tensor, Tensor], Tensor]  # noised latents, times, text states
_BATCH = 8


class FixedSet:
    """Each picture at ``times`` times, with one noise and one sentence for each."""

    def __init__(
        self,
        examples: Sequence[Example],
        latents: Latents,
        states: TextStates,
        diffusion: Diffusion,
        *,
        templates: Sequence[str],
        name: str,
        times: int,
        seed: int,
    ) -> None:
        self._latents, self._states, self._diffusion = latents, states, diffusion
        count = len(examples) * times
        generator = torch.Generator().manual_seed(seed)
        self._pictures = torch.arange(len(examples)).repeat_interleave(times)
        spread = (torch.arange(times) + 0.5) / times * diffusion.times
        self._times = spread.long().repeat(len(examples))
        self._noise = torch.randn(count, *latents.mean.shape[1:], generator=generator)
        self._texts = [
            fill(templates[i % len(templates)], name=name, caption=examples[i // times].caption)
            for i in range(count)
        ]

    @torch.no_grad()
    def loss(self, predict: Predict) -> float:
        """The mean squared error over the whole set."""
        device = self._latents.mean.device
        total = torch.zeros((), dtype=torch.float64)
        for start in range(0, len(self._texts), _BATCH):
            part = slice(start, start + _BATCH)
            latents = self._latents.mean[self._pictures[part].to(device)]
            noise, t = self._noise[part].to(device), self._times[part].to(device)
            text = self._states(self._texts[part])
            predicted = predict(self._diffusion.noised(latents, noise, t), t, text)
            error = predicted.float() - self._diffusion.target(latents, noise, t)
            total += error.square().mean(dim=(1, 2, 3)).sum().double().cpu()
        return (total / len(self._texts)).item()
