"""Opcodes that no hypernetwork needs, each under the name by which it once fooled a scanner."""

import struct
from functools import partial

from tests.registry.formats.hostile import opcodes as op
from tests.registry.formats.hostile import payload
from tests.registry.formats.hostile.network import honest
from tests.registry.formats.hostile.technique import MALFORMED, MALICIOUS, Chapter
from tests.registry.formats.hostile.zips import torch_zip

CHAPTER = Chapter()

MARKER = op.text(str(payload.MARKER))
OS_MKNOD = op.text("os") + op.text("mknod")
SWAPPED_MEMO = (
    op.text("os")
    + op.put(0)
    + op.text("mknod")
    + op.put(1)
    + op.text("torch._utils")
    + op.MEMOIZE
    + op.text("_rebuild_tensor_v2")
    + op.MEMOIZE
    + op.get(0)
    + op.get(1)
    + op.STACK_GLOBAL
)


def valued(program: bytes) -> bytes:
    """An honest file in which `optional_info` is the result of `program`."""
    network = honest()
    network.metadata["optional_info"] = op.Raw(program)
    return torch_zip(network)


def first(program: bytes) -> bytes:
    """An honest file whose program runs `program` right after PROTO."""
    return torch_zip(honest(), program=honest().program(first=program))


# Opcodes that import or call what can be named: whoever wrote them is told on.
for _name, _program, _named, _bypass in (
    (
        "stack-global",
        OS_MKNOD + op.STACK_GLOBAL,
        "os.mknod",
        "STACK_GLOBAL: an import whose name is data",
    ),
    (
        "stack-global-swapped-memo",
        SWAPPED_MEMO,
        "os.mknod",
        "picklescan #14: BINPUT and MEMOIZE mixed, two memos, two meanings",
    ),
    (
        "stack-global-behind-dup",
        op.text("os") + op.DUP + op.POP + op.text("mknod") + op.STACK_GLOBAL,
        "os.mknod",
        "modelscan #85: opcodes between the strings hide them from a last-argument scanner",
    ),
    (
        "stack-global-of-numbers",
        op.integer(1) + op.integer(2) + op.STACK_GLOBAL,
        "1.2",
        "picklescan #52: operands that are not strings crash the scanner",
    ),
    (
        "inst",
        op.MARK + MARKER + b"ios\nmknod\n",
        "os.mknod",
        "picklescan #13: INST imports and calls at once",
    ),
    ("ext1", b"\x82\x01", "copyreg", "EXT1: an import by number, through copyreg"),
    ("ext2", b"\x83\x01\x00", "copyreg", "EXT2: an import by number, through copyreg"),
    ("ext4", b"\x84\x01\x00\x00\x00", "copyreg", "EXT4: an import by number, through copyreg"),
):
    CHAPTER.add(
        _name,
        partial(valued, _program),
        "pickle-global",
        _bypass,
        severity=MALICIOUS,
        names=_named,
    )

# Opcodes that call an allowed class in a way that is not allowed.
for _name, _program, _bypass in (
    (
        "obj",
        op.MARK + op.find("collections", "OrderedDict") + MARKER + op.OBJ,
        "OBJ: a call that is no REDUCE",
    ),
    (
        "newobj",
        op.find("collections", "OrderedDict") + op.EMPTY_TUPLE + op.NEWOBJ,
        "NEWOBJ: cls.__new__ instead of REDUCE",
    ),
    (
        "newobj-ex",
        op.find("collections", "OrderedDict") + op.EMPTY_TUPLE + op.EMPTY_DICT + op.NEWOBJ_EX,
        "NEWOBJ_EX: cls.__new__ with keywords",
    ),
):
    CHAPTER.add(
        _name, partial(valued, _program), "pickle-running-opcode", _bypass, severity=MALICIOUS
    )

