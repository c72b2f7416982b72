"""A technique: one lie, the file that tells it, and the rule that must see through it."""

from collections.abc import Callable
from dataclasses import dataclass

from registry.formats.errors import Severity

MALFORMED, UNSUPPORTED, MALICIOUS = Severity.MALFORMED, Severity.UNSUPPORTED, Severity.MALICIOUS
Builder = Callable[[], bytes]


@dataclass(frozen=True)
class Technique:
    """`bypass` says who published it or what it fools; `names` is what the refusal must name."""

    name: str
    build: Builder
    rule: str
    severity: Severity
    bypass: str
    names: str | None = None


class Chapter:
    """The techniques of one module, in the order they are written."""

    def __init__(self) -> None:
        self.techniques: list[Technique] = []

    def add(
        self,
        name: str,
        build: Builder,
        rule: str,
        bypass: str,
        *,
        severity: Severity = MALFORMED,
        names: str | None = None,
    ) -> None:
        self.techniques.append(Technique(name, build, rule, severity, bypass, names))

    def lie(
        self, rule: str, bypass: str, *, severity: Severity = MALFORMED, names: str | None = None
    ) -> Callable[[Builder], Builder]:
        """Register the decorated builder under its own name, underscores as hyphens."""

        def register(build: Builder) -> Builder:
            name = build.__name__.replace("_", "-")
            self.add(name, build, rule, bypass, severity=severity, names=names)
            return build

        return register
