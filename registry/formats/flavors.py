"""The flavours in which we publish a network, and what each does to it before it is written.

Section 5 of the format specification: what a hub can repair, it repairs on download.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum

from registry.formats.hypernetwork import Hypernetwork, HypernetworkSpec, Number
from registry.formats.tensor import Tensor


class Flavor(StrEnum):
    """The portable `.pt` opens everywhere, the training `.pt` keeps dropout, and safetensors."""

    PORTABLE = "portable"
    TRAINING = "training"
    SAFETENSORS = "safetensors"

    @property
    def suffix(self) -> str:
        return ".safetensors" if self is Flavor.SAFETENSORS else ".pt"


def settled_spec(spec: HypernetworkSpec, *, stem: str) -> HypernetworkSpec:
    """What every flavour has in common: the file's name, and one spelling of each number."""
    return replace(
        spec,
        name=stem,
        layer_structure=tuple(map(_number, spec.layer_structure)),
        dropout_structure=tuple(map(_number, spec.dropout_structure)),
    )


def training_spec(spec: HypernetworkSpec, *, stem: str) -> HypernetworkSpec:
    """Every setting spelled as A1111 spells it today, dropout kept."""
    settled = settled_spec(spec, stem=stem)
    return replace(
        settled,
        activation_func=(spec.activation_func or "linear").lower(),
        last_layer_dropout=settled.dropout_structure[-2] > 0,
    )


def portable_spec(spec: HypernetworkSpec, *, stem: str) -> HypernetworkSpec:
    """The same without dropout: off at inference in A1111, never off in ComfyUI."""
    return replace(
        training_spec(spec, stem=stem),
        dropout_structure=(0,) * len(spec.layer_structure),
        last_layer_dropout=False,
    )


def portable_form(hypernetwork: Hypernetwork, *, stem: str) -> Hypernetwork:
    """The network as the portable file holds it.

    The layers after a dropout move up in the `nn.Sequential`, so their keys are renumbered.
    """
    old, new = hypernetwork.spec, portable_spec(hypernetwork.spec, stem=stem)
    modules = {
        dim: (_renumbered(k, old, new, dim), _renumbered(v, old, new, dim))
        for dim, (k, v) in hypernetwork.modules.items()
    }
    return replace(hypernetwork, spec=new, modules=modules)


def training_form(hypernetwork: Hypernetwork, *, stem: str) -> Hypernetwork:
    """The network as the training file holds it."""
    return replace(hypernetwork, spec=training_spec(hypernetwork.spec, stem=stem))


def _renumbered(
    state: Mapping[str, Tensor], old: HypernetworkSpec, new: HypernetworkSpec, dim: int
) -> dict[str, Tensor]:
    """The same tensors under the indices of the layers that hold them in the new layout."""
    moved = dict(zip(_with_parameters(old, dim), _with_parameters(new, dim), strict=True))
    renamed = {}
    for key, tensor in state.items():
        root, index, parameter = key.split(".")
        renamed[f"{root}.{moved[int(index)]}.{parameter}"] = tensor
    return renamed


def _with_parameters(spec: HypernetworkSpec, dim: int) -> list[int]:
    return [layer.index for layer in spec.layout(dim) if layer.parameters]


def _number(value: Number) -> Number:
    """1.0 and 1 are one structure, so they are written alike."""
    return int(value) if value == int(value) else value
