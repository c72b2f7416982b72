"""Lies about numbers: shapes, strides, storages and weights that do not fit their bytes."""

import struct
from functools import partial
from typing import Any

from tests.registry.formats.hostile import opcodes as op
from tests.registry.formats.hostile.network import DIM, HIDDEN, SHAPES, TensorRef, honest
from tests.registry.formats.hostile.technique import UNSUPPORTED, Chapter
from tests.registry.formats.hostile.zips import Archive, Member, members, torch_zip

CHAPTER = Chapter()
lie = CHAPTER.lie


def falsified(key: str = "linear.0.weight", **lies: Any) -> bytes:
    return torch_zip(honest().falsify(key, **lies))


for _name, _rule, _lies, _bypass in (
    (
        "five-dimensions",
        "tensor-shape",
        {"shape": (1, 1, 1, HIDDEN, DIM), "stride": (1280, 1280, 1280, DIM, 1)},
        "more dimensions than any layer has",
    ),
    (
        "dimension-zero",
        "tensor-shape",
        {"shape": (0, DIM), "stride": (DIM, 1)},
        "an empty tensor over a full storage",
    ),
    (
        "dimension-negative",
        "tensor-shape",
        {"shape": (-HIDDEN, -DIM), "stride": (-DIM, 1)},
        "two negatives whose product is right",
    ),
    (
        "dimension-overflow",
        "tensor-bounds",
        {"shape": (1 << 62, 4), "stride": (4, 1)},
        "a product that wraps to zero in 64 bits",
    ),
    (
        "dimension-bool",
        "pickle-call",
        {"shape": (True, 1280), "stride": (1280, 1)},
        "True is 1 to Python",
    ),
    (
        "dimension-float",
        "pickle-call",
        {"shape": (4.0, DIM), "stride": (DIM, 1)},
        "a float for a size",
    ),
    (
        "shape-not-tuple",
        "pickle-call",
        {"shape": op.Raw(op.encode([HIDDEN, DIM]))},
        "a list for a shape: changed after it was checked",
    ),
    (
        "stride-zero",
        "tensor-strides",
        {"stride": (0, 0)},
        "stride 0: one number seen as 1,280, or as 2^60",
    ),
    (
        "stride-zero-huge",
        "tensor-strides",
        {"shape": (1 << 30, 1 << 30), "stride": (0, 0)},
        "stride 0: four exabytes out of four bytes, when copied",
    ),
    (
        "stride-transposed",
        "tensor-strides",
        {"stride": (1, HIDDEN)},
        "a transposed view: the same bytes, another matrix",
    ),
    ("stride-overlapping", "tensor-strides", {"stride": (1, 1)}, "overlapping rows"),
    (
        "stride-negative",
        "tensor-strides",
        {"stride": (-DIM, -1)},
        "rows read backwards, out of the storage",
    ),
    ("stride-count", "tensor-strides", {"stride": (1,)}, "fewer strides than dimensions"),
    ("offset-beyond", "tensor-bounds", {"offset": 1}, "the last row lies behind the storage"),
    (
        "offset-huge",
        "tensor-bounds",
        {"offset": (1 << 63) - 1},
        "an offset that overflows when multiplied by 4",
    ),
    ("offset-negative", "tensor-bounds", {"offset": -1}, "a number in front of the storage"),
    (
        "elements-too-many",
        "tensor-storage-size",
        {"elements": 1 << 20},
        "CVE-2026-24747: a storage larger than its bytes: torch read behind them",
    ),
    (
        "elements-too-few",
        "tensor-bounds",
        {"elements": 1},
        "CVE-2026-24747: a storage smaller than its bytes",
    ),
    (
        "elements-overflow",
        "tensor-storage-size",
        {"elements": (1 << 62) + 1280},
        "a byte count that wraps to the right number",
    ),
    ("elements-negative", "pickle-persistent-id", {"elements": -1280}, "a negative size"),
    (
        "storage-missing",
        "tensor-storage-missing",
        {"storage": "99"},
        "a storage that is not in the archive",
    ),
    (
        "storage-traversal",
        "tensor-storage-missing",
        {"storage": "../version"},
        "a storage name that walks out of data/",
    ),
    (
        "storage-shared",
        "tensor-storage-shared",
        {"storage": "4"},
        "two tensors on one storage: change one, change both",
    ),
    (
        "storage-double",
        "tensor-storage-size",
        {"storage_type": ("torch", "DoubleStorage")},
        "another type over the same bytes",
    ),
    (
        "storage-half",
        "tensor-storage-size",
        {"storage_type": ("torch", "HalfStorage")},
        "another type over the same bytes",
    ),
    (
        "persistent-id-kind",
        "pickle-persistent-id",
        {"kind": "module"},
        "torch's 'module' ids once carried source code",
    ),
    (
        "persistent-id-long",
        "pickle-persistent-id",
        {"extra_in_id": (None, None)},
        "a longer persistent id",
    ),
    (
        "persistent-id-number",
        "pickle-persistent-id",
        {"storage": 0},
        "a number where the storage's name belongs",
    ),
    ("persistent-id-device", "pickle-persistent-id", {"device": None}, "no device"),
    (
        "rebuild-extra-argument",
        "pickle-call",
        {"extra_arguments": (None, None, None)},
        "more arguments than any torch passes",
    ),
    (
        "rebuild-metadata",
        "pickle-call",
        {"extra_arguments": ({"a": 1},)},
        "the seventh argument of _rebuild_tensor_v2: attributes set on the tensor",
    ),
    ("requires-grad-text", "pickle-call", {"requires_grad": "yes"}, "text where a bool belongs"),
    (
        "hooks-dict",
        "pickle-call",
        {"hooks": {"0": "hook"}},
        "backward hooks: called in the first backward pass",
    ),
):
    CHAPTER.add(f"tensor-{_name}", partial(falsified, **_lies), _rule, _bypass)


