"""torch's format before ZIP: five pickles in a row, then each block of weights after its length.

The first two pickles are constant, the third describes the machine, the fourth is the network, the
fifth lists the blocks. A block is `<q` its number of elements, then its bytes. The stream has no
checksums: what stands in a block is taken as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from registry.formats.errors import (
    LargeProgram,
    LegacyHeader,
    LegacyStorageKeys,
    LegacyStorageSize,
    LegacyTrailingBytes,
    LegacyTruncated,
    PickleTruncated,
)
from registry.formats.pickle_program import Program, read_program
from registry.formats.source import Source
from registry.formats.stored import StorageRef
from registry.formats.torch_zip import MAX_PROGRAM_BYTES

MAGIC: Final = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
PROTOCOL: Final = b"\x80\x02M\xe9\x03."
LENGTH_BYTES: Final = 8
FIRST_WINDOW_BYTES: Final = 32 << 10


@dataclass(frozen=True)
class Stream:
    """A checked stream: the network's description, and where each block's bytes begin."""

    program: Program
    starts: Mapping[str, int]


def read_stream(source: Source, *, shallow: bool = False) -> Stream:
    """Check the whole stream but the weights' values.

    A shallow reading trusts the length before each block, and checks that they fill the file.
    """
    at = _read_constants(source)
    at = _read_machine(source, at)
    program, at = _read_pickle(source, at)
    keys, at = _read_keys(source, at, program)
    starts, end = _place_blocks([program.storages[key] for key in keys], at)
    if end > source.size:
        raise LegacyTruncated(offset=source.size, expected=end)
    if end < source.size:
        raise LegacyTrailingBytes(offset=end, length=source.size - end)
    if not shallow:
        for key, start in starts.items():
            _check_length(source, program.storages[key], start - LENGTH_BYTES)
    return Stream(program, starts)


def _read_constants(source: Source) -> int:
    """Check the magic number and the protocol; return where they end."""
    at = 0
    for part, constant in (("magic number", MAGIC), ("protocol", PROTOCOL)):
        if source.view(at, len(constant)) != constant:
            raise LegacyHeader(part=part, offset=at)
        at += len(constant)
    return at


def _read_machine(source: Source, at: int) -> int:
    """Check that a little-endian machine wrote the file; return where its description ends."""
    program, end = _read_pickle(source, at)
    match program.tree:
        case {
            "protocol_version": 1001,
            "little_endian": True,
            "type_sizes": {"short": 2, "int": 4, "long": 4 | 8, **rest},
            **more,
        } if not rest and not more:
            return end
    raise LegacyHeader(part="description of the machine", offset=at)


def _read_keys(source: Source, at: int, program: Program) -> tuple[list[str], int]:
    """Return the blocks' keys in the order of the file, and where the list ends."""
    listed, end = _read_pickle(source, at)
    keys = listed.tree
    if not isinstance(keys, list) or not all(type(key) is str for key in keys):
        raise LegacyStorageKeys(offset=at, reason="it is no list of names")
    if len(set(keys)) != len(keys):
        raise LegacyStorageKeys(offset=at, reason="it names a block twice")
    if set(keys) != set(program.storages):
        raise LegacyStorageKeys(offset=at, reason="it names other blocks than the network uses")
    return keys, end


def _read_pickle(source: Source, at: int) -> tuple[Program, int]:
    """Read the pickle at `at`; return it and where it ends. Most fit into a small window."""
    for window in (FIRST_WINDOW_BYTES, MAX_PROGRAM_BYTES):
        stream = bytes(source.view(at, window))
        try:
            program = read_program(stream, legacy=True)
        except PickleTruncated:
            if len(stream) < window:
                raise
            continue
        return program, at + program.length
    raise LargeProgram(size=source.size - at, limit=MAX_PROGRAM_BYTES)


def _place_blocks(storages: list[StorageRef], at: int) -> tuple[dict[str, int], int]:
    """Return where the bytes of each block begin, and where the last one ends."""
    starts: dict[str, int] = {}
    for storage in storages:
        starts[storage.key] = at + LENGTH_BYTES
        at += LENGTH_BYTES + storage.nbytes
    return starts, at


def _check_length(source: Source, storage: StorageRef, at: int) -> None:
    """Check that a block's own length is the one that the network announced."""
    found = int.from_bytes(source.view(at, LENGTH_BYTES), "little", signed=True)
    if found != storage.numel:
        raise LegacyStorageSize(key=storage.key, offset=at, found=found, expected=storage.numel)
