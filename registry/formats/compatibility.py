"""Which program does what with a file: one cell per program, with the reason.

Computed from what each program's own loader looks at (section 5 of the format specification): the
file's name, its container, and the settings as they are stored, before any default. Nothing here
loads a weight, so a page can compute it from the catalogue's rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from registry.formats.container import Container, Kind
from registry.formats.errors import JSON, _, plain
from registry.formats.flavors import Flavor, portable_spec, training_spec
from registry.formats.hypernetwork import HypernetworkSpec


class App(StrEnum):
    A1111_OLD = "A1111 ≤1.9"
    A1111 = "A1111 ≥1.10"
    FORGE = "Forge"
    COMFYUI = "ComfyUI"
    SDNEXT = "SD.Next"
    DIFFUSERS = "diffusers"

    @property
    def slug(self) -> str:
        """The same in addresses and filters: "a1111-old"."""
        return self.name.lower().replace("_", "-")


class Verdict(StrEnum):
    WORKS = "works"
    PARTLY = "partly"
    WRONG = "wrong result"
    RANDOM = "random result"
    NO_EFFECT = "no effect"
    NOT_LISTED = "not listed"
    REFUSED = "refused"
    UNSUPPORTED = "unsupported"


# One sentence per rule, so that a page can translate it and fill it with the cell's data.
SENTENCES: Final[Mapping[str, str]] = {
    "works": _("Loads it and applies it as it was trained."),
    "a1111-reloaded": _(
        "Works. The name inside (“{name}”) is not the file's, so it is read from disk again for "
        "every picture."
    ),
    "a1111-name": _(
        "Works only in versions that ignore the case of “{activation}”; others refuse to load it."
    ),
    "a1111-member": _(
        "Refused as unsafe: its list of allowed entries in a ZIP does not have “{member}”."
    ),
    "a1111-suffix": _("It shows files that end in .pt and no others."),
    "forge": _("Reads the prompt tag and loads the file, but never applies it."),
    "comfyui-activation": _(
        "Loads it and leaves the picture as it is: the activation “{activation}” is unknown there."
    ),
    "comfyui-activation-none": _(
        "Loads it and leaves the picture as it is: it does not take an activation stored as None."
    ),
    "comfyui-activate-output": _(
        "The file does not say whether the last layer has an activation, and its "
        "default is not A1111's."
    ),
    "comfyui-layer-norm": _(
        "With layer norm it always adds an activation after the last layer, which "
        "this network was trained without. No metadata can mend that."
    ),
    "comfyui-dropout": _("It leaves dropout switched on, so each picture differs."),
    "comfyui-safetensors": _("Loads it and does nothing: it knows the layout of .pt files only."),
    "sdnext": _("Has had no hypernetworks since July 2025."),
    "diffusers": _("Has no hypernetworks of its own."),
}


@dataclass(frozen=True, slots=True)
class Cell:
    """What one program does with one file; `rule` names the sentence, `data` fills it."""

    app: App
    verdict: Verdict
    rule: str
    data: Mapping[str, JSON] = field(default_factory=dict)

    @property
    def reason(self) -> str:
        """Why, in English."""
        return SENTENCES[self.rule].format(**self.data)

    def as_dict(self) -> dict[str, JSON]:
        return {
            "app": self.app,
            "verdict": self.verdict,
            "rule": self.rule,
            "reason": self.reason,
            "data": self.data,
        }


def uploaded(
    spec: HypernetworkSpec, container: Container, *, stem: str, suffix: str = ".pt"
) -> tuple[Cell, ...]:
    """The matrix of a file as it came, called `stem` + `suffix`; `spec` is what A1111 reads."""
    return tuple(_cells(_Facts(spec, container, stem, suffix)))


def served(spec: HypernetworkSpec, flavor: Flavor, *, stem: str) -> tuple[Cell, ...]:
    """The matrix of the file that we write from a network with this spec."""
    if flavor is Flavor.SAFETENSORS:
        container = Container(Kind.SAFETENSORS, stored=spec.as_dict())
        return uploaded(spec, container, stem=stem, suffix=".safetensors")
    form = portable_spec if flavor is Flavor.PORTABLE else training_spec
    written = form(spec, stem=stem)
    container = Container(
        Kind.TORCH_ZIP,
        root="archive",
        members=("data.pkl", "data/0", "version"),
        stored=written.as_dict(),
    )
    return uploaded(written, container, stem=stem)


@dataclass(frozen=True, slots=True)
class _Facts:
    spec: HypernetworkSpec
    container: Container
    stem: str
    suffix: str


def _cells(facts: _Facts) -> Iterator[Cell]:
    yield _a1111(App.A1111_OLD, facts, _MEMBERS_UNTIL_1_9)
    yield _a1111(App.A1111, facts, _MEMBERS_SINCE_1_10)
    yield Cell(App.FORGE, Verdict.NO_EFFECT, "forge")
    yield _comfyui(facts)
    yield Cell(App.SDNEXT, Verdict.UNSUPPORTED, "sdnext")
    yield Cell(App.DIFFUSERS, Verdict.UNSUPPORTED, "diffusers")


# --- A1111 ------------------------------------------------------------------------------------

_MEMBERS_UNTIL_1_9: Final = re.compile(r"^([^/]+)/((data/\d+)|version|(data\.pkl))$")
_MEMBERS_SINCE_1_10: Final = re.compile(
    r"^([^/]+)/((data/\d+)|version|byteorder|(\.data/serialization_id)|(data\.pkl))$"
)


def _a1111(app: App, facts: _Facts, allowed: re.Pattern[str]) -> Cell:
    if facts.container.kind is Kind.SAFETENSORS or facts.suffix != ".pt":
        return Cell(app, Verdict.NOT_LISTED, "a1111-suffix")
    for member in facts.container.members:
        if not allowed.match(f"{facts.container.root}/{member}"):
            return Cell(app, Verdict.REFUSED, "a1111-member", {"member": plain(member)})
    activation = facts.container.stored.get("activation_func")
    if isinstance(activation, str) and activation != activation.lower():
        return Cell(app, Verdict.PARTLY, "a1111-name", {"activation": plain(activation)})
    name = facts.container.stored.get("name", facts.stem)
    if name != facts.stem:
        return Cell(app, Verdict.WORKS, "a1111-reloaded", {"name": plain(name)})
    return Cell(app, Verdict.WORKS, "works")


# --- ComfyUI ----------------------------------------------------------------------------------

COMFYUI_ACTIVATIONS: Final = frozenset(
    ("linear", "relu", "leakyrelu", "elu", "swish", "tanh", "sigmoid", "softsign", "mish")
)


def _comfyui(facts: _Facts) -> Cell:
    if facts.container.kind is Kind.SAFETENSORS:
        return Cell(App.COMFYUI, Verdict.NO_EFFECT, "comfyui-safetensors")
    stored = facts.container.stored
    activation = stored.get("activation_func", "linear")
    if activation is None:
        return Cell(App.COMFYUI, Verdict.NO_EFFECT, "comfyui-activation-none")
    if activation not in COMFYUI_ACTIVATIONS:
        data = {"activation": plain(activation)}
        return Cell(App.COMFYUI, Verdict.NO_EFFECT, "comfyui-activation", data)
    built = _as_comfyui_builds(facts.spec, stored)
    if [module for module in built if module != "dropout"] != _as_a1111_builds(facts.spec):
        rule = "layer-norm" if facts.spec.is_layer_norm else "activate-output"
        return Cell(App.COMFYUI, Verdict.WRONG, f"comfyui-{rule}")
    if "dropout" in built:
        return Cell(App.COMFYUI, Verdict.RANDOM, "comfyui-dropout")
    return Cell(App.COMFYUI, Verdict.WORKS, "works")


def _as_a1111_builds(spec: HypernetworkSpec) -> list[str]:
    """The modules that do something at inference, in order."""
    return [layer.module for layer in spec.layout(1024) if layer.module != "dropout"]


def _as_comfyui_builds(spec: HypernetworkSpec, stored: Mapping[str, JSON]) -> list[str]:
    """The modules that its loader makes of the same weights.

    It walks over everything that has a weight, linear layers and norms alike, and calls the last
    of these the last layer: so with layer norm the last linear one never is. Its defaults are its
    own, and the place of a dropout is not read but derived.
    """
    activates = stored.get("activation_func", "linear") != "linear"
    per_layer = 2 if spec.is_layer_norm else 1
    with_weights = per_layer * (len(spec.layer_structure) - 1)
    modules = []
    for i in range(0, with_weights, per_layer):
        is_last, is_last_but_one = i == with_weights - 1, i == with_weights - 2
        modules.append("linear")
        if activates and (not is_last or stored.get("activate_output", False)):
            modules.append("activation")
        if spec.is_layer_norm:
            modules.append("layer_norm")
        inner = not is_last and (not is_last_but_one or stored.get("last_layer_dropout", False))
        if stored.get("use_dropout", False) and inner:
            modules.append("dropout")
    return modules
