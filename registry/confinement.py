"""How a process that reads hostile bytes gives up everything but computing.

Linux only, by the system's own calls: resource limits, an unprivileged user where it may, no new
privileges, and a seccomp filter that lets through reading and writing of files that are already
open, memory that is not executable, and the end of the process. Looking up a path is refused, since
Python does so wherever something is imported late; any other call ends the process with SIGSYS.
There is no way back: for a process that lives for one job.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import resource
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

NOBODY: Final = 65534

PR_SET_PDEATHSIG: Final = 1
PR_SET_NO_NEW_PRIVS: Final = 38
SIGKILL: Final = 9
SECCOMP_SET_MODE_FILTER: Final = 1
SECCOMP_FILTER_FLAG_TSYNC: Final = 1  # the helper thread is under the filter too
CLONE_NEWUSER: Final = 0x10000000
CLONE_NEWNET: Final = 0x40000000
PROT_EXEC: Final = 4

_libc: Final = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one job may use. Sizes in bytes, times in seconds."""

    wall_seconds: float = 120.0
    cpu_seconds: int = 60
    memory: int = 192 << 20  # address space above what the process and the mapped file take
    file_size: int = (1 << 30) + (16 << 20)  # of anything it writes
    answer_size: int = 4 << 20  # of what it says through the pipe


class Machine(NamedTuple):
    """The numbers of one processor architecture."""

    audit_arch: int
    seccomp: int  # number of the seccomp call
    mapping: tuple[int, int]  # mmap, mprotect: allowed unless executable
    allowed: dict[str, int]
    refused: dict[str, int]  # answered with EACCES: a late import fails, and that is all


# Numbers from the kernel's own tables: arch/x86/entry/syscalls/syscall_64.tbl and
# include/uapi/asm-generic/unistd.h.
_X86_64: Final = Machine(
    audit_arch=0xC000003E,
    seccomp=317,
    mapping=(9, 10),
    allowed={
        "read": 0,
        "write": 1,
        "close": 3,
        "lseek": 8,
        "munmap": 11,
        "brk": 12,
        "rt_sigaction": 13,
        "rt_sigprocmask": 14,
        "rt_sigreturn": 15,
        "pread64": 17,
        "pwrite64": 18,
        "writev": 20,
        "sched_yield": 24,
        "mremap": 25,
        "madvise": 28,
        "exit": 60,
        "gettimeofday": 96,
        "sigaltstack": 131,
        "gettid": 186,
        "futex": 202,
        "restart_syscall": 219,
        "clock_gettime": 228,
        "exit_group": 231,
        "getrandom": 318,
    },
    refused={
        "open": 2,
        "stat": 4,
        "fstat": 5,
        "lstat": 6,
        "access": 21,
        "getcwd": 79,
        "readlink": 89,
        "openat": 257,
        "newfstatat": 262,
        "readlinkat": 267,
        "faccessat": 269,
        "statx": 332,
        "faccessat2": 439,
    },
)
_AARCH64: Final = Machine(
    audit_arch=0xC00000B7,
    seccomp=277,
    mapping=(222, 226),
    allowed={
        "read": 63,
        "write": 64,
        "close": 57,
        "lseek": 62,
        "munmap": 215,
        "brk": 214,
        "rt_sigaction": 134,
        "rt_sigprocmask": 135,
        "rt_sigreturn": 139,
        "pread64": 67,
        "pwrite64": 68,
        "writev": 66,
        "sched_yield": 124,
        "mremap": 216,
        "madvise": 233,
        "exit": 93,
        "gettimeofday": 169,
        "sigaltstack": 132,
        "gettid": 178,
        "futex": 98,
        "restart_syscall": 128,
        "clock_gettime": 113,
        "exit_group": 94,
        "getrandom": 278,
    },
    refused={
        "getcwd": 17,
        "faccessat": 48,
        "openat": 56,
        "readlinkat": 78,
        "newfstatat": 79,
        "fstat": 80,
        "statx": 291,
        "faccessat2": 439,
    },
)
MACHINES: Final = {"x86_64": _X86_64, "aarch64": _AARCH64}


