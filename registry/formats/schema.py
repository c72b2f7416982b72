"""From the tree in a file to a network: its settings, and its layers checked against them.

A1111 never wrote a version number, and its files of 2022 lack most settings. What the shapes and
numbers of the layers say on their own is worked out here as well, so that a disagreement between
them and the settings can be told exactly.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from registry.formats import near_miss
from registry.formats.errors import (
    JSON,
    Ambiguous,
    BadDim,
    Finding,
    IndicesDisagree,
    IsSdxl,
    LayerKey,
    LayerNormDisagrees,
    MissingWeights,
    MixedKeys,
    ModulePair,
    NoDims,
    Severity,
    StringDims,
    WidthsDisagree,
    plain,
    shown,
)
from registry.formats.hypernetwork import Epoch, HypernetworkSpec, Number
from registry.formats.pickle_program import StoredTensor
from registry.formats.settings import read_settings

MAX_DIM: Final = 1 << 16
SDXL_DIM: Final = 2048
USUAL_DIMS: Final = frozenset({320, 640, 768, 1024, 1280})

Half: TypeAlias = dict[str, StoredTensor]
Halves: TypeAlias = tuple[Half, Half]
Shape: TypeAlias = tuple[int, ...]

_LAYER_KEY: Final = re.compile(r"linear\.(0|[1-9]\d{0,3})\.(weight|bias)", re.ASCII)
_OLD_KEY: Final = re.compile(r"linear([12])\.(weight|bias)", re.ASCII)
_STRING_DIM: Final = re.compile(r"\d{2,5}", re.ASCII)


@dataclass(frozen=True)
class Understood:
    """A network as its file describes it; the bytes of its tensors are still to be found."""

    spec: HypernetworkSpec
    modules: Mapping[int, Halves]
    epoch: Epoch
    stored: Mapping[str, JSON]
    findings: tuple[Finding, ...]


def understand(tree: Any, *, stem: str, settings_lost: bool = False) -> Understood:
    """Return the network that a tree describes, every default applied, or say what is wrong.

    Where a converter may have lost the settings, they are taken from the layers alone, if these
    leave no choice.
    """
    if not isinstance(tree, dict):
        raise NoDims(keys=())
    dims = {key: value for key, value in tree.items() if isinstance(key, int)}
    rest = {key: value for key, value in tree.items() if isinstance(key, str)}
    _check_dims(dims, rest)
    halves = {dim: _halves(dim, dims[dim]) for dim in sorted(dims)}
    modules = {
        dim: (_renamed(dim, "k", k), _renamed(dim, "v", v)) for dim, (k, v) in halves.items()
    }
    settings = read_settings(rest)
    spec = (read_settings(settings_of_layers(modules)) if settings_lost else settings).spec(stem)
    for dim, pair in modules.items():
        for name, half in zip("kv", pair, strict=True):
            _check_half(spec, dim, name, half)
    is_old = any(
        _OLD_KEY.fullmatch(key) for pair in halves.values() for half in pair for key in half
    )
    findings = (
        *settings.findings,
        *_about_dims(modules),
        *_about_name(spec, stem),
        *_about_lost_settings(settings_lost, spec),
    )
    return Understood(spec, modules, _epoch(settings.stored, is_old), settings.stored, findings)


# The top level


def _check_dims(dims: Mapping[int, Any], rest: Mapping[str, Any]) -> None:
    """Refuse a tree whose integer keys are no context widths."""
    if texts := [key for key in rest if _STRING_DIM.fullmatch(key)]:
        raise StringDims(dims=tuple(texts))
    if not dims:
        near_miss.refuse_contents(set(_names({**rest})))
        raise NoDims(keys=tuple(shown(key, 40) for key in [*rest][:8]))
    for dim in dims:
        if not 1 <= dim <= MAX_DIM:
            raise BadDim(dim=dim)
    if SDXL_DIM in dims:
        raise IsSdxl(seen=f"layers for the context width {SDXL_DIM}")


def _names(tree: Any, depth: int = 3) -> Iterator[str]:
    """Yield the text keys of a tree and of what it holds, a few levels deep."""
    if not isinstance(tree, dict) or not depth:
        return
    for key, value in tree.items():
        if isinstance(key, str):
            yield key
        yield from _names(value, depth - 1)


def _halves(dim: int, pair: Any) -> Halves:
    """Return the two state dicts under a dim: A1111 wrote a tuple, others a list."""
    if not isinstance(pair, list | tuple) or len(pair) != 2:
        found = f"{len(pair)} parts" if isinstance(pair, list | tuple) else type(pair).__name__
        raise ModulePair(dim=dim, found=found)
    for half in pair:
        if not isinstance(half, dict) or not half:
            raise ModulePair(dim=dim, found="something else, or nothing, in one of them")
    return pair[0], pair[1]


def _renamed(dim: int, name: str, half: Mapping[Any, Any]) -> Half:
    """Return a state dict under today's keys, in the order of its layers.

    The files of the first weeks call the layers linear1 and linear2, not linear.0 and linear.1.
    """
    entries: list[tuple[int, str, StoredTensor]] = []
    dialects = set()
    for key, tensor in half.items():
        match = isinstance(key, str) and (_LAYER_KEY.fullmatch(key) or _OLD_KEY.fullmatch(key))
        if not match or not isinstance(tensor, StoredTensor):
            raise LayerKey(dim=dim, half=name, key=str(key))
        dialects.add(match.re)
        index = int(match[1]) - (match.re is _OLD_KEY)
        entries.append((index, match[2], tensor))
    if len(dialects) > 1:
        raise MixedKeys(dim=dim, half=name)
    entries.sort(key=lambda entry: (entry[0], entry[1] != "weight"))
    return {f"linear.{index}.{parameter}": tensor for index, parameter, tensor in entries}


def _epoch(stored: Mapping[str, JSON], is_old: bool) -> Epoch:
    """Date a file by the youngest setting that it has."""
    if "dropout_structure" in stored:
        return Epoch.DROPOUT_STRUCTURE
    if "activate_output" in stored:
        return Epoch.ACTIVATE_OUTPUT
    if "activation_func" in stored:
        return Epoch.ACTIVATION
    if "layer_structure" in stored:
        return Epoch.LAYER_STRUCTURE
    if "step" in stored or "sd_checkpoint" in stored:
        return Epoch.STEP
    return Epoch.FIRST if is_old else Epoch.UNDATED


# The layers against the settings


def _check_half(spec: HypernetworkSpec, dim: int, name: str, half: Half) -> None:
    """Compare a half's keys and shapes with the layout that A1111 would build; tell the difference.

    The causes are looked for in the order in which they would explain each other.
    """
    expected = {
        f"linear.{layer.index}.{parameter}": shape
        for layer in spec.layout(dim)
        for parameter, shape in layer.parameters.items()
    }
    found = {key: tensor.shape for key, tensor in half.items()}
    if found == expected:
        return
    layers = _Layers.of(found)
    _check_partners(dim, name, layers)
    if bool(layers.norms) != spec.is_layer_norm:
        raise LayerNormDisagrees(dim=dim, half=name, stored=spec.is_layer_norm)
    _check_widths(spec, dim, name, layers, expected)
    raise IndicesDisagree(
        dim=dim,
        half=name,
        expected=tuple(sorted({int(key.split(".")[1]) for key in expected})),
        found=tuple(layers.indices),
    )


@dataclass(frozen=True)
class _Layers:
    """What keys and shapes say on their own. A matrix is a layer, a vector a norm, [1] a PReLU."""

    indices: Sequence[int]
    linears: Mapping[int, Shape]
    norms: Sequence[int]
    missing: Sequence[str]

    @classmethod
    def of(cls, shapes: Mapping[str, Shape]) -> _Layers:
        indices = sorted({int(key.split(".")[1]) for key in shapes})
        weights = {index: shapes.get(f"linear.{index}.weight", ()) for index in indices}
        biased = {index for index in indices if f"linear.{index}.bias" in shapes}
        return cls(
            indices=indices,
            linears={index: shape for index, shape in weights.items() if len(shape) == 2},
            norms=[
                index for index, shape in weights.items() if len(shape) == 1 and index in biased
            ],
            missing=[
                *(f"linear.{index}.weight" for index in indices if not weights[index]),
                *(
                    f"linear.{index}.bias"
                    for index in indices
                    if index not in biased and weights[index] != (1,)
                ),
            ],
        )

    @property
    def widths(self) -> Shape:
        """The width before the first layer and after each one."""
        shapes = list(self.linears.values())
        return (shapes[0][1], *(shape[0] for shape in shapes)) if shapes else ()


def _check_partners(dim: int, name: str, layers: _Layers) -> None:
    if layers.missing or not layers.linears:
        missing = tuple(layers.missing) or ("linear.0.weight",)
        raise MissingWeights(dim=dim, half=name, missing=missing)


def _check_widths(
    spec: HypernetworkSpec, dim: int, name: str, layers: _Layers, expected: Mapping[str, Shape]
) -> None:
    """Say which layer is the first whose shape is not what the layer structure asks for."""
    wanted = list(zip(spec.widths(dim)[1:], spec.widths(dim), strict=False))
    for position, (index, shape) in enumerate(layers.linears.items()):
        right = wanted[position] if position < len(wanted) else ()
        if shape != right or len(wanted) != len(layers.linears):
            raise WidthsDisagree(
                dim=dim,
                half=name,
                tensor=f"linear.{index}.weight",
                expected=right,
                found=shape,
                layer_structure=spec.layer_structure,
                structure=tuple(_factor([(dim, width)]) or 0 for width in layers.widths),
            )


# Settings from the layers alone


def settings_of_layers(modules: Mapping[int, Halves]) -> dict[str, Any]:
    """Return the settings that the layers leave no choice about, for files that lost theirs.

    An activation or a dropout between layers leaves a gap in their numbers, and its kind is lost.
    Without gaps, and with a second layer or a norm to show one, there is none.
    """
    halves = [
        _Layers.of({k: t.shape for k, t in half.items()}) for p in modules.values() for half in p
    ]
    if any(list(layers.indices) != [*range(len(layers.indices))] for layers in halves):
        raise Ambiguous(reason="an activation function or dropout stood between them")
    if any(len(layers.indices) < 2 for layers in halves):
        raise Ambiguous(reason="an activation function may have followed the only layer")
    widths = [
        (dim, _Layers.of({k: t.shape for k, t in pair[0].items()}).widths)
        for dim, pair in modules.items()
    ]
    if len({len(width) for _, width in widths}) != 1:
        raise Ambiguous(reason="their number differs between context widths")
    factors = [
        _factor([(dim, width[position]) for dim, width in widths])
        for position in range(len(widths[0][1]))
    ]
    if None in factors:
        raise Ambiguous(reason="no layer structure gives their widths")
    return {"layer_structure": factors, "is_layer_norm": any(layers.norms for layers in halves)}


def _factor(pairs: Iterable[tuple[int, int]]) -> Number | None:
    """Return the shortest decimal x with `int(dim * x) == width` for each (dim, width), or None."""
    pairs = list(pairs)
    least = max(width / dim for dim, width in pairs)
    for digits in range(7):
        factor = math.ceil(least * 10**digits) / 10**digits
        if all(int(dim * factor) == width for dim, width in pairs):
            return int(factor) if factor == int(factor) else factor
    return None


# Remarks


def _about_dims(modules: Mapping[int, Halves]) -> Iterator[Finding]:
    if odd := sorted(set(modules) - USUAL_DIMS):
        widths = ", ".join(map(str, odd))
        yield Finding(
            "unusual-dims",
            Severity.WARNING,
            f"No Stable Diffusion 1.x or 2.x model has attention of width {widths}: "
            "these layers never do anything.",
            {"dims": odd},
        )


def _about_name(spec: HypernetworkSpec, stem: str) -> Iterator[Finding]:
    if spec.name != stem:
        yield Finding(
            "renamed-file",
            Severity.INFO,
            f"Inside, the network is called “{shown(spec.name, 60)}”, not “{shown(stem, 60)}”. "
            "AUTOMATIC1111 then reads the file from disk again for every picture; the one that we "
            "serve has the same name inside and outside.",
            {"name": spec.name, "stem": stem},
        )


def _about_lost_settings(are_lost: bool, spec: HypernetworkSpec) -> Iterator[Finding]:
    if are_lost:
        structure = plain(spec.layer_structure)
        yield Finding(
            "settings-from-layers",
            Severity.INFO,
            "The file has lost its settings, but its layers leave no choice about them: structure "
            f"{structure}, layer norm {spec.is_layer_norm}, no activation function.",
            {"layer_structure": structure, "is_layer_norm": spec.is_layer_norm},
        )
