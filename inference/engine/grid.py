"""One row of a preview grid: a prompt and a seed at every multiplier, in one batch.

All pictures of a row share noise, text states and times; the multiplier is a number per row of the
batch. Rows lie in pairs, (unconditional, conditional) of each picture: both have its multiplier.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import torch
from PIL import Image
from torch import Tensor

from inference.engine.attention import hypernetworks_on
from inference.engine.halving import halving, is_out_of_memory
from inference.engine.hypernetwork import Hypernetwork, NotANumber, WrongMultipliers
from inference.engine.pairs import rows_become_pairs
from inference.engine.pictures import decoded
from inference.engine.samplers import Diffusion, sample
from inference.engine.sampling import (
    NotEnoughMemory,
    SamplingError,
    SeededNoise,
    Settings,
    text_states,
)

if TYPE_CHECKING:
    from inference.engine.base import LoadedBase

Strengths = tuple[float, ...]  # of each network, in one picture
OnStep = Callable[[int, int], object]


def render_row(
    base: LoadedBase,
    networks: Sequence[Hypernetwork],
    *,
    prompt: str,
    seed: int,
    multipliers: Sequence[float | Sequence[float]],
    settings: Settings,
    on_step: OnStep | None = None,
    batch_limit: int | None = None,
) -> list[Image.Image]:
    """A picture for each multiplier: of all networks, or a sequence with one for each network.

    `on_step(done, all)` counts steps of single pictures; it may raise to cancel. At most
    `batch_limit` pictures share a batch; where memory does not suffice, half as many are tried.

    Raises: HypernetworkError, SamplingError; of the latter NotEnoughMemory if one picture is too
    much.
    """
    strengths = [_strengths(multiplier, networks) for multiplier in multipliers]
    limit = batch_limit or max(1, len(strengths))
    lay_out(base)
    row = Row(base, networks, prompt, seed, settings, _Progress(on_step, settings, len(strengths)))
    try:
        latents = torch.cat(halving(strengths, row.latents, limit))
        _require_finite(latents, strengths, networks)
        parts = halving(list(latents), partial(decoded, base), limit)
    except RuntimeError as error:
        if is_out_of_memory(error):
            raise NotEnoughMemory(settings) from error
        raise
    return [picture for part in parts for picture in part]


@dataclass(frozen=True)
class Row:
    """What all pictures of a row have in common."""

    base: LoadedBase
    networks: Sequence[Hypernetwork]
    prompt: str
    seed: int
    settings: Settings
    progress: _Progress

    def latents(self, strengths: Sequence[Strengths]) -> Tensor:
        """(pictures, 4, h, w) in float32, of one batch."""
        count = len(strengths)
        guided = _Guided(self.base, self._context(count), self.settings.cfg_scale)
        applied = [
            (network, torch.tensor([each[i] for each in strengths]).repeat_interleave(2))
            for i, network in enumerate(self.networks)
        ]
        pairs = [picture for picture in range(count) for _ in range(2)]
        with (
            hypernetworks_on(self.base.unet, applied, pictures=pairs),
            rows_become_pairs(self.base.unet),
            self.progress.of(count),
        ):
            return sample(
                self.settings.sampler_name,
                self.settings.schedule_type,
                Diffusion.of(self.base.scheduler_config),
                guided,
                SeededNoise(self.base, self.seed, self.settings),
                steps=self.settings.steps,
                rows=count,
                tick=self.progress.tick,
            )

    def _context(self, count: int) -> Tensor:
        """(2 · pictures, tokens, width): the same two rows for each picture."""
        prompts = (self.settings.negative_prompt, self.prompt)
        pair = torch.cat([text_states(self.base, prompt) for prompt in prompts])
        return pair.repeat(count, 1, 1).to(self.base.unet.dtype)


@dataclass(frozen=True)
class _Guided:
    """Classifier-free guidance: what the UNet says without the prompt, and further towards it."""

    base: LoadedBase
    context: Tensor
    scale: float

    def __call__(self, x: Tensor, t: Tensor) -> Tensor:
        given = x.to(self.base.unet.dtype, memory_format=torch.channels_last)
        said = self.base.unet(given, t, self.context, return_dict=False)[0]
        without, with_prompt = said.float().unflatten(0, (-1, 2)).unbind(1)
        return torch.lerp(without, with_prompt, self.scale)


class _Progress:
    """Steps of single pictures; those of a batch that ran out of memory are taken back."""

    def __init__(self, on_step: OnStep | None, settings: Settings, pictures: int) -> None:
        self._on_step, self._total = on_step, settings.steps * pictures
        self._steps, self._done, self._now, self._count = settings.steps, 0, 0, 0

    def of(self, count: int) -> _Progress:
        self._now, self._count = 0, count
        return self

    def tick(self) -> None:
        self._now = min(self._now + 1, self._steps)
        if self._on_step is not None:
            self._on_step(self._done + self._now * self._count, self._total)

    def __enter__(self) -> None:
        self._now = 0

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._done += self._steps * self._count


def lay_out(base: LoadedBase) -> None:
    """Channels last, as convolutions on CPUs and GPUs want it. Once: it stays so."""
    for part, first in ((base.unet, base.unet.conv_in), (base.vae, base.vae.decoder.conv_in)):
        if not first.weight.is_contiguous(memory_format=torch.channels_last):
            part.to(memory_format=torch.channels_last)


def _strengths(multiplier: float | Sequence[float], networks: Sequence[Hypernetwork]) -> Strengths:
    if isinstance(multiplier, int | float):
        return (float(multiplier),) * len(networks)
    if len(multiplier) != len(networks):
        names = ", ".join(network.name for network in networks)
        raise WrongMultipliers(names, given=len(multiplier), batch=len(networks))
    return tuple(map(float, multiplier))


def _require_finite(
    latents: Tensor, strengths: Sequence[Strengths], networks: Sequence[Hypernetwork]
) -> None:
    broken = (~latents.isfinite().flatten(1).all(dim=1)).tolist()
    if not any(broken):
        return
    at_fault = {i for is_broken, each in zip(broken, strengths, strict=True) if is_broken
                for i, multiplier in enumerate(each) if multiplier}  # fmt: skip
    if not at_fault:
        raise SamplingError(
            "The base model gave numbers that are not finite, without any hypernetwork. Use it in "
            "full precision."
        )
    raise NotANumber([networks[i].name for i in sorted(at_fault)], where="pictures")
