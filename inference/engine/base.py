"""Base models of Stable Diffusion 1.x and 2.x: from a diffusers folder, or from one .safetensors.

Nothing is fetched: configurations and CLIP's vocabulary ship with the project. Pickles are not
opened. `load_base` returns every part on its device, in eval mode, without gradients.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch

from inference.engine import diffusers_folder, single_file
from inference.engine.base_checksum import hash_of_base
from inference.engine.base_errors import (
    BaseModelError,
    BaseNotFound,
    PickledCheckpoint,
    UnknownLayout,
)
from inference.engine.base_source import DTYPES, BaseSource, Family, Parts, Precision

__all__ = [
    "BaseModelError",
    "BaseSource",
    "Family",
    "LoadedBase",
    "Precision",
    "hash_of_base",
    "load_base",
]
PICKLES: Final = (".ckpt", ".pt", ".pth", ".bin")


@dataclass
class LoadedBase(Parts):
    """All parts, ready. `hash` is 64 hex digits; A1111 shows the first ten."""

    source: BaseSource
    device: torch.device
    hash: str

    @property
    def bytes(self) -> int:
        """Of the weights, in memory."""
        parts: tuple[Any, ...] = (self.unet, self.vae, self.text_encoder)
        tensors = (tensor for part in parts for tensor in part.parameters())
        return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def load_base(source: BaseSource, *, device: str | torch.device | None = None) -> LoadedBase:
    """Read a base model whole. Raises BaseModelError, with a sentence for whoever registered it."""
    path = source.path
    dtype = DTYPES[source.precision]
    _require_readable(path)
    layout = diffusers_folder if path.is_dir() else single_file
    parts = layout.load(source, dtype=dtype)
    if source.vae_path is not None:
        _require_readable(source.vae_path)
        vae_layout = diffusers_folder if source.vae_path.is_dir() else single_file
        parts.vae = vae_layout.load_vae(source.vae_path, family=source.family, dtype=dtype)
    place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    for part in (parts.unet, parts.vae, parts.text_encoder):
        part.requires_grad_(False).eval().to(place)
    return LoadedBase(**vars(parts), source=source, device=place, hash=hash_of_base(path))


def _require_readable(path: Path) -> None:
    if not path.exists():
        raise BaseNotFound(path)
    if path.is_file() and path.suffix in PICKLES:
        raise PickledCheckpoint(path)
    if path.is_file() and path.suffix != ".safetensors":
        raise UnknownLayout(path, f"“{path.suffix}” is no format of checkpoints")
