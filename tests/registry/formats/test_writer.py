"""The written files: their bytes, as the programs that read them and the format's rules see them.

That they read back as what was written is tested in acceptance/test_round_trip.py.
"""

from __future__ import annotations

import hashlib
import io
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import pytest
import torch
from blake3 import blake3
from safetensors.numpy import load as load_safetensors

from registry.formats.hashes import Buffer, hash_bytes, weights_hash
from registry.formats.hypernetwork import Hypernetwork, HypernetworkSpec, StateDict
from registry.formats.tensor import DType, Tensor
from registry.formats.writer import (
    Written,
    write_portable,
    write_safetensors,
    write_training,
)
from tests.registry.formats.networks import network

Write = Callable[..., Written | None]

DROPOUT = HypernetworkSpec(
    "inner name",
    layer_structure=(1, 0.5, 2, 1),
    activation_func="mish",
    is_layer_norm=True,
    activate_output=False,
    dropout_structure=(0, 0.3, 0.2, 0),
    last_layer_dropout=True,
    step=70_000,
    optional_info="zwölf Bilder",
)
PLAIN = HypernetworkSpec("inner name")
A1111_ENTRIES = re.compile(r"^([^/]+)/((data/\d+)|version|(data\.pkl))$")

every_writer = pytest.mark.parametrize("write", [write_portable, write_training, write_safetensors])
both_pickles = pytest.mark.parametrize("write", [write_portable, write_training])
every_dtype = pytest.mark.parametrize("dtype", list(DType))


def written(write: Write, what: Hypernetwork, stem: str = "stem") -> bytes:
    out = io.BytesIO()
    write(what, out, stem=stem)
    return out.getvalue()


@every_writer
@every_dtype
def test_the_hashes_given_are_those_of_the_bytes_written(write: Write, dtype: DType) -> None:
    out = io.BytesIO()
    result = write(network(DROPOUT, dtype=dtype), out, stem="stem")
    data = out.getvalue()
    assert result is not None
    assert result.hashes == hash_bytes(data)
    assert result.hashes.sha256 == hashlib.sha256(data).hexdigest()
    assert result.hashes.blake3 == blake3(data).hexdigest()
    assert result.hashes.crc32 == f"{zlib.crc32(data):08x}"


@every_writer
def test_the_same_network_gives_the_same_bytes(write: Write) -> None:
    reordered = network(DROPOUT)
    backwards = dict(reversed(list(reordered.modules.items())))
    reordered = replace(reordered, modules=backwards)
    assert written(write, reordered) == written(write, network(DROPOUT))


@every_writer
def test_whole_numbers_are_written_alike_however_they_were_stored(write: Write) -> None:
    as_floats = replace(DROPOUT, layer_structure=(1.0, 0.5, 2.0, 1.0))
    assert written(write, network(as_floats)) == written(write, network(DROPOUT))


@both_pickles
@every_dtype
@pytest.mark.parametrize("weights_only", [True, False])
def test_torch_loads_the_weights_bit_for_bit(
    write: Write, dtype: DType, weights_only: bool
) -> None:
    original = network(DROPOUT, dtype=dtype)
    loaded = torch.load(io.BytesIO(written(write, original)), weights_only=weights_only)
    for dim, halves in original.modules.items():
        for half, theirs in zip(halves, loaded[dim], strict=True):
            ours = [bytes(tensor.data) for tensor in half.values()]
            assert [t.view(torch.uint8).numpy().tobytes() for t in theirs.values()] == ours
            assert not any(t.requires_grad for t in theirs.values())


@both_pickles
def test_the_zip_has_only_entries_that_every_a1111_accepts(write: Write) -> None:
    with zipfile.ZipFile(io.BytesIO(written(write, network(DROPOUT)))) as archive:
        assert archive.testzip() is None
        entries = archive.infolist()
    assert all(A1111_ENTRIES.match(entry.filename) for entry in entries)
    assert {entry.filename.split("/")[0] for entry in entries} == {"archive"}
    assert {entry.compress_type for entry in entries} == {zipfile.ZIP_STORED}
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}


@both_pickles
def test_the_weights_are_aligned_for_readers_that_map_the_file(write: Write) -> None:
    data = written(write, network(DROPOUT))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for entry in archive.infolist():
            lengths = struct.unpack_from("<2H", data, entry.header_offset + 26)
            assert (entry.header_offset + 30 + sum(lengths)) % 64 == 0


