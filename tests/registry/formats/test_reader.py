"""The reader as a whole: every fixture, every container, the far file, and nothing else at all."""

import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from registry.formats.container import Kind
from registry.formats.errors import (
    Checksum,
    NotFinite,
    PrependedData,
    Refusal,
    StorageMissing,
    StorageSize,
    StorageUnused,
)
from registry.formats.hypernetwork import Hypernetwork
from registry.formats.reader import read, read_header
from registry.formats.source import HEAD_BYTES
from tests.registry.formats.hostile.network import honest
from tests.registry.formats.hostile.zips import torch_zip
from tests.registry.formats.saved import FIXTURES, network, saved, saved_safely
from tests.registry.formats.test_source import Counted

INDEX: dict[str, dict[str, Any]] = json.loads((FIXTURES / "index.json").read_text())
NOT_SETTINGS = {"dims", "written_by", "sha256", "bytes"}
OLD_NAMES = {"linear1": "linear.0", "linear2": "linear.1"}


def stem_of(name: str) -> str:
    return name.removesuffix(".pt")


def todays(key: str) -> str:
    layer, _, parameter = key.rpartition(".")
    return f"{OLD_NAMES.get(layer, layer)}.{parameter}"


def assert_same_tensors(found: Hypernetwork, original: dict[Any, Any]) -> None:
    for dim, halves in found.modules.items():
        for half, state in zip(halves, original[dim], strict=True):
            assert set(half) == {todays(key) for key in state}
            for key, tensor in state.items():
                raw = tensor.contiguous().view(torch.uint8).numpy().tobytes()
                assert bytes(half[todays(key)].data) == raw
                assert half[todays(key)].shape == tuple(tensor.shape)


@pytest.mark.parametrize("name", INDEX)
def test_each_fixture_reads_as_a1111_reads_it(name: str) -> None:
    reading = read(FIXTURES / name, stem=stem_of(name))
    spec = reading.hypernetwork.spec.as_dict()

    expected = {key: value for key, value in INDEX[name].items() if key not in NOT_SETTINGS}
    assert {key: spec[key] for key in expected} == expected
    assert list(reading.hypernetwork.dims) == INDEX[name]["dims"]


@pytest.mark.parametrize("name", INDEX)
def test_its_tensors_are_torchs_to_the_bit(name: str) -> None:
    original = torch.load(FIXTURES / name, weights_only=True)

    assert_same_tensors(read(FIXTURES / name, stem="net").hypernetwork, original)


@pytest.mark.parametrize("name", INDEX)
def test_its_header_alone_says_the_same(name: str) -> None:
    whole = read(FIXTURES / name, stem="net")
    with (FIXTURES / name).open("rb") as file:
        header = read_header(file, stem="net")

    assert header.hypernetwork.spec == whole.hypernetwork.spec
    assert header.hypernetwork.epoch == whole.hypernetwork.epoch
    assert header.hypernetwork.parameters == whole.hypernetwork.parameters
    assert header.container.stored == whole.container.stored
    assert header.findings == whole.findings


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("legacy", [False, True])
def test_each_type_in_each_of_torchs_containers(dtype: torch.dtype, legacy: bool) -> None:
    value = network(dims=(768, 320))
    for dim in (768, 320):
        value[dim] = tuple({k: t.to(dtype) for k, t in half.items()} for half in value[dim])
    reading = read(saved(value, _use_new_zipfile_serialization=not legacy), stem="net")

    assert reading.container.kind is (Kind.LEGACY_STREAM if legacy else Kind.TORCH_ZIP)
    assert_same_tensors(reading.hypernetwork, value)


def test_parameters_and_lists_are_taken_too() -> None:
    value = network(dims=(320,))
    value[320] = [
        {key: torch.nn.Parameter(tensor) for key, tensor in half.items()} for half in value[320]
    ]

    reading = read(saved(value), stem="net")
    assert_same_tensors(
        reading.hypernetwork,
        {320: [{key: t.detach() for key, t in half.items()} for half in value[320]]},
    )


def flat(value: dict[Any, Any], sides: str = "kv") -> dict[str, torch.Tensor]:
    return {
        f"{dim}.{side}.{key}": tensor
        for dim, pair in value.items()
        if isinstance(dim, int)
        for side, half in zip(sides, pair, strict=True)
        for key, tensor in half.items()
    }


def test_safetensors_in_our_layout() -> None:
    value = network(dims=(768,))
    settings = {key: item for key, item in value.items() if isinstance(key, str)}
    data = saved_safely(flat(value), {"format": "pt", "hypernetwork": json.dumps(settings)})
    reading = read(data, stem="net")

    assert reading.container.kind is Kind.SAFETENSORS
    assert reading.container.stored == settings
    assert_same_tensors(reading.hypernetwork, value)


