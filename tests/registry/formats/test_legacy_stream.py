"""The stream of five pickles and raw blocks that torch wrote before 1.6, read to its last byte."""

from typing import Any

import pytest
import torch

from registry.formats.errors import (
    LegacyHeader,
    LegacyStorageKeys,
    LegacyStorageSize,
    LegacyTrailingBytes,
    LegacyTruncated,
    PickleTruncated,
    Refusal,
)
from registry.formats.legacy_stream import MAGIC, PROTOCOL, Stream, read_stream
from registry.formats.source import Mapped
from tests.registry.formats.saved import network, saved

FILE = saved(network(), _use_new_zipfile_serialization=False)


def read(data: bytes) -> Stream:
    return read_stream(Mapped(memoryview(data)))


def test_the_blocks_are_found_where_torch_put_them() -> None:
    value = network()
    data = saved(value, _use_new_zipfile_serialization=False)
    stream = read(data)
    tree: Any = stream.program.tree

    for half, original in zip(tree[64], value[64], strict=True):
        for key, tensor in half.items():
            start = stream.starts[tensor.storage.key]
            raw = data[start : start + tensor.nbytes]
            assert torch.equal(
                torch.frombuffer(bytearray(raw), dtype=torch.float32),
                original[key].flatten(),
            )


def test_the_file_begins_with_torchs_constants() -> None:
    assert FILE.startswith(MAGIC + PROTOCOL)


@pytest.mark.parametrize("at", [0, len(MAGIC) - 2, len(MAGIC), len(MAGIC) + 3])
def test_they_are_compared_to_the_byte(at: int) -> None:
    changed = bytearray(FILE)
    changed[at] ^= 1

    with pytest.raises(LegacyHeader):
        read(bytes(changed))


@pytest.mark.parametrize(
    ("found", "instead"),
    [
        (b"little_endianq\x02\x88", b"little_endianq\x02\x89"),
        (b"protocol_versionq\x01M\xe9\x03", b"protocol_versionq\x01M\xe8\x03"),
        (b"shortq", b"ShortQ"[:5] + b"q"),
    ],
)
def test_only_a_little_endian_machine_is_believed(found: bytes, instead: bytes) -> None:
    assert found in FILE

    with pytest.raises(LegacyHeader, match="machine"):
        read(FILE.replace(found, instead, 1))


def test_a_block_must_have_the_length_that_was_announced() -> None:
    start = min(read(FILE).starts.values())
    changed = bytearray(FILE)
    changed[start - 8] ^= 1

    with pytest.raises(LegacyStorageSize):
        read(bytes(changed))


def test_the_list_of_blocks_names_those_that_the_network_uses() -> None:
    stream = read(FILE)
    key = next(iter(stream.starts)).encode()
    at = FILE.rindex(key)

    with pytest.raises(LegacyStorageKeys):
        read(FILE[:at] + b"7" * len(key) + FILE[at + len(key) :])


def test_it_ends_where_the_last_block_ends() -> None:
    with pytest.raises(LegacyTrailingBytes) as caught:
        read(FILE + b"more")
    assert caught.value.data() == {"offset": len(FILE), "length": 4}


@pytest.mark.parametrize("length", [20, 100, 300, 1000, len(FILE) - 1])
def test_a_stream_that_breaks_off_is_refused(length: int) -> None:
    with pytest.raises((LegacyTruncated, PickleTruncated, LegacyHeader)):
        read(FILE[:length])


def test_a_shallow_reading_believes_the_lengths_between_blocks() -> None:
    start = min(read(FILE).starts.values())
    changed = bytearray(FILE)
    changed[start - 8] ^= 1

    assert read_stream(Mapped(memoryview(bytes(changed))), shallow=True).starts == read(FILE).starts


def test_a_payload_in_any_of_the_pickles_is_named() -> None:
    payload = b"cos\nsystem\nX\x02\x00\x00\x00id\x85R."
    third = len(MAGIC) + len(PROTOCOL)

    with pytest.raises(Refusal, match=r"os\.system"):
        read(FILE[:third] + b"\x80\x02" + payload)
