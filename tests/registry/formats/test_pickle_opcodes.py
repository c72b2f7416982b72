"""The table of opcodes agrees with Python's own, and walking by it never runs anything."""

import pickletools

import pytest

from registry.formats.pickle_opcodes import OPCODES, instructions, opcode_name


def test_every_opcode_of_python_has_its_name() -> None:
    assert {code: opcode.name for code, opcode in OPCODES.items()} == {
        ord(opcode.code): opcode.name for opcode in pickletools.opcodes
    }


@pytest.mark.parametrize("protocol", range(6))
def test_a_stream_is_cut_where_python_cuts_it(protocol: int) -> None:
    import pickle  # the oracle of these tests; the reader has none of it

    value = {"a": [1, 2.5, -3, 1 << 40, None, True], "b": (b"bytes", "täxt", {1, 2}, complex(1))}
    stream = pickle.dumps(value, protocol)

    assert [(found.offset, found.name) for found in instructions(stream, 1000)] == [
        (at, opcode.name) for opcode, _, at in pickletools.genops(stream)
    ]


def test_an_argument_comes_without_its_length() -> None:
    (found,) = instructions(b"X\x03\x00\x00\x00abc", 10)
    assert found.argument == b"abc"


def test_two_lines_come_together() -> None:
    (found,) = instructions(b"cos\nsystem\n", 10)
    assert found.argument == b"os\nsystem\n"


@pytest.mark.parametrize(
    "broken", [b"", b"\xff", b"X\xff\x00\x00\x00abc", b"cos\nsystem", b"J\x00", b"X\x00"]
)
def test_the_walk_ends_where_no_instruction_is_left(broken: bytes) -> None:
    assert [found.name for found in instructions(b"N" + broken, 10)] == ["NONE"]


def test_the_walk_ends_at_its_limit() -> None:
    assert len(list(instructions(b"N" * 100, 7))) == 7


def test_an_unknown_opcode_goes_by_its_number() -> None:
    assert opcode_name(ord("R")) == "REDUCE"
    assert opcode_name(0xFF) == "0xff"
