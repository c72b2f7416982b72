"""The settings beside the layers: which A1111 knows, what each may be, and what is left out."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from types import NoneType
from typing import Any, Final

from registry.formats.errors import (
    JSON,
    FieldValue,
    Finding,
    ImpossibleActivation,
    IsMonkeyPatch,
    LargeMetadata,
    Severity,
    UnknownActivation,
    UnknownTensors,
    plain,
    shown,
)
from registry.formats.hypernetwork import HypernetworkSpec

MAX_METADATA_BYTES: Final = 64 << 10
MAX_LAYERS: Final = 256
MAX_FACTOR: Final = 1024
MAX_NAMED: Final = 20

KNOWN: Final = frozenset(field.name for field in fields(HypernetworkSpec))

# Every class of torch.nn.modules.activation by its lower-case name, and two of A1111's own.
ACTIVATIONS: Final = frozenset({
    "linear", "swish", "relu", "rrelu", "hardtanh", "relu6", "sigmoid", "hardsigmoid", "tanh",
    "silu", "mish", "hardswish", "elu", "celu", "selu", "gelu", "hardshrink", "leakyrelu",
    "logsigmoid", "softplus", "softshrink", "prelu", "softsign", "tanhshrink", "softmin", "softmax",
    "softmax2d", "logsoftmax",
})  # fmt: skip
IMPOSSIBLE_ACTIVATIONS: Final = frozenset({"multiheadattention", "threshold", "glu"})

_UNTEXT: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_OTHER_FORWARD: Final = ("skip_connection", "upsample_linear")
_OPTIMIZER: Final = ("optimizer_name", "optimizer_state_dict")


@dataclass(frozen=True)
class Settings:
    """A file's settings: those of A1111 as stored, and remarks on the rest."""

    stored: Mapping[str, JSON]
    findings: tuple[Finding, ...]

    def spec(self, stem: str) -> HypernetworkSpec:
        """Return the settings with A1111's defaults for all that are absent."""
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in self.stored.items()
            if value is not None
        }
        if "activation_func" in values:
            values["activation_func"] = values["activation_func"].lower()
        return HypernetworkSpec(**{"name": stem, **values})


def read_settings(raw: Mapping[str, Any]) -> Settings:
    """Check every setting of a file, and drop what A1111 would not look at."""
    for key in _OTHER_FORWARD:
        if raw.get(key):
            raise IsMonkeyPatch(seen=key)
    known = {key: value for key, value in raw.items() if key in KNOWN}
    others = {key: value for key, value in raw.items() if key not in KNOWN}
    optimizer = [key for key in _OPTIMIZER if others.pop(key, None) is not None]
    _check_size({**known, **others})
    for key, value in known.items():
        expected, is_right = _RULES[key]
        if not is_right(value):
            kind = type(value).__name__
            raise FieldValue(key=key, found=_described(value), kind=kind, expected=expected)
    _check_rates(known)
    for key, value in others.items():
        if not _is_plain(value):
            raise UnknownTensors(key=key)
    _check_activation(known.get("activation_func"))
    stored = {key: list(value) if _is_list(value) else value for key, value in known.items()}
    settings = Settings(stored, (*_about_optimizer(optimizer), *_about_others(sorted(others))))
    return replace(settings, findings=(*settings.findings, *_about_dropout(settings)))


# What each setting may be


def _is_text_or_none(value: Any) -> bool:
    return value is None or (type(value) is str and not _UNTEXT.search(value))


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_bool(value: Any) -> bool:
    return type(value) is bool


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _is_numbers(value: Any) -> bool:
    return (
        _is_list(value)
        and 2 <= len(value) <= MAX_LAYERS
        and all(type(number) in (int, float) and math.isfinite(number) for number in value)
    )


def _is_structure(value: Any) -> bool:
    return (
        _is_numbers(value)
        and value[0] == value[-1] == 1
        and all(0 < factor <= MAX_FACTOR for factor in value)
    )


def _is_dropout(value: Any) -> bool:
    return value is None or (
        _is_numbers(value) and value[0] == value[-1] == 0 and all(0 <= rate < 1 for rate in value)
    )


