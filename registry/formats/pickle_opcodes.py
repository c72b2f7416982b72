"""Python's pickle instructions: their names, and how their arguments are laid out.

The table is for telling what a refused pickle contains; the grammar that we accept is in
`pickle_program`. Nothing here executes anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Final, NamedTuple

MAX_LINE: Final = 4096
_COUNTED: Final = 10


class Argument(Enum):
    """What follows an opcode: lines, bytes of a fixed width, or bytes after a length of a width."""

    NONE = 0
    LINE = -1
    TWO_LINES = -2
    FIXED1 = 1
    FIXED2 = 2
    FIXED4 = 4
    FIXED8 = 8
    COUNTED1 = _COUNTED + 1
    COUNTED4 = _COUNTED + 4
    COUNTED8 = _COUNTED + 8


class Opcode(NamedTuple):
    """An instruction's name and the layout of its argument."""

    name: str
    argument: Argument


class Instruction(NamedTuple):
    """An instruction met in a stream: where, which, and its argument's bytes."""

    offset: int
    name: str
    argument: bytes


_LAYOUT = {
    Argument.NONE: {
        "MARK": b"(", "STOP": b".", "POP": b"0", "POP_MARK": b"1", "DUP": b"2", "NONE": b"N",
        "REDUCE": b"R", "APPEND": b"a", "BUILD": b"b", "DICT": b"d", "EMPTY_DICT": b"}",
        "APPENDS": b"e", "LIST": b"l", "EMPTY_LIST": b"]", "OBJ": b"o", "SETITEM": b"s",
        "TUPLE": b"t", "EMPTY_TUPLE": b")", "SETITEMS": b"u", "BINPERSID": b"Q",
        "NEWOBJ": b"\x81", "TUPLE1": b"\x85", "TUPLE2": b"\x86", "TUPLE3": b"\x87",
        "NEWTRUE": b"\x88", "NEWFALSE": b"\x89", "EMPTY_SET": b"\x8f", "ADDITEMS": b"\x90",
        "FROZENSET": b"\x91", "NEWOBJ_EX": b"\x92", "STACK_GLOBAL": b"\x93", "MEMOIZE": b"\x94",
        "NEXT_BUFFER": b"\x97", "READONLY_BUFFER": b"\x98",
    },
    Argument.LINE: {
        "FLOAT": b"F", "INT": b"I", "LONG": b"L", "PERSID": b"P", "STRING": b"S", "UNICODE": b"V",
        "GET": b"g", "PUT": b"p",
    },
    Argument.TWO_LINES: {"GLOBAL": b"c", "INST": b"i"},
    Argument.FIXED1: {
        "BININT1": b"K", "BINGET": b"h", "BINPUT": b"q", "PROTO": b"\x80", "EXT1": b"\x82",
    },
    Argument.FIXED2: {"BININT2": b"M", "EXT2": b"\x83"},
    Argument.FIXED4: {
        "BININT": b"J", "LONG_BINGET": b"j", "LONG_BINPUT": b"r", "EXT4": b"\x84",
    },
    Argument.FIXED8: {"BINFLOAT": b"G", "FRAME": b"\x95"},
    Argument.COUNTED1: {
        "SHORT_BINSTRING": b"U", "SHORT_BINBYTES": b"C", "LONG1": b"\x8a",
        "SHORT_BINUNICODE": b"\x8c",
    },
    Argument.COUNTED4: {
        "BINSTRING": b"T", "BINUNICODE": b"X", "BINBYTES": b"B", "LONG4": b"\x8b",
    },
    Argument.COUNTED8: {
        "BINUNICODE8": b"\x8d", "BINBYTES8": b"\x8e", "BYTEARRAY8": b"\x96",
    },
}  # fmt: skip

OPCODES: Final = {
    code[0]: Opcode(name, argument)
    for argument, names in _LAYOUT.items()
    for name, code in names.items()
}


def opcode_name(code: int) -> str:
    """Return an opcode's name, or its number where no such opcode exists."""
    opcode = OPCODES.get(code)
    return opcode.name if opcode else f"0x{code:02x}"


def instructions(stream: bytes, limit: int) -> Iterator[Instruction]:
    """Yield up to `limit` instructions, for as long as the stream can be read as any."""
    at, end = 0, len(stream)
    while at < end and limit:
        limit -= 1
        opcode = OPCODES.get(stream[at])
        if opcode is None:
            return
        start, at = at, at + 1
        argument = b""
        if opcode.argument is not Argument.NONE:
            begin, at = _argument(stream, at, opcode.argument.value)
            if not 0 < at <= end:
                return
            argument = stream[begin:at]
        yield Instruction(start, opcode.name, argument)


def _argument(stream: bytes, at: int, layout: int) -> tuple[int, int]:
    """Return where the argument's own bytes begin and end; the end is 0 where there is none."""
    if layout >= _COUNTED:
        begin = at + layout - _COUNTED
        return begin, begin + int.from_bytes(stream[at:begin], "little")
    if layout > 0:
        return at, at + layout
    end = at
    for _ in range(-layout):
        end = stream.find(b"\n", end, end + MAX_LINE) + 1
        if end == 0:
            break
    return at, end
