"""What must hold of any bytes: refused in words, or read as torch and safetensors read them."""

import io
import json
import warnings
from collections.abc import Mapping
from typing import Any

import safetensors.torch
import torch

from registry.formats.container import Kind
from registry.formats.errors import Refusal
from registry.formats.hypernetwork import Hypernetwork
from registry.formats.reader import Reading, read, read_header
from tests.registry.formats.acceptance import a1111, fixtures

STEM = "stem"


def verdict(file: bytes) -> Reading[Hypernetwork] | Refusal:
    """What the reader says. Anything but a reading or a refusal goes through as the bug it is."""
    try:
        return read(file, stem=STEM)
    except Refusal as refusal:
        json.dumps(refusal.data(), allow_nan=False)
        assert refusal.message.isprintable()
        return refusal


def assert_read_as_others_read_it(file: bytes) -> Reading[Hypernetwork] | Refusal:
    """An accepted file means to torch (weights_only) or safetensors what it means to us."""
    said = verdict(file)
    assert_header_agrees(file, said)
    if isinstance(said, Refusal):
        return said
    if said.container.kind is Kind.SAFETENSORS:
        assert_tensors(said.hypernetwork, nested(safetensors.torch.load(file)))
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            stored = torch.load(io.BytesIO(file), map_location="cpu", weights_only=True)
        modules = {dim: tuple(value) for dim, value in stored.items() if isinstance(dim, int)}
        assert_tensors(said.hypernetwork, modules)
        texts = {key: value for key, value in stored.items() if isinstance(key, str)}
        assert_settings(said, texts)
    return said


def assert_header_agrees(file: bytes, said: Reading[Hypernetwork] | Refusal) -> None:
    """Reading the header alone may overlook a refusal, never invent one, nor fail otherwise."""
    try:
        header = read_header(io.BytesIO(file), stem=STEM)
    except Refusal:
        assert isinstance(said, Refusal)
        return
    if not isinstance(said, Refusal):
        assert header.hypernetwork.spec == said.hypernetwork.spec
        assert header.hypernetwork.dims == said.hypernetwork.dims
        assert header.container.stored == said.container.stored


def nested(flat: Mapping[str, torch.Tensor]) -> dict[int, tuple[dict[str, torch.Tensor], ...]]:
    modules: dict[int, tuple[dict[str, torch.Tensor], ...]] = {}
    for key, value in flat.items():
        dim, half, inner = key.split(".", 2)
        modules.setdefault(int(dim), ({}, {}))["kv01".index(half) % 2][inner] = value
    return modules


def assert_tensors(ours: Hypernetwork, modules: Mapping[int, tuple[Any, ...]]) -> None:
    assert set(ours.modules) == set(modules)
    for dim, pair in ours.modules.items():
        for mine, raw in zip(pair, modules[dim], strict=True):
            theirs = a1111.in_todays_names(raw)
            assert set(mine) == set(theirs)
            for key, tensor in mine.items():
                assert tensor.shape == tuple(theirs[key].shape)
                assert bytes(tensor.data) == fixtures.bits(theirs[key])


def assert_settings(said: Reading[Hypernetwork], stored: Mapping[str, Any]) -> None:
    """Each setting that we kept is the one that was stored."""
    kept = said.container.stored
    assert {key: plain(stored[key]) for key in kept} == {k: plain(v) for k, v in kept.items()}
    spec = said.hypernetwork.spec.as_dict()
    assert spec["name"] == stored.get("name", STEM)
    assert spec["step"] == stored.get("step", 0)


def plain(value: Any) -> Any:
    return list(map(plain, value)) if isinstance(value, list | tuple) else value
