"""`manage.py hypernetwork inspect|convert|verify`: the reader for people on a terminal.

Needs no database and no server. Exit status: 0 fine, 1 a file was refused, 2 wrong usage.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from registry import inspection
from registry.formats.errors import Severity
from registry.formats.flavors import Flavor
from registry.formats.report import Report
from registry.sandbox import Progress

REFUSED: Final = 1
USAGE: Final = 2
BIG: Final = 16 << 20  # bytes from which on a progress bar is worth drawing
SAFE_STEM: Final = re.compile(r"[A-Za-z0-9_.-]+")
LABEL_WIDTH: Final = 14


class Command(BaseCommand):
    help = "Inspect, convert and verify hypernetwork files. Nothing in them is ever run."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="inspect|convert|verify")

        inspect = verbs.add_parser("inspect", help="say what is in a file and where it works")
        inspect.add_argument("files", nargs="+", type=Path, metavar="FILE")
        inspect.add_argument("--json", action="store_true", help="print JSON; a list for several")

        convert = verbs.add_parser("convert", help="write the file that every app can open")
        convert.add_argument("file", type=Path, metavar="FILE")
        convert.add_argument(
            "--to",
            required=True,
            type=Path,
            metavar="OUT",
            help="a .pt or .safetensors file, or a folder; its name becomes the network's",
        )
        convert.add_argument(
            "--flavor",
            choices=[Flavor.PORTABLE.value, Flavor.TRAINING.value],
            help="portable (default): works everywhere; training: keeps dropout. For .pt only",
        )
        convert.add_argument("--force", action="store_true", help="replace OUT if it is there")

        verify = verbs.add_parser("verify", help="check files to the last byte, one line each")
        verify.add_argument("files", nargs="+", type=Path, metavar="FILE")
        verify.add_argument(
            "--expect",
            metavar="HASH",
            help="also fail unless this is a hash of the file: SHA256, BLAKE3, CRC32, AutoV1–3, "
            "or the weights hash",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        fine = getattr(self, f"_{options['verb']}")(options)
        if not fine:
            sys.exit(REFUSED)

    # --- inspect ------------------------------------------------------------------------------

    def _inspect(self, options: dict[str, Any]) -> bool:
        reports = []
        for path in options["files"]:
            report = self._examine(path)
            reports.append(report)
            if not options["json"]:
                self._describe(path, report)
        if options["json"]:
            rows = [
                {"file": str(path), **report.as_dict()}
                for path, report in zip(options["files"], reports, strict=True)
            ]
            shown = rows[0] if len(rows) == 1 else rows
            self.stdout.write(json.dumps(shown, indent=2, ensure_ascii=False))
        return all(report.accepted for report in reports)

    def _describe(self, path: Path, report: Report) -> None:
        verdict = self.style.SUCCESS("accepted") if report.accepted else self._refused(report)
        self.stdout.write(f"{path}: {verdict}")
        if report.spec is not None:
            self._line("network", _network(report))
            self._line("layers", _layers(report.spec))
            self._line("trained", _training(report.spec))
            self._line("written", f"{report.epoch}, as {report.container}")
        for name, value in report.hashes.items():
            if value is not None:
                self._line(name, f"{value:,} bytes" if name == "size" else str(value))
        for finding in report.findings:
            self._line(finding.severity, finding.message)
        for version, cells in report.compatibility.items():
            self.stdout.write(f"  where it works, {_VERSIONS.get(version, version)}:")
            for cell in cells:
                self._line(f"  {cell['app']}", f"{cell['verdict']}. {cell['reason']}")
        self.stdout.write("")

    def _refused(self, report: Report) -> str:
        malicious = any(f.severity is Severity.MALICIOUS for f in report.findings)
        return self.style.ERROR("refused, and dangerous" if malicious else "refused")

    def _line(self, label: str, text: str) -> None:
        self.stdout.write(f"  {label:<{LABEL_WIDTH}}{text}")

    # --- convert ------------------------------------------------------------------------------

    def _convert(self, options: dict[str, Any]) -> bool:
        path, out = options["file"], _target(options["file"], options["to"])
        flavor = _flavor(out, options["flavor"])
        if out.exists() and not options["force"]:
            raise CommandError(f"{out} is there already; --force replaces it.", returncode=USAGE)
        report = self._write(path, out, flavor)
        if not report.accepted:
            self._describe(path, report)
            return False
        written = _written(report, flavor)
        if written is not flavor:
            self.stdout.write("The network has no dropout: its training file is the portable one.")
        self.stdout.write(f"{out}: {self.style.SUCCESS('written')} ({written})")
        self._line("sha256", str(report.files[written]["sha256"]))
        return True

    def _write(self, path: Path, out: Path, flavor: Flavor) -> Report:
        """Write beside `out` first, so that it is never there by halves."""
        flavors = {flavor}
        if flavor is Flavor.TRAINING:
            flavors.add(Flavor.PORTABLE)
        parts = {f: out.with_name(f".{out.name}.{os.getpid()}.{f}") for f in flavors}
        try:
            with _usage_errors(), _bar(path) as progress:
                report = inspection.convert(path, parts, new_stem=out.stem, on_progress=progress)
            if report.accepted:
                part = parts[_written(report, flavor)]
                part.chmod(0o666 & ~_umask())
                part.replace(out)
            return report
        finally:
            for part in parts.values():
                part.unlink(missing_ok=True)

    # --- verify -------------------------------------------------------------------------------

    def _verify(self, options: dict[str, Any]) -> bool:
        fine = True
        expected = options["expect"]
        for path in options["files"]:
            report = self._examine(path)
            if report.refusal is not None:
                verdict = f"{self._refused(report)}. {report.refusal.message}"
            elif expected is not None and expected.lower() not in report.hashes.values():
                verdict = self.style.ERROR("another file") + f": no hash of it is {expected}"
            else:
                self.stdout.write(f"{path}: {self.style.SUCCESS('fine')} {report.hashes['sha256']}")
                continue
            fine = False
            self.stdout.write(f"{path}: {verdict}")
        return fine

    def _examine(self, path: Path) -> Report:
        with _usage_errors(), _bar(path) as progress:
            return inspection.inspect(path, on_progress=progress)


_BAR_FORMAT: Final = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}"
_VERSIONS: Final = {
    "uploaded": "this very file",
    "portable": "as HyperHub serves it",
    "training": "as HyperHub serves it for training",
    "safetensors": "as safetensors",
}
_BASES: Final = {
    "sd1": "Stable Diffusion 1.x",
    "sd2": "Stable Diffusion 2.x",
    "any": "Stable Diffusion 1.x and 2.x (self-attention only)",
}


def _network(report: Report) -> str:
    dims = " ".join(map(str, report.dims))
    base = _BASES.get(str(report.base_family), str(report.base_family))
    return f"for {base}; dims {dims}; {report.parameters:,} parameters in {report.dtype}"


def _layers(spec: Any) -> str:
    structure = ", ".join(f"{width:g}" for width in spec["layer_structure"])
    parts = [f"[{structure}]", spec["activation_func"] or "linear"]
    if spec["activate_output"]:
        parts.append("last layer activated")
    if spec["is_layer_norm"]:
        parts.append("layer norm")
    if spec["use_dropout"]:
        parts.append("dropout " + ", ".join(f"{p:g}" for p in spec["dropout_structure"]))
    return "; ".join(parts)


def _training(spec: Any) -> str:
    name, digest = spec["sd_checkpoint_name"], spec["sd_checkpoint"]
    base = f" on {name or 'an unnamed checkpoint'} ({digest})" if name or digest else ""
    return f"{spec['step']:,} steps{base}"


def _target(path: Path, to: Path) -> Path:
    """The file to write; its stem becomes the network's name, so it has to be one."""
    out = to / f"{path.stem}.pt" if to.is_dir() else to
    if not SAFE_STEM.fullmatch(out.stem) or out.stem == "None":
        raise CommandError(
            f"“{out.stem}” cannot be a network's name: use letters, digits, “_”, “.” and “-”.",
            returncode=USAGE,
        )
    if not out.parent.is_dir():
        raise CommandError(f"There is no folder {out.parent}.", returncode=USAGE)
    return out


def _flavor(out: Path, asked: str | None) -> Flavor:
    if out.suffix == ".pt":
        return Flavor(asked or Flavor.PORTABLE)
    if out.suffix != ".safetensors":
        raise CommandError(f"{out}: OUT ends in .pt or .safetensors.", returncode=USAGE)
    if asked is not None:
        raise CommandError("--flavor is for .pt files.", returncode=USAGE)
    return Flavor.SAFETENSORS


def _written(report: Report, asked: Flavor) -> Flavor:
    """What was written when `asked` was asked for: without dropout the portable file serves."""
    return asked if asked in report.files else Flavor.PORTABLE


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


@contextmanager
def _usage_errors() -> Iterator[None]:
    """A file that is not there or may not be read is the caller's mistake, not the file's."""
    try:
        yield
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise CommandError(f"{error.filename}: {why}.", returncode=USAGE) from error


@contextmanager
def _bar(path: Path) -> Iterator[Progress | None]:
    """A bar on the terminal, for files that take long enough to see one."""
    if not sys.stderr.isatty() or path.stat().st_size < BIG:
        yield None
        return
    with tqdm(desc=path.name, bar_format=_BAR_FORMAT, leave=False) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield show
