"""What is known of a file after it was examined: the same for pages, the API and the terminal.

Made in the sandboxed child, sent as JSON, and read back here with every type checked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from registry.formats.errors import JSON, Finding, Severity
from registry.formats.flavors import Flavor

ACCEPTABLE = (Severity.INFO, Severity.WARNING)


@dataclass(frozen=True)
class Process:
    """The child that examined the file: what confined it and what it used.

    `confinement` lists what was in force: session, nobody, no-new-privs, limits, and seccomp or, on
    a kernel without it, no-network.
    """

    confinement: tuple[str, ...]
    cpu_seconds: float
    peak_rss: int  # bytes, the pages of the mapped file included


@dataclass(frozen=True)
class Report:
    """A file's facts; most are None when it was refused, and then a finding says why.

    `compatibility` has the matrix under "uploaded" and under each flavour that we serve; `hashes`
    those of the file itself, `files` those of each file that was written. `process` is known to
    the parent only, and no part of `from_dict`.
    """

    findings: tuple[Finding, ...]
    hashes: Mapping[str, str | int | None] = field(default_factory=dict)
    container: str | None = None
    spec: Mapping[str, JSON] | None = None
    dims: tuple[int, ...] = ()
    dtype: str | None = None
    parameters: int | None = None
    base_family: str | None = None
    epoch: str | None = None
    weights: Mapping[str, JSON] | None = None
    compatibility: Mapping[str, Sequence[Mapping[str, JSON]]] = field(default_factory=dict)
    files: Mapping[Flavor, Mapping[str, str | int | None]] = field(default_factory=dict)
    process: Process | None = None

    @property
    def refusal(self) -> Finding | None:
        """Why the file is not taken in; None when it is."""
        return next((f for f in self.findings if f.severity not in ACCEPTABLE), None)

    @property
    def accepted(self) -> bool:
        return self.refusal is None

    def as_dict(self) -> dict[str, Any]:
        """JSON, `accepted` first."""
        return {"accepted": self.accepted, **asdict(self)}

    @classmethod
    def from_dict(cls, words: Mapping[str, Any]) -> Report:
        """The report that `as_dict` gave. Raises ValueError, TypeError or KeyError for another."""
        report = cls(
            findings=tuple(_finding(item) for item in words["findings"]),
            hashes=_hashes(words["hashes"]),
            container=_optional(words["container"], str),
            spec=_optional(words["spec"], dict),
            dims=tuple(_exactly(dim, int) for dim in words["dims"]),
            dtype=_optional(words["dtype"], str),
            parameters=_optional(words["parameters"], int),
            base_family=_optional(words["base_family"], str),
            epoch=_optional(words["epoch"], str),
            weights=_optional(words["weights"], dict),
            compatibility={
                _exactly(key, str): tuple(_exactly(cell, dict) for cell in cells)
                for key, cells in words["compatibility"].items()
            },
            files={Flavor(key): _hashes(value) for key, value in words["files"].items()},
        )
        if report.accepted and (report.spec is None or "sha256" not in report.hashes):
            raise ValueError("an accepted file has a spec and hashes")
        return report


def _finding(words: Mapping[str, Any]) -> Finding:
    return Finding(
        rule=_exactly(words["rule"], str),
        severity=Severity(words["severity"]),
        message=_exactly(words["message"], str),
        data=_exactly(words["data"], dict),
    )


def _hashes(words: Mapping[str, Any]) -> dict[str, str | int | None]:
    for key, value in words.items():
        if not isinstance(value, str | int | None):
            raise TypeError(f"the hash {key} is {type(value).__name__}")
    return dict(words)


def _exactly(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise TypeError(f"{kind.__name__} expected, not {type(value).__name__}")
    return value


def _optional(value: Any, kind: type) -> Any:
    return None if value is None else _exactly(value, kind)
