"""Each of A1111's files reads and computes what A1111 computed, also after each of our writers."""

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import safetensors
import torch

from registry.formats.hypernetwork import Hypernetwork
from registry.formats.reader import read
from registry.formats.writer import write_portable, write_safetensors, write_training
from tests.registry.formats.acceptance import a1111, fixtures
from tests.registry.formats.acceptance.fixtures import NAMES

TOLERANCE = 1e-5
State = Mapping[str, torch.Tensor]
each_fixture = pytest.mark.parametrize("name", NAMES)


def network(name: str) -> Hypernetwork:
    return read(fixtures.path(name), stem=fixtures.stem(name)).hypernetwork


def states(read_back: Hypernetwork) -> dict[tuple[int, str], State]:
    return {
        (dim, half): {key: fixtures.as_torch(tensor) for key, tensor in state.items()}
        for dim, pair in read_back.modules.items()
        for half, state in zip("kv", pair, strict=True)
    }


def assert_computes_what_a1111_computed(
    name: str, spec: Mapping[str, Any], modules: Mapping[tuple[int, str], State]
) -> None:
    seen = set()
    for golden in fixtures.golden(name):
        state = modules[golden.dim, golden.half]
        x = torch.from_numpy(golden.x)
        found = a1111.output(golden.dim, spec, state, x, golden.multiplier).numpy()
        assert fixtures.relative_error(found, golden.y) <= TOLERANCE
        seen.add((golden.dim, golden.half))
    assert seen == set(modules)


@each_fixture
def test_tensors_are_bit_equal_to_torch(name: str) -> None:
    original = torch.load(fixtures.path(name), weights_only=True)
    read_back = network(name)

    assert set(read_back.modules) == {key for key in original if isinstance(key, int)}
    for dim, pair in read_back.modules.items():
        for ours, raw in zip(pair, original[dim], strict=True):
            theirs = a1111.in_todays_names(raw)
            assert set(ours) == set(theirs)
            for key, tensor in ours.items():
                assert tensor.shape == tuple(theirs[key].shape)
                assert fixtures.TORCH_TYPES[tensor.dtype] == theirs[key].dtype
                assert bytes(tensor.data) == fixtures.bits(theirs[key])


@each_fixture
def test_the_spec_is_what_todays_a1111_reads(name: str) -> None:
    read_back = network(name)
    spec = read_back.spec.as_dict()

    assert {key: spec[key] for key in fixtures.settings(name)} == fixtures.settings(name)
    assert list(read_back.dims) == fixtures.INDEX[name]["dims"]


@each_fixture
def test_outputs_of_a1111_are_reproduced(name: str) -> None:
    read_back = network(name)
    assert_computes_what_a1111_computed(name, read_back.spec.as_dict(), states(read_back))


def loaded(file: bytes) -> tuple[dict[str, Any], dict[tuple[int, str], State]]:
    """A `.pt` as A1111 gets it from torch: its settings and its modules."""
    stored = torch.load(io.BytesIO(file), weights_only=True)
    spec = {key: value for key, value in stored.items() if isinstance(key, str)}
    modules = {
        (dim, half): state
        for dim, pair in stored.items()
        if isinstance(dim, int)
        for half, state in zip("kv", pair, strict=True)
    }
    return spec, modules


@each_fixture
def test_the_portable_file_computes_the_same(name: str) -> None:
    out = io.BytesIO()
    write_portable(network(name), out, stem="portable")
    spec, modules = loaded(out.getvalue())

    assert spec["name"] == "portable"
    assert not spec["use_dropout"] and not any(spec["dropout_structure"])
    assert_computes_what_a1111_computed(name, spec, modules)


@each_fixture
def test_the_training_file_computes_the_same_and_keeps_dropout(name: str) -> None:
    out = io.BytesIO()
    written = write_training(network(name), out, stem="training")
    if not fixtures.settings(name)["use_dropout"]:
        assert written is None and out.getvalue() == b""
        return
    spec, modules = loaded(out.getvalue())

    assert spec["use_dropout"]
    assert spec["dropout_structure"] == fixtures.settings(name)["dropout_structure"]
    assert_computes_what_a1111_computed(name, spec, modules)


@each_fixture
def test_the_safetensors_file_computes_the_same(name: str, tmp_path: Path) -> None:
    target = tmp_path / "written.safetensors"
    with target.open("wb") as out:
        write_safetensors(network(name), out, stem="written")
    modules: dict[tuple[int, str], dict[str, torch.Tensor]] = {}
    with safetensors.safe_open(target, framework="pt") as stored:
        spec = json.loads(stored.metadata()["hypernetwork"])
        for key in stored.keys():  # noqa: SIM118  # not a mapping: it only has keys()
            dim, half, inner = key.split(".", 2)
            modules.setdefault((int(dim), half), {})[inner] = stored.get_tensor(key)

    assert_computes_what_a1111_computed(name, spec, modules)
