"""The samplers, in the notation of k-diffusion: x = x_0 + σ ε, σ falling to 0.

Sources: Karras et al. 2022 (Euler, the schedule, preconditioning), Lu et al. 2022 (DPM-Solver++
2M), Song et al. 2021 (DDIM). Times and first sigmas are as A1111 takes them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor

# What a UNet says of scaled latents x at time t (a number, perhaps between two steps).
Predict = Callable[[Tensor, Tensor], Tensor]
# Standard normal numbers, (1, 4, h, w): the same for all rows.
Noise = Callable[[], Tensor]
Tick = Callable[[], object]
RHO: Final = 7.0


@dataclass(frozen=True)
class Diffusion:
    """ᾱ_t for t = 0 … T-1 in float32, and what the UNet predicts: "epsilon" or "v_prediction"."""

    alphas: Tensor
    prediction: str

    @classmethod
    def of(cls, scheduler_config: Mapping[str, Any]) -> Diffusion:
        """From a diffusers scheduler's configuration, with its defaults."""
        steps = scheduler_config.get("num_train_timesteps", 1000)
        start = scheduler_config.get("beta_start", 0.0001)
        end = scheduler_config.get("beta_end", 0.02)
        if scheduler_config.get("trained_betas") is not None:
            betas = torch.tensor(scheduler_config["trained_betas"], dtype=torch.float64)
        elif scheduler_config.get("beta_schedule", "linear") == "scaled_linear":
            betas = torch.linspace(start**0.5, end**0.5, steps, dtype=torch.float64) ** 2
        else:
            betas = torch.linspace(start, end, steps, dtype=torch.float64)
        alphas = torch.cumprod(1 - betas, dim=0).float()
        return cls(alphas, scheduler_config.get("prediction_type", "epsilon"))

    @property
    def sigmas(self) -> Tensor:
        """(T,), rising."""
        return ((1 - self.alphas) / self.alphas).sqrt()

    def uniform(self, steps: int) -> Tensor:
        """(steps + 1,): even in time from T-1 to 0, and then 0."""
        t = torch.linspace(len(self.alphas) - 1, 0, steps)
        return torch.cat([self.sigma_at(t), torch.zeros(1)])

    def karras(self, steps: int) -> Tensor:
        """(steps + 1,): even in σ^(1/ρ), and then 0."""
        low, high = (self.sigmas[end] ** (1 / RHO) for end in (0, -1))
        ramp = torch.linspace(0, 1, steps)
        return torch.cat([(high + ramp * (low - high)) ** RHO, torch.zeros(1)])

    def sigma_at(self, t: Tensor) -> Tensor:
        """Between two steps, even in log σ."""
        logs = self.sigmas.log()
        below = t.floor().long().clamp(max=len(logs) - 1)
        above = t.ceil().long().clamp(max=len(logs) - 1)
        return torch.lerp(logs[below], logs[above], t.frac()).exp()

    def time_of(self, sigma: Tensor) -> Tensor:
        """The inverse of `sigma_at`."""
        logs = self.sigmas.log()
        wanted = sigma.log()
        below = (torch.searchsorted(logs, wanted) - 1).clamp(0, len(logs) - 2)
        low, high = logs[below], logs[below + 1]
        share = ((wanted - low) / (high - low)).clamp(0, 1)
        return below + share

    def denoised(self, predict: Predict, x: Tensor, sigma: Tensor) -> Tensor:
        """x_0 as the UNet sees it in x."""
        scale = 1 / (sigma**2 + 1).sqrt()
        said = predict(x * scale, self.time_of(sigma))
        if self.prediction == "v_prediction":
            return x * scale**2 - said * (sigma * scale)
        return x - said * sigma


def sample(
    name: str,
    schedule: str,
    diffusion: Diffusion,
    predict: Predict,
    noise: Noise,
    *,
    steps: int,
    rows: int,
    tick: Tick,
) -> Tensor:
    """Latents (rows, 4, h, w) in float32. `tick` is called after each step."""
    first = noise()
    x = first.expand(rows, *first.shape[1:])
    if name == "DDIM":
        return _ddim(diffusion, predict, x, steps, tick)
    sigmas = diffusion.karras(steps) if schedule == "Karras" else diffusion.uniform(steps)
    x = x * sigmas[0]
    match name:
        case "Euler":
            return _euler(diffusion, predict, x, sigmas, tick)
        case "Euler a":
            return _euler_ancestral(diffusion, predict, x, sigmas, tick, noise)
        case _:
            return _dpmpp_2m(diffusion, predict, x, sigmas, tick)


def _euler(diffusion: Diffusion, predict: Predict, x: Tensor, sigmas: Tensor, tick: Tick) -> Tensor:
    for sigma, after in zip(sigmas, sigmas[1:], strict=False):
        d = (x - diffusion.denoised(predict, x, sigma)) / sigma
        x = x + d * (after - sigma)
        tick()
    return x


def _euler_ancestral(
    diffusion: Diffusion, predict: Predict, x: Tensor, sigmas: Tensor, tick: Tick, noise: Noise
) -> Tensor:
    for sigma, after in zip(sigmas, sigmas[1:], strict=False):
        up = torch.minimum(after, (after**2 * (sigma**2 - after**2) / sigma**2).sqrt())
        down = (after**2 - up**2).sqrt()
        d = (x - diffusion.denoised(predict, x, sigma)) / sigma
        x = x + d * (down - sigma)
        if after > 0:
            x = x + noise() * up
        tick()
    return x


def _dpmpp_2m(
    diffusion: Diffusion, predict: Predict, x: Tensor, sigmas: Tensor, tick: Tick
) -> Tensor:
    """Second order over two steps; the first and the last step are of first order."""
    before: Tensor | None = None
    for i, (sigma, after) in enumerate(zip(sigmas, sigmas[1:], strict=False)):
        denoised = diffusion.denoised(predict, x, sigma)
        h = sigma.log() - after.log()
        d = denoised
        if before is not None and after > 0:
            r = (sigmas[i - 1].log() - sigma.log()) / h
            d = denoised + (denoised - before) / (2 * r)
        x = x * (after / sigma) - d * torch.expm1(-h)
        before = denoised
        tick()
    return x


def _ddim(diffusion: Diffusion, predict: Predict, x: Tensor, steps: int, tick: Tick) -> Tensor:
    """η = 0, in x_t = √ᾱ x_0 + √(1-ᾱ) ε."""
    last = len(diffusion.alphas) - 1
    stride = max(1, (last + 1) // steps)
    times = (torch.arange(0, last + 1, stride) + 1).clamp(max=last)
    before = torch.cat([torch.zeros(1, dtype=torch.long), times[:-1]])
    for t, t_before in zip(times.flip(0), before.flip(0), strict=True):
        a, a_before = diffusion.alphas[t], diffusion.alphas[t_before]
        e = predict(x, t.float())
        if diffusion.prediction == "v_prediction":
            e = a.sqrt() * e + (1 - a).sqrt() * x
        x_0 = (x - (1 - a).sqrt() * e) / a.sqrt()
        x = a_before.sqrt() * x_0 + (1 - a_before).sqrt() * e
        tick()
    return x
