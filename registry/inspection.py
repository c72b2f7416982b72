"""Examine an uploaded hypernetwork, and convert it, in the sandbox: the only way that the hub does.

Everything above (ingest, the command line) gets a `Report`; for a file that is refused, and for a
process that came to a bad end, the report says why.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Final

from registry.abnormal_ends import Garbled
from registry.formats.flavors import Flavor
from registry.formats.report import Process, Report
from registry.sandbox import Outcome, Progress, Sandbox

_sandbox: Final = Sandbox("registry.formats.jobs")


def inspect(
    path: Path,
    *,
    stem: str | None = None,
    suffix: str | None = None,
    on_progress: Progress | None = None,
    sandbox: Sandbox = _sandbox,
) -> Report:
    """Read, check and hash the file; `stem` and `suffix` are its name where the path's is not.

    Raises OSError when the file cannot be opened.
    """
    outcome = sandbox.run(
        "examine",
        parameters=_names(path, stem, suffix, None),
        sources={"file": path},
        on_progress=on_progress,
    )
    return _report(outcome)


def convert(
    path: Path,
    outputs: dict[Flavor, Path],
    *,
    stem: str | None = None,
    suffix: str | None = None,
    new_stem: str | None = None,
    on_progress: Progress | None = None,
    sandbox: Sandbox = _sandbox,
) -> Report:
    """Inspect the file and write the flavours asked for, under the name `new_stem`.

    Each output is created, and removed again when the file is refused; the training one also where
    it would be the portable one. `report.files` has those that were written. Raises OSError when
    the file cannot be opened or an output exists.
    """
    outcome = sandbox.run(
        "examine",
        parameters=_names(path, stem, suffix, new_stem),
        sources={"file": path},
        outputs={flavor.value: target for flavor, target in outputs.items()},
        on_progress=on_progress,
    )
    report = _report(outcome)
    _remove(target for flavor, target in outputs.items() if flavor not in report.files)
    return report


def _names(
    path: Path, stem: str | None, suffix: str | None, new_stem: str | None
) -> dict[str, str]:
    stem = path.stem if stem is None else stem
    return {
        "stem": stem,
        "suffix": path.suffix if suffix is None else suffix,
        "new_stem": stem if new_stem is None else new_stem,
    }


def _report(outcome: Outcome) -> Report:
    process = Process(outcome.confinement, outcome.cpu_seconds, outcome.peak_rss)
    if outcome.refusal is not None:
        return Report(findings=(outcome.refusal,), process=process)
    try:
        return replace(Report.from_dict(outcome.value), process=process)
    except (KeyError, TypeError, ValueError, AttributeError):
        garbled = Garbled(reason="its report has no shape")
        return Report(findings=(garbled.finding(),), process=process)


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
