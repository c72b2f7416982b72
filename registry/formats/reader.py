"""The closed reader: bytes in, a hypernetwork or a refusal out, and nothing else ever happens.

    kind by bytes → structure of the container → pickle or JSON → schema → weights

Everything but the last step looks at a few kilobytes, whatever the size of the file. Tensors are
views of the mapping; the mapping lives as long as they do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, Generic, TypeVar

from registry.formats import (
    legacy_stream,
    near_miss,
    pickle_program,
    safetensors,
    torch_zip,
    weights,
)
from registry.formats.container import Container, Kind, Span
from registry.formats.errors import (
    Finding,
    LegacyHeader,
    PrependedData,
    RawPickle,
    Refusal,
    StorageMissing,
    StorageSize,
    StorageUnused,
    UnknownContainer,
    shown,
)
from registry.formats.hypernetwork import Hypernetwork, HypernetworkHeader, StateDict
from registry.formats.layers import Half
from registry.formats.pickle_program import Program
from registry.formats.schema import Understood, understand
from registry.formats.source import Source, mapped, remote
from registry.formats.stored import StoredTensor
from registry.formats.tensor import Tensor

Network = TypeVar("Network", bound=HypernetworkHeader, covariant=True)


@dataclass(frozen=True)
class Reading(Generic[Network]):
    """An accepted file: its network, how it was packed, and remarks that are no obstacles."""

    hypernetwork: Network
    container: Container
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class _Opened:
    """A file whose structure is checked: what it describes, and where each block's bytes begin."""

    understood: Understood
    container: Container
    starts: Mapping[str, int]
    members: Mapping[str, torch_zip.Member] = field(default_factory=dict)  # blocks with checksums


def read(
    source: Path | bytes | memoryview, *, stem: str, check_crc: bool = True
) -> Reading[Hypernetwork]:
    """Read a whole file; `stem` is its name without extension, the network's name by default.

    With `check_crc` every weight is read: checksums are verified where there are any, and all
    weights must be finite and some not zero. Without it only the structure is checked, in a few
    milliseconds whatever the size.

    Raises: a `Refusal`, and nothing else.
    """
    data = mapped(source)
    opened = _open(data, stem, shallow=False)
    verified = _verify(data, opened) if check_crc else ()
    container = replace(opened.container, verified=(*opened.container.verified, *verified))
    network = _bind(data, opened, has_crcs=check_crc)
    if check_crc:
        weights.check(network.tensors())
    return Reading(network, container, opened.understood.findings)


def read_header(file: BinaryIO, *, stem: str) -> Reading[HypernetworkHeader]:
    """Read what a seekable, perhaps far file says about itself: its first 64 KiB and its end.

    The directory of a ZIP is believed about the entries that are not read, and no weight is seen.

    Raises: a `Refusal`, and whatever `file` raises.
    """
    opened = _open(remote(file), stem, shallow=True)
    found = opened.understood
    header = HypernetworkHeader(found.spec, found.modules, found.epoch)
    return Reading(header, opened.container, found.findings)


def _open(source: Source, stem: str, *, shallow: bool) -> _Opened:
    """Tell the container by its first bytes, and read all of it but the weights."""
    start = bytes(source.view(0, 512))
    if start.startswith(b"PK\3\4"):
        return _open_zip(source, stem, shallow)
    if start.startswith(legacy_stream.MAGIC[:4]):
        return _open_legacy(source, stem, shallow)
    if safetensors.looks_like_safetensors(start):
        return _open_safetensors(source, stem)
    raise _unknown(source, start)


def _open_zip(source: Source, stem: str, shallow: bool) -> _Opened:
    archive = torch_zip.read_archive(source, shallow=shallow)
    stream = torch_zip.read_program(source, archive)
    if not shallow:
        torch_zip.check_contents(source, archive)
    program = pickle_program.read_program(stream, whole=True)
    understood = understand(program.tree, stem=stem)
    blocks = archive.storages()
    _check_blocks(program, blocks)
    container = Container(
        kind=Kind.TORCH_ZIP,
        root=archive.root,
        members=tuple(archive.members),
        stored=understood.stored,
    )
    starts = {key: member.start for key, member in blocks.items()}
    return _Opened(understood, container, starts, blocks)


def _check_blocks(program: Program, blocks: Mapping[str, torch_zip.Member]) -> None:
    """Check that the network uses each block of the archive, and that each has the right size."""
    for key, storage in program.storages.items():
        if key not in blocks:
            raise StorageMissing(storage=key)
        if blocks[key].size != storage.nbytes:
            raise StorageSize(storage=key, found=blocks[key].size, expected=storage.nbytes)
    for key in blocks:
        if key not in program.storages:
            raise StorageUnused(storage=key)


def _open_legacy(source: Source, stem: str, shallow: bool) -> _Opened:
    try:
        stream = legacy_stream.read_stream(source, shallow=shallow)
    except LegacyHeader as refusal:
        raise _accusation(source) or refusal from None
    understood = understand(stream.program.tree, stem=stem)
    container = Container(kind=Kind.LEGACY_STREAM, stored=understood.stored)
    return _Opened(understood, container, stream.starts)


def _open_safetensors(source: Source, stem: str) -> _Opened:
    header = safetensors.read_header(source)
    settings = safetensors.settings_of(header)
    tree = safetensors.tree_of(header)
    understood = understand({**tree, **settings}, stem=stem, settings_lost=not settings)
    container = Container(kind=Kind.SAFETENSORS, stored=understood.stored)
    return _Opened(understood, container, header.starts)


def _verify(source: Source, opened: _Opened) -> tuple[Span, ...]:
    """Verify the checksum of every block that has one."""
    for member in opened.members.values():
        torch_zip.check_crc(member, source.view(member.start, member.size))
    return tuple(Span(m.start, m.size, m.crc32) for m in opened.members.values())


def _bind(source: Source, opened: _Opened, *, has_crcs: bool) -> Hypernetwork:
    """Return the network with its tensors as views of the file."""

    def bound(half: Half) -> StateDict:
        return {key: view(tensor) for key, tensor in half.items()}

    def view(tensor: StoredTensor) -> Tensor:
        key = tensor.storage.key
        start = opened.starts[key] + tensor.offset * tensor.dtype.itemsize
        data = source.view(start, tensor.nbytes)
        is_whole = has_crcs and key in opened.members and tensor.numel == tensor.storage.numel
        crc32 = opened.members[key].crc32 if is_whole else None
        return Tensor(tensor.dtype, tensor.shape, data, crc32)

    found = opened.understood
    modules = {dim: (bound(k), bound(v)) for dim, (k, v) in found.modules.items()}
    return Hypernetwork(found.spec, modules, found.epoch)


def _unknown(source: Source, start: bytes) -> Refusal:
    """Return the refusal of a file that is in no container of ours: what it is, if that shows."""
    if b"PK\5\6" in bytes(source.view(max(0, source.size - 22), 22)):
        return PrependedData(start=shown(start[:16]))
    if refusal := near_miss.of_start(start):
        return refusal
    if accusation := _accusation(source):
        return accusation
    if refusal := near_miss.of_recipe(start, source.size):
        return refusal
    if start[0] == 0x80 and start[1:2] <= b"\5":
        return RawPickle()
    return UnknownContainer(start=shown(start[:16]))


def _accusation(source: Source) -> Refusal | None:
    """Return what a file would run if it is one pickle after the other, from its first byte."""
    stream = bytes(source.view(0, torch_zip.MAX_PROGRAM_BYTES))
    may_be_text = not stream.startswith(b"\x80")
    return pickle_program.accusation(stream, reached=-1, calls_only=may_be_text)
