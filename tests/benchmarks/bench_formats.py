"""./bench formats: reading, checking and writing hypernetworks, beside what other tools take.

Makes an 87.8 MB and a 439 MB file, runs each way several times in turn, each run in a process of
its own with its imports done, and prints the best processor time, the best wall time and the peak
memory above what the process had before (of mapped files only what is not the file itself).
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import logging
import mmap
import os
import shutil
import sys
import tempfile
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import picklescan.scanner
import torch
from blake3 import blake3

from registry import inspection
from registry.confinement import Limits
from registry.formats.flavors import Flavor
from registry.formats.reader import read, read_header
from registry.sandbox import Sandbox

DIMS: Final = (320, 640, 768, 1280)
STRUCTURES: Final = {"87.8 MB": (1, 2, 1), "439 MB": (1, 2, 4, 2, 1)}
MIB: Final = 1 << 20


@dataclass
class Figures:
    """The best of some runs: seconds of processor and wall time, bytes of memory."""

    cpu: float = float("inf")
    wall: float = float("inf")
    memory: int = 0

    def take(self, cpu: float, wall: float, memory: int) -> None:
        self.cpu = min(self.cpu, cpu)
        self.wall = min(self.wall, wall)
        self.memory = max(self.memory, memory)


def make_file(path: Path, structure: tuple[int, ...]) -> None:
    """A file as today's torch saves it, with weights that look trained."""
    torch.manual_seed(0)

    def half(dim: int) -> dict[str, torch.Tensor]:
        state = {}
        for i, (before, after) in enumerate(zip(structure, structure[1:], strict=False)):
            state[f"linear.{i}.weight"] = torch.randn(dim * after, dim * before) * 0.02
            state[f"linear.{i}.bias"] = torch.randn(dim * after) * 0.001
        return state

    network: dict[int | str, object] = {dim: (half(dim), half(dim)) for dim in DIMS}
    network |= {"step": 20000, "name": path.stem, "layer_structure": list(structure)}
    network |= {"activation_func": "linear", "is_layer_norm": False, "activate_output": False}
    network |= {"use_dropout": False, "dropout_structure": [0] * len(structure)}
    torch.save(network, path)


# --- one run ----------------------------------------------------------------------------------


