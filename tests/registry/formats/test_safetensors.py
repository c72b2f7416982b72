"""safetensors: our layout, what converters leave, and a header without room for anything else."""

import json
from typing import Any

import pytest
import torch

from registry.formats import safetensors
from registry.formats.errors import (
    IsLora,
    Refusal,
    SafetensorsDuplicateKey,
    SafetensorsHeader,
    SafetensorsJson,
    SafetensorsKey,
    SafetensorsMetadata,
    SafetensorsOffsets,
    SafetensorsSize,
    TensorDType,
)
from registry.formats.source import Mapped
from tests.registry.formats.saved import half, saved_safely

TENSORS = {f"64.{side}.{key}": value for side in "kv" for key, value in half().items()}


def header(data: bytes) -> safetensors.Header:
    return safetensors.read_header(Mapped(memoryview(data)))


def handmade(entries: dict[str, Any] | str, body: bytes = b"") -> bytes:
    text = entries if isinstance(entries, str) else json.dumps(entries)
    return len(text.encode()).to_bytes(8, "little") + text.encode() + body


def entry(begin: int, end: int, **changes: Any) -> dict[str, Any]:
    return {"dtype": "F32", "shape": [(end - begin) // 4], "data_offsets": [begin, end]} | changes


KEY = "64.k.linear.0.bias"


def test_each_tensor_is_found_where_its_bytes_are() -> None:
    data = saved_safely(TENSORS)
    found = header(data)

    assert set(found.tensors) == set(TENSORS)
    for name, tensor in found.tensors.items():
        raw = data[found.starts[name] : found.starts[name] + tensor.nbytes]
        assert torch.equal(
            torch.frombuffer(bytearray(raw), dtype=torch.float32).reshape(tensor.shape),
            TENSORS[name],
        )


@pytest.mark.parametrize("sides", ["kv", "01"])
def test_flat_names_become_the_tree_of_a_pickle(sides: str) -> None:
    flat = {f"64.{side}.{key}": value for side in sides for key, value in half().items()}
    tree = safetensors.tree_of(header(saved_safely(flat)))

    assert list(tree) == [64]
    k, v = tree[64]
    assert set(k) == set(v) == set(half())


def test_our_settings_are_json() -> None:
    settings = {"step": 7, "layer_structure": [1, 0.25, 1], "activation_func": None}
    data = saved_safely(TENSORS, {"format": "pt", "hypernetwork": json.dumps(settings)})

    assert safetensors.settings_of(header(data)) == settings


def test_a_converter_leaves_each_setting_as_a_text_of_its_own() -> None:
    data = saved_safely(
        TENSORS,
        {
            "step": "7",
            "name": "7",
            "layer_structure": "[1, 0.25, 1]",
            "activation_func": "None",
            "is_layer_norm": "False",
            "activate_output": "true",
            "author": "not A1111's",
        },
    )

    assert safetensors.settings_of(header(data)) == {
        "step": 7,
        "name": "7",
        "layer_structure": [1, 0.25, 1],
        "activation_func": None,
        "is_layer_norm": False,
        "activate_output": True,
    }


@pytest.mark.parametrize(
    "description", ["", "[]", "{", "not JSON", '{"step": NaN}', '{"step": 1} {}', "[" * 5000]
)
def test_settings_that_are_no_json_are_refused(description: str) -> None:
    with pytest.raises(SafetensorsMetadata):
        safetensors.settings_of(header(saved_safely(TENSORS, {"hypernetwork": description})))


def test_a_setting_twice_could_be_read_in_two_ways() -> None:
    data = saved_safely(TENSORS, {"hypernetwork": '{"step": 1, "step": 2}'})

    with pytest.raises(SafetensorsDuplicateKey):
        safetensors.settings_of(header(data))


@pytest.mark.parametrize(
    ("data", "refusal"),
    [
        (b"\x01\0\0\0\0\0\0\0{", SafetensorsHeader),
        (b"\xff\xff\xff\0\0\0\0\0{}", SafetensorsHeader),
        (handmade("[1, 2]"), SafetensorsJson),
        (handmade("{}\0"), SafetensorsJson),
        (handmade(' {"a": 1}'), SafetensorsJson),
        (handmade({KEY: 7}), SafetensorsJson),
        (handmade({KEY: entry(0, 4) | {"extra": 1}}, bytes(4)), SafetensorsJson),
        (handmade({KEY: entry(0, 4, shape=[True])}, bytes(4)), SafetensorsJson),
        (handmade({KEY: entry(0, 4, shape=[1.0])}, bytes(4)), SafetensorsJson),
        (handmade({KEY: entry(0, 4), "__metadata__": {"a": 1}}, bytes(4)), SafetensorsJson),
        (handmade(f'{{"{KEY}": {{}}, "{KEY}": {{}}}}'), SafetensorsDuplicateKey),
        (handmade({KEY: entry(0, 4, dtype="I32")}, bytes(4)), TensorDType),
        (handmade({KEY: entry(4, 8)}, bytes(8)), SafetensorsOffsets),
        (handmade({KEY: entry(0, 4, shape=[2])}, bytes(4)), SafetensorsOffsets),
        (handmade({KEY: entry(0, 4), "b": entry(2, 6)}, bytes(6)), SafetensorsOffsets),
        (handmade({KEY: entry(0, 4), "b": entry(0, 4)}, bytes(4)), SafetensorsOffsets),
        (handmade({KEY: entry(0, 4)}, bytes(5)), SafetensorsSize),
        (handmade({KEY: entry(0, 4)}, bytes(3)), SafetensorsSize),
        (handmade('{"a": ' + "[" * 9000 + "}"), SafetensorsJson),
        (handmade('{"a": ' + "9" * 5000 + "}"), SafetensorsJson),
    ],
)
def test_a_header_says_one_thing_only(data: bytes, refusal: type[Refusal]) -> None:
    with pytest.raises(refusal):
        header(data)


def test_spaces_after_the_header_are_alignment() -> None:
    text = json.dumps({KEY: entry(0, 4)}) + "   "

    assert list(header(handmade(text, bytes(4))).tensors) == [KEY]


@pytest.mark.parametrize(
    "name",
    [
        "64.k.linear.0.scale",
        "64.q.linear.0.bias",
        "064.k.linear.0.bias",
        "64.k.linear.00.bias",
        "w",
    ],
)
def test_a_name_that_is_not_ours_is_refused_among_ours(name: str) -> None:
    data = saved_safely({**TENSORS, name: torch.ones(2)})

    with pytest.raises(SafetensorsKey):
        safetensors.tree_of(header(data))


def test_a_lora_is_told_so_before_its_types_are_looked_at() -> None:
    data = saved_safely({"lora_unet_mid.lora_up.weight": torch.ones(2, dtype=torch.int64)})

    with pytest.raises(IsLora):
        header(data)


def test_a_half_cannot_be_named_in_two_ways() -> None:
    twice = {**TENSORS, "64.0.linear.0.bias": torch.ones(16)}

    with pytest.raises(SafetensorsKey):
        safetensors.tree_of(header(saved_safely(twice)))
