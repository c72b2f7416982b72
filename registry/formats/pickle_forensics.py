"""What a refused pickle would have done: the imports and calls in it, named but never made.

The walk pretends to be an unpickler whose every import is a label and every call a piece of text.
It is lenient where the grammar is strict, so that a payload is named even if the stream around it
is broken, compressed into later protocols, or placed after the end of an innocent pickle.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from registry.formats.errors import shown
from registry.formats.pickle_opcodes import Instruction, instructions

MAX_INSTRUCTIONS: Final = 200_000
MAX_CALL_CHARACTERS: Final = 120
_QUOTES: Final = "'\""

# Names that torch, numpy and their savers put into honest files of other sorts. Refused like any
# other, but nobody is accused for them.
_HARMLESS: Final = re.compile(
    r"torch\.([A-Z][a-z0-9A-Z]*Storage|Size|device|dtype|b?float\d+|u?int\d+|bool|half|double|long)"
    r"|torch\.storage\.(Typed|Untyped|_Typed|_Untyped)Storage"
    r"|torch\._utils\._rebuild_[a-z0-9_]+"
    r"|torch\._tensor\._rebuild_from_type_v2"
    r"|torch\.(nn\.parameter\.Parameter|serialization\._get_layout|Tensor|_tensor\.Tensor)"
    r"|torch\.nn\.modules\.[a-z]+\.[A-Z][A-Za-z0-9]*"
    r"|torch\.optim\.[a-z]+\.[A-Z][A-Za-z]*"
    r"|modules\.hypernetworks\.hypernetwork\.[A-Z][A-Za-z]*"
    r"|numpy\.(ndarray|dtype|float\d+|u?int\d+|bool_)"
    r"|numpy\.(core|_core)\.multiarray\.(scalar|_reconstruct)"
    r"|_codecs\.encode"
    r"|(copyreg|copy_reg)\._reconstructor"
    r"|collections\.(OrderedDict|defaultdict|Counter)"
    r"|(builtins|__builtin__)\.(set|frozenset|dict|list|tuple|int|long|float|complex|bool|str"
    r"|bytes|bytearray|object|slice|range)"
    r"|pytorch_lightning(\.[a-z_]+)*\.[A-Z][A-Za-z]*"
    r"|pathlib\.(Windows|Posix|PureWindows|PurePosix)?Path",
    re.ASCII,
)


@dataclass(frozen=True)
class Import:
    """A global that the stream fetches, and what it does with it, as a piece of Python."""

    module: str
    name: str
    opcode: str
    offset: int
    runs: str = ""

    @property
    def is_harmless(self) -> bool:
        """Whether it is known from honest files of other sorts."""
        return _HARMLESS.fullmatch(f"{self.module}.{self.name}") is not None

    @property
    def is_plausible(self) -> bool:
        """Whether Python could find such a thing."""
        parts = f"{self.module}.{self.name}".split(".")
        return self.opcode.startswith("EXT") or all(part.isidentifier() for part in parts)


@dataclass(frozen=True)
class _Made:
    """A stand-in for an imported object, or for what a call of one would have returned."""

    origin: int  # index of the import
    text: str


class _Mark:
    """The object that MARK puts on the stack."""


_Item: TypeAlias = str | _Made | _Mark | tuple["_Item", ...] | None
_ATOMS: Final = {"NEWTRUE": "True", "NEWFALSE": "False", "NONE": "None"}


def imports(stream: bytes) -> list[Import]:
    """Return every import of a pickle stream in order, with the first call made with each."""
    return _Walk().over(stream)


def foreign(stream: bytes, reached: int) -> Iterator[Import]:
    """Yield the imports that no honest file of any sort has.

    Beyond byte `reached` of the stream there may be no pickle any more, only bytes that look like
    one, so an import there must have a proper name to count.
    """
    for found in imports(stream):
        if not found.is_harmless and (found.offset <= reached or found.is_plausible):
            yield found


def strings(stream: bytes) -> set[str]:
    """Return the texts in a pickle stream, which tell what sort of file it is."""
    return {
        shown(instruction.argument)
        for instruction in instructions(stream, MAX_INSTRUCTIONS)
        if instruction.name in _TEXTS
    }


_TEXTS: Final = {
    "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "UNICODE", "STRING", "BINSTRING",
    "SHORT_BINSTRING",
}  # fmt: skip


class _Walk:
    """The state of one walk: a stack and a memo of stand-ins, and the imports so far."""

    def __init__(self) -> None:
        self.stack: list[_Item] = []
        self.memo: dict[int, _Item] = {}
        self.found: list[Import] = []

    def over(self, stream: bytes) -> list[Import]:
        for instruction in instructions(stream, MAX_INSTRUCTIONS):
            self._step(instruction)
        return self.found

    def _step(self, instruction: Instruction) -> None:
        name, argument = instruction.name, instruction.argument
        if name in _TEXTS:
            self.stack.append(_text(argument))
        elif name in _ATOMS:
            self.stack.append(_ATOMS[name])
        elif name in ("BININT", "BININT1", "BININT2", "LONG1", "LONG4"):
            self.stack.append(str(int.from_bytes(argument[:8], "little")))
        elif name in ("INT", "LONG", "FLOAT"):
            self.stack.append(shown(argument.strip()))
        elif name == "MARK":
            self.stack.append(_Mark())
        elif name in ("GLOBAL", "INST"):
            self._import_lines(instruction)
        elif name == "STACK_GLOBAL":
            attribute, module = self._pop(), self._pop()
            self._import(_unquoted(module), _unquoted(attribute), instruction)
        elif name in ("EXT1", "EXT2", "EXT4"):
            code = int.from_bytes(argument, "little")
            self._import("copyreg", f"extension {code}", instruction)
        elif name in ("REDUCE", "NEWOBJ", "BUILD"):
            arguments = self._pop()
            self._call(self._pop(), arguments)
        elif name == "NEWOBJ_EX":
            self._pop()
            arguments = self._pop()
            self._call(self._pop(), arguments)
        elif name == "OBJ":
            target, *rest = self._pop_mark() or (None,)
            self._call(target, tuple(rest))
        elif name in ("TUPLE", "LIST", "DICT", "FROZENSET"):
            self.stack.append(self._pop_mark())
        elif name in ("EMPTY_TUPLE", "EMPTY_LIST", "EMPTY_DICT", "EMPTY_SET"):
            self.stack.append(())
        elif name in ("TUPLE1", "TUPLE2", "TUPLE3"):
            items = [self._pop() for _ in range(int(name[-1]))]
            self.stack.append(tuple(reversed(items)))
        elif name in ("APPENDS", "SETITEMS", "ADDITEMS", "POP_MARK"):
            self._pop_mark()
        elif name in ("APPEND", "POP"):
            self._pop()
        elif name == "SETITEM":
            self._pop()
            self._pop()
        elif name == "DUP":
            self.stack.append(self.stack[-1] if self.stack else None)
        elif name in ("BINPUT", "LONG_BINPUT", "PUT", "MEMOIZE"):
            self._remember(instruction)
        elif name in ("BINGET", "LONG_BINGET", "GET"):
            self.stack.append(self.memo.get(_slot(instruction)))
        elif name == "BINPERSID":
            self._pop()
            self.stack.append(None)
        elif name == "STOP":
            self.stack.clear()
        elif name not in ("PROTO", "FRAME", "READONLY_BUFFER"):
            self.stack.append(None)

    def _pop(self) -> _Item:
        return self.stack.pop() if self.stack else None

    def _pop_mark(self) -> tuple[_Item, ...]:
        items: list[_Item] = []
        while self.stack and not isinstance(item := self.stack.pop(), _Mark):
            items.append(item)
        return tuple(reversed(items))

    def _remember(self, instruction: Instruction) -> None:
        slot = len(self.memo) if instruction.name == "MEMOIZE" else _slot(instruction)
        self.memo[slot] = self.stack[-1] if self.stack else None

    def _import_lines(self, instruction: Instruction) -> None:
        module, name, _ = instruction.argument.split(b"\n")
        arguments = self._pop_mark() if instruction.name == "INST" else ()
        self._import(shown(module), shown(name), instruction)
        if instruction.name == "INST":
            self._call(self._pop(), arguments)

    def _import(self, module: str, name: str, instruction: Instruction) -> None:
        self.stack.append(_Made(len(self.found), f"{module}.{name}"))
        self.found.append(Import(module, name, instruction.name, instruction.offset))

    def _call(self, target: _Item, arguments: _Item) -> None:
        if not isinstance(target, _Made):
            self.stack.append(None)
            return
        listed = arguments if isinstance(arguments, tuple) else (arguments,)
        text = f"{target.text}({', '.join(_written(item) for item in listed[:4])})"
        text = shown(text, MAX_CALL_CHARACTERS)
        called = self.found[target.origin]
        if not called.runs:
            self.found[target.origin] = Import(
                called.module, called.name, called.opcode, called.offset, text
            )
        self.stack.append(_Made(target.origin, text))


def _slot(instruction: Instruction) -> int:
    raw = instruction.argument
    if instruction.name in ("GET", "PUT"):
        return int(raw) if raw.strip().isdigit() and len(raw) < 10 else -1
    return int.from_bytes(raw, "little")


def _text(argument: bytes) -> str:
    text = shown(argument.strip(), MAX_CALL_CHARACTERS)
    return f"'{text.strip(_QUOTES)}'"


def _unquoted(item: _Item) -> str:
    return item.strip(_QUOTES) if isinstance(item, str) else "?"


def _written(item: _Item) -> str:
    if isinstance(item, _Made):
        return item.text
    return item if isinstance(item, str) else "…"
