"""Honest files that are something else are recognised, named, and told where they belong."""

import io
import tarfile
import zipfile
from typing import Any

import numpy as np
import pytest
import torch

from registry.formats.errors import (
    CompressedMember,
    IsCheckpoint,
    IsControlNet,
    IsEmbedding,
    IsHns,
    IsLora,
    IsMonkeyPatch,
    IsOptimizerState,
    IsSdxl,
    IsVae,
    OtherContainer,
    RawPickle,
    Refusal,
    Severity,
    StringDims,
    UnknownContainer,
)
from registry.formats.reader import read
from tests.registry.formats.saved import FIXTURES, network, saved, saved_safely

ONE = torch.ones(1)


def refusal_of(data: bytes) -> Refusal:
    with pytest.raises(Refusal) as caught:
        read(data, stem="net")
    return caught.value


def optimizer() -> dict[str, Any]:
    layer = torch.nn.Linear(2, 2)
    adam = torch.optim.AdamW(layer.parameters())
    layer(torch.ones(1, 2)).sum().backward()
    adam.step()
    return adam.state_dict()


def embedding() -> dict[str, Any]:
    vector = torch.nn.ParameterDict({"*": torch.nn.Parameter(torch.ones(1, 768))})
    return {"string_to_token": {"*": 265}, "string_to_param": vector, "name": "x", "step": 1}


PICKLED: dict[type[Refusal], dict[Any, Any]] = {
    IsLora: {"lora_unet_mid.lora_up.weight": ONE, "lora_unet_mid.alpha": torch.tensor(1)},
    IsEmbedding: embedding(),
    IsCheckpoint: {"state_dict": {"model.diffusion_model.out.0.weight": ONE}, "global_step": 1},
    IsVae: {"state_dict": {"encoder.conv_in.weight": ONE}},
    IsOptimizerState: {
        "optimizer_name": "AdamW",
        "hash": "0123456789",
        "optimizer_state_dict": optimizer(),
    },
    IsMonkeyPatch: network(skip_connection=True),
    IsSdxl: network(dims=(2048,)),
    StringDims: {str(key): value for key, value in network().items()},
}
SAFE: dict[type[Refusal], str] = {
    IsLora: "lora_unet_mid.lora_up.weight",
    IsEmbedding: "emb_params",
    IsCheckpoint: "model.diffusion_model.out.0.weight",
    IsVae: "decoder.conv_in.weight",
    IsControlNet: "control_model.input_blocks.0.0.weight",
    IsSdxl: "conditioner.embedders.0.transformer.weight",
}


@pytest.mark.parametrize("refusal", PICKLED, ids=lambda refusal: refusal.rule)
def test_what_torch_saved_is_recognised(refusal: type[Refusal]) -> None:
    for options in ({}, {"_use_new_zipfile_serialization": False}):
        found = refusal_of(saved(PICKLED[refusal], **options))

        assert type(found) is refusal
        assert found.severity is Severity.UNSUPPORTED


@pytest.mark.parametrize("refusal", SAFE, ids=lambda refusal: refusal.rule)
def test_what_safetensors_holds_is_recognised(refusal: type[Refusal]) -> None:
    assert type(refusal_of(saved_safely({SAFE[refusal]: ONE}))) is refusal


def test_a_lora_for_sdxl_is_told_so_by_its_metadata() -> None:
    data = saved_safely({"lora_unet_mid.lora_up.weight": ONE}, {"ss_base_model": "sdxl_base_v1-0"})

    assert type(refusal_of(data)) is IsSdxl


@pytest.mark.parametrize("recipe", [b'[{"A": 0.8, "B": 0.1}]', b'("A", 0.5)', b'{"A", "B"}'])
def test_a_recipe_of_monkeypatch_is_recognised(recipe: bytes) -> None:
    assert type(refusal_of(recipe)) is IsHns


def tar() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.add(FIXTURES / "gelu_not_in_comfy.pt", "net.pt")
    return file.getvalue()


def npz() -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, a=np.ones(3))
    return file.getvalue()


def torchscript() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in ("data.pkl", "code/__torch__.py", "constants.pkl", "version"):
            archive.writestr(f"net/{name}", b"")
    return file.getvalue()


def zipped(name: str, method: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.write(FIXTURES / "gelu_not_in_comfy.pt", name)
    return file.getvalue()


CONTAINERS = {
    "tar": tar(),
    "7z": b"7z\xbc\xaf\x27\x1c" + bytes(32),
    "rar": b"Rar!\x1a\x07\x01\x00",
    "gzip": b"\x1f\x8b\x08" + bytes(32),
    "npz": npz(),
    "torchscript": torchscript(),
    "gguf": b"GGUF\x03\0\0\0" + bytes(32),
    "zip": zipped("folder/net.pt"),
    "zip-images": zipped("picture.png"),
    "png": b"\x89PNG\r\n\x1a\n" + bytes(32),
    "web-page": b"\n<!DOCTYPE html><html>",
    "git-lfs": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n",
    "exe": b"MZ\x90\0" + bytes(32),
}


@pytest.mark.parametrize("kind", CONTAINERS)
def test_other_containers_are_named(kind: str) -> None:
    found = refusal_of(CONTAINERS[kind])

    assert isinstance(found, OtherContainer)
    assert found.data()["kind"] == kind
    assert found.data()["advice"]


def test_a_network_that_was_zipped_again_is_told_how_to_mend_that() -> None:
    old = zipfile.ZipFile(FIXTURES / "gelu_not_in_comfy.pt")
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in old.namelist():
            archive.writestr(name, old.read(name))

    assert isinstance(refusal_of(file.getvalue()), CompressedMember)


def test_a_bare_pickle_is_named_and_the_rest_is_unknown() -> None:
    assert isinstance(refusal_of(b"\x80\x04}\x94."), RawPickle)
    assert isinstance(refusal_of(b"just a text"), UnknownContainer)


def test_a_network_with_something_strange_in_it_is_not_taken_for_something_else() -> None:
    value = network(optimizer_state_dict=optimizer(), strange=torch.zeros(2, dtype=torch.int64))

    assert refusal_of(saved(value)).rule == "pickle-rebuild"
