"""Every hash by which a file is known elsewhere, in one pass over its bytes.

Source of the definitions: section 6 of the format specification. SHA256 and BLAKE3 name the file;
AutoV1, AutoV2 and AutoV3 are what WebUIs and Civitai write into pictures; CRC32 is what zip tools
show. The weights hash is ours: it names the network, however it was packed.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from blake3 import blake3

from registry.formats.container import Span
from registry.formats.hypernetwork import Hypernetwork
from registry.formats.tensor import Tensor

Buffer = bytes | bytearray | memoryview
Progress = Callable[[int], object]  # called with the number of bytes just done
Each = Callable[[memoryview], object]  # called with each chunk, still warm in the cache

CHUNK: Final = 1 << 18  # stays in the core's cache between the digests
AUTOV1_START: Final = 0x100000
AUTOV1_END: Final = 0x110000
AUTOV1_MINIMUM: Final = 2 << 20
SAFETENSORS_HEADER_CAP: Final = 100_000_000  # of the safetensors format itself


@dataclass(frozen=True, slots=True)
class Hashes:
    """Hashes of one file: lower-case hex strings; `size` in bytes."""

    size: int
    sha256: str
    autov1: str | None  # None for a file shorter than 2 MiB
    autov3: str | None  # None for anything but a safetensors file
    crc32: str
    blake3: str

    @property
    def autov2(self) -> str:
        return self.sha256[:10]

    def as_dict(self) -> dict[str, str | int | None]:
        return {
            "size": self.size,
            "sha256": self.sha256,
            "autov1": self.autov1,
            "autov2": self.autov2,
            "autov3": self.autov3,
            "crc32": self.crc32,
            "blake3": self.blake3,
        }


class Digest(Protocol):
    """What hashlib's objects have in common."""

    def update(self, data: Buffer, /) -> None: ...
    def hexdigest(self) -> str: ...
    def copy(self) -> Digest: ...


class Hasher:
    """Feed it a file's bytes from first to last, in pieces of any size; then ask for `hashes()`.

    Holds nothing of the file but nine bytes. The digests release the interpreter's lock.
    """

    def __init__(self) -> None:
        self.size = 0
        self._sha256: Any = hashlib.sha256()
        self._blake3 = blake3()
        self._crc32 = 0
        self._window: Any = hashlib.sha256()
        self._head = b""
        self._data_start: int | None = None  # where a safetensors file's weights begin
        self._after_header: Any = hashlib.sha256()

    def update(self, data: Buffer, *, crc32: int | None = None, each: Each | None = None) -> None:
        """Take the next bytes; `crc32` is theirs where the caller knows it already."""
        view = memoryview(data).cast("B")
        for chunk in chunks(view):
            self._take(chunk, with_crc=crc32 is None)
            if each is not None:
                each(chunk)
        if crc32 is not None:
            self._crc32 = combine_crc32(self._crc32, crc32, len(view))

    def _take(self, chunk: memoryview, *, with_crc: bool) -> None:
        if len(self._head) < 9:
            self._read_head(chunk)
        self._sha256.update(chunk)
        self._blake3.update(chunk)
        if with_crc:
            self._crc32 = zlib.crc32(chunk, self._crc32)
        window = self._part(chunk, AUTOV1_START, AUTOV1_END)
        if window:
            self._window.update(window)
        if self._data_start is not None:
            self._after_header.update(self._part(chunk, self._data_start, None))
        self.size += len(chunk)

    def _read_head(self, chunk: memoryview) -> None:
        self._head += bytes(chunk[: 9 - len(self._head)])
        length = int.from_bytes(self._head[:8], "little")
        if self._head[8:] == b"{" and 2 <= length <= SAFETENSORS_HEADER_CAP:
            self._data_start = 8 + length

    def _part(self, chunk: memoryview, start: int, end: int | None) -> memoryview:
        """The bytes of this chunk that lie in [start, end) of the file."""
        stop = len(chunk) if end is None else max(0, end - self.size)
        return chunk[max(0, start - self.size) : stop]

    def after_header(self) -> Digest:
        """A copy of the SHA256 of what followed the safetensors header."""
        digest: Digest = self._after_header.copy()
        return digest

    def hashes(self) -> Hashes:
        complete = self._data_start is not None and self.size >= self._data_start
        return Hashes(
            size=self.size,
            sha256=self._sha256.hexdigest(),
            autov1=self._window.hexdigest()[:8] if self.size >= AUTOV1_MINIMUM else None,
            autov3=self._after_header.hexdigest()[:12] if complete else None,
            crc32=f"{self._crc32:08x}",
            blake3=self._blake3.hexdigest(),
        )


