"""The forward process of Stable Diffusion: what noise does, and what to predict."""

from typing import Any

import torch
from diffusers import DDPMScheduler
from torch import Tensor


class Diffusion:
    """``target`` is the noise, or v for models that predict v."""

    def __init__(self, scheduler_config: dict[str, Any], prediction_type: str, device: Any) -> None:
        scheduler: Any = DDPMScheduler.from_config(dict(scheduler_config))
        self.times: int = scheduler.config.num_train_timesteps
        self.predicts_v = prediction_type == "v_prediction"
        alphas = scheduler.alphas_cumprod.to(device, torch.float32)
        self._signal, self._noise = alphas.sqrt(), (1 - alphas).sqrt()

    def noised(self, latents: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        return self._at(self._signal, t) * latents + self._at(self._noise, t) * noise

    def target(self, latents: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        if not self.predicts_v:
            return noise
        return self._at(self._signal, t) * noise - self._at(self._noise, t) * latents

    @staticmethod
    def _at(table: Tensor, t: Tensor) -> Tensor:
        return table[t][:, None, None, None]
