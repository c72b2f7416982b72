"""Latents to pictures, in whatever precision the VAE can bear."""

import copy
import dataclasses
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from inference.engine.base import LoadedBase
from inference.engine.pictures import decoded


class TestDecoded:
    def test_values_become_levels(
        self, small_base: LoadedBase, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        values = torch.tensor([-2.0, -1.0, 0.0, 1.0]).view(1, 1, 1, 4).expand(1, 3, 1, 4)
        monkeypatch.setattr(small_base.vae, "decode", lambda _: SimpleNamespace(sample=values))
        (picture,) = decoded(small_base, [torch.zeros(4, 1, 1)])
        assert np.asarray(picture)[0, :, 0].tolist() == [0, 0, 128, 255]

    def test_a_vae_that_overflows_in_half_precision_goes_on_in_full(
        self, small_base: LoadedBase, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        half = dataclasses.replace(small_base, vae=copy.deepcopy(small_base.vae).bfloat16())
        decode = half.vae.decode
        used: list[torch.dtype] = []

        def overflowing(latents: torch.Tensor) -> Any:
            used.append(latents.dtype)
            said = decode(latents)
            if latents.dtype != torch.float32:
                said.sample.fill_(float("nan"))
            return said

        monkeypatch.setattr(half.vae, "decode", overflowing)
        latents = torch.randn(4, 16, 16)
        (picture,) = decoded(half, [latents])
        (expected,) = decoded(small_base, [latents])
        assert used == [torch.bfloat16, torch.float32]
        assert half.vae.dtype == torch.bfloat16
        levels = np.abs(np.asarray(picture, dtype=int) - np.asarray(expected, dtype=int))
        assert levels.max() <= 4  # its weights were rounded once