def hash_bytes(
    data: Buffer, *, crc32: int | None = None, progress: Progress | None = None
) -> Hashes:
    """All hashes of a whole file, mapped or in memory; its CRC32 may be known already."""
    hasher = Hasher()
    each = None if progress is None else lambda chunk: progress(len(chunk))
    hasher.update(data, crc32=crc32, each=each)
    return hasher.hashes()


def crc32_of(data: Buffer, *, verified: Sequence[Span] = ()) -> int:
    """The CRC32 of a whole file; spans that a reader has verified, in order, are not read again."""
    view = memoryview(data).cast("B")
    crc, done = 0, 0
    for span in verified:
        crc = zlib.crc32(view[done : span.offset], crc)
        crc = combine_crc32(crc, span.crc32, span.length)
        done = span.offset + span.length
    return zlib.crc32(view[done:], crc)


def chunks(view: memoryview) -> Iterator[memoryview]:
    for start in range(0, len(view), CHUNK):
        yield view[start : start + CHUNK]


# --- the weights hash -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CanonicalTensor:
    """A tensor under the name that does not depend on how the file was packed."""

    dim: int
    half: str  # "k" or "v"
    index: int  # in the nn.Sequential of the file at hand
    ordinal: int  # among the modules that have parameters
    parameter: str  # "weight" or "bias"
    tensor: Tensor

    def describe(self) -> str:
        shape = ",".join(map(str, self.tensor.shape))
        name = f"{self.dim}.{self.half}.{self.ordinal}.{self.parameter}"
        return f"{name} {self.tensor.dtype} [{shape}]\n"


def canonical_tensors(hypernetwork: Hypernetwork) -> list[CanonicalTensor]:
    """All tensors in the one order that every writer and the weights hash use.

    By width of the element (so that each is aligned), context width, K before V, position in the
    net, weight before bias.
    """
    found = [
        tensor
        for dim, (k, v) in hypernetwork.modules.items()
        for half, state in (("k", k), ("v", v))
        for tensor in _of_half(dim, half, state)
    ]
    found.sort(
        key=lambda t: (
            -t.tensor.dtype.itemsize,
            t.dim,
            t.half,
            t.ordinal,
            t.parameter != "weight",
        )
    )
    return found


def _of_half(dim: int, half: str, state: Any) -> Iterator[CanonicalTensor]:
    parsed = [(int(key.split(".")[1]), key.split(".")[2], state[key]) for key in state]
    ordinals = {index: n for n, index in enumerate(sorted({index for index, _, _ in parsed}))}
    for index, parameter, tensor in parsed:
        yield CanonicalTensor(dim, half, index, ordinals[index], parameter, tensor)


def weights_hash(hypernetwork: Hypernetwork, *, progress: Progress | None = None) -> str:
    """SHA256 of the canonical tensors: the same network gives it however it was packed.

    The canonical form is the tensors' little-endian bytes, one after the other in the order of
    `canonical_tensors`, then `weights_manifest`. Container, dialect (`linear1` or `linear.0`),
    order of keys, list or tuple, and the gaps that activations and dropout leave in the indices
    make no difference; nor does any metadata: it is the weights that are named. The dtype does
    make one: a copy in half precision holds other numbers, so it is another set of weights.
    """
    digest: Any = hashlib.sha256()
    tensors = canonical_tensors(hypernetwork)
    for item in tensors:
        for chunk in chunks(item.tensor.data.cast("B")):
            digest.update(chunk)
            if progress is not None:
                progress(len(chunk))
    digest.update(weights_manifest(tensors))
    result: str = digest.hexdigest()
    return result


def weights_manifest(tensors: list[CanonicalTensor]) -> bytes:
    """One line per tensor: `<dim>.<k|v>.<ordinal>.<weight|bias> <dtype> [<shape>]`, ASCII."""
    return "".join(item.describe() for item in tensors).encode("ascii")


# --- CRC32 of a whole from those of its parts -------------------------------------------------

_POLYNOMIAL: Final = 0xEDB88320  # of CRC-32, bits reflected: x^0 is the top bit
_ONE: Final = 1 << 31


def combine_crc32(first: int, second: int, second_length: int) -> int:
    """CRC32 of A+B from those of A and B and the length of B in bytes.

    A CRC is a remainder in GF(2)[x]: appending n bytes multiplies it by x^(8n).
    """
    return _multiply(_power_of_x(8 * second_length), first) ^ second


def _multiply(a: int, b: int) -> int:
    product = 0
    bit = _ONE
    while bit:
        if a & bit:
            product ^= b
        b = (b >> 1) ^ (_POLYNOMIAL if b & 1 else 0)
        bit >>= 1
    return product


def _power_of_x(exponent: int) -> int:
    result, square = _ONE, _ONE >> 1
    while exponent:
        if exponent & 1:
            result = _multiply(square, result)
        square = _multiply(square, square)
        exponent >>= 1
    return result