def leave_privileges() -> list[str]:
    """Own session, no root where we are root, death with the parent, no new privileges."""
    done = []
    parent = os.getppid()
    os.setsid()
    done.append("session")
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        done.append("nobody")
    # After the change of user, which clears it.
    _prctl(PR_SET_PDEATHSIG, SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    _prctl(PR_SET_NO_NEW_PRIVS, 1)
    done.append("no-new-privs")
    return done


def limit_resources(limits: Limits) -> list[str]:
    """Set every limit; files that the job reads are mapped by now, and don't count."""
    address_space = _address_space() + limits.memory
    for what, amount in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, limits.file_size),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_NOFILE, 0),  # those that are open stay open; no more
        (resource.RLIMIT_AS, address_space),
    ):
        resource.setrlimit(what, (amount, amount))
    # The soft limit says SIGXCPU, which we can name; the hard one is the end.
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_seconds, limits.cpu_seconds + 1))
    return ["limits"]


def seal() -> list[str]:
    """Put the filter on every thread; where the kernel has none, leave the network at least."""
    machine = MACHINES.get(platform.machine())
    if machine is not None and _install(machine, filter_program(machine)):
        return ["seccomp"]
    if _libc.unshare(CLONE_NEWNET) == 0 or _libc.unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0:
        return ["no-network"]
    return []


def filter_program(machine: Machine) -> bytes:
    """The BPF program: kill unless the call is on a list, and never map executable memory."""
    load_word, jump_equal, jump_set, ret = 0x20, 0x15, 0x45, 0x06
    kill, allow, refuse = 0x80000000, 0x7FFF0000, 0x00050000 | errno.EACCES
    number, arch, third_argument = 0, 4, 32  # offsets in struct seccomp_data

    def step(code: int, k: int, if_true: int = 0, if_false: int = 0) -> bytes:
        return struct.pack("=HBBI", code, if_true, if_false, k)

    program = [
        step(load_word, arch),
        step(jump_equal, machine.audit_arch, 1, 0),
        step(ret, kill),
        step(load_word, number),
    ]
    for call in machine.mapping:
        program += [
            step(jump_equal, call, 0, 4),
            step(load_word, third_argument),
            step(jump_set, PROT_EXEC, 0, 1),
            step(ret, kill),
            step(ret, allow),
        ]
    for call in machine.allowed.values():
        program += [step(jump_equal, call, 0, 1), step(ret, allow)]
    for call in machine.refused.values():
        program += [step(jump_equal, call, 0, 1), step(ret, refuse)]
    program.append(step(ret, kill))
    return b"".join(program)


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("steps", ctypes.c_char_p)]


def _install(machine: Machine, program: bytes) -> bool:
    argument = _Program(len(program) // 8, program)
    result = _libc.syscall(
        ctypes.c_long(machine.seccomp),
        ctypes.c_ulong(SECCOMP_SET_MODE_FILTER),
        ctypes.c_ulong(SECCOMP_FILTER_FLAG_TSYNC),
        ctypes.byref(argument),
    )
    if result == 0:
        return True
    if ctypes.get_errno() in (errno.ENOSYS, errno.EINVAL):
        return False  # a kernel built without it
    raise OSError(ctypes.get_errno(), "the seccomp filter was not accepted")


def close_all_but(keep: Iterable[int]) -> None:
    """Close every descriptor above the standard ones that the job has no use for."""
    start = 3
    for fd in sorted({fd for fd in keep if fd >= 3}):
        os.closerange(start, fd)
        start = fd + 1
    os.closerange(start, os.sysconf("SC_OPEN_MAX"))


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def _address_space() -> int:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[0]) * resource.getpagesize()
