"""The grammar of the one kind of pickle that describes a hypernetwork.

This is no unpickler: there is nothing in it that could import or call. It knows 31 instructions of
protocol 2, seven names, and three shapes of call, each of which yields a description:

    collections.OrderedDict()                                     an `OrderedItems`
    torch._utils._rebuild_tensor_v2(storage, offset, shape, …)    a `StoredTensor`
    torch._utils._rebuild_parameter(tensor, requires_grad, …)     the same `StoredTensor`

The result is a tree: containers and tensors cannot be fetched from the memo, so nothing is met
twice, nothing holds itself, and a small file cannot describe a large object.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final, NoReturn, TypeAlias

from registry.formats import near_miss, pickle_forensics
from registry.formats.errors import (
    LongString,
    ManyOpcodes,
    ManyTensors,
    Nesting,
    PickleBuild,
    PickleCall,
    PickleDuplicateKey,
    PickleImport,
    PickleInteger,
    PickleKey,
    PickleMemo,
    PickleOpcode,
    PicklePersistentId,
    PickleProtocol,
    PickleRebuild,
    PickleRuns,
    PickleStack,
    PickleString,
    PickleTrailingBytes,
    PickleTruncated,
    Refusal,
    StorageShared,
    shown,
)
from registry.formats.pickle_opcodes import MAX_LINE, opcode_name
from registry.formats.stored import (
    MAX_NESTING,
    MAX_TENSORS,
    StorageRef,
    StoredTensor,
    check_nesting,
    strided,
)
from registry.formats.tensor import DType

MAX_OPCODES: Final = 200_000
MAX_STRING_BYTES: Final = 4_096
MAX_INTEGER_BYTES: Final = 8
MAX_SHARED: Final = 8

# Instructions that import or call, whatever they are given.
RUNNING: Final = {
    "GLOBAL", "STACK_GLOBAL", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "EXT1", "EXT2", "EXT4",
    "REDUCE", "BUILD",
}  # fmt: skip


class OrderedItems(dict[str | int, Any]):
    """What `collections.OrderedDict()` would have made."""


class Token(Enum):
    """The callables of the grammar, as inert labels."""

    ORDERED_DICT = auto()
    REBUILD_TENSOR = auto()
    REBUILD_PARAMETER = auto()


Value: TypeAlias = (
    None | bool | int | float | str | tuple[Any, ...] | list[Any] | dict[str | int, Any]
    | Token | DType | StorageRef | StoredTensor
)  # fmt: skip

_GLOBALS: Final[dict[bytes, Token | DType]] = {
    b"collections\nOrderedDict\n": Token.ORDERED_DICT,
    b"torch._utils\n_rebuild_tensor_v2\n": Token.REBUILD_TENSOR,
    b"torch._utils\n_rebuild_parameter\n": Token.REBUILD_PARAMETER,
    **{f"torch\n{dtype.storage}\n".encode(): dtype for dtype in DType},
}


@dataclass(frozen=True)
class Program:
    """What a pickle describes: a tree, the storages that its tensors use, and its own length."""

    tree: Value
    storages: Mapping[str, StorageRef]
    length: int


def read_program(stream: bytes, *, legacy: bool = False, whole: bool = False) -> Program:
    """Read the pickle at the start of `stream`, or the `whole` of it.

    A refusal that has an import behind it becomes an accusation that names the import; one of an
    honest file of another sort says what that is.
    """
    machine = _Machine(stream, legacy)
    try:
        tree = machine.run()
        if whole and machine.at != len(stream):
            raise PickleTrailingBytes(offset=machine.at, length=len(stream) - machine.at)
    except Refusal as refusal:
        if accused := accusation(stream, machine.start):
            raise accused from refusal
        if isinstance(refusal, PickleOpcode) and refusal.opcode in RUNNING:
            raise PickleRuns(opcode=refusal.opcode, offset=refusal.offset) from refusal
        near_miss.refuse_texts(pickle_forensics.strings(stream))
        raise
    return Program(tree, machine.storages, machine.at)


def accusation(stream: bytes, reached: int, *, calls_only: bool = False) -> PickleImport | None:
    """Return what a pickle that was followed up to `reached` would have run, if anything.

    `calls_only` is for bytes that need not be a pickle at all: an import alone is no evidence.
    """
    found = pickle_forensics.first_foreign(stream, reached)
    if found is None or (calls_only and not found.is_called):
        return None
    return PickleImport(
        module=found.module,
        name=found.name,
        opcode=found.opcode,
        offset=found.offset,
        runs=found.runs,
    )


class _Machine:
    """One pass over a pickle: the position, the stack, the frames that MARK opened, the memo."""

    def __init__(self, stream: bytes, legacy: bool) -> None:
        self.stream = stream
        self.legacy = legacy
        self.at = 0
        self.start = 0
        self.stack: list[Any] = []
        self.frames: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.storages: dict[str, StorageRef] = {}
        self.stopped = False

    def run(self) -> Value:
        """Follow the instructions to STOP; return the one value that is left."""
        if self.take(1) != b"\x80":
            raise PickleProtocol(found=0)
        if (protocol := self.byte()) != 2:
            raise PickleProtocol(found=protocol)
        for _ in range(MAX_OPCODES):
            self.start = self.at
            code = self.byte()
            step = _STEPS.get(code)
            if step is None:
                raise PickleOpcode(opcode=opcode_name(code), offset=self.start)
            step(self)
            if self.stopped:
                return self.result()
        raise ManyOpcodes(limit=MAX_OPCODES)

    def result(self) -> Value:
        if self.frames or len(self.stack) != 1:
            self.broken("more than one value is left at the end")
        value: Value = self.stack[0]
        check_nesting(value)
        return value

    # Reading and the stack

    def take(self, length: int) -> bytes:
        """Return the next `length` bytes of the stream."""
        end = self.at + length
        if end > len(self.stream):
            raise PickleTruncated(offset=len(self.stream))
        raw = self.stream[self.at : end]
        self.at = end
        return raw

    def byte(self) -> int:
        """Return the next byte; most of a pickle is read in this way."""
        if self.at >= len(self.stream):
            raise PickleTruncated(offset=len(self.stream))
        self.at += 1
        return self.stream[self.at - 1]

    def number(self, length: int) -> int:
        """Return the next unsigned number of `length` bytes."""
        return int.from_bytes(self.take(length), "little")

    def pop(self) -> Any:
        """Take the top of the stack, which must be in the current frame."""
        if not self.stack:
            self.broken("a value is missing")
        return self.stack.pop()

    def pop_items(self, size: int) -> list[Any]:
        """Take that many values off the stack, the lowest first."""
        if len(self.stack) < size:
            self.broken("a value is missing")
        items = self.stack[-size:]
        del self.stack[-size:]
        return items

    def pop_frame(self) -> list[Any]:
        """Take everything down to the last MARK."""
        if not self.frames:
            self.broken("a mark is missing")
        items, self.stack = self.stack, self.frames.pop()
        return items

    def broken(self, reason: str) -> NoReturn:
        raise PickleStack(offset=self.start, reason=reason)

    # Values

    def push_global(self) -> None:
        end = self.at
        for _ in range(2):
            end = self.stream.find(b"\n", end, end + MAX_LINE) + 1
            if end == 0:
                raise PickleTruncated(offset=len(self.stream))
        line = self.take(end - self.at)
        if line not in _GLOBALS:
            module, name, _ = line.split(b"\n")
            raise PickleRebuild(module=shown(module), name=shown(name), offset=self.start)
        self.stack.append(_GLOBALS[line])

    def push_string(self) -> None:
        length = self.number(4)
        if length > MAX_STRING_BYTES:
            raise LongString(offset=self.start, length=length, limit=MAX_STRING_BYTES)
        try:
            self.stack.append(self.take(length).decode("utf-8"))
        except UnicodeDecodeError as error:
            raise PickleString(offset=self.start) from error

    def push_long(self) -> None:
        length = self.byte()
        if length > MAX_INTEGER_BYTES:
            raise PickleInteger(offset=self.start, length=length)
        self.stack.append(int.from_bytes(self.take(length), "little", signed=True))

    def push_int(self) -> None:
        self.stack.append(int.from_bytes(self.take(4), "little", signed=True))

    def push_float(self) -> None:
        self.stack.append(struct.unpack(">d", self.take(8))[0])

    # Containers

    def mark(self) -> None:
        if len(self.frames) == MAX_NESTING:
            raise Nesting(limit=MAX_NESTING)
        self.frames.append(self.stack)
        self.stack = []

    def push_tuple(self, items: list[Any]) -> None:
        self.stack.append(tuple(items))

    def append(self, items: list[Any]) -> None:
        target = self.pop()
        if type(target) is not list:
            self.broken("items are added to something that is no list")
        target.extend(items)
        self.stack.append(target)

    def set_items(self, items: list[Any]) -> None:
        target = self.pop()
        if not isinstance(target, dict) or len(items) % 2:
            self.broken("keys and values are added to something that is no dictionary")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if type(key) not in (str, int):
                raise PickleKey(offset=self.start, found=type(key).__name__)
            if key in target:
                raise PickleDuplicateKey(key=str(key), offset=self.start)
            target[key] = value
        self.stack.append(target)

    # The memo

    def put(self, index: int) -> None:
        if not self.stack:
            self.broken("there is nothing to remember")
        if index in self.memo:
            raise PickleMemo(index=index, offset=self.start, reason="it is written twice")
        if index >= MAX_OPCODES:
            raise PickleMemo(index=index, offset=self.start, reason="there is no such slot")
        self.memo[index] = self.stack[-1]

    def get(self, index: int) -> None:
        if index not in self.memo:
            raise PickleMemo(index=index, offset=self.start, reason="it is empty")
        value = self.memo[index]
        if not _is_shareable(value):
            raise PickleMemo(index=index, offset=self.start, reason="its value is used twice")
        self.stack.append(value)

    # Calls

    def reduce(self) -> None:
        arguments, target = self.pop(), self.pop()
        if type(arguments) is not tuple:
            raise PickleCall(what="a call", offset=self.start, reason="its arguments are no tuple")
        match target, arguments:
            case Token.ORDERED_DICT, ():
                self.stack.append(OrderedItems())
            case Token.REBUILD_TENSOR, (
                StorageRef() as storage,
                int() as offset,
                tuple() as shape,
                tuple() as strides,
                bool(),
                OrderedItems() as hooks,
            ) if not hooks:
                self.stack.append(self.tensor(storage, offset, shape, strides))
            case Token.REBUILD_PARAMETER, (
                StoredTensor() as tensor,
                bool(),
                OrderedItems() as hooks,
            ) if not hooks:
                self.stack.append(tensor)
            case _:
                what = target.name.lower() if isinstance(target, Token) else "a value"
                raise PickleCall(what=what, offset=self.start, reason="its arguments are unknown")

    def tensor(
        self, storage: StorageRef, offset: int, shape: tuple[Any, ...], strides: tuple[Any, ...]
    ) -> StoredTensor:
        """Return the tensor if it is contiguous, inside its storage, and alone there."""
        if not all(type(number) is int for number in (offset, *shape, *strides)):
            raise PickleCall(
                what="rebuild_tensor", offset=self.start, reason="a size is no whole number"
            )
        if storage.key in self.storages:
            raise StorageShared(storage=storage.key)
        if len(self.storages) == MAX_TENSORS:
            raise ManyTensors(limit=MAX_TENSORS)
        self.storages[storage.key] = storage
        return strided(storage, offset, shape, strides)

    def build(self) -> None:
        """Accept `_metadata`, the module versions that torch adds to a state dict; drop them."""
        state, target = self.pop(), self.pop()
        match target, state:
            case OrderedItems(), {"_metadata": OrderedItems() as versions} if len(state) == 1:
                if not all(_is_module_version(*item) for item in versions.items()):
                    raise PickleBuild(offset=self.start)
            case _:
                raise PickleBuild(offset=self.start)
        self.stack.append(target)

    def persistent_id(self) -> None:
        identity = self.pop()
        if type(identity) is not tuple or len(identity) != (6 if self.legacy else 5):
            self.unknown_id("it is not torch's tuple")
        tag, dtype, key, location, numel, *view = identity
        if tag != "storage" or not isinstance(dtype, DType):
            self.unknown_id("it is not a storage")
        if type(key) is not str or type(location) is not str or view not in ([], [None]):
            self.unknown_id("its key or its place is unknown")
        if type(numel) is not int or numel < 1:
            self.unknown_id("its size is impossible")
        self.stack.append(StorageRef(dtype, key, numel))

    def unknown_id(self, reason: str) -> NoReturn:
        raise PicklePersistentId(offset=self.start, reason=reason)

    def stop(self) -> None:
        self.stopped = True


def _is_shareable(value: Any) -> bool:
    """Whether the memo may give a value out again: atoms, labels, and short tuples of them."""
    if isinstance(value, tuple):
        return len(value) <= MAX_SHARED and not any(
            isinstance(item, tuple) or not _is_shareable(item) for item in value
        )
    return not isinstance(value, dict | list | StoredTensor)


def _is_module_version(name: Any, entry: Any) -> bool:
    """Whether an item of `_metadata` is a module's name with {"version": a number}."""
    if not isinstance(name, str) or type(entry) is not dict or not entry.keys() <= {"version"}:
        return False
    return all(version is None or type(version) is int for version in entry.values())


