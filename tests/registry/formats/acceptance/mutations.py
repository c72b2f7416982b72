"""Damage with understanding: edits to a file's structure, each checksum made right again.

A flipped byte is caught by a checksum. An attacker repairs the checksum, so that only the grammar
stands between the edit and whoever reads the file. An `Edit` is three numbers; what they mean is
decided by what they are applied to, so any source of numbers will do.
"""

import copy
import json
import pickletools
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from tests.registry.formats.hostile import opcodes as op
from tests.registry.formats.hostile.legacy import LegacyStream, pickled, storage
from tests.registry.formats.hostile.network import ORDERED_DICT, Network, honest
from tests.registry.formats.hostile.safetensors import SafeTensors
from tests.registry.formats.hostile.zips import Archive, Member, members

POOL: tuple[bytes, ...] = (
    *(op.POP, op.POP_MARK, op.DUP, op.MARK, op.STOP, op.OBJ, op.NEWOBJ, op.STACK_GLOBAL),
    *(op.EMPTY_DICT, op.EMPTY_LIST, op.EMPTY_TUPLE, op.TUPLE, op.TUPLE1, op.TUPLE2, op.TUPLE3),
    *(op.SETITEM, op.SETITEMS, op.APPEND, op.APPENDS, op.REDUCE, op.BUILD, op.BINPERSID),
    *(op.NONE, op.TRUE, op.FALSE, op.MEMOIZE, op.PROTO_2, op.EMPTY_SET),
    *(op.integer(n) for n in (0, 1, 3, 4, 320, 768, 1280, -1, 1 << 31, 1 << 40, -(1 << 62))),
    *(op.number(x) for x in (0.0, 1.0, -1.0, 0.0125, float("nan"), float("inf"), 1e300)),
    *(op.text(t) for t in ("", "0", "7", "storage", "cpu", "step", "name", "linear.0.weight")),
    *(op.text(t) for t in ("_metadata", "layer_structure", "relu", "prelu", "é", "320")),
    op.find("collections", "OrderedDict"),
    op.find("torch._utils", "_rebuild_tensor_v2"),
    op.find("torch._utils", "_rebuild_parameter"),
    *(op.find("torch", f"{t}Storage") for t in ("Float", "Half", "Double", "BFloat16", "Int")),
    op.find("os", "mknod"),
    ORDERED_DICT,
    *(code(n) for code in (op.put, op.get) for n in (0, 1, 5, 255, 256, 1 << 20)),
    b"\x8a\x00",
    op.long1(4, 8),
    op.long1(320, 3),
)
INTERESTING = (0, 1, 2, 8, 12, 30, 46, 64, 0x0808, 0xFFFF, 0x10000, 0x7FFFFFFF, 0xFFFFFFFF)


@dataclass(frozen=True)
class Edit:
    """How (`kind`), where (`at`) and with what (`value`); each is taken modulo what there is."""

    kind: int
    at: int
    value: int


# --- the pickle -------------------------------------------------------------------------------


def instructions(program: bytes) -> list[bytes]:
    """The program, one opcode with its argument per item."""
    starts = [position or 0 for _, _, position in pickletools.genops(program)]
    ends = [*starts[1:], len(program)]
    return [program[a:b] for a, b in zip(starts, ends, strict=True)]


def edited_program(program: bytes, edits: Sequence[Edit]) -> bytes:
    code = instructions(program)
    for edit in edits:
        if not code:
            break
        here, there = edit.at % len(code), edit.value % len(code)
        match edit.kind % 8:
            case 0:
                del code[here]
            case 1:
                code.insert(here, code[here])
            case 2:
                code[here], code[there] = code[there], code[here]
            case 3:
                code.insert(there, code.pop(here))
            case 4:
                code.insert(here, POOL[edit.value % len(POOL)])
            case 5:
                code[here] = POOL[edit.value % len(POOL)]
            case 6:
                code[here] = other_byte(code[here], edit.value)
            case _:
                code[here:there] = []
    return b"".join(code)


def other_byte(data: bytes, value: int) -> bytes:
    """The same bytes with one of them changed."""
    if not data:
        return bytes([value % 256])
    at = (value >> 8) % len(data)
    return data[:at] + bytes([data[at] ^ (value % 255 + 1)]) + data[at + 1 :]


# --- the ZIP ----------------------------------------------------------------------------------

MEMBER_NUMBERS = (
    *("method", "flags", "usize", "csize", "crc", "offset", "disk", "version_needed"),
    *("local_method", "local_flags", "local_csize", "local_usize", "local_crc"),
)
MEMBER_BYTES = ("comment", "central_extra", "local_extra", "descriptor", "gap_after", "local_name")
ARCHIVE_NUMBERS = ("count", "directory_size", "directory_offset", "comment_length")
ARCHIVE_BYTES = ("prefix", "before_directory", "after_directory", "comment", "suffix")
SNIPPETS = (
    b"",
    b"\0",
    b"PK\x03\x04",
    b"PK\x05\x06" + bytes(18),
    b"FB\x00\x00",
    b"FB\x04\x00ZZZZ",
    struct.pack("<HHQQ", 1, 16, 5, 5),
    b"archive/data.pkl",
    b"archive/data/1",
)


