"""An honest little hypernetwork, in pieces, so that a technique can falsify exactly one of them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tests.registry.formats.hostile import opcodes as op

DIM = 320
HIDDEN = 4
LAYER_STRUCTURE = [1.0, HIDDEN / DIM, 1.0]
SHAPES = {
    "linear.0.weight": (HIDDEN, DIM),
    "linear.0.bias": (HIDDEN,),
    "linear.1.weight": (DIM, HIDDEN),
    "linear.1.bias": (DIM,),
}
METADATA: Mapping[object, object] = {
    "step": 4000,
    "name": "honest",
    "layer_structure": LAYER_STRUCTURE,
    "activation_func": "linear",
    "is_layer_norm": False,
    "weight_initialization": "Normal",
    "use_dropout": False,
    "sd_checkpoint": "6ce0161689",
    "sd_checkpoint_name": "v1-5-pruned-emaonly",
    "activate_output": False,
    "last_layer_dropout": False,
    "dropout_structure": [0, 0, 0],
    "optional_info": None,
}
ORDERED_DICT = op.find("collections", "OrderedDict") + op.EMPTY_TUPLE + op.REDUCE
REBUILD = ("torch._utils", "_rebuild_tensor_v2")


@dataclass(frozen=True)
class TensorRef:
    """A tensor as torch writes it: a rebuild call around a persistent id. Every field may lie."""

    storage: object
    elements: object
    shape: tuple[object, ...]
    stride: tuple[object, ...]
    offset: object = 0
    storage_type: tuple[str, str] = ("torch", "FloatStorage")
    kind: object = "storage"
    device: object = "cpu"
    requires_grad: object = False
    hooks: object = field(default_factory=lambda: op.Raw(ORDERED_DICT))
    rebuild: tuple[str, str] = REBUILD
    extra_arguments: tuple[object, ...] = ()
    extra_in_id: tuple[object, ...] = ()

    def persistent_id(self, *, legacy: bool) -> bytes:
        view = (None,) if legacy else ()
        kind, cls = op.encode(self.kind), op.find(*self.storage_type)
        rest = (self.storage, self.device, self.elements, *view, *self.extra_in_id)
        return op.tuple_of(op.Raw(kind), op.Raw(cls), *rest) + op.BINPERSID

    def program(self, *, legacy: bool = False) -> bytes:
        arguments = (
            op.Raw(self.persistent_id(legacy=legacy)),
            self.offset,
            self.shape,
            self.stride,
            self.requires_grad,
            self.hooks,
            *self.extra_arguments,
        )
        return op.find(*self.rebuild) + op.tuple_of(*arguments) + op.REDUCE


def state_dict(tensors: Mapping[object, object], *, legacy: bool = False) -> bytes:
    """OrderedDict of tensors, with the `_metadata` that nn.Module.state_dict attaches."""
    pairs = [
        (key, op.Raw(value.program(legacy=legacy)) if isinstance(value, TensorRef) else value)
        for key, value in tensors.items()
    ]
    metadata = op.Raw(ORDERED_DICT + op.items([("", {"version": 1})]))
    return ORDERED_DICT + op.items(pairs) + op.encode({"_metadata": metadata}) + op.BUILD


@dataclass
class Network:
    metadata: dict[object, object]
    modules: dict[object, tuple[dict[object, object], ...]]
    storages: dict[str, bytes]

    def program(self, *, legacy: bool = False, first: bytes = b"", last: bytes = b"") -> bytes:
        """data.pkl: `first` runs right after PROTO, `last` right before STOP."""
        pairs: list[tuple[object, object]] = [
            (dim, op.Raw(op.tuple_of(*(op.Raw(state_dict(m, legacy=legacy)) for m in modules))))
            for dim, modules in self.modules.items()
        ]
        pairs += self.metadata.items()
        return op.PROTO_2 + first + op.EMPTY_DICT + op.items(pairs) + last + op.STOP

    def tensor(self, key: str, *, module: int = 0) -> TensorRef:
        found = self.modules[DIM][module][key]
        assert isinstance(found, TensorRef)
        return found

    def falsify(self, key: str = "linear.0.weight", **changes: Any) -> "Network":
        """The same network with one tensor's description changed."""
        self.modules[DIM][0][key] = replace(self.tensor(key), **changes)
        return self


def weights(count: int, *, seed: int) -> bytes:
    """`count` fp32 numbers of the size that training leaves behind."""
    drawn = np.random.default_rng(seed).normal(0.0, 0.02, count)
    return drawn.astype("<f4").tobytes()


def contiguous(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))


def honest() -> Network:
    """One dim, [1, 1/80, 1], linear: what the reader must accept before a lie is told."""
    storages: dict[str, bytes] = {}
    modules: list[dict[object, object]] = []
    for _ in "KV":
        tensors: dict[object, object] = {}
        for key, shape in SHAPES.items():
            storage, count = str(len(storages)), math.prod(shape)
            storages[storage] = weights(count, seed=len(storages))
            tensors[key] = TensorRef(storage, count, shape, contiguous(shape))
        modules.append(tensors)
    return Network(dict(METADATA), {DIM: tuple(modules)}, storages)