@lie(
    "pickle-persistent-id",
    "a persistent id that is a plain string: older torch looks it up elsewhere",
)
def persistent_id_text() -> bytes:
    network = honest()
    network.metadata["optional_info"] = op.Raw(op.text("storage") + op.BINPERSID)
    return torch_zip(network)


@lie("tensor-storage-unused", "a member that no tensor uses: a place to hide anything")
def unused_storage() -> bytes:
    return Archive([*members(honest()), Member(b"archive/data/99", b"anything")]).bytes()


@lie("tensor-storage-missing", "a tensor whose member was left out")
def missing_storage() -> bytes:
    return Archive([m for m in members(honest()) if m.name != b"archive/data/3"]).bytes()


@lie("tensor-storage-shared", "one storage seen as two types")
def storage_of_two_types() -> bytes:
    network = honest()
    network.falsify("linear.0.weight", storage="4", storage_type=("torch", "HalfStorage"))
    return torch_zip(network)


@lie(
    "schema-field-value",
    "a tensor where a number belongs: whoever formats it prints a million numbers",
)
def tensor_as_step() -> bytes:
    network = honest()
    tensor = TensorRef("8", 1, (1,), (1,))
    network.storages["8"] = struct.pack("<f", 1.0)
    network.metadata["step"] = op.Raw(tensor.program())
    return torch_zip(network)


