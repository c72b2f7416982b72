"""Small files that ask for much: each is answered within 64 MiB and a second of one processor."""

import json
import os
import struct
import subprocess
import sys
import textwrap
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.registry.formats.hostile import opcodes as op
from tests.registry.formats.hostile.catalogue import TECHNIQUES
from tests.registry.formats.hostile.legacy import LegacyStream, pickled
from tests.registry.formats.hostile.network import TensorRef, honest
from tests.registry.formats.hostile.opcode_lies import valued
from tests.registry.formats.hostile.safetensors import SafeTensors
from tests.registry.formats.hostile.zips import Archive, Member, members, torch_zip

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[4]
MEMORY = 64 << 20
SLACK = 3  # on a shared machine a processor second does that much less work
PROCESSOR_SECONDS = 1.0 * SLACK
MIB = 1 << 20

# A child that reads one file. What it holds above its own modules is what the file made it hold;
# the limit on private memory turns the bound into an error rather than a measurement.
CHILD = f"""
    import json, resource, sys, time
    from pathlib import Path

    from registry.formats.errors import Refusal
    from registry.formats.reader import read

    def status(field):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024

    for path in json.load(sys.stdin):
        limit = status("VmData") + {MEMORY}
        resource.setrlimit(resource.RLIMIT_DATA, (limit, resource.RLIM_INFINITY))
        before = time.process_time()
        try:
            read(Path(path), stem="bomb")
            said = "accepted"
        except Refusal as refusal:
            said = refusal.rule
        print(json.dumps([path, said, time.process_time() - before]), flush=True)
        resource.setrlimit(resource.RLIMIT_DATA, (resource.RLIM_INFINITY,) * 2)
"""


def answers(paths: list[Path]) -> dict[str, tuple[str, float]]:
    """What a child says of each file, and the processor seconds it took to say so."""
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(CHILD)],
        input=json.dumps([str(path) for path in paths]),
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    lines = (json.loads(line) for line in ran.stdout.splitlines())
    return {Path(path).name: (said, seconds) for path, said, seconds in lines}


