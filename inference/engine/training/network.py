"""A hypernetwork that learns: A1111's modules with A1111's ways to start, and back to a file."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

import torch
from torch import Tensor, nn

from inference.engine.hypernetwork import Head as RenderedHead
from registry.formats.hypernetwork import Epoch, HypernetworkSpec
from registry.formats.hypernetwork import Hypernetwork as NetworkFile
from registry.formats.tensor import DType
from registry.formats.tensor import Tensor as FileTensor

_START_DEVIATION: Final = 0.01


class Head(RenderedHead):
    """f_k or f_v of one width, with the dropout that pictures do without."""

    def __init__(self, spec: HypernetworkSpec, dim: int) -> None:
        super().__init__(spec, dim)
        rates = iter(rate for rate in spec.dropout_structure[1:] if rate > 0)
        for layer in spec.layout(dim):
            if layer.module == "dropout":
                self.linear[layer.index] = nn.Dropout(next(rates))

    def start(self, spec: HypernetworkSpec, *, identity: bool) -> None:
        """Layer norms start as A1111 starts them, near nothing."""
        for layer in self.linear:
            if isinstance(layer, nn.Linear):
                _start(layer.weight, spec)
                nn.init.zeros_(layer.bias)
            elif isinstance(layer, nn.LayerNorm):
                nn.init.normal_(layer.weight, std=_START_DEVIATION)
                nn.init.zeros_(layer.bias)
        if identity:
            nn.init.zeros_([m for m in self.linear if isinstance(m, nn.Linear)][-1].weight)


class TrainableNetwork(nn.Module):
    """``heads`` maps each context width to (f_k, f_v), in ascending order, as files have them."""

    def __init__(self, spec: HypernetworkSpec, dims: Iterable[int]) -> None:
        super().__init__()
        self.spec = spec
        with torch.random.fork_rng(devices=[]):  # torch starts weights by itself: not our chance
            self.heads = {dim: (Head(spec, dim), Head(spec, dim)) for dim in sorted(dims)}
        self._kept = nn.ModuleList(head for pair in self.heads.values() for head in pair)

    @classmethod
    def new(
        cls, spec: HypernetworkSpec, dims: Iterable[int], *, seed: int, identity_start: bool
    ) -> "TrainableNetwork":
        network = cls(spec, dims)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            for head in network._each():
                head.start(spec, identity=identity_start)
        return network

    @classmethod
    def of_file(cls, file: NetworkFile) -> "TrainableNetwork":
        network = cls(file.spec, file.dims)
        for dim, halves in file.modules.items():
            for head, half in zip(network.heads[dim], halves, strict=True):
                head.load_state_dict(
                    {key: torch.from_numpy(t.float32().copy()) for key, t in half.items()}
                )
        return network

    def to_file(self, *, step: int) -> NetworkFile:
        """As our writers take it; ``step`` is the number of steps done."""
        modules = {dim: (_state(k), _state(v)) for dim, (k, v) in self.heads.items()}
        return NetworkFile(replace(self.spec, step=step), modules, Epoch.DROPOUT_STRUCTURE)

    def _each(self) -> Iterator[Head]:
        for pair in self.heads.values():
            yield from pair


def _start(weight: Tensor, spec: HypernetworkSpec) -> None:
    match spec.weight_initialization:
        case "XavierUniform":
            nn.init.xavier_uniform_(weight)
        case "XavierNormal":
            nn.init.xavier_normal_(weight)
        case "KaimingUniform":
            nn.init.kaiming_uniform_(weight, nonlinearity="relu")
        case "KaimingNormal":
            nn.init.kaiming_normal_(weight, nonlinearity="relu")
        case _:
            nn.init.normal_(weight, std=_START_DEVIATION)


def _state(head: Head) -> dict[str, FileTensor]:
    return {key: _file_tensor(tensor) for key, tensor in head.state_dict().items()}


def _file_tensor(tensor: Tensor) -> FileTensor:
    array = tensor.detach().to("cpu", torch.float32).contiguous().numpy().astype("<f4", copy=False)
    return FileTensor(DType.FP32, tuple(tensor.shape), memoryview(array.tobytes()))