# Opcodes that only confuse.
for _name, _program, _bypass in (
    (
        "memoize",
        op.text("a") + op.MEMOIZE,
        "MEMOIZE: an index that depends on how many came before",
    ),
    ("pop", op.text("hidden") + op.POP + op.NONE, "POP: what was pushed leaves no trace"),
    (
        "pop-mark",
        op.MARK + op.text("hidden") + op.POP_MARK + op.NONE,
        "POP_MARK: the same, wholesale",
    ),
    ("dup", op.text("twice") + op.DUP + op.TUPLE2, "DUP: modelscan #85 hides operands behind it"),
    ("put-text", op.text("a") + b"p0\n", "PUT: a memo index as text, '+0', '0_0', ' 0'"),
    ("get-text", op.text("a") + op.put(200) + b"g200\n" + op.TUPLE2, "GET: a memo index as text"),
    ("persid-text", b"Pstorage\n", "PERSID: a persistent id as a line of text"),
    ("int-text", b"I01\n", "INT: '01' is True, '1' is 1"),
    ("long-text", b"L1L\n", "LONG: a number as text"),
    ("float-text", b"Fnan\n", "FLOAT: a number as text, NaN among them"),
    ("string-text", b"S'a'\n", "STRING: a Python literal, escapes included"),
    ("unicode-text", b"Va\n", "UNICODE: raw-unicode-escape text"),
    ("short-binstring", b"U\x01a", "SHORT_BINSTRING: bytes whose encoding the reader chooses"),
    ("binstring", b"T\x01\x00\x00\x00a", "BINSTRING: bytes, with a signed length"),
    ("binstring-negative", b"T\xff\xff\xff\xffa", "BINSTRING of length -1: reads to the end"),
    ("binbytes", b"B\x01\x00\x00\x00a", "BINBYTES: a blob in the metadata"),
    ("binbytes8", b"\x8e" + struct.pack("<Q", 1 << 40) + b"a", "BINBYTES8: a terabyte announced"),
    ("bytearray8", b"\x96" + struct.pack("<Q", 1) + b"a", "BYTEARRAY8: a mutable blob"),
    ("next-buffer", b"\x97", "NEXT_BUFFER: data out of band"),
    ("readonly-buffer", op.NONE + b"\x98", "READONLY_BUFFER: data out of band"),
    ("binunicode8", b"\x8d" + struct.pack("<Q", 1) + b"a", "BINUNICODE8: a string of 2^64 bytes"),
    ("short-binunicode", b"\x8c\x01a", "SHORT_BINUNICODE: protocol 4 inside protocol 2"),
    ("long4", b"\x8b" + struct.pack("<i", 1) + b"\x01", "LONG4: an integer of two gigabytes"),
    ("dict-opcode", op.MARK + op.DICT, "DICT: protocol 0's dict"),
    ("list-opcode", op.MARK + op.LIST, "LIST: protocol 0's list"),
    ("empty-set", op.EMPTY_SET, "EMPTY_SET: elements are hashed"),
    ("frozenset", op.MARK + op.FROZENSET, "FROZENSET: elements are hashed"),
    ("unknown-opcode", b"\xff", "an opcode nobody defines"),
):
    CHAPTER.add(_name, partial(valued, _program), "pickle-opcode", _bypass, severity=MALFORMED)

CHAPTER.add(
    "frame",
    partial(first, b"\x95" + struct.pack("<Q", 1 << 40)),
    "pickle-opcode",
    "FRAME: a frame longer than the file crashes scanners, the C unpickler reads on",
)
CHAPTER.add(
    "second-proto",
    partial(first, op.PROTO_2),
    "pickle-opcode",
    "PROTO in the middle: a scanner that restarts there misses what came before",
)
CHAPTER.add(
    "stack-global-of-missing-memo",
    partial(valued, op.get(99) + op.get(98) + op.STACK_GLOBAL),
    "pickle-memo",
    "modelscan #348: an import by memo entries nobody wrote crashes the scanner",
)
