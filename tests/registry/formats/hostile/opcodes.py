"""Pickle protocol 2, assembled by hand: one function per opcode, bytes in and bytes out."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

PROTO_2 = b"\x80\x02"
STOP = b"."
MARK = b"("
EMPTY_TUPLE = b")"
EMPTY_LIST = b"]"
EMPTY_DICT = b"}"
TUPLE = b"t"
TUPLE1, TUPLE2, TUPLE3 = b"\x85", b"\x86", b"\x87"
SETITEM, SETITEMS = b"s", b"u"
APPEND, APPENDS = b"a", b"e"
REDUCE = b"R"
BUILD = b"b"
BINPERSID = b"Q"
NONE = b"N"
TRUE, FALSE = b"\x88", b"\x89"

# Opcodes that no hypernetwork needs. They are here to be refused.
POP = b"0"
POP_MARK = b"1"
DUP = b"2"
OBJ = b"o"
NEWOBJ = b"\x81"
NEWOBJ_EX = b"\x92"
STACK_GLOBAL = b"\x93"
MEMOIZE = b"\x94"
DICT, LIST = b"d", b"l"
EMPTY_SET, ADDITEMS, FROZENSET = b"\x8f", b"\x90", b"\x91"


@dataclass(frozen=True)
class Raw:
    """Opcodes to be placed where a value is expected."""

    program: bytes


def text(value: str | bytes) -> bytes:
    """BINUNICODE: the bytes go out as they are, so they may be invalid UTF-8."""
    encoded = value.encode() if isinstance(value, str) else value
    return b"X" + struct.pack("<I", len(encoded)) + encoded


def integer(value: int) -> bytes:
    if 0 <= value < 1 << 8:
        return b"K" + struct.pack("<B", value)
    if 0 <= value < 1 << 16:
        return b"M" + struct.pack("<H", value)
    if -(1 << 31) <= value < 1 << 31:
        return b"J" + struct.pack("<i", value)
    return long1(value)


def long1(value: int, width: int | None = None) -> bytes:
    width = value.bit_length() // 8 + 1 if width is None else width
    return b"\x8a" + bytes([width]) + value.to_bytes(width, "little", signed=True)


def number(value: float) -> bytes:
    return b"G" + struct.pack(">d", value)


def find(module: str, name: str) -> bytes:
    """GLOBAL: the import that a real unpickler would run."""
    return b"c" + module.encode() + b"\n" + name.encode() + b"\n"


def put(index: int) -> bytes:
    return b"q" + bytes([index]) if index < 256 else b"r" + struct.pack("<I", index)


def get(index: int) -> bytes:
    return b"h" + bytes([index]) if index < 256 else b"j" + struct.pack("<I", index)


def tuple_of(*items: object) -> bytes:
    return MARK + b"".join(encode(item) for item in items) + TUPLE


def items(pairs: Sequence[tuple[object, object]]) -> bytes:
    """SETITEMS for a dict that already lies on the stack."""
    return MARK + b"".join(encode(key) + encode(value) for key, value in pairs) + SETITEMS


def encode(value: object) -> bytes:
    match value:
        case Raw(program):
            return program
        case None:
            return NONE
        case bool():
            return TRUE if value else FALSE
        case int():
            return integer(value)
        case float():
            return number(value)
        case str():
            return text(value)
        case tuple():
            return tuple_of(*value)
        case list():
            return EMPTY_LIST + MARK + b"".join(encode(item) for item in value) + APPENDS
        case Mapping():
            return EMPTY_DICT + items(list(value.items()))
    raise TypeError(f"no opcodes for {type(value).__name__}")
