"""A1111's hypernetworks as torch modules: `c + m · f(c)`, for keys and for values.

Source: sections 3 and 4 of the format specification. Files are read by our own closed reader, so a
file never runs anything. Dropout is off whatever the file says, as in A1111's pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Final
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules import activation as activations

from inference.engine.hypernetwork_errors import (
    HypernetworkError,
    NoMatchingWidth,
    NotANumber,
    UnknownActivation,
    UnreadableHypernetwork,
    WrongMultipliers,
)
from registry.formats.errors import Refusal
from registry.formats.hypernetwork import Hypernetwork as NetworkFile
from registry.formats.hypernetwork import HypernetworkSpec, StateDict
from registry.formats.reader import read
from registry.formats.settings import IMPOSSIBLE_ACTIVATIONS

__all__ = [
    "Affine",
    "Head",
    "Hypernetwork",
    "HypernetworkError",
    "NoMatchingWidth",
    "NotANumber",
    "UnknownActivation",
    "UnreadableHypernetwork",
    "WrongMultipliers",
    "load_hypernetwork",
]

# A1111 gives these no dimension; for (batch, tokens, width) torch then takes the first: the rows.
_MIXING_ROWS: Final[dict[str, Callable[[], nn.Module]]] = {
    "softmax": partial(nn.Softmax, dim=0),
    "softmin": partial(nn.Softmin, dim=0),
    "logsoftmax": partial(nn.LogSoftmax, dim=0),
    "softmax2d": nn.Softmax2d,
}
_ACTIVATIONS: Final[dict[str, Callable[[], nn.Module]]] = {
    name.lower(): found
    for name, found in vars(activations).items()
    if isinstance(found, type) and issubclass(found, nn.Module) and found is not nn.Module
} | {
    "linear": nn.Identity,
    "swish": nn.Hardswish,  # as A1111 has it: not SiLU
    **_MIXING_ROWS,
}


class Affine:
    """`f(x) = x Wᵀ + b`: weight (out, d), bias (out,)."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        self.weight, self.bias = weight, bias
        self._copies: dict[tuple[torch.device, torch.dtype], Affine] = {}

    def __call__(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight, self.bias)

    def like(self, x: Tensor) -> Affine:
        """The same where and as x is; made once."""
        key = (x.device, x.dtype)
        if key not in self._copies:
            self._copies[key] = Affine(self.weight.to(x), self.bias.to(x))
        return self._copies[key]


class Head(nn.Module):
    """f_k or f_v of one context width, under A1111's parameter names (`linear.<i>.weight`)."""

    def __init__(self, spec: HypernetworkSpec, dim: int) -> None:
        super().__init__()
        self.linear = nn.Sequential(*_layers(spec, dim))

    def forward(self, x: Tensor) -> Tensor:
        """f(x) for x of (batch, tokens, dim); the sum `x + m · f(x)` is the caller's."""
        bent: Tensor = self.linear(x)
        return bent

    def folded(self) -> Affine:
        """The whole chain as one product, multiplied out in float64. Only of affine networks."""
        first = next(self.parameters())
        weight = torch.eye(first.shape[1], dtype=torch.float64, device=first.device)
        bias = torch.zeros(first.shape[1], dtype=torch.float64, device=first.device)
        for layer in self.linear:
            if isinstance(layer, nn.Linear):
                matrix = layer.weight.double()
                weight, bias = matrix @ weight, matrix @ bias + layer.bias.double()
        return Affine(weight, bias)