def test_the_portable_file_says_everything_and_has_no_dropout() -> None:
    loaded = torch.load(io.BytesIO(written(write_portable, network(DROPOUT), stem="served")))
    assert {key: loaded[key] for key in loaded if isinstance(key, str)} == {
        "name": "served",
        "step": 70_000,
        "sd_checkpoint": None,
        "sd_checkpoint_name": None,
        "layer_structure": [1, 0.5, 2, 1],
        "activation_func": "mish",
        "is_layer_norm": True,
        "weight_initialization": "Normal",
        "activate_output": False,
        "use_dropout": False,
        "last_layer_dropout": False,
        "dropout_structure": [0, 0, 0, 0],
        "optional_info": "zwölf Bilder",
    }


def test_the_portable_file_closes_the_gaps_that_dropout_left() -> None:
    # linear 0, mish 1, norm 2, dropout 3, linear 4 … becomes linear 0, mish 1, norm 2, linear 3 …
    original = network(DROPOUT)
    assert indices(original.modules[64][0]) == [0, 2, 4, 6, 8, 9]
    loaded = torch.load(io.BytesIO(written(write_portable, original)))
    assert indices(loaded[64][0]) == [0, 2, 3, 5, 6, 7]


def test_the_training_file_keeps_dropout_and_its_indices() -> None:
    loaded = torch.load(io.BytesIO(written(write_training, network(DROPOUT))))
    assert loaded["use_dropout"] is True
    assert loaded["dropout_structure"] == [0, 0.3, 0.2, 0]
    assert loaded["last_layer_dropout"] is True
    assert indices(loaded[64][0]) == [0, 2, 4, 6, 8, 9]


def test_without_dropout_there_is_no_training_file() -> None:
    out = io.BytesIO()
    assert write_training(network(PLAIN), out, stem="stem") is None
    assert out.getvalue() == b""


@pytest.mark.parametrize(("stored", "expected"), [(None, "linear"), ("relu", "relu")])
def test_an_absent_activation_is_written_as_linear(stored: str | None, expected: str) -> None:
    what = network(replace(PLAIN, activation_func=stored))
    assert torch.load(io.BytesIO(written(write_portable, what)))["activation_func"] == expected


def test_numbers_of_any_length_survive_the_pickle() -> None:
    for step in (0, 255, 256, 65_535, 65_536, 2**31 - 1, 2**31, 2**62, -1, -(2**31), -(2**40)):
        loaded = torch.load(io.BytesIO(written(write_portable, network(replace(PLAIN, step=step)))))
        assert loaded["step"] == step


@every_dtype
def test_safetensors_libraries_read_our_safetensors(dtype: DType) -> None:
    original = network(DROPOUT, dtype=dtype)
    data = written(write_safetensors, original)
    if dtype is DType.BF16:  # numpy has none: by torch
        torch_module = pytest.importorskip("safetensors.torch")
        loaded = {k: t.view(torch.uint16).numpy() for k, t in torch_module.load(data).items()}
    else:
        loaded = load_safetensors(data)
    expected = {name: tensor.array() for name, tensor in original.tensors()}
    assert loaded.keys() == expected.keys()
    assert all(np.array_equal(loaded[name], expected[name]) for name in expected)


def test_the_weights_hash_comes_free_with_safetensors() -> None:
    original = network(DROPOUT)
    result = write_safetensors(original, io.BytesIO(), stem="stem")
    assert result.weights == weights_hash(original)


def test_tensors_of_several_widths_are_all_aligned() -> None:
    wide, narrow = network(PLAIN, dims=(3,)), network(PLAIN, dims=(5,), dtype=DType.FP16)
    mixed = replace(narrow, modules={**narrow.modules, **wide.modules})
    loaded = load_safetensors(written(write_safetensors, mixed))
    assert {name: tensor.array().tolist() for name, tensor in mixed.tensors()} == {
        name: array.tolist() for name, array in loaded.items()
    }


def test_a_checksum_that_the_reader_verified_is_not_computed_again() -> None:
    original = network(PLAIN, dims=(4,))
    k, v = original.modules[4]
    marked = replace(original, modules={4: (with_crc(k), with_crc(v))})
    assert written(write_portable, marked) == written(write_portable, original)


@every_writer
def test_an_output_that_takes_little_at_a_time_gets_all(write: Write) -> None:
    original = network(DROPOUT)
    out = Slow()
    write(original, out, stem="stem")
    assert bytes(out.taken) == written(write, original)


class Slow:
    """Like a pipe: takes at most 1,000 bytes of what it is given."""

    def __init__(self) -> None:
        self.taken = bytearray()

    def write(self, data: Buffer, /) -> int:
        self.taken += data[:1000]
        return min(len(data), 1000)


def with_crc(state: StateDict) -> dict[str, Tensor]:
    return {key: replace(t, crc32=zlib.crc32(t.data)) for key, t in state.items()}


def indices(state: Iterable[str]) -> list[int]:
    """Where the layers stand in the `nn.Sequential`, in the order of the keys."""
    return list(dict.fromkeys(int(key.split(".")[1]) for key in state))
