"""What a hypernetwork is: its settings with A1111's defaults, its layers, its tensors."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from registry.formats.errors import JSON
from registry.formats.tensor import DType, Tensor, TensorInfo

Number: TypeAlias = int | float
ShapeDict: TypeAlias = Mapping[str, TensorInfo]
StateDict: TypeAlias = Mapping[str, Tensor]


@dataclass(frozen=True)
class Layer:
    """One entry of the `nn.Sequential`: its index, its sort, and the shapes of its parameters."""

    index: int
    module: str  # linear, activation, layer_norm or dropout
    parameters: Mapping[str, tuple[int, ...]]


class Epoch(StrEnum):
    """When a file was written, told by which settings it has."""

    UNDATED = "undated"
    FIRST = "until 2022-10-11"
    STEP = "from 2022-10-11"
    LAYER_STRUCTURE = "from 2022-10-19"
    ACTIVATION = "2022-10-21 to 2022-11-04"
    ACTIVATE_OUTPUT = "from 2022-11-04"
    DROPOUT_STRUCTURE = "from 2023-01-10"


@dataclass(frozen=True)
class HypernetworkSpec:
    """The settings of a network under A1111's names; every default lives here and only here.

    Widths are `int(dim * x)` for each x of `layer_structure`. `dropout_structure` is derived from
    the older settings when it is empty, and `use_dropout` says whether any of it is positive.
    """

    name: str
    step: int = 0
    sd_checkpoint: str | None = None
    sd_checkpoint_name: str | None = None
    layer_structure: tuple[Number, ...] = (1, 2, 1)
    activation_func: str | None = None
    is_layer_norm: bool = False
    weight_initialization: str = "Normal"
    activate_output: bool = True
    use_dropout: bool = False
    last_layer_dropout: bool = False
    dropout_structure: tuple[Number, ...] = ()
    optional_info: str | None = None

    def __post_init__(self) -> None:
        if not self.dropout_structure:
            object.__setattr__(self, "dropout_structure", self._derived_dropout())
        object.__setattr__(self, "use_dropout", any(self.dropout_structure))

    def _derived_dropout(self) -> tuple[Number, ...]:
        """Return the rates that A1111 used before it stored them: 0.3 after each inner layer."""
        size = len(self.layer_structure)
        if not self.use_dropout or size < 3:
            return (0,) * size
        return (0, *(0.3,) * (size - 3), 0.3 if self.last_layer_dropout else 0, 0)

    @property
    def has_activation(self) -> bool:
        """Whether anything but the identity stands between the layers."""
        return self.activation_func not in (None, "linear")

    @property
    def is_affine(self) -> bool:
        """Whether the network is one matrix and one offset, whatever its depth."""
        return not self.has_activation and not self.is_layer_norm

    def as_dict(self) -> dict[str, JSON]:
        """Return the settings under A1111's key names, ready for JSON."""
        return {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in dataclasses.asdict(self).items()
        }

    def widths(self, dim: int) -> tuple[int, ...]:
        """Return the width before the first layer and after each one."""
        return tuple(int(dim * factor) for factor in self.layer_structure)

    def layout(self, dim: int) -> tuple[Layer, ...]:
        """Return the `nn.Sequential` that A1111 builds for this context width, in order."""
        modules = enumerate(self._modules(dim))
        return tuple(Layer(index, module, shapes) for index, (module, shapes) in modules)

    def _modules(self, dim: int) -> Iterator[tuple[str, Mapping[str, tuple[int, ...]]]]:
        widths = self.widths(dim)
        last = len(widths) - 2
        for i, (before, after) in enumerate(zip(widths, widths[1:], strict=False)):
            yield "linear", {"weight": (after, before), "bias": (after,)}
            if self.has_activation and (i < last or self.activate_output):
                yield "activation", {"weight": (1,)} if self.activation_func == "prelu" else {}
            if self.is_layer_norm:
                yield "layer_norm", {"weight": (after,), "bias": (after,)}
            if self.dropout_structure[i + 1] > 0:
                yield "dropout", {}


@dataclass(frozen=True)
class HypernetworkHeader:
    """A network without its values: settings, and dtype and shape of every tensor.

    `modules` maps each context width to its K half and its V half; the keys of a half are
    `linear.<i>.weight` and `linear.<i>.bias`, in the order of i.
    """

    spec: HypernetworkSpec
    modules: Mapping[int, tuple[ShapeDict, ShapeDict]]
    epoch: Epoch

    @property
    def dims(self) -> tuple[int, ...]:
        """The context widths, ascending."""
        return tuple(sorted(self.modules))

    @property
    def parameters(self) -> int:
        """How many numbers the network has."""
        return sum(tensor.numel for tensor in self._infos())

    @property
    def dtype(self) -> DType:
        """The element type of the most parameters."""
        count: Counter[DType] = Counter()
        for tensor in self._infos():
            count[tensor.dtype] += tensor.numel
        return count.most_common(1)[0][0]

    @property
    def base_family(self) -> str:
        """The base models it is for: "sd1", "sd2", or "any" when it only bends self-attention."""
        if 1024 in self.modules:
            return "sd2"
        return "sd1" if 768 in self.modules else "any"

    def _infos(self) -> Iterator[TensorInfo]:
        for halves in self.modules.values():
            for half in halves:
                yield from half.values()


@dataclass(frozen=True)
class Hypernetwork(HypernetworkHeader):
    """A whole network. Its tensors are views of the file that it was read from."""

    modules: Mapping[int, tuple[StateDict, StateDict]]

    def tensors(self) -> Iterator[tuple[str, Tensor]]:
        """Yield every tensor as (`<dim>.<k|v>.linear.<i>.<weight|bias>`, tensor), in order."""
        for dim in self.dims:
            for half, state in zip("kv", self.modules[dim], strict=True):
                for key, tensor in state.items():
                    yield f"{dim}.{half}.{key}", tensor
