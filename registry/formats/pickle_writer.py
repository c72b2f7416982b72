"""Writes the pickle program of a `.pt` file, opcode by opcode: protocol 2, and nothing but data.

Every reader that matters takes these opcodes: torch's own with and without `weights_only`, A1111's
restricted unpickler, and ours. Tensors are named by number; their bytes lie beside the program.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from registry.formats.errors import JSON
from registry.formats.tensor import TensorInfo

StateDict = Mapping[str, TensorInfo]

_PROTOCOL_2: Final = b"\x80\x02"
_STOP: Final = b"."
_MARK: Final = b"("
_DICT: Final = b"}"
_SETITEMS: Final = b"u"
_LIST: Final = b"]"
_APPENDS: Final = b"e"
_EMPTY_TUPLE: Final = b")"
_TUPLE: Final = b"t"
_TUPLE1: Final = b"\x85"
_TUPLE2: Final = b"\x86"
_REDUCE: Final = b"R"
_PERSISTENT: Final = b"Q"
_NONE: Final = b"N"
_TRUE: Final = b"\x88"
_FALSE: Final = b"\x89"

_ORDERED_DICT: Final = b"ccollections\nOrderedDict\n"
_REBUILD_TENSOR: Final = b"ctorch._utils\n_rebuild_tensor_v2\n"


def pickle_of(
    modules: Iterable[tuple[int, tuple[StateDict, StateDict]]], metadata: Mapping[str, JSON]
) -> bytes:
    """The program that builds `{dim: (K, V), …, key: value, …}` in the order given.

    The n-th tensor met takes its bytes from storage n.
    """
    program = _Program()
    program.code += _DICT + _MARK
    for dim, (k, v) in modules:
        program.value(dim)
        program.state_dict(k)
        program.state_dict(v)
        program.code += _TUPLE2
    for key, value in metadata.items():
        program.value(key)
        program.value(value)
    program.code += _SETITEMS + _STOP
    return bytes(program.code)


class _Program:
    """The code so far, what it has remembered, and how many tensors it has named."""

    def __init__(self) -> None:
        self.code = bytearray(_PROTOCOL_2)
        self._memo: dict[bytes, int] = {}
        self._tensors = 0

    def value(self, value: JSON) -> None:
        """None, a bool, a number, a text or a list of these."""
        if isinstance(value, Mapping):
            raise TypeError("the metadata of a hypernetwork holds no dict")
        if value is None or isinstance(value, bool | int | float | str):
            self.code += _scalar(value)
            return
        self.code += _LIST + _MARK
        for item in value:
            self.value(item)
        self.code += _APPENDS

    def state_dict(self, state: StateDict) -> None:
        self._once(_ORDERED_DICT)
        self.code += _EMPTY_TUPLE + _REDUCE + _MARK
        for key, tensor in state.items():
            self.value(key)
            self._tensor(tensor)
        self.code += _SETITEMS

    def _tensor(self, tensor: TensorInfo) -> None:
        """`_rebuild_tensor_v2(storage, offset, shape, strides, requires_grad, backward hooks)`."""
        self._once(_REBUILD_TENSOR)
        self.code += _MARK
        self._storage(tensor)
        self.value(0)
        self._sizes(tensor.shape)
        self._sizes(_strides(tensor.shape))
        self.code += _FALSE
        self._once(_ORDERED_DICT)
        self.code += _EMPTY_TUPLE + _REDUCE + _TUPLE + _REDUCE

    def _storage(self, tensor: TensorInfo) -> None:
        """The persistent id `("storage", torch.FloatStorage, "7", "cpu", elements)`."""
        self.code += _MARK
        self._once(_text("storage"))
        self._once(b"ctorch\n" + tensor.dtype.storage.encode("ascii") + b"\n")
        self.value(str(self._tensors))
        self._once(_text("cpu"))
        self.value(tensor.numel)
        self.code += _TUPLE + _PERSISTENT
        self._tensors += 1

    def _sizes(self, sizes: Sequence[int]) -> None:
        short = {1: _TUPLE1, 2: _TUPLE2}.get(len(sizes))
        if short is None:
            self.code += _MARK
        for size in sizes:
            self.value(size)
        self.code += short or _TUPLE

    def _once(self, code: bytes) -> None:
        """What comes up with every tensor: remembered the first time, fetched from then on."""
        if code in self._memo:
            self.code += b"h" + bytes([self._memo[code]])
        else:
            self._memo[code] = len(self._memo)
            self.code += code + b"q" + bytes([self._memo[code]])


def _scalar(value: None | bool | int | float | str) -> bytes:
    if value is None:
        return _NONE
    if isinstance(value, bool):
        return _TRUE if value else _FALSE
    if isinstance(value, int):
        return _integer(value)
    if isinstance(value, float):
        return b"G" + struct.pack(">d", value)
    return _text(value)


def _integer(value: int) -> bytes:
    """The shortest of the four forms."""
    if 0 <= value < 1 << 8:
        return b"K" + struct.pack("<B", value)
    if 0 <= value < 1 << 16:
        return b"M" + struct.pack("<H", value)
    if -(1 << 31) <= value < 1 << 31:
        return b"J" + struct.pack("<i", value)
    length = value.bit_length() // 8 + 1
    return b"\x8a" + bytes([length]) + value.to_bytes(length, "little", signed=True)


def _text(value: str) -> bytes:
    encoded = value.encode("utf-8")
    return b"X" + struct.pack("<I", len(encoded)) + encoded


def _strides(shape: Sequence[int]) -> tuple[int, ...]:
    """Of a contiguous tensor, in elements."""
    strides = [1]
    for size in reversed(shape[1:]):
        strides.append(strides[-1] * size)
    return tuple(reversed(strides)) if shape else ()