_TEXT_OR_NONE = ("a text without control characters, or None", _is_text_or_none)
_BOOL = ("True or False", _is_bool)
_RULES: Final[Mapping[str, tuple[str, Callable[[Any], bool]]]] = {
    "name": _TEXT_OR_NONE,
    "step": ("a whole number from 0", _is_count),
    "sd_checkpoint": _TEXT_OR_NONE,
    "sd_checkpoint_name": _TEXT_OR_NONE,
    "layer_structure": ("a list of positive factors that begins and ends with 1", _is_structure),
    "activation_func": _TEXT_OR_NONE,
    "is_layer_norm": _BOOL,
    "weight_initialization": _TEXT_OR_NONE,
    "activate_output": _BOOL,
    "use_dropout": _BOOL,
    "last_layer_dropout": _BOOL,
    "dropout_structure": (
        "a list of rates from 0 to below 1 that begins and ends with 0, or None",
        _is_dropout,
    ),
    "optional_info": _TEXT_OR_NONE,
}


def _check_rates(known: Mapping[str, Any]) -> None:
    """Refuse dropout rates that are not one for each width."""
    rates = known.get("dropout_structure")
    widths = len(known.get("layer_structure", HypernetworkSpec.layer_structure))
    if rates is not None and len(rates) != widths:
        expected = f"a list of {widths} rates, one for each number of layer_structure"
        raise FieldValue(
            key="dropout_structure", found=plain(rates), kind="list", expected=expected
        )


def _check_activation(stored: str | None) -> None:
    """Refuse an activation function that A1111 has not, or that no network can use."""
    name = "linear" if stored is None else stored.lower()
    if name in IMPOSSIBLE_ACTIVATIONS:
        raise ImpossibleActivation(found=name)
    if name not in ACTIVATIONS:
        raise UnknownActivation(found=name)


def _check_size(settings: Mapping[str, Any]) -> None:
    """Count texts and numbers, shared ones each time, and stop counting when it is too much."""
    size, pending = 0, [settings]
    while pending:
        value: Any = pending.pop()
        if isinstance(value, Mapping):
            pending.extend(value)
            pending.extend(value.values())
        elif _is_list(value):
            pending.extend(value)
        else:
            size += len(value.encode("utf-8", "surrogatepass")) if isinstance(value, str) else 8
        if size > MAX_METADATA_BYTES:
            raise LargeMetadata(size=size, limit=MAX_METADATA_BYTES)


def _is_plain(value: Any) -> bool:
    """Whether a value is text, numbers, and lists of such: nothing that holds weights."""
    if isinstance(value, Mapping):
        return all(_is_plain(item) for item in value.values())
    if _is_list(value):
        return all(_is_plain(item) for item in value)
    return type(value) in (NoneType, bool, int, float, str)


def _described(value: Any) -> JSON:
    return plain(value) if _is_plain(value) else "an object"


# Remarks


def _about_optimizer(keys: list[str]) -> Iterator[Finding]:
    if keys:
        yield Finding(
            "dropped-optimizer",
            Severity.INFO,
            "The file also holds the state of its optimizer, which only training needs. "
            "It is left out of what we serve.",
            {"keys": keys},
        )


def _about_others(keys: list[str]) -> Iterator[Finding]:
    if keys:
        names = [shown(key, 40) for key in keys[:MAX_NAMED]]
        yield Finding(
            "dropped-settings",
            Severity.INFO,
            f"AUTOMATIC1111 does not know these settings; they are left out: {', '.join(names)}.",
            {"keys": names},
        )


def _about_dropout(settings: Settings) -> Iterator[Finding]:
    says = settings.stored.get("use_dropout")
    does = settings.spec("").use_dropout
    if says is not None and says != does:
        yield Finding(
            "dropout-contradiction",
            Severity.WARNING,
            f"The file says use_dropout = {says}, but its dropout structure says "
            f"{'otherwise' if does else 'that nothing is dropped'}. The structure counts.",
            {"use_dropout": bool(says), "dropout_structure": bool(does)},
        )
