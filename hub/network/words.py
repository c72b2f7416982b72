"""A version's facts in plain words: where it works, what it is made of, what the check said."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from registry.formats.compatibility import SENTENCES, App, Verdict
from registry.models import CommercialUse, File, Network, Version
from registry.opinions import Says

VERDICTS: Final[Mapping[str, str | Promise]] = {
    Verdict.WORKS: gettext_lazy("works"),
    Verdict.PARTLY: gettext_lazy("partly"),
    Verdict.WRONG: gettext_lazy("wrong result"),
    Verdict.RANDOM: gettext_lazy("random result"),
    Verdict.NO_EFFECT: gettext_lazy("no effect"),
    Verdict.NOT_LISTED: gettext_lazy("not listed"),
    Verdict.REFUSED: gettext_lazy("refused"),
    Verdict.UNSUPPORTED: gettext_lazy("not supported"),
}
_LEVELS: Final = {Verdict.WORKS: "good", Verdict.PARTLY: "warn"}


@dataclass(frozen=True)
class Program:
    """What it does with the file as we serve it; `uploaded` says where the original differed."""

    name: str
    verdict: str
    level: str
    reason: str
    uploaded: str = ""

    @property
    def works(self) -> bool:
        return self.level == "good"


def programs_of(version: Version) -> list[Program]:
    """The matrix of the portable file; empty for a version without a checked one."""
    before = {
        cell.get("app"): cell
        for cell in version.facts.get("compatibility_of", {}).get("uploaded", ())
    }
    return [
        Program(
            str(cell["app"]),
            str(VERDICTS.get(cell["verdict"], cell["verdict"])),
            _LEVELS.get(Verdict(cell["verdict"]), "bad"),
            _reason(cell),
            _as_uploaded(cell, before.get(cell["app"])),
        )
        for cell in version.facts.get("compatibility", ())
    ]


def works_in(programs: list[Program]) -> str:
    """Those it works in, in a line: "A1111, ComfyUI"."""
    families = {App.A1111_OLD: "A1111", App.A1111: "A1111"}
    names = [families.get(each.name, each.name) for each in programs if each.works]  # type: ignore[call-overload]
    return ", ".join(dict.fromkeys(names))


def _reason(cell: Mapping[str, Any]) -> str:
    sentence = SENTENCES.get(str(cell.get("rule")))
    if sentence is None:  # of a rule that is no more
        return str(cell.get("reason", ""))
    return _(sentence).format(**cell.get("data", {}))


def _as_uploaded(cell: Mapping[str, Any], before: Mapping[str, Any] | None) -> str:
    if before is None or before.get("verdict") == cell["verdict"]:
        return ""
    words = {"verdict": VERDICTS.get(before["verdict"], ""), "reason": _reason(before)}
    return _("The file as it was uploaded: %(verdict)s. %(reason)s") % words


# --- What it is made of ---------------------------------------------------------------------------


def facts_of(version: Version) -> list[tuple[str, str]]:
    """Names and values, in reading order; what is not known is left out."""
    return [(name, value) for name, value in _facts(version) if value]


def _facts(version: Version) -> Iterator[tuple[str, str]]:
    if not version.weights_hash:
        return
    yield _("Layers"), " · ".join(f"{width:g}" for width in version.layer_structure)
    yield _("Activation"), version.activation or "linear"
    yield _("Layer norm"), _("yes") if version.is_layer_norm else _("no")
    yield _("Dropout"), _dropout(version)
    yield _("Widths"), ", ".join(str(dim) for dim in version.dims)
    yield _("Parameters"), f"{version.parameters:,}, {version.dtype}"
    yield _("Steps"), f"{version.step:,}" if version.step else ""
    yield _("Trained on"), _trained_on(version)
    yield _("Weights"), version.weights_hash[:10]


def _dropout(version: Version) -> str:
    used = [f"{each:g}" for each in version.dropout_structure]
    if not any(version.dropout_structure):
        return _("none")
    return _("%(rates)s while training; off in the portable file") % {"rates": " · ".join(used)}


def _trained_on(version: Version) -> str:
    name, short = version.trained_on_name, version.trained_on_hash
    return f"{name} ({short})" if name and short else name or short


# --- Permissions ----------------------------------------------------------------------------------


def permissions_of(network: Network) -> list[tuple[bool, str]]:
    """Each with whether it is allowed."""
    earning = {
        CommercialUse.IMAGE: _("Sell pictures made with it"),
        CommercialUse.RENT: _("Run it on a paid service"),
        CommercialUse.SELL: _("Sell it, or merges of it"),
    }
    return [
        (network.allow_no_credit, _("Use it without naming its creator")),
        (network.allow_derivatives, _("Merge it and train it further")),
        (network.allow_different_licence, _("Share what you made of it under another licence")),
        *((use in network.allow_commercial_use, words) for use, words in earning.items()),
    ]


# --- The check ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scan:
    """`level` of the whole: good, or warn where something is to be read."""

    level: str
    summary: str
    findings: list[str]
    opinions: list[tuple[str, str]]


CONTAINERS: Final[Mapping[str, str | Promise]] = {
    "torch-zip": gettext_lazy("a PyTorch file"),
    "legacy-stream": gettext_lazy("a PyTorch file of the old kind"),
    "safetensors": gettext_lazy("a safetensors file"),
}
_OPINION_LEVELS: Final = {Says.CLEAN: "good", Says.INFECTED: "bad", Says.ERROR: "warn"}


def scan_of(version: Version) -> Scan | None:
    """What we and others found in the upload; None where nothing was checked yet."""
    original = getattr(version, "original", None)
    if original is None:
        return None
    findings = list(original.findings.all())
    opinions = [
        (_OPINION_LEVELS.get(said.get("verdict", ""), "none"), str(said.get("message", "")))
        for said in original.opinions
    ]
    warned = any(each.severity == "warning" for each in findings)
    doubted = any(level == "bad" for level, said in opinions)
    count = len(findings)
    remarks = ngettext("%(count)d remark", "%(count)d remarks", count) % {"count": count}
    summary = _("Checked by us: %(remarks)s") % {"remarks": remarks if count else _("no remarks")}
    return Scan(
        "warn" if warned or doubted else "good",
        summary,
        [each.message for each in findings],
        opinions or [("none", _("Not scanned by others."))],
    )


def container_of(version: Version) -> str:
    original = getattr(version, "original", None)
    return str(CONTAINERS.get(original.container, original.container)) if original else ""


# --- Files ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Download:
    file: File
    address: str
    title: str
    about: str


def downloads_of(version: Version) -> list[Download]:
    """What can be fetched, the file that most people want first."""
    base = address_of(version)
    return [
        Download(
            file,
            base
            if file.is_primary
            else f"{base}?type=Model&format={file.format}&flavor={file.flavour}",
            *_about(file),
        )
        for file in version.files.all()
        if file.blob_id is not None
    ]


def address_of(version: Version) -> str:
    """Where the API serves its primary file."""
    return f"/api/download/models/{version.pk}"


def _about(file: File) -> tuple[str, str]:
    if file.flavour == File.Flavour.TRAINING:
        return _(".pt for training"), _("Keeps the dropout, for training on in A1111.")
    if file.format == File.Format.SAFETENSORS:
        return ".safetensors", _("For programs of your own: A1111 does not list it.")
    return ".pt", _("For A1111 and ComfyUI: the one to take.")
