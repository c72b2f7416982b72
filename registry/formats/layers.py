"""What the layers say on their own, and whether it is what the settings say.

Widths, layer norm and the places of activations show in keys and shapes: a matrix is a linear
layer, a vector a norm, a [1] a PReLU, and a number that is left out an activation or a dropout.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from registry.formats.errors import (
    Ambiguous,
    IndicesDisagree,
    LayerNormDisagrees,
    MissingWeights,
    WidthsDisagree,
)
from registry.formats.hypernetwork import HypernetworkSpec, Number
from registry.formats.stored import StoredTensor

Half: TypeAlias = dict[str, StoredTensor]
Halves: TypeAlias = tuple[Half, Half]
Shape: TypeAlias = tuple[int, ...]


def check_half(spec: HypernetworkSpec, dim: int, name: str, half: Half) -> None:
    """Compare a half's keys and shapes with the layout that A1111 would build; tell the difference.

    The causes are looked for in the order in which they would explain each other.
    """
    expected = {
        f"linear.{layer.index}.{parameter}": shape
        for layer in spec.layout(dim)
        for parameter, shape in layer.parameters.items()
    }
    if expected == {key: tensor.shape for key, tensor in half.items()}:
        return
    layers = _Layers.of(half)
    if layers.missing or not layers.linears:
        missing = tuple(layers.missing) or ("linear.0.weight",)
        raise MissingWeights(dim=dim, half=name, missing=missing)
    if bool(layers.norms) != spec.is_layer_norm:
        raise LayerNormDisagrees(dim=dim, half=name, stored=spec.is_layer_norm)
    _check_widths(spec, dim, name, layers)
    raise IndicesDisagree(
        dim=dim,
        half=name,
        expected=tuple(sorted({_index(key) for key in expected})),
        found=tuple(layers.indices),
    )


def _check_widths(spec: HypernetworkSpec, dim: int, name: str, layers: _Layers) -> None:
    """Say which layer is the first whose shape is not what the layer structure asks for."""
    widths = spec.widths(dim)
    wanted = list(zip(widths[1:], widths, strict=False))
    if [*layers.linears.values()] == wanted:
        return
    for position, (index, shape) in enumerate(layers.linears.items()):
        right = wanted[position] if position < len(wanted) else ()
        if shape != right or position == len(layers.linears) - 1:
            raise WidthsDisagree(
                dim=dim,
                half=name,
                tensor=f"linear.{index}.weight",
                expected=right,
                found=shape,
                layer_structure=spec.layer_structure,
                structure=tuple(_factor([(dim, width)]) or 0 for width in layers.widths),
            )


@dataclass(frozen=True)
class _Layers:
    """The layers of one half, by their numbers; `missing` names weights without their partner."""

    indices: Sequence[int]
    linears: Mapping[int, Shape]
    norms: Sequence[int]
    missing: Sequence[str]

    @classmethod
    def of(cls, half: Half) -> _Layers:
        indices = sorted({_index(key) for key in half})
        weights = {index: half.get(f"linear.{index}.weight") for index in indices}
        shapes = {index: weight.shape for index, weight in weights.items() if weight}
        biased = {index for index in indices if f"linear.{index}.bias" in half}
        no_weight = [f"linear.{index}.weight" for index in indices if index not in shapes]
        no_bias = [
            f"linear.{index}.bias"
            for index, shape in shapes.items()
            if index not in biased and shape != (1,)
        ]
        return cls(
            indices=indices,
            linears={index: shape for index, shape in shapes.items() if len(shape) == 2},
            norms=[i for i, shape in shapes.items() if len(shape) == 1 and i in biased],
            missing=[*no_weight, *no_bias],
        )

    @property
    def widths(self) -> Shape:
        """The width before the first layer and after each one."""
        shapes = list(self.linears.values())
        return (shapes[0][1], *(shape[0] for shape in shapes)) if shapes else ()

    @property
    def are_dense(self) -> bool:
        """Whether no number is left out."""
        return list(self.indices) == list(range(len(self.indices)))


def _index(key: str) -> int:
    return int(key.split(".")[1])


def settings_of_layers(modules: Mapping[int, Halves]) -> dict[str, Any]:
    """Return the settings that the layers leave no choice about, for files that lost theirs.

    Where no number is left out there is no activation, if a second layer is there to show it. The
    result is a proposal: `check_half` still has the last word.
    """
    halves = [(dim, _Layers.of(half)) for dim, pair in modules.items() for half in pair]
    if not all(layers.are_dense for _, layers in halves):
        raise Ambiguous(reason="an activation function or dropout stood between them")
    if any(len(layers.indices) < 2 for _, layers in halves):
        raise Ambiguous(reason="an activation function may have followed the only layer")
    if len({len(layers.linears) for _, layers in halves}) > 1:
        raise Ambiguous(reason="their number differs between context widths")
    steps = zip(*([(dim, width) for width in layers.widths] for dim, layers in halves), strict=True)
    factors = [_factor(pairs) for pairs in steps]
    if None in factors or not factors:
        raise Ambiguous(reason="no layer structure gives their widths")
    return {"layer_structure": factors, "is_layer_norm": any(lay.norms for _, lay in halves)}


def _factor(pairs: Iterable[tuple[int, int]]) -> Number | None:
    """Return the shortest decimal x with `int(dim * x) == width` for each (dim, width), or None."""
    pairs = list(pairs)
    least = max(width / dim for dim, width in pairs)
    for digits in range(7):
        factor = math.ceil(least * 10**digits) / 10**digits
        if all(int(dim * factor) == width for dim, width in pairs):
            return int(factor) if factor == int(factor) else factor
    return None
