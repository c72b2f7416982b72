"""What this worker process has loaded: base models and encoders, hot between jobs."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

import psutil
import torch

from inference.engine.base import BaseSource, LoadedBase, load_base
from inference.engine.fidelity import ClipEncoder, load_encoder
from inference.engine.hot import Hot

# Of the device's memory; the rest is for activations and for others.
SHARE_OF_GPU: Final = 0.6
SHARE_OF_MEMORY: Final = 0.4


def hot_base(source: BaseSource, *, most_bytes: int = 0) -> LoadedBase:
    """Loaded now, or kept from before. `most_bytes` 0: a share of what the device has."""
    return _bases(most_bytes or _share()).get(source)


def hot_encoder(path: Path, *, most_bytes: int = 0) -> ClipEncoder:
    return _encoders(most_bytes or _share()).get(path)


@cache
def _bases(most_bytes: int) -> Hot[BaseSource, LoadedBase]:
    return Hot(load=load_base, expected=_expected, most_bytes=most_bytes)


@cache
def _encoders(most_bytes: int) -> Hot[Path, ClipEncoder]:
    return Hot(load=load_encoder, expected=_size_of, most_bytes=most_bytes)


def _expected(source: BaseSource) -> int:
    """Files of halves take twice as much in fp32: better too much room than too little."""
    return _size_of(source.path) * (2 if source.precision == "fp32" else 1)


def _size_of(path: Path) -> int:
    files = path.rglob("*.safetensors") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def _share() -> int:
    if torch.cuda.is_available():
        return int(torch.cuda.get_device_properties(0).total_memory * SHARE_OF_GPU)
    return int(psutil.virtual_memory().total * SHARE_OF_MEMORY)