def edited_archive(edits: Sequence[Edit]) -> bytes:
    listed = members(honest())
    archive = Archive(listed)
    for edit in edits:
        member = listed[edit.at % len(listed)] if listed else Member(b"", b"")
        snippet = SNIPPETS[edit.value % len(SNIPPETS)]
        match edit.kind % 8:
            case 0 | 1:
                name = MEMBER_NUMBERS[edit.value % len(MEMBER_NUMBERS)]
                setattr(member, name, number(edit, true_number(member, name), name))
            case 2:
                setattr(member, MEMBER_BYTES[edit.at % len(MEMBER_BYTES)], snippet)
            case 3:
                name = ARCHIVE_NUMBERS[edit.at % len(ARCHIVE_NUMBERS)]
                bits = 16 if name in ("count", "comment_length") else 32
                setattr(archive, name, INTERESTING[edit.value % len(INTERESTING)] % (1 << bits))
            case 4:
                setattr(archive, ARCHIVE_BYTES[edit.at % len(ARCHIVE_BYTES)], snippet)
            case 5:
                archive.zip64 = bool(edit.value % 2)
                listed.append(Member(b"archive/byteorder", b"little"))
            case 6:
                member.name = other_byte(member.name, edit.value)
            case _:
                listed[edit.value % len(listed)] = member
    return archive.bytes()


def true_number(member: Member, name: str) -> int:
    if name in ("usize", "csize"):
        return len(member.data)
    if name == "crc":
        return member.true_crc
    return getattr(member, name) or 0


def number(edit: Edit, true: int, name: str) -> int:
    bits = 32 if name.endswith(("size", "crc", "offset")) else 16
    near = (true, true + 1, true - 1, true ^ 1, true ^ 8, *INTERESTING)
    return near[(edit.at + edit.kind) % len(near)] % (1 << bits)


def zip_of_edited_program(edits: Sequence[Edit]) -> bytes:
    network = honest()
    return Archive(members(network, program=edited_program(network.program(), edits))).bytes()


# --- the legacy stream ------------------------------------------------------------------------


def edited_legacy(edits: Sequence[Edit]) -> bytes:
    """Each edit goes to one of the five pickles, or to the length of one block of weights."""
    network = honest()
    keys = sorted(network.storages)
    blocks = {key: storage(network.storages[key]) for key in keys}
    stream = LegacyStream(network)
    parts = {
        "magic": stream.magic,
        "protocol": stream.protocol,
        "sys_info": stream.sys_info,
        "program": network.program(legacy=True),
        "key_list": pickled(keys),
    }
    aims = (*parts, "program", "program", "blocks")
    aimed: dict[str, list[Edit]] = {}
    for edit in edits:
        aimed.setdefault(aims[edit.kind // 8 % len(aims)], []).append(edit)
    for edit in aimed.pop("blocks", []):
        key = keys[edit.at % len(keys)]
        count = len(network.storages[key]) // 4 + edit.value % 5 - 2
        blocks[key] = storage(network.storages[key], elements=count)
    for name, mine in aimed.items():
        parts[name] = edited_program(parts[name], mine)
    return LegacyStream(network, **parts, storages=list(blocks.values())).bytes()


# --- safetensors ------------------------------------------------------------------------------

ODD: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 4, 320, 5120, 1 << 63, 1.0, "", "F32", "F16", "BF16", "F64"),
    *([], {}, [0, 5120], [4, 320], [320, 4], [1280], [0], ["4", 320], {"a": 1}, "pt", "{}"),
)


def edited_safetensors(edits: Sequence[Edit]) -> bytes:
    file = SafeTensors()
    header = file.header_object()
    text: bytes | None = None
    for edit in edits:
        places = list(paths(header))
        where = places[edit.at % len(places)]
        odd = ODD[edit.value % len(ODD)]
        match edit.kind % 5:
            case 0 | 1:
                replace_at(header, where, partial(replaced, by=odd))
            case 2:
                replace_at(header, where, partial(nudged, by=edit.value % 3 - 1))
            case 3:
                file.suffix = bytes(edit.value % 9)
            case _:
                text = other_byte(json.dumps(header).encode(), edit.value)
    file.header = json.dumps(header).encode() if text is None else text
    return file.bytes()


def paths(value: Any, at: tuple[Any, ...] = ()) -> Any:
    if at:
        yield at
    if isinstance(value, dict):
        for key, item in value.items():
            yield from paths(item, (*at, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from paths(item, (*at, index))


def replace_at(value: Any, where: tuple[Any, ...], change: Callable[[Any], Any]) -> None:
    for step in where[:-1]:
        value = value[step]
    value[where[-1]] = change(value[where[-1]])


def replaced(old: Any, by: Any) -> Any:
    return copy.deepcopy(by)


def nudged(old: Any, by: int) -> Any:
    return old + by if isinstance(old, int) else old


STRUCTURED: dict[str, Callable[[Sequence[Edit]], bytes]] = {
    "program": zip_of_edited_program,
    "archive": edited_archive,
    "legacy": edited_legacy,
    "safetensors": edited_safetensors,
}


def network_files() -> dict[str, bytes]:
    """One small honest file of each kind."""
    network: Network = honest()
    return {
        "torch-zip": Archive(members(network)).bytes(),
        "legacy-stream": LegacyStream(network).bytes(),
        "safetensors": SafeTensors(network).bytes(),
    }
