"""Files as PyTorch and safetensors themselves write them, in memory."""

from __future__ import annotations

import io
from collections import OrderedDict
from pathlib import Path
from typing import Any

import safetensors.torch
import torch

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "hypernetworks"


def saved(value: Any, **options: Any) -> bytes:
    """What torch.save writes."""
    file = io.BytesIO()
    torch.save(value, file, **options)
    return file.getvalue()


def saved_safely(tensors: dict[str, torch.Tensor], metadata: dict[str, str] | None = None) -> bytes:
    """What safetensors writes."""
    return safetensors.torch.save(tensors, metadata)


def half(
    dim: int = 64, width: int = 16, *, second: int = 1, dtype: torch.dtype = torch.float32
) -> OrderedDict[str, torch.Tensor]:
    """A state dict of two linear layers; the index of the second one shows what is between."""
    draw = torch.Generator().manual_seed(dim + width)
    shapes = {
        "linear.0.weight": (width, dim),
        "linear.0.bias": (width,),
        f"linear.{second}.weight": (dim, width),
        f"linear.{second}.bias": (dim,),
    }
    return OrderedDict(
        (key, torch.randn(shape, generator=draw).to(dtype)) for key, shape in shapes.items()
    )


def network(dims: tuple[int, ...] = (64,), **settings: Any) -> dict[Any, Any]:
    """What A1111 saves: a quarter-width network without activation, unless settings say more."""
    modules: dict[Any, Any] = {dim: (half(dim, dim // 4), half(dim, dim // 4)) for dim in dims}
    return modules | {"name": "net", "layer_structure": [1, 0.25, 1]} | settings
