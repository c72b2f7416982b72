"""The three files that we publish, written from checked tensors: same network, same bytes.

The portable `.pt` opens in every app that knows hypernetworks; the training `.pt` keeps dropout;
the `.safetensors` is for programs that will not open a pickle. Rules: sections 5 and 8 of the
format specification. Weights go from the mapped file to the output without a copy in between, and
each output is hashed while it is written.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from registry.formats.flavors import portable_form, settled_spec, training_form
from registry.formats.hashes import (
    Buffer,
    CanonicalTensor,
    Hasher,
    Hashes,
    Progress,
    canonical_tensors,
    weights_manifest,
)
from registry.formats.hypernetwork import Hypernetwork, HypernetworkSpec
from registry.formats.pickle_writer import pickle_of
from registry.formats.tensor import Tensor

ROOT: Final = "archive"  # what torch named the folder before 1.13, and every reader takes
ALIGNMENT: Final = 64
TORCH_ZIP_VERSION: Final = b"3\n"


class Output(Protocol):
    """A file open for writing; it may take less than it is given, and says how much."""

    def write(self, data: Buffer, /) -> int: ...


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: the hashes of the file, and the weights hash where it came for free."""

    hashes: Hashes
    weights: str | None = None


def write_portable(
    hypernetwork: Hypernetwork, out: Output, *, stem: str, progress: Progress | None = None
) -> Written:
    """Write the `.pt` that works wherever hypernetworks work; `stem` is its name without `.pt`."""
    return _write_torch_zip(portable_form(hypernetwork, stem=stem), out, progress)


def write_training(
    hypernetwork: Hypernetwork, out: Output, *, stem: str, progress: Progress | None = None
) -> Written | None:
    """Write the `.pt` that keeps dropout for further training; without any, nothing and None."""
    if not hypernetwork.spec.use_dropout:
        return None
    return _write_torch_zip(training_form(hypernetwork, stem=stem), out, progress)


# --- the file being written -------------------------------------------------------------------


class _Sink:
    """An output that is hashed on the way."""

    def __init__(self, out: Output, progress: Progress | None) -> None:
        self.hasher = Hasher()
        self._out = out
        self._progress = progress

    def put(self, data: Buffer, *, crc32: int | None = None) -> None:
        self.hasher.update(data, crc32=crc32, each=self._write)

    def _write(self, chunk: memoryview) -> None:
        rest = chunk
        while rest:  # a raw file may take less than it was given
            rest = rest[self._out.write(rest) :]
        if self._progress is not None:
            self._progress(len(chunk))


def _crc32(tensor: Tensor) -> int:
    return zlib.crc32(tensor.data) if tensor.crc32 is None else tensor.crc32


# --- torch's ZIP ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Member:
    name: str
    data: Buffer
    crc32: int


def _write_torch_zip(hypernetwork: Hypernetwork, out: Output, progress: Progress | None) -> Written:
    """`archive/data.pkl`, `archive/data/0` …, `archive/version`: names that A1111 accepts."""
    modules = [(dim, hypernetwork.modules[dim]) for dim in sorted(hypernetwork.modules)]
    program = pickle_of(modules, hypernetwork.spec.as_dict())
    tensors = [t for _, pair in modules for state in pair for t in state.values()]
    sink = _Sink(out, progress)
    _write_zip(
        sink,
        [
            _Member(f"{ROOT}/data.pkl", program, zlib.crc32(program)),
            *(_Member(f"{ROOT}/data/{n}", t.data, _crc32(t)) for n, t in enumerate(tensors)),
            _Member(f"{ROOT}/version", TORCH_ZIP_VERSION, zlib.crc32(TORCH_ZIP_VERSION)),
        ],
    )
    return Written(sink.hasher.hashes())


_LOCAL: Final = struct.Struct("<4s5H3I2H")
_CENTRAL: Final = struct.Struct("<4s6H3I5H2I")
_END: Final = struct.Struct("<4s4H2IH")
_VERSION: Final = 20  # of the ZIP format: 2.0, for folders in names
_TIME, _DATE = 0, (1 << 5) | 1  # 1980-01-01 00:00, the first that ZIP knows: the same every time


def _write_zip(sink: _Sink, members: Iterable[_Member]) -> None:
    """Stored members, sizes and CRC in the local header, each member's data aligned."""
    directory = bytearray()
    count = 0
    for member in members:
        name = member.name.encode("ascii")
        size = len(memoryview(member.data).cast("B"))
        facts = (_VERSION, 0, 0, _TIME, _DATE, member.crc32, size, size, len(name))
        offset = sink.hasher.size
        padding = _padding(offset + _LOCAL.size + len(name))
        directory += _CENTRAL.pack(b"PK\1\2", _VERSION, *facts, 0, 0, 0, 0, 0, offset) + name
        sink.put(_LOCAL.pack(b"PK\3\4", *facts, len(padding)) + name + padding)
        sink.put(member.data, crc32=member.crc32)
        count += 1
    start = sink.hasher.size
    end = _END.pack(b"PK\5\6", 0, 0, count, count, len(directory), start, 0)
    sink.put(bytes(directory) + end)


def _padding(position: int) -> bytes:
    """The extra field `FB`, as torch writes it, after which the data is aligned."""
    length = -(position + 4) % ALIGNMENT
    return b"FB" + struct.pack("<H", length) + b"Z" * length


# --- safetensors ------------------------------------------------------------------------------


def write_safetensors(
    hypernetwork: Hypernetwork, out: Output, *, stem: str, progress: Progress | None = None
) -> Written:
    """Write our safetensors layout: the network as it is, dropout included, named `stem`.

    Tensors lie in canonical order, so what follows the header is what the weights hash is over.
    """
    spec = settled_spec(hypernetwork.spec, stem=stem)
    tensors = canonical_tensors(hypernetwork)
    sink = _Sink(out, progress)
    sink.put(_safetensors_header(spec, tensors))
    for item in tensors:
        sink.put(item.tensor.data, crc32=_crc32(item.tensor))
    weights = sink.hasher.after_header()
    weights.update(weights_manifest(tensors))
    return Written(sink.hasher.hashes(), weights.hexdigest())


def _safetensors_header(spec: HypernetworkSpec, tensors: Iterable[CanonicalTensor]) -> bytes:
    metadata = {"format": "pt", "hypernetwork": _json(spec.as_dict())}
    header: dict[str, object] = {"__metadata__": metadata}
    position = 0
    for item in tensors:
        end = position + item.tensor.nbytes
        header[f"{item.dim}.{item.half}.linear.{item.index}.{item.parameter}"] = {
            "dtype": item.tensor.dtype.safetensors,
            "shape": list(item.tensor.shape),
            "data_offsets": [position, end],
        }
        position = end
    encoded = _json(header).encode("utf-8")
    encoded += b" " * (-(8 + len(encoded)) % ALIGNMENT)
    return struct.pack("<Q", len(encoded)) + encoded


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
