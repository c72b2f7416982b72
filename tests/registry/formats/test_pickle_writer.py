"""The pickle program: nothing in it but what every restricted unpickler takes."""

from __future__ import annotations

import pickletools
from io import StringIO

import pytest

from registry.formats.hypernetwork import HypernetworkSpec
from registry.formats.pickle_writer import pickle_of
from registry.formats.tensor import DType, TensorInfo
from tests.registry.formats.networks import network

SPEC = HypernetworkSpec("name", optional_info="ä", sd_checkpoint="0123456789", step=2**40)
# What torch's weights_only unpickler and ours both know, and this writer has a use for.
OPCODES = {
    "PROTO", "STOP", "MARK", "EMPTY_DICT", "SETITEMS", "EMPTY_LIST", "APPENDS", "EMPTY_TUPLE",
    "TUPLE", "TUPLE1", "TUPLE2", "GLOBAL", "REDUCE", "BINPERSID", "BINPUT", "BINGET", "NONE",
    "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE",
}  # fmt: skip


def program(dtype: DType = DType.FP32) -> bytes:
    return pickle_of(network(SPEC, dtype=dtype).modules.items(), SPEC.as_dict())


def arguments(code: bytes, name: str) -> list[str]:
    """The arguments of all opcodes of that name, in order."""
    return [str(given) for opcode, given, _ in pickletools.genops(code) if opcode.name == name]


def test_it_has_no_opcode_beyond_the_plain_ones_of_protocol_2() -> None:
    opcodes = list(pickletools.genops(program()))
    assert {opcode.name for opcode, _, _ in opcodes} <= OPCODES
    assert (opcodes[0][0].name, opcodes[0][1]) == ("PROTO", 2)
    assert max(opcode.proto for opcode, _, _ in opcodes) == 2


@pytest.mark.parametrize("dtype", list(DType))
def test_it_names_three_globals_each_once(dtype: DType) -> None:
    assert sorted(arguments(program(dtype), "GLOBAL")) == sorted(
        ["collections OrderedDict", f"torch {dtype.storage}", "torch._utils _rebuild_tensor_v2"]
    )


def test_its_stack_is_balanced() -> None:
    pickletools.dis(program(), out=StringIO())  # raises where it is not


def test_tensors_take_their_bytes_from_storages_numbered_in_order() -> None:
    texts = arguments(program(), "BINUNICODE")
    numbers = [int(text) for text in texts if text.isdigit() and len(text) < 3]
    assert numbers == list(range(len(list(network(SPEC).tensors()))))


def test_a_shape_of_any_rank_is_written() -> None:
    state = {f"linear.{n}.weight": TensorInfo(DType.FP32, (2,) * n) for n in range(5)}
    pickletools.dis(pickle_of([(4, (state, {}))], {}), out=StringIO())


def test_settings_hold_no_dict() -> None:
    with pytest.raises(TypeError):
        pickle_of([], {"optimizer": {"lr": 1}})
