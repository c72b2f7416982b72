"""What a refused pickle would have done: the imports and calls in it, named but never made.

The walk pretends to be an unpickler whose every import is a label and every call a piece of text.
It is lenient where the grammar is strict, so that a payload is named even if the stream around it
is broken, compressed into later protocols, or placed after the end of an innocent pickle.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, TypeAlias

from registry.formats.errors import shown
from registry.formats.pickle_opcodes import Instruction, instructions

MAX_INSTRUCTIONS: Final = 200_000
MAX_TEXT_INSTRUCTIONS: Final = 20_000
MAX_INSTRUCTIONS_TO_CALL: Final = 1_000
MAX_CALL_CHARACTERS: Final = 120
MAX_ARGUMENTS: Final = 4
_QUOTES: Final = "'\""

# Names that torch, numpy and their savers put into honest files of other sorts. Refused like any
# other, but nobody is accused for them. A name with a dot in it is a disguise, and fits none.
_HARMLESS: Final = tuple(
    (re.compile(module, re.ASCII), re.compile(name, re.ASCII))
    for module, name in (
        (r"torch", r"[A-Z]\w*Storage|Size|Tensor|device|dtype|bool|half|double|long|[a-z]+\d+"),
        (r"torch\.storage", r"_?(Unt|T)ypedStorage"),
        (r"torch\._utils", r"_rebuild_\w+"),
        (r"torch\._tensor", r"_rebuild_from_type_v2|Tensor"),
        (r"torch\.serialization", r"_get_layout"),
        (r"torch\.nn\.parameter", r"Parameter"),
        (r"torch\.(nn\.modules|optim)\.[a-z]+", r"[A-Z]\w*"),
        (r"modules\.hypernetworks\.hypernetwork", r"[A-Z]\w*"),
        (r"numpy", r"ndarray|dtype|float\d+|u?int\d+|bool_"),
        (r"numpy\.(core|_core)\.multiarray", r"scalar|_reconstruct"),
        (r"_codecs", r"encode"),
        (r"copyreg|copy_reg", r"_reconstructor"),
        (r"collections", r"OrderedDict|defaultdict|Counter"),
        (
            r"builtins|__builtin__",
            r"set|frozenset|dict|list|tuple|int|long|float|complex|bool|str|bytes|bytearray"
            r"|object|slice|range",
        ),
        (r"pytorch_lightning(\.[a-z_]+)*", r"[A-Z]\w*"),
        (r"pathlib", r"(Pure)?(Windows|Posix)?Path"),
    )
)


@lru_cache(maxsize=256)
def _is_harmless(module: str, name: str) -> bool:
    """Whether a name is known from honest files of other sorts."""
    return any(left.fullmatch(module) and right.fullmatch(name) for left, right in _HARMLESS)


@dataclass(frozen=True)
class Import:
    """A global that a stream fetches, and the first thing that it does with it, as Python."""

    module: str
    name: str
    opcode: str
    offset: int
    runs: str
    is_called: bool = False

    @property
    def is_plausible(self) -> bool:
        """Whether Python could find such a thing."""
        parts = f"{self.module}.{self.name}".split(".")
        return self.opcode.startswith("EXT") or all(part.isidentifier() for part in parts)


@dataclass(frozen=True)
class _Made:
    """A stand-in for an imported object, or for what a call of one would have returned."""

    text: str
    is_accused: bool


class _Mark:
    """The object that MARK puts on the stack."""


_Item: TypeAlias = bytes | str | _Made | _Mark | tuple["_Item", ...] | None
_TEXTS: Final = {
    "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "UNICODE", "STRING", "BINSTRING",
    "SHORT_BINSTRING",
}  # fmt: skip


def first_foreign(stream: bytes, reached: int) -> Import | None:
    """Return the first import of a stream that no honest file of any sort has, and its first call.

    Beyond byte `reached` of the stream there may be no pickle any more, only bytes that look like
    one, so an import there must have a proper name to count.
    """
    return _Walk(reached).over(stream)


def strings(stream: bytes) -> set[str]:
    """Return the texts in a pickle stream, which tell what sort of file it is."""
    return {
        _unquoted(instruction.argument)
        for instruction in instructions(stream, MAX_TEXT_INSTRUCTIONS)
        if instruction.name in _TEXTS
    }


class _Walk:
    """The state of one walk: a stack and a memo of stand-ins, and the import that was found."""

    def __init__(self, reached: int) -> None:
        self.reached = reached
        self.stack: list[_Item] = []
        self.memo: dict[int, _Item] = {}
        self.accused: Import | None = None
        self.has_run = False

    def over(self, stream: bytes) -> Import | None:
        """Walk to the first foreign import, and on to the first call that uses it."""
        patience = MAX_INSTRUCTIONS_TO_CALL
        for instruction in instructions(stream, MAX_INSTRUCTIONS):
            if step := _STEPS.get(instruction.name):
                step(self, instruction)
            else:
                self.stack.append(None)
            if self.accused:
                patience -= 1
                if self.has_run or not patience:
                    break
        return self.accused

    # The stack

    def pop(self) -> _Item:
        return self.stack.pop() if self.stack else None

    def pop_mark(self) -> tuple[_Item, ...]:
        items: list[_Item] = []
        while self.stack and not isinstance(item := self.stack.pop(), _Mark):
            items.append(item)
        return tuple(reversed(items))

    def drop(self, count: int) -> None:
        del self.stack[-count:]

    def push_tuple(self, size: int) -> None:
        items = tuple(self.stack[-size:])
        self.drop(size)
        self.stack.append(items)

    def forget_mark(self) -> None:
        self.pop_mark()

    def recall(self, slot: int) -> None:
        self.stack.append(self.memo.get(slot))

    def remember(self, slot: int) -> None:
        self.memo[slot] = self.stack[-1] if self.stack else None

    # Imports and calls

    def import_lines(self, instruction: Instruction) -> None:
        module, name, _ = instruction.argument.split(b"\n")
        self.note_import(shown(module), shown(name), instruction)

    def import_stacked(self, instruction: Instruction) -> None:
        name, module = self.pop(), self.pop()
        self.note_import(_unquoted(module), _unquoted(name), instruction)

    def import_extension(self, instruction: Instruction) -> None:
        code = int.from_bytes(instruction.argument, "little")
        self.note_import("copyreg", f"extension {code}", instruction)

    def note_import(self, module: str, name: str, instruction: Instruction) -> None:
        text = f"{module}.{name}"
        is_accused = False
        if not self.accused and not _is_harmless(module, name):
            found = Import(module, name, instruction.name, instruction.offset, f"import {text}")
            if is_accused := found.offset <= self.reached or found.is_plausible:
                self.accused = found
        self.stack.append(_Made(text, is_accused))

    def make_instance(self, instruction: Instruction) -> None:
        arguments = self.pop_mark()
        self.import_lines(instruction)
        self.call(arguments)

    def make_object(self) -> None:
        target, *arguments = self.pop_mark() or (None,)
        self.stack.append(target)
        self.call(tuple(arguments))

    def make_with_keywords(self) -> None:
        self.drop(1)
        self.call(self.pop())

    def call(self, arguments: _Item) -> None:
        """Call the top of the stack: note what it would look like, and leave its result there."""
        target = self.pop()
        if not isinstance(target, _Made):
            self.stack.append(None)
            return
        listed = arguments if isinstance(arguments, tuple) else (arguments,)
        text = f"{target.text}({', '.join(_written(item) for item in listed[:MAX_ARGUMENTS])})"
        text = shown(text, MAX_CALL_CHARACTERS)
        if target.is_accused and self.accused:
            self.accused = replace(self.accused, runs=text, is_called=True)
            self.has_run = True
        self.stack.append(_Made(text, is_accused=False))


def _slot(instruction: Instruction) -> int:
    """Return the memo slot that an instruction means, or -1 where it means none."""
    if instruction.name in ("GET", "PUT"):
        digits = instruction.argument.strip()
        return int(digits) if digits.isdigit() and len(digits) < 10 else -1
    return int.from_bytes(instruction.argument, "little")


def _unquoted(item: _Item) -> str:
    if isinstance(item, bytes):
        return shown(item.strip(), MAX_CALL_CHARACTERS).strip(_QUOTES)
    return item if isinstance(item, str) else "?"


def _written(item: _Item) -> str:
    if isinstance(item, _Made):
        return item.text
    if isinstance(item, bytes):
        return f"'{_unquoted(item)}'"
    return item if isinstance(item, str) else "…"


_Step: TypeAlias = Callable[[_Walk, Instruction], None]


def _pushes(written: Callable[[bytes], str]) -> _Step:
    return lambda walk, instruction: walk.stack.append(written(instruction.argument))


def _drops(count: int) -> _Step:
    return lambda walk, _: walk.drop(count)


def _tuples(size: int) -> _Step:
    return lambda walk, _: walk.push_tuple(size)


_RAW: Final[_Step] = lambda walk, instruction: walk.stack.append(instruction.argument)  # noqa: E731
_NUMBER: Final = _pushes(lambda raw: str(int.from_bytes(raw[:8], "little", signed=len(raw) > 2)))
_DECIMAL: Final = _pushes(lambda raw: shown(raw.strip(), MAX_CALL_CHARACTERS))
_EMPTY: Final[_Step] = lambda walk, _: walk.stack.append(())  # noqa: E731 - a row of the table
_COLLECT: Final[_Step] = lambda walk, _: walk.stack.append(walk.pop_mark())  # noqa: E731
_IGNORE: Final[_Step] = lambda walk, _: None  # noqa: E731

# What is not listed pushes something of no interest.
_STEPS: Final[dict[str, _Step]] = {
    **dict.fromkeys(_TEXTS, _RAW),
    **dict.fromkeys(("BININT", "BININT1", "BININT2", "LONG1", "LONG4"), _NUMBER),
    **dict.fromkeys(("INT", "LONG", "FLOAT"), _DECIMAL),
    **dict.fromkeys(("EMPTY_TUPLE", "EMPTY_LIST", "EMPTY_DICT", "EMPTY_SET"), _EMPTY),
    **dict.fromkeys(("TUPLE", "LIST", "DICT", "FROZENSET"), _COLLECT),
    **dict.fromkeys(("PROTO", "FRAME", "READONLY_BUFFER"), _IGNORE),
    **dict.fromkeys(("APPENDS", "SETITEMS", "ADDITEMS", "POP_MARK"), lambda w, _: w.forget_mark()),
    **dict.fromkeys(("BINPUT", "LONG_BINPUT", "PUT"), lambda w, i: w.remember(_slot(i))),
    **dict.fromkeys(("BINGET", "LONG_BINGET", "GET"), lambda w, i: w.recall(_slot(i))),
    **dict.fromkeys(("EXT1", "EXT2", "EXT4"), _Walk.import_extension),
    **dict.fromkeys(("REDUCE", "NEWOBJ", "BUILD"), lambda w, _: w.call(w.pop())),
    "NEWTRUE": _pushes(lambda _: "True"),
    "NEWFALSE": _pushes(lambda _: "False"),
    "NONE": _pushes(lambda _: "None"),
    "TUPLE1": _tuples(1),
    "TUPLE2": _tuples(2),
    "TUPLE3": _tuples(3),
    "MARK": lambda w, _: w.stack.append(_Mark()),
    "POP": _drops(1),
    "APPEND": _drops(1),
    "SETITEM": _drops(2),
    "DUP": lambda w, _: w.stack.append(w.stack[-1] if w.stack else None),
    "MEMOIZE": lambda w, _: w.remember(len(w.memo)),
    "STOP": lambda w, _: w.stack.clear(),
    "GLOBAL": _Walk.import_lines,
    "STACK_GLOBAL": _Walk.import_stacked,
    "INST": _Walk.make_instance,
    "OBJ": lambda w, _: w.make_object(),
    "NEWOBJ_EX": lambda w, _: w.make_with_keywords(),
}