def test_a_flat_dict_that_lost_its_settings_but_leaves_no_choice() -> None:
    value = network(dims=(768,))
    reading = read(saved_safely(flat(value, "01")), stem="net")

    assert reading.hypernetwork.spec.layer_structure == (1, 0.25, 1)
    assert [finding.rule for finding in reading.findings] == ["settings-from-layers"]
    assert_same_tensors(reading.hypernetwork, value)


# What a reading shares and says


def test_tensors_are_views_of_the_mapped_file(tmp_path: Path) -> None:
    file = tmp_path / "net.pt"
    file.write_bytes(saved(network()))
    tensors = dict(read(file, stem="net").hypernetwork.tensors())

    assert len({id(tensor.data.obj) for tensor in tensors.values()}) == 1
    assert all(tensor.data.readonly for tensor in tensors.values())
    file.unlink()
    assert np.isfinite(tensors["64.k.linear.0.weight"].array()).all()


def test_the_container_tells_what_was_stored() -> None:
    found = read(FIXTURES / "no_metadata.pt", stem="net").container

    assert (found.kind, found.root, found.stored) == (Kind.TORCH_ZIP, "archive", {})
    assert found.members[0] == "data.pkl"
    assert found.members[-1] == "version"


def test_verified_checksums_travel_with_their_bytes() -> None:
    data = saved(network())
    checked, unchecked = read(data, stem="net"), read(data, stem="net", check_crc=False)

    for _, tensor in checked.hypernetwork.tensors():
        assert tensor.crc32 == zlib.crc32(tensor.data)
    for span in checked.container.verified:
        assert span.crc32 == zlib.crc32(data[span.offset : span.offset + span.length])
    assert len(checked.container.verified) == 8
    assert all(tensor.crc32 is None for _, tensor in unchecked.hypernetwork.tensors())
    assert unchecked.container.verified == ()


def test_a_part_of_a_block_has_no_checksum_of_its_own() -> None:
    value = network()
    block = torch.cat([torch.ones(7), value[64][0]["linear.0.bias"]])
    value[64][0]["linear.0.bias"] = block[7:]
    tensors = dict(read(saved(value), stem="net").hypernetwork.tensors())

    assert tensors["64.k.linear.0.bias"].crc32 is None
    assert np.array_equal(tensors["64.k.linear.0.bias"].array(), block[7:].numpy())


# What is refused


def test_weights_are_looked_at_only_when_asked_for() -> None:
    value = network()
    value[64][1]["linear.1.weight"][0, 3] = float("nan")
    data = saved(value)

    read(data, stem="net", check_crc=False)
    with pytest.raises(NotFinite) as caught:
        read(data, stem="net")
    assert caught.value.data() == {"tensor": "64.v.linear.1.weight", "index": 3, "value": "NaN"}


def test_a_damaged_block_is_named() -> None:
    data = bytearray(saved(network()))
    tensor = dict(read(bytes(data), stem="net").hypernetwork.tensors())["64.k.linear.0.weight"]
    at = bytes(data).index(bytes(tensor.data))
    data[at] ^= 1

    with pytest.raises(Checksum, match="data/0"):
        read(bytes(data), stem="net")


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        (lambda storages: storages.pop("3"), StorageMissing),
        (lambda storages: storages.update({"3": storages["3"] + bytes(4)}), StorageSize),
        (lambda storages: storages.update({"99": bytes(4)}), StorageUnused),
    ],
)
def test_the_network_uses_every_block_and_all_of_it(change: Any, refusal: type[Refusal]) -> None:
    lying = honest()
    change(lying.storages)

    with pytest.raises(refusal):
        read(torch_zip(lying), stem="net")


def test_what_stands_before_an_archive_is_seen_as_that() -> None:
    with pytest.raises(PrependedData):
        read(b"#!/bin/sh\n" + saved(network()), stem="net")


# The far file


def test_a_large_far_file_is_read_at_its_ends_only() -> None:
    width = 1024
    value = network(dims=(width,), layer_structure=[1, 4, 1], name="net")
    value[width] = tuple(
        {
            "linear.0.weight": torch.ones(4 * width, width),
            "linear.0.bias": torch.ones(4 * width),
            "linear.1.weight": torch.ones(width, 4 * width),
            "linear.1.bias": torch.ones(width),
        }
        for _ in "kv"
    )
    for data in (
        saved(value),
        saved(value, _use_new_zipfile_serialization=False),
        saved_safely(flat(value)),
    ):
        file = Counted(data)
        header = read_header(file, stem="net")

        assert header.hypernetwork.parameters == 2 * (8 * width * width + 5 * width)
        assert len(data) > 64_000_000
        assert sum(file.reads) <= HEAD_BYTES + 36_000
