"""The seccomp filter as the kernel runs it, for both processors; and what is left without it."""

from __future__ import annotations

import errno
import socket
import struct
import subprocess
import sys

import pytest

from registry.confinement import MACHINES, PROT_EXEC, Machine, filter_program

ALLOW, KILL, REFUSE = 0x7FFF0000, 0x80000000, 0x00050000 | errno.EACCES
PROT_READ = 1
# What a hostile file would want, by the kernel's own tables.
WANTED = {
    "x86_64": {
        "socket": 41,
        "clone": 56,
        "fork": 57,
        "execve": 59,
        "kill": 62,
        "ptrace": 101,
        "prctl": 157,
        "execveat": 322,
        "clone3": 435,
        "openat2": 437,
    },
    "aarch64": {
        "ptrace": 117,
        "kill": 129,
        "prctl": 167,
        "socket": 198,
        "clone": 220,
        "execve": 221,
        "execveat": 281,
        "clone3": 435,
        "openat2": 437,
    },
}
X32_CALLS = 0x40000000  # the other numbering of x86_64

every_machine = pytest.mark.parametrize("name", list(MACHINES))


def verdict(machine: Machine, number: int, third: int = 0, arch: int | None = None) -> int:
    """Run the program on one call, as the kernel does. Raises for an opcode that we don't use."""
    arch = machine.audit_arch if arch is None else arch
    words = struct.pack("<IIQ6Q", number, arch, 0, 0, 0, third, 0, 0, 0)
    steps = list(struct.iter_unpack("=HBBI", filter_program(machine)))
    accumulator = position = 0
    while True:
        code, if_true, if_false, k = steps[position]
        position += 1
        if code == 0x20:
            (accumulator,) = struct.unpack_from("<I", words, k)
        elif code == 0x15:
            position += if_true if accumulator == k else if_false
        elif code == 0x45:
            position += if_true if accumulator & k else if_false
        elif code == 0x06:
            return int(k)
        else:
            raise AssertionError(f"opcode {code:#x}")


@every_machine
def test_what_computing_needs_is_allowed(name: str) -> None:
    machine = MACHINES[name]
    assert {verdict(machine, number) for number in machine.allowed.values()} == {ALLOW}


@every_machine
def test_what_a_hostile_file_wants_ends_the_process(name: str) -> None:
    machine = MACHINES[name]
    assert {
        call: verdict(machine, number) for call, number in WANTED[name].items()
    } == dict.fromkeys(WANTED[name], KILL)


@every_machine
def test_every_call_that_is_not_on_the_list_ends_the_process(name: str) -> None:
    machine = MACHINES[name]
    expected = dict.fromkeys(range(600), KILL)
    expected |= dict.fromkeys((*machine.allowed.values(), *machine.mapping), ALLOW)
    expected |= dict.fromkeys(machine.refused.values(), REFUSE)
    assert {number: verdict(machine, number) for number in expected} == expected
    assert verdict(machine, X32_CALLS | machine.allowed["write"]) == KILL


@every_machine
def test_memory_may_be_mapped_but_never_to_be_executed(name: str) -> None:
    machine = MACHINES[name]
    for call in machine.mapping:
        assert verdict(machine, call, third=PROT_READ) == ALLOW
        assert verdict(machine, call, third=PROT_READ | PROT_EXEC) == KILL


def test_calls_by_another_processors_numbers_end_the_process() -> None:
    x86, arm = MACHINES["x86_64"], MACHINES["aarch64"]
    assert verdict(x86, x86.allowed["read"], arch=arm.audit_arch) == KILL


def test_both_processors_are_allowed_the_same_calls() -> None:
    assert MACHINES["x86_64"].allowed.keys() == MACHINES["aarch64"].allowed.keys()


WITHOUT_SECCOMP = """
import socket, sys
from registry import confinement
confinement.MACHINES.clear()
facts = confinement.seal()
server = ("127.0.0.1", int(sys.argv[1]))
try:
    socket.create_connection(server, timeout=2)
except OSError:
    facts.append("unreachable")
print(*facts)
"""


def test_a_kernel_without_seccomp_leaves_the_network_where_it_may() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        command = [sys.executable, "-c", WITHOUT_SECCOMP, port]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    # Where user namespaces are switched off too, nothing is claimed.
    assert said in (["no-network", "unreachable"], [])
