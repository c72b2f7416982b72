"""Tensors as a file describes them, before their bytes are found: any container yields these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from registry.formats.errors import Nesting, TensorBounds, TensorShape, TensorStrides
from registry.formats.tensor import DType, TensorInfo

MAX_TENSORS: Final = 2_048
MAX_RANK: Final = 4
MAX_NESTING: Final = 64


@dataclass(frozen=True)
class StorageRef:
    """A block of weights: its element type, its key in the file, and how many elements it has."""

    dtype: DType
    key: str
    numel: int

    @property
    def nbytes(self) -> int:
        """How many bytes the block takes."""
        return self.numel * self.dtype.itemsize


@dataclass(frozen=True)
class StoredTensor(TensorInfo):
    """A contiguous tensor that begins `offset` elements into its block."""

    storage: StorageRef
    offset: int = 0


def whole(storage: StorageRef, shape: tuple[int, ...]) -> StoredTensor:
    """Return the tensor of this shape that is all of its block."""
    check_shape(storage.key, shape)
    return StoredTensor(storage.dtype, shape, storage)


def strided(
    storage: StorageRef, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]
) -> StoredTensor:
    """Return a part of a block as a tensor, if it is contiguous and inside."""
    check_shape(storage.key, shape)
    if strides != (expected := contiguous(shape)):
        raise TensorStrides(tensor=storage.key, found=strides, expected=expected)
    tensor = StoredTensor(storage.dtype, shape, storage, offset)
    if not 0 <= offset <= storage.numel - tensor.numel:
        raise TensorBounds(
            tensor=storage.key, begin=offset, numel=tensor.numel, available=storage.numel
        )
    return tensor


def check_shape(name: str, shape: tuple[int, ...]) -> None:
    """Refuse a shape with too many dimensions, or with empty ones."""
    if len(shape) > MAX_RANK or any(size < 1 for size in shape):
        raise TensorShape(tensor=name, shape=shape)


def contiguous(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the strides, in elements, of a tensor of this shape that is stored in one piece."""
    strides, step = [], 1
    for size in reversed(shape):
        strides.append(step)
        step *= size
    return tuple(reversed(strides))


def check_nesting(value: Any) -> None:
    """Refuse a tree that is too deep; walk it level by level, so that depth costs no recursion."""
    level: list[Any] = [value]
    for _ in range(MAX_NESTING + 1):
        level = [
            child
            for item in level
            if isinstance(item, dict | list | tuple)
            for child in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return
    raise Nesting(limit=MAX_NESTING)
