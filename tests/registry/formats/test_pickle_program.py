"""The pickle grammar: what torch.save writes for a network, and not one instruction more.

Single lies, one for each rule, are in `hostile/`; here is what the grammar takes, and why.
"""

import io
import zipfile
from collections import OrderedDict
from typing import Any

import pytest
import torch

from registry.formats.errors import (
    PickleBuild,
    PickleCall,
    PickleDuplicateKey,
    PickleImport,
    PickleKey,
    PickleMemo,
    PickleOpcode,
    PickleProtocol,
    PickleRebuild,
    PickleRuns,
    PickleStack,
    PickleTrailingBytes,
    Refusal,
    Severity,
    StorageShared,
)
from registry.formats.pickle_program import OrderedItems, Program, read_program
from registry.formats.tensor import DType
from tests.registry.formats.hostile import opcodes as op
from tests.registry.formats.saved import network, saved


def program(value: Any) -> Program:
    """What the reader makes of a value that torch saved."""
    archive = zipfile.ZipFile(io.BytesIO(saved(value)))
    return read_program(archive.read("archive/data.pkl"), whole=True)


def described(*parts: object) -> Program:
    """What the reader makes of a handmade program."""
    return read_program(op.PROTO_2 + b"".join(map(op.encode, parts)) + op.STOP, whole=True)


def tree(found: Program) -> Any:
    """What a program describes, for a test that knows what it is."""
    return found.tree


def raw(stream: bytes) -> op.Raw:
    return op.Raw(stream)


ORDERED_DICT = raw(op.find("collections", "OrderedDict") + op.EMPTY_TUPLE + op.REDUCE)


def test_plain_values_come_through_as_they_are() -> None:
    value = {"step": 7, 320: [1.5, -2, (1 << 40, -(1 << 40)), None, True, False], "täxt": {"": ()}}

    assert program(value).tree == value


def test_a_tensor_becomes_a_description() -> None:
    found = program({"w": torch.zeros(3, 4, dtype=torch.bfloat16)})
    tensor = tree(found)["w"]

    assert (tensor.dtype, tensor.shape, tensor.offset) == (DType.BF16, (3, 4), 0)
    assert found.storages == {"0": tensor.storage}
    assert tensor.storage.numel == 12


def test_a_parameter_is_its_tensor() -> None:
    found = program({"w": torch.nn.Parameter(torch.zeros(3))})

    assert tree(found)["w"].shape == (3,)


def test_a_state_dict_keeps_its_tensors_and_loses_its_versions() -> None:
    found = program({320: (torch.nn.Linear(4, 2).state_dict(), OrderedDict())})
    k, v = tree(found)[320]

    assert isinstance(k, OrderedItems)
    assert list(k) == ["weight", "bias"]
    assert v == {}


def test_the_length_is_that_of_the_pickle_not_of_the_stream() -> None:
    stream = op.PROTO_2 + op.EMPTY_DICT + op.STOP

    assert read_program(stream + b"more").length == len(stream)
    with pytest.raises(PickleTrailingBytes):
        read_program(stream + b"more", whole=True)


def test_strings_and_short_tuples_are_shared_through_the_memo() -> None:
    found = described([raw(op.text("cpu") + op.put(0)), raw(op.get(0))])

    assert found.tree == ["cpu", "cpu"]


@pytest.mark.parametrize(
    "value",
    [
        op.EMPTY_LIST,
        op.EMPTY_DICT,
        ORDERED_DICT.program,
        op.encode(((1, 2), 3)),
        op.encode((0,) * 9),
    ],
    ids=["list", "dict", "OrderedDict", "nested tuple", "long tuple"],
)
def test_what_could_hold_itself_or_grow_is_not(value: bytes) -> None:
    with pytest.raises(PickleMemo):
        described([raw(value + op.put(0)), raw(op.get(0))])


def test_a_list_cannot_be_put_into_itself() -> None:
    with pytest.raises(PickleMemo):
        described(raw(op.EMPTY_LIST + op.put(0) + op.get(0) + op.APPEND))


@pytest.mark.parametrize(
    ("stream", "refusal"),
    [
        (op.put(0), PickleStack),
        (op.NONE + op.put(0) + op.put(0), PickleMemo),
        (op.get(7), PickleMemo),
        (op.NONE + op.put(0xFFFF_FFFF), PickleMemo),
        (op.NONE + op.NONE, PickleStack),
        (op.MARK, PickleStack),
        (op.TUPLE, PickleStack),
        (op.TUPLE2, PickleStack),
        (op.MARK + op.NONE + op.TUPLE2, PickleStack),
        (op.NONE + op.NONE + op.APPEND, PickleStack),
        (op.EMPTY_DICT + op.MARK + op.NONE + op.SETITEMS, PickleStack),
        (op.NONE + op.POP, PickleOpcode),
        (op.NONE + op.DUP, PickleOpcode),
        (op.encode({1.5: 1}), PickleKey),
        (op.encode({(): 1}), PickleKey),
        (op.EMPTY_DICT + op.TRUE + op.NONE + op.SETITEM, PickleKey),
        (op.EMPTY_DICT + op.items([("a", 1), ("a", 1)]), PickleDuplicateKey),
        (ORDERED_DICT.program + op.EMPTY_DICT + op.BUILD, PickleBuild),
        (op.EMPTY_DICT + op.encode({"_metadata": ORDERED_DICT}) + op.BUILD, PickleBuild),
        (op.EMPTY_DICT + op.EMPTY_TUPLE + op.REDUCE, PickleCall),
        (op.find("collections", "OrderedDict") + op.EMPTY_LIST + op.REDUCE, PickleCall),
        (op.find("torch", "FloatStorage") + op.EMPTY_TUPLE + op.REDUCE, PickleCall),
        (op.find("torch", "LongStorage"), PickleRebuild),
        (op.find("collections", "OrderedDict") + op.EMPTY_TUPLE + op.NEWOBJ, PickleRuns),
        (op.find("collections", "OrderedDict2"), PickleImport),
    ],
)
def test_anything_else_is_refused(stream: bytes, refusal: type[Refusal]) -> None:
    with pytest.raises(refusal):
        described(raw(stream))


@pytest.mark.parametrize("start", [b"", b"\x80", b"}.", b"\x80\x03}.", b"\x80\x04}."])
def test_only_protocol_2_is_spoken(start: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        read_program(start)
    assert isinstance(caught.value, PickleProtocol) or len(start) < 2


def test_two_tensors_cannot_share_a_block() -> None:
    weight = torch.zeros(4)

    with pytest.raises(StorageShared):
        program([weight, weight.view(2, 2)])


def test_the_accusation_explains_what_was_refused_first() -> None:
    with pytest.raises(PickleImport, match=r"os\.system\('id'\)") as caught:
        described(
            raw(op.NONE + op.POP), raw(op.find("os", "system")), raw(op.encode(("id",))), raw(b"R")
        )

    assert caught.value.severity is Severity.MALICIOUS
    assert caught.value.data()["module"] == "os"
    assert isinstance(caught.value.__cause__, PickleOpcode)


def test_a_whole_network_is_one_tree() -> None:
    found = program(network(dims=(64, 32)))

    assert len(found.storages) == 16
    assert {64, 32, "name"} <= set(tree(found))