_STEPS: Final[dict[int, Callable[[_Machine], None]]] = {
    ord("}"): lambda p: p.stack.append({}),
    ord("]"): lambda p: p.stack.append([]),
    ord(")"): lambda p: p.stack.append(()),
    ord("("): _Machine.mark,
    ord("t"): lambda p: p.push_tuple(p.pop_frame()),
    0x85: lambda p: p.push_tuple(p.pop_items(1)),
    0x86: lambda p: p.push_tuple(p.pop_items(2)),
    0x87: lambda p: p.push_tuple(p.pop_items(3)),
    ord("q"): lambda p: p.put(p.byte()),
    ord("r"): lambda p: p.put(p.number(4)),
    ord("h"): lambda p: p.get(p.byte()),
    ord("j"): lambda p: p.get(p.number(4)),
    ord("J"): _Machine.push_int,
    ord("K"): lambda p: p.stack.append(p.byte()),
    ord("M"): lambda p: p.stack.append(p.number(2)),
    0x8A: _Machine.push_long,
    ord("G"): _Machine.push_float,
    ord("X"): _Machine.push_string,
    0x88: lambda p: p.stack.append(True),
    0x89: lambda p: p.stack.append(False),
    ord("N"): lambda p: p.stack.append(None),
    ord("s"): lambda p: p.set_items(p.pop_items(2)),
    ord("u"): lambda p: p.set_items(p.pop_frame()),
    ord("a"): lambda p: p.append(p.pop_items(1)),
    ord("e"): lambda p: p.append(p.pop_frame()),
    ord("c"): _Machine.push_global,
    ord("R"): _Machine.reduce,
    ord("b"): _Machine.build,
    ord("Q"): _Machine.persistent_id,
    ord("."): _Machine.stop,
}