class Hypernetwork(nn.Module):
    """`heads` maps each context width to (f_k, f_v). Always in eval mode, without gradients."""

    def __init__(self, spec: HypernetworkSpec, dims: Iterable[int], *, name: str = "") -> None:
        """Raises UnknownActivation. Weights are whatever torch starts with: load them next."""
        super().__init__()
        self.spec = spec
        self.name = name or spec.name
        _require_activation(self.name, spec)
        self.heads: Mapping[int, tuple[Head, Head]] = {
            dim: (Head(spec, dim), Head(spec, dim)) for dim in sorted(dims)
        }
        self._products: WeakKeyDictionary[nn.Module, Affine] = WeakKeyDictionary()
        self._kept = nn.ModuleList(head for pair in self.heads.values() for head in pair)
        self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> Hypernetwork:
        """Stays in eval mode: dropout is never on in pictures."""
        super().train(False)
        return self

    @property
    def affine(self) -> bool:
        """Whether each head is one matrix and one offset, whatever its depth."""
        return self.spec.is_affine

    @property
    def mixes_rows(self) -> bool:
        """Whether a row's result depends on its neighbours: softmax over the batch, in A1111."""
        return (self.spec.activation_func or "linear") in _MIXING_ROWS

    @cached_property
    def folded(self) -> Mapping[int, tuple[Affine, Affine]]:
        """`heads` multiplied out; once per network."""
        return {dim: (k.folded(), v.folded()) for dim, (k, v) in self.heads.items()}

    def product(self, to: Any, affine: Affine) -> Affine:
        """(`to` without its bias)(f(x)) as one product, from float64, once per network and site.

        `to` is the to_k or to_v of an attention; `affine` is the f that bends its context.
        """
        if to not in self._products:
            weight = to.weight.to(affine.weight)
            kept = torch.promote_types(to.weight.dtype, torch.float32)
            self._products[to] = Affine(
                (weight @ affine.weight).to(kept), (weight @ affine.bias).to(kept)
            )
        return self._products[to]

    @property
    def weight(self) -> Tensor:
        """Any of its weights: for its device and dtype."""
        return next(self.parameters())

    @property
    def dtype(self) -> torch.dtype:
        return self.weight.dtype


def load_hypernetwork(
    path: Path, *, device: str | torch.device = "cpu", dtype: torch.dtype = torch.float32
) -> Hypernetwork:
    """Read a file of any container that the hub takes; its name is the file's stem.

    Weights are float32 whatever the file holds; another `dtype` is the fast mode, and a choice.

    Raises: UnreadableHypernetwork, UnknownActivation, NotANumber.
    """
    try:
        file = read(path, stem=path.stem).hypernetwork
    except Refusal as refusal:
        raise UnreadableHypernetwork(path.stem, refusal.message) from refusal
    return hypernetwork_of(file, name=path.stem, device=device, dtype=dtype)


def hypernetwork_of(
    file: NetworkFile,
    *,
    name: str = "",
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
) -> Hypernetwork:
    """A network that is read already. Its tensors are copied: the file may go."""
    with torch.device("meta"):  # no chance is drawn for weights that the file has
        network = Hypernetwork(file.spec, file.dims, name=name)
    for dim, halves in file.modules.items():
        for head, half in zip(network.heads[dim], halves, strict=True):
            head.load_state_dict(_tensors(half, device, dtype), assign=True)
    network.requires_grad_(False)
    if not all(bool(weight.isfinite().all()) for weight in network.parameters()):
        raise NotANumber([network.name], where="weights")
    return network


def _tensors(half: StateDict, device: str | torch.device, dtype: torch.dtype) -> dict[str, Tensor]:
    return {
        key: torch.from_numpy(tensor.float32().copy()).to(device, dtype)
        for key, tensor in half.items()
    }


def _require_activation(name: str, spec: HypernetworkSpec) -> None:
    activation = spec.activation_func
    if activation is None or (
        activation in _ACTIVATIONS and activation not in IMPOSSIBLE_ACTIVATIONS
    ):
        return
    raise UnknownActivation(name, activation)


def _layers(spec: HypernetworkSpec, dim: int) -> Iterator[nn.Module]:
    """A1111's `nn.Sequential`, index by index; dropout keeps its place and does nothing."""
    for layer in spec.layout(dim):
        if layer.module == "linear":
            after, before = layer.parameters["weight"]
            yield nn.Linear(before, after)
        elif layer.module == "layer_norm":
            yield nn.LayerNorm(layer.parameters["weight"][0])
        elif layer.module == "activation":
            yield _ACTIVATIONS[spec.activation_func or "linear"]()
        else:
            yield nn.Identity()