def weighted(value: float, *, everywhere: bool = False) -> bytes:
    """An honest file in which one number, or all of them, became `value`."""
    network = honest()
    number = struct.pack("<f", value)
    for name, data in network.storages.items():
        if everywhere:
            network.storages[name] = number * (len(data) // 4)
    if not everywhere:
        network.storages["6"] = network.storages["6"][:-4] + number
    return torch_zip(network)


for _name, _value in (
    ("nan", float("nan")),
    ("infinity", float("inf")),
    ("minus-infinity", float("-inf")),
):
    CHAPTER.add(
        f"weights-{_name}",
        partial(weighted, _value),
        "weights-not-finite",
        "one number in the last row: every picture black, NaN spreads through attention",
    )


@lie("weights-all-zero", "a network that does nothing")
def weights_zero() -> bytes:
    return weighted(0.0, everywhere=True)


@lie("weights-all-zero", "minus zero: not the same bytes, the same nothing")
def weights_minus_zero() -> bytes:
    return weighted(-0.0, everywhere=True)


@lie("cap-tensors", "three thousand tensors", severity=UNSUPPORTED)
def too_many_tensors() -> bytes:
    network = honest()
    names = [str(n) for n in range(8, 3_008)]
    network.storages |= dict.fromkeys(names, struct.pack("<f", 0.5))
    network.metadata["optional_info"] = [
        op.Raw(TensorRef(name, 1, (1,), (1,)).program()) for name in names
    ]
    return torch_zip(network)


# --- the shape of a hypernetwork --------------------------------------------------------------


def described(**metadata: object) -> bytes:
    network = honest()
    network.metadata.update(metadata)
    return torch_zip(network)


for _name, _metadata in (
    ("structure-nan", {"layer_structure": [1.0, float("nan"), 1.0]}),
    ("structure-infinite", {"layer_structure": [1.0, float("inf"), 1.0]}),
    ("structure-enormous", {"layer_structure": [1.0, 1e300, 1.0]}),
    ("structure-negative", {"layer_structure": [1.0, -HIDDEN / DIM, 1.0]}),
    ("structure-text", {"layer_structure": "1, 2, 1"}),
    ("structure-short", {"layer_structure": [1.0]}),
    ("structure-ends", {"layer_structure": [2.0, HIDDEN / DIM, 1.0]}),
):
    CHAPTER.add(
        f"schema-{_name}",
        partial(described, **_metadata),
        "schema-field-value",
        "a layer structure that no network has: widths out of range, or not numbers at all",
    )


@lie("schema-field-value", "dropout rates that end before the layers do: an index out of range")
def rates_too_short() -> bytes:
    return described(dropout_structure=[0, 0])


@lie("schema-field-value", "rates for the default structure, which is another length")
def rates_too_long() -> bytes:
    return described(dropout_structure=[0, 0, 0, 0])


@lie("schema-widths", "metadata that describes another network than the tensors beside it")
def structure_disagrees() -> bytes:
    return described(layer_structure=[1.0, 0.5, 1.0])


@lie("schema-widths", "a weight with its sides swapped: the same number of numbers")
def weight_sides_swapped() -> bytes:
    return falsified(shape=(DIM, HIDDEN), stride=(HIDDEN, 1))


@lie(
    "schema-string-dims", "string dims: A1111 loads the file and does nothing", severity=UNSUPPORTED
)
def string_dims() -> bytes:
    network = honest()
    network.modules = {"320": network.modules[DIM]}
    return torch_zip(network)


@lie("schema-dim", "a negative dim")
def negative_dim() -> bytes:
    network = honest()
    network.modules = {-DIM: network.modules[DIM]}
    return torch_zip(network)


@lie("schema-pair", "three state dicts where K and V belong")
def three_modules() -> bytes:
    network = honest()
    modules = network.modules[DIM]
    third: dict[object, object] = {}
    for index, (key, ref) in enumerate(modules[0].items()):
        assert isinstance(ref, TensorRef)
        name = str(8 + index)
        network.storages[name] = network.storages[str(ref.storage)]
        third[key] = TensorRef(name, ref.elements, ref.shape, ref.stride)
    network.modules[DIM] = (*modules, third)
    return torch_zip(network)


@lie("schema-keys", "tensor names that no layer has")
def unknown_tensor_name() -> bytes:
    network = honest()
    module = network.modules[DIM][0]
    module["linear.7.weird"] = module.pop("linear.1.bias")
    return torch_zip(network)


assert set(SHAPES) == set(honest().modules[DIM][0])
