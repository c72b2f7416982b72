"""Latents to pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from PIL import Image
from torch import Tensor

if TYPE_CHECKING:
    from inference.engine.base import LoadedBase


def decoded(base: LoadedBase, latents: Sequence[Tensor]) -> list[Image.Image]:
    """Each of (4, h, w), as the samplers leave them; one batch."""
    scaled = torch.stack(list(latents)) / base.vae.config["scaling_factor"]
    with torch.no_grad():
        values = _values(base, scaled)
    pixels = (values.float() * 127.5 + 127.5).clamp(0, 255).round().to(torch.uint8)
    return [Image.fromarray(each) for each in pixels.permute(0, 2, 3, 1).cpu().numpy()]


def _values(base: LoadedBase, latents: Tensor) -> Tensor:
    """(pictures, 3, height, width) between -1 and 1. Some VAEs overflow in half precision: those
    decode in float32 then, as A1111 does.
    """
    vae = base.vae
    values: Tensor = vae.decode(latents.to(vae.dtype)).sample
    if vae.dtype == torch.float32 or bool(values.isfinite().all()):
        return values
    dtype = vae.dtype
    vae.to(torch.float32)
    try:
        again: Tensor = vae.decode(latents.float()).sample
        return again
    finally:
        vae.to(dtype)