def status(field: str) -> int:
    """A field of this process's memory, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise LookupError(field)


def run_in_child(
    work: Callable[[], object], mapped: int, times: int = 1
) -> tuple[float, float, int]:
    """CPU and wall seconds of `work` in a fork of this process, and its peak above the start.

    What takes milliseconds is done several `times` in a row, as a worker does, and averaged.
    """
    receive, send = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(receive)
        Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
        before = status("VmRSS")
        cpu, wall = time.process_time(), time.perf_counter()
        for _ in range(times):
            work()
        cpu, wall = (time.process_time() - cpu) / times, (time.perf_counter() - wall) / times
        memory = status("VmHWM") - before - mapped
        os.write(send, json.dumps([cpu, wall, memory]).encode())
        os._exit(0)
    os.close(send)
    with os.fdopen(receive) as pipe:
        said = pipe.read()
    os.waitpid(pid, 0)
    if not said:
        sys.exit(f"{work} failed")
    cpu, wall, memory = json.loads(said)
    return cpu, wall, memory


def compare(
    title: str, ways: dict[str, tuple[Callable[[], object], int]], rounds: int, times: int = 1
) -> None:
    """Run the ways in turn, print them side by side and their ratio to the first."""
    figures = {name: Figures() for name in ways}
    for _ in range(rounds):
        for name, (work, mapped) in ways.items():
            figures[name].take(*run_in_child(work, mapped, times))
    show(title, figures)


def show(title: str, figures: dict[str, Figures]) -> None:
    print(f"\n{title}")
    first = next(iter(figures.values()))
    for name, it in figures.items():
        print(
            f"  {name:<44} cpu {it.cpu * 1e3:9.1f} ms   wall {it.wall * 1e3:9.1f} ms   "
            f"memory {it.memory / MIB:7.1f} MiB   "
            f"{first.cpu / it.cpu:6.2f} × cpu   {first.wall / it.wall:6.2f} × wall"
        )


# --- what is compared -------------------------------------------------------------------------


def inspect_cases(path: Path, rounds: int) -> None:
    size = path.stat().st_size

    def header_of_stream() -> None:
        with path.open("rb") as file:
            read_header(file, stem=path.stem)

    compare(
        "Inspect without checking the weights, 20 times in a row (goal: 5 ms each)",
        {
            "read(check_crc=False), in process": (
                lambda: read(path, stem=path.stem, check_crc=False),
                0,
            ),
            "read_header() of a file object": (header_of_stream, 0),
        },
        rounds,
        times=20,
    )
    with path.open("rb", buffering=0) as raw:
        counting = CountingFile(raw)
        read_header(counting, stem=path.stem)  # type: ignore[arg-type]  # quacks like one
    print(f"  read_header() read {counting.taken:,} bytes of {size:,} (goal: 100,000)")


class CountingFile(io.RawIOBase):
    """A file that counts what is read from it."""

    def __init__(self, raw: io.RawIOBase) -> None:
        self._raw = raw
        self.taken = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._raw.seek(offset, whence)

    def tell(self) -> int:
        return self._raw.tell()

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        taken = self._raw.readinto(buffer) or 0
        self.taken += taken
        return int(taken)


def read_cases(path: Path, rounds: int) -> None:
    size = path.stat().st_size
    compare(
        "Read and check every weight, beside what others do to open or scan the file",
        {
            "HyperHub read()": (lambda: read(path, stem=path.stem), size),
            "torch.load(weights_only=True)": (
                lambda: torch.load(path, weights_only=True, map_location="cpu"),
                0,
            ),
            "picklescan's scan": (
                lambda: picklescan.scanner.scan_file_path(str(path)),
                0,
            ),
        },
        rounds,
    )


def ingest_cases(path: Path, folder: Path, rounds: int) -> None:
    """The whole of ingest in its sandbox, beside the least that any hub has to do."""
    size = path.stat().st_size
    figures = {
        "sha256 + copy of the same bytes": Figures(),
        "HyperHub ingest, in the sandbox": Figures(),
        "its hashes and copies alone, one thread": Figures(),
    }
    plain, ingest, floor = figures.values()
    sandbox = Sandbox("registry.formats.jobs", Limits())
    inspection.inspect(path, sandbox=sandbox)  # starts the fork server, once per worker
    for _ in range(rounds):
        copy = folder / "copy"
        plain.take(*run_in_child(lambda copy=copy: hash_and_copy(path, copy), 0))  # type: ignore[misc]
        floor.take(*run_in_child(lambda copy=copy: hash_and_copy_all(path, copy), size))  # type: ignore[misc]
        copy.unlink()
        ingest.take(*run_ingest(path, folder, size, sandbox))
    sandbox.close()
    show(
        "Ingest: SHA256 + BLAKE3 + CRC32 + AutoV1/2/3 + weights hash, read, check, facts,\n"
        "write portable .pt and .safetensors, hash both (goal: 1 s of CPU at 87.8 MB, 64 MiB)",
        figures,
    )
    print(
        f"  HyperHub takes {ingest.cpu / plain.cpu:.2f} × the CPU and "
        f"{ingest.wall / plain.wall:.2f} × the wall time of sha256 + copy (goal: 3)"
    )


def hash_and_copy(path: Path, copy: Path) -> None:
    with path.open("rb") as file:
        hashlib.file_digest(file, "sha256")
    shutil.copyfile(path, copy)


def hash_and_copy_all(path: Path, copy: Path) -> None:
    """What ingest cannot do without: the upload, two outputs and the weights hashed, two writes."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as data:
        zlib.crc32(data)
        for _ in range(4):  # the upload, the weights, the two outputs
            hashlib.sha256(data)
        for _ in range(3):  # not the weights
            blake3(data)
    for _ in range(2):
        shutil.copyfile(path, copy)


def run_ingest(path: Path, folder: Path, size: int, sandbox: Sandbox) -> tuple[float, float, int]:
    outputs = {
        Flavor.PORTABLE: folder / "portable.pt",
        Flavor.SAFETENSORS: folder / "n.safetensors",
    }
    cpu, wall = time.process_time(), time.perf_counter()
    report = inspection.convert(path, outputs, sandbox=sandbox)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    if not report.accepted:
        sys.exit(f"refused: {report.findings}")
    for output in outputs.values():
        output.unlink()
    assert report.process is not None
    return cpu + report.process.cpu_seconds, wall, report.process.peak_rss - size


def main() -> None:
    parser = argparse.ArgumentParser(prog="./bench formats", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="runs of each way (default 5)")
    parser.add_argument("--small", action="store_true", help="the 87.8 MB file only")
    options = parser.parse_args()
    logging.disable(logging.INFO)  # picklescan logs each file
    torch.set_num_threads(os.cpu_count() or 1)
    print(f"torch {torch.__version__}, {os.cpu_count()} cores; best of {options.rounds} runs each")
    with tempfile.TemporaryDirectory(prefix="bench-formats-") as name:
        folder = Path(name)
        for title, structure in list(STRUCTURES.items())[: 1 if options.small else None]:
            path = folder / f"bench_{len(structure)}.pt"
            make_file(path, structure)
            print(f"\n=== {title}: {list(structure)}, {path.stat().st_size:,} bytes")
            inspect_cases(path, options.rounds)
            read_cases(path, options.rounds)
            ingest_cases(path, folder, options.rounds)
            path.unlink()


if __name__ == "__main__":
    main()
