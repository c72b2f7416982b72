"""A tensor of a file: its element type, its shape, and a view of its bytes where they lie."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray


class DType(StrEnum):
    """The four element types that a hypernetwork may have, under every name they go by."""

    FP32 = "fp32"
    FP16 = "fp16"
    BF16 = "bf16"
    FP64 = "fp64"

    @property
    def itemsize(self) -> int:
        """Bytes per element."""
        return self.carrier.itemsize

    @property
    def carrier(self) -> np.dtype[Any]:
        """The little-endian numpy type that holds the elements; bfloat16 travels as uint16."""
        return _CARRIER[self]

    @property
    def storage(self) -> str:
        """The name of torch's storage class, as a pickle spells it."""
        return _STORAGE[self]

    @property
    def safetensors(self) -> str:
        """The name in a safetensors header."""
        return _SAFETENSORS[self]

    @property
    def exponent(self) -> int:
        """The exponent bits of an element; infinities and NaNs have them all set."""
        return _EXPONENT[self]

    @classmethod
    def of_storage(cls, name: str) -> DType | None:
        """The type held by torch's storage class of that name, or None."""
        return _BY_STORAGE.get(name)

    @classmethod
    def of_safetensors(cls, name: str) -> DType | None:
        """The type of that name in a safetensors header, or None."""
        return _BY_SAFETENSORS.get(name)


_CARRIER: dict[DType, np.dtype[Any]] = {
    DType.FP32: np.dtype("<f4"),
    DType.FP16: np.dtype("<f2"),
    DType.BF16: np.dtype("<u2"),
    DType.FP64: np.dtype("<f8"),
}
_STORAGE = {
    DType.FP32: "FloatStorage",
    DType.FP16: "HalfStorage",
    DType.BF16: "BFloat16Storage",
    DType.FP64: "DoubleStorage",
}
_SAFETENSORS = {DType.FP32: "F32", DType.FP16: "F16", DType.BF16: "BF16", DType.FP64: "F64"}
_EXPONENT = {
    DType.FP32: 0x7F80_0000,
    DType.FP16: 0x7C00,
    DType.BF16: 0x7F80,
    DType.FP64: 0x7FF0_0000_0000_0000,
}
_BY_STORAGE = {name: dtype for dtype, name in _STORAGE.items()}
_BY_SAFETENSORS = {name: dtype for dtype, name in _SAFETENSORS.items()}


@dataclass(frozen=True)
class TensorInfo:
    """What a header tells about a tensor: everything but its values."""

    dtype: DType
    shape: tuple[int, ...]

    @property
    def numel(self) -> int:
        """How many elements it has; 1 for a scalar."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """How many bytes its elements take."""
        return self.numel * self.dtype.itemsize


@dataclass(frozen=True)
class Tensor(TensorInfo):
    """A contiguous, little-endian tensor over bytes that it does not own.

    `crc32` is the checksum of exactly these bytes where the container gave one and it was verified.
    """

    data: memoryview
    crc32: int | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.data.nbytes != self.nbytes or not self.data.readonly:
            raise ValueError(f"{self.nbytes} read-only bytes expected, not {self.data.nbytes}")

    def array(self) -> NDArray[Any]:
        """The elements in their own type, without a copy (bfloat16 as uint16), read-only."""
        return np.frombuffer(self.data, dtype=self.dtype.carrier).reshape(self.shape)

    def float32(self) -> NDArray[np.float32]:
        """The elements as float32: without a copy when they are, exactly when they are shorter."""
        if self.dtype is DType.BF16:
            return (self.array().astype("<u4") << 16).view("<f4")
        return self.array().astype("<f4", copy=False)
