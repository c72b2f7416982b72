"""From the tree in a file to a network: its settings, and its layers checked against them.

A1111 never wrote a version number, and its files of 2022 lack most settings: what is absent has the
default that A1111 gives it, and what is there tells how old the file is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from registry.formats import near_miss
from registry.formats.errors import (
    JSON,
    BadDim,
    Finding,
    IsSdxl,
    LayerKey,
    MixedKeys,
    ModulePair,
    NoDims,
    Severity,
    StringDims,
    plain,
    shown,
)
from registry.formats.hypernetwork import Epoch, HypernetworkSpec
from registry.formats.layers import Half, Halves, check_half, settings_of_layers
from registry.formats.settings import read_settings
from registry.formats.stored import StoredTensor

MAX_DIM: Final = 1 << 16
SDXL_DIM: Final = 2048
USUAL_DIMS: Final = frozenset({320, 640, 768, 1024, 1280})

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
            check_half(spec, dim, name, half)
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
