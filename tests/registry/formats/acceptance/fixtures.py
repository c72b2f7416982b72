"""The files that A1111 wrote, what today's A1111 reads in them, and what it computes from them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from registry.formats.tensor import DType, Tensor

FOLDER = Path(__file__).resolve().parents[3] / "fixtures" / "hypernetworks"
INDEX: dict[str, dict[str, Any]] = json.loads((FOLDER / "index.json").read_text())
NAMES = tuple(INDEX)
NOT_SETTINGS = {"dims", "written_by", "sha256", "bytes"}
TORCH_TYPES = {
    DType.FP32: torch.float32,
    DType.FP16: torch.float16,
    DType.BF16: torch.bfloat16,
    DType.FP64: torch.float64,
}


def path(name: str) -> Path:
    return FOLDER / name


def stem(name: str) -> str:
    return name.removesuffix(".pt")


def settings(name: str) -> dict[str, Any]:
    """A1111's keys after defaults, as today's A1111 reads them."""
    return {key: value for key, value in INDEX[name].items() if key not in NOT_SETTINGS}


@dataclass(frozen=True)
class Golden:
    """One output of A1111: f_k or f_v of one width at one multiplier."""

    dim: int
    half: str
    multiplier: float
    x: NDArray[np.float32]
    y: NDArray[np.float32]


def golden(name: str) -> Iterator[Golden]:
    with np.load(FOLDER / f"{stem(name)}.golden.npz", allow_pickle=False) as stored:
        for key in stored.files:
            width, what = key.split(".", 1)
            if what != "x":
                half, multiplier = what.split("@")
                x = stored[f"{width}.x"]
                yield Golden(int(width), half, float(multiplier), x, stored[key])


def as_torch(tensor: Tensor) -> torch.Tensor:
    """The tensor's bytes in torch's hands: a copy, since torch wants them writable."""
    flat = torch.frombuffer(bytearray(tensor.data), dtype=TORCH_TYPES[tensor.dtype])
    return flat.reshape(tensor.shape)


def bits(tensor: torch.Tensor) -> bytes:
    """The tensor's bytes in order, so that equality means equality (NaN, -0.0)."""
    return bytes(tensor.detach().contiguous().flatten().view(torch.uint8).numpy().tobytes())


def relative_error(found: NDArray[Any], expected: NDArray[Any]) -> float:
    """The largest deviation, relative to the largest expected value."""
    return float(np.abs(found - expected).max() / np.abs(expected).max())