def deflated(size: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = b"".join(packer.compress(bytes(MIB)) for _ in range(size // MIB)) + packer.flush()
    listed = members(honest())
    listed[1] = Member(listed[1].name, data, method=8, usize=size)
    return Archive(listed).bytes()


def laughing(levels: int, copies: int) -> bytes:
    """Each tuple holds the one before `copies` times, through the memo."""
    program = op.MARK * levels + op.text("lol") + op.put(10)
    for level in range(11, 11 + levels):
        program += op.get(level - 1) * (copies - 1) + op.TUPLE + op.put(level)
    return valued(program)


def full_program(piece: bytes, *, opening: bytes = b"", closing: bytes = b"") -> bytes:
    """A data.pkl as large as it may be, filled with one piece."""
    room = MIB - len(honest().program()) - len(opening) - len(closing) - 100
    return valued(opening + piece * (room // len(piece)) + closing)


def dict_of_numbers(step: int) -> bytes:
    """60,000 keys that are multiples of `step`: hash tables dislike some steps."""
    pairs = b"".join(op.long1(n * step, 8) + op.NONE for n in range(60_000))
    return valued(op.EMPTY_DICT + op.MARK + pairs + op.SETITEMS)


def many_members() -> bytes:
    names = (f"archive/data/{n}".encode() for n in range(8, 4_080))
    return Archive([*members(honest()), *(Member(name, b"abcd") for name in names)]).bytes()


def many_tensors() -> bytes:
    network = honest()
    names = [str(n) for n in range(8, 2_008)]
    network.storages |= dict.fromkeys(names, struct.pack("<f", 0.5))
    module: dict[object, object] = {
        f"linear.{n}.weight": TensorRef(name, 1, (1,), (1,)) for n, name in enumerate(names)
    }
    network.modules[640] = (module, {})
    return torch_zip(network)


def large_version() -> bytes:
    listed = members(honest())
    listed[-1] = Member(b"archive/version", bytes(100 * MIB))
    return Archive(listed).bytes()


def headed(header: bytes) -> bytes:
    return SafeTensors(header=header).bytes()


def sparse_start() -> bytes:
    return torch_zip(honest())[:-22]


BOMBS: dict[str, Callable[[], bytes]] = {
    "deflated-10-MB": lambda: deflated(10 * MIB),
    "deflated-100-MB": lambda: deflated(100 * MIB),
    "laughs-two-by-a-hundred": lambda: laughing(100, 2),
    "laughs-ten-by-sixty": lambda: laughing(60, 10),
    "laughs-thousand-by-thirty": lambda: laughing(30, 1_000),
    "a-megabyte-of-lists": lambda: full_program(op.EMPTY_LIST),
    "a-megabyte-of-marks": lambda: full_program(op.MARK),
    "a-megabyte-of-dicts": lambda: full_program(op.EMPTY_DICT + op.put(3)),
    "a-megabyte-of-memo": lambda: full_program(op.put(1 << 20), opening=op.NONE),
    "a-megabyte-of-one-string": lambda: full_program(
        op.get(1), opening=op.MARK + op.text("x" * 4_000) + op.put(1), closing=op.TUPLE
    ),
    "a-megabyte-of-one-tuple": lambda: full_program(
        op.get(1),
        opening=op.MARK * 2 + op.NONE * 90_000 + op.TUPLE + op.put(1),
        closing=op.TUPLE,
    ),
    "a-megabyte-of-imports": lambda: full_program(op.find("a", "b")),
    "a-megabyte-of-calls": lambda: full_program(op.find("a", "b") + op.EMPTY_TUPLE + op.REDUCE),
    "a-megabyte-of-nested-tuples": lambda: full_program(op.TUPLE1, opening=op.NONE),
    "a-megabyte-of-strings": lambda: full_program(op.text("x" * 4_000), opening=op.MARK),
    "a-megabyte-of-empty-strings": lambda: full_program(
        op.text(""), opening=op.EMPTY_LIST + op.MARK, closing=op.APPENDS
    ),
    "a-megabyte-of-floats": lambda: full_program(
        op.number(1.5), opening=op.EMPTY_LIST + op.MARK, closing=op.APPENDS
    ),
    "a-megabyte-of-global": lambda: full_program(op.find("collections", "OrderedDict")),
    "one-global-of-a-megabyte": lambda: full_program(b"a", opening=b"c", closing=b"\nb\n"),
    "keys-of-one-hash": lambda: dict_of_numbers((1 << 61) - 1 >> 20),
    "keys-of-one-slot": lambda: dict_of_numbers(1 << 40),
    "four-thousand-members": many_members,
    "two-thousand-tensors": many_tensors,
    "version-of-100-MB": large_version,
    "header-of-lists": lambda: headed(b'{"a":' + b"[" * (MIB - 100)),
    "header-of-objects": lambda: headed(b'{"a":' * 190_000),
    "header-of-one-number": lambda: headed(b'{"a":' + b"7" * (MIB - 100) + b"}"),
    "header-of-one-fraction": lambda: headed(b'{"a":0.' + b"7" * (MIB - 100) + b"}"),
    "header-of-one-text": lambda: headed(b'{"a":"' + b"x" * (MIB - 100) + b'"}'),
    "header-of-escapes": lambda: headed(b'{"a":"' + b"\\u0041" * 170_000 + b'"}'),
    "header-of-entries": lambda: headed(
        b"{" + b",".join(b'"%d":{"dtype":"F32"}' % n for n in range(40_000)) + b"}"
    ),
    "header-of-one-key": lambda: headed(b"{" + b'"a":1,' * 170_000 + b'"a":1}'),
    "description-of-lists": lambda: SafeTensors(
        metadata={"format": "pt", "hypernetwork": "[" * 900_000}
    ).bytes(),
    "legacy-of-keys": lambda: LegacyStream(
        honest(), key_list=pickled([str(n) for n in range(60_000)])
    ).bytes(),
    "legacy-of-lists": lambda: LegacyStream(
        honest(), sys_info=op.PROTO_2 + op.EMPTY_LIST * (32 * MIB)
    ).bytes(),
    "legacy-of-strings": lambda: LegacyStream(
        honest(), program=op.PROTO_2 + op.MARK + op.text("x" * 4_000) * 8_000
    ).bytes(),
    "pickle-without-an-end": lambda: op.PROTO_2 + op.text("x") * (8 * MIB),
    "magic-without-an-end": lambda: LegacyStream(honest()).magic + bytes(32 * MIB),
}


def test_each_bomb_is_answered_within_its_limits(tmp_path: Path) -> None:
    for name, build in BOMBS.items():
        (tmp_path / name).write_bytes(build())

    said = answers([tmp_path / name for name in BOMBS])

    assert set(said) == set(BOMBS)
    assert {
        name: seconds for name, (_, seconds) in said.items() if seconds > PROCESSOR_SECONDS
    } == {}
    assert [name for name, (rule, _) in said.items() if rule == "accepted"] == []


def test_each_technique_is_answered_within_its_limits(tmp_path: Path) -> None:
    for technique in TECHNIQUES:
        (tmp_path / technique.name).write_bytes(technique.build())

    said = answers([tmp_path / technique.name for technique in TECHNIQUES])

    assert {name: rule for name, (rule, _) in said.items()} == {t.name: t.rule for t in TECHNIQUES}
    assert {
        name: seconds for name, (_, seconds) in said.items() if seconds > PROCESSOR_SECONDS
    } == {}


@pytest.mark.parametrize("size", [1 << 30, (1 << 30) + 1, 1 << 36])
def test_a_sparse_giant_costs_what_its_structure_costs(tmp_path: Path, size: int) -> None:
    """Up to a gigabyte a file is mapped, not loaded; beyond it is not even opened."""
    giant = tmp_path / "giant"
    with giant.open("wb") as file:
        file.write(sparse_start())
        file.truncate(size)

    rule, seconds = answers([giant])["giant"]

    assert rule == ("zip-end-record" if size <= 1 << 30 else "cap-file-size")
    assert seconds <= PROCESSOR_SECONDS
