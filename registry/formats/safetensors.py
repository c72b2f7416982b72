"""safetensors: a length, a JSON header, and the tensors one after the other.

Our own layout names tensors `<dim>.<k|v>.linear.<i>.<weight|bias>` and keeps the settings as JSON
under `__metadata__["hypernetwork"]`. Converters that flatten a .pt leave `<dim>.<0|1>.…` and maybe
each setting as a text of its own; such a file is taken if nothing about it has to be guessed.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from registry.formats import near_miss
from registry.formats.errors import (
    ManyTensors,
    SafetensorsDuplicateKey,
    SafetensorsHeader,
    SafetensorsJson,
    SafetensorsKey,
    SafetensorsMetadata,
    SafetensorsOffsets,
    SafetensorsSize,
    TensorDType,
    shown,
)
from registry.formats.pickle_program import OrderedItems
from registry.formats.settings import KNOWN
from registry.formats.source import Source
from registry.formats.stored import (
    MAX_TENSORS,
    StorageRef,
    StoredTensor,
    check_nesting,
    check_shape,
    whole,
)
from registry.formats.tensor import DType

MAX_HEADER_BYTES: Final = 1 << 20
MAX_SIZE: Final = 1 << 64
_KEY: Final = re.compile(
    r"(?P<dim>[1-9]\d{0,5})\.(?P<half>[kv01])\.(?P<key>linear(1|2|\.(0|[1-9]\d{0,3}))\.(weight|bias))",
    re.ASCII,
)


_TEXTS: Final = {
    "name", "sd_checkpoint", "sd_checkpoint_name", "activation_func", "weight_initialization",
    "optional_info",
}  # fmt: skip
_PYTHON_WORDS: Final = {"True": True, "False": False, "None": None}


@dataclass(frozen=True)
class Header:
    """A checked header: tensors by name, where each begins in the file, and `__metadata__`."""

    tensors: Mapping[str, StoredTensor]
    starts: Mapping[str, int]
    metadata: Mapping[str, str]


def looks_like_safetensors(start: bytes) -> bool:
    """Whether a file begins with the length of a header and then a brace."""
    return start[8:9] == b"{" and int.from_bytes(start[:8], "little") < 1 << 32


def read_header(source: Source) -> Header:
    """Check the header, and that the tensors fill the rest of the file without a hole."""
    length = int.from_bytes(source.view(0, 8), "little")
    limit = min(MAX_HEADER_BYTES, source.size - 8)
    if not 2 <= length <= limit:
        raise SafetensorsHeader(found=length, limit=limit)
    entries = _parsed(bytes(source.view(8, length)))
    metadata = _only_texts(entries.pop("__metadata__", {}))
    if not any(_KEY.fullmatch(name) for name in entries):
        near_miss.refuse_contents({*entries, *metadata, *metadata.values()})
    if len(entries) > MAX_TENSORS:
        raise ManyTensors(limit=MAX_TENSORS)
    described = {name: _described(name, entry) for name, entry in entries.items()}
    tensors = {name: tensor for name, (tensor, _) in described.items()}
    at = 0
    for name, (tensor, span) in sorted(described.items(), key=lambda item: item[1][1]):
        expected = (at, at + tensor.nbytes)
        if span != expected:
            raise SafetensorsOffsets(tensor=name, found=span, expected=expected)
        at += tensor.nbytes
    begin = 8 + length
    if source.size != begin + at:
        raise SafetensorsSize(found=source.size, expected=begin + at)
    starts = {name: begin + span[0] for name, (_, span) in described.items()}
    return Header(tensors, starts, metadata)


def tree_of(header: Header) -> dict[str | int, Any]:
    """Return the tree that a pickle of the same network would describe, without its settings."""
    tree: dict[str | int, Any] = {}
    for name, tensor in header.tensors.items():
        match = _KEY.fullmatch(name)
        if match is None:
            raise SafetensorsKey(key=name)
        halves = tree.setdefault(int(match["dim"]), (OrderedItems(), OrderedItems()))
        half = halves[match["half"] in "v1"]
        if match["key"] in half:
            raise SafetensorsKey(key=name)
        half[match["key"]] = tensor
    return tree


def settings_of(header: Header) -> dict[str, Any]:
    """Return the settings in the header: our JSON, or each one as a text, as converters do."""
    try:
        if "hypernetwork" in header.metadata:
            return _object(header.metadata["hypernetwork"])
        settings = {key: text for key, text in header.metadata.items() if key in KNOWN}
        return {key: _setting(key, text) for key, text in settings.items()}
    except SafetensorsJson as error:
        raise SafetensorsMetadata(reason=error.reason) from error


def _setting(key: str, text: str) -> Any:
    """Return the value that a converter turned into text, by str() or as JSON."""
    if text in _PYTHON_WORDS:
        return _PYTHON_WORDS[text]
    if key in _TEXTS:
        return text
    return _loaded(text)


def _described(name: str, entry: Any) -> tuple[StoredTensor, tuple[int, int]]:
    """Return a tensor and the span of its data, as the header has them."""
    match entry:
        case {
            "dtype": str() as dtype_name,
            "shape": list() as shape,
            "data_offsets": [int() as begin, int() as end],
        } if len(entry) == 3 and all(map(_is_size, (*shape, begin, end))):
            check_shape(name, tuple(shape))
        case _:
            raise SafetensorsJson(reason=f"“{shown(name, 60)}” is not described as a tensor")
    dtype = DType.of_safetensors(dtype_name)
    if dtype is None:
        raise TensorDType(tensor=name, found=dtype_name)
    return whole(StorageRef(dtype, name, math.prod(shape)), tuple(shape)), (begin, end)


def _is_size(value: Any) -> bool:
    """Whether a number fits where the format keeps it: 64 bits, so that sums of it can be told."""
    return type(value) is int and abs(value) < MAX_SIZE


def _only_texts(metadata: Any) -> dict[str, str]:
    if not isinstance(metadata, dict) or not all(type(text) is str for text in metadata.values()):
        raise SafetensorsJson(reason="__metadata__ is not a list of texts")
    return metadata


def _parsed(raw: bytes) -> dict[str, Any]:
    """Return the JSON object that fills the header; only spaces may follow it."""
    try:
        return _object(raw.decode("utf-8").rstrip(" "))
    except UnicodeDecodeError as error:
        raise SafetensorsJson(reason="it is not UTF-8") from error


def _object(text: str) -> dict[str, Any]:
    """Return the JSON object that fills a text."""
    value = _loaded(text)
    if not text.startswith("{") or not text.endswith("}") or not isinstance(value, dict):
        raise SafetensorsJson(reason="it is not a JSON object")
    return value


def _loaded(text: str) -> Any:
    """Return a JSON value whose keys are unique and whose numbers are numbers."""
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else "it is no plain JSON"
        raise SafetensorsJson(reason=reason) from error
    check_nesting(value)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    items: dict[str, Any] = {}
    for key, value in pairs:
        if key in items:
            raise SafetensorsDuplicateKey(key=key)
        items[key] = value
    return items


def _no_constant(name: str) -> NoReturn:
    raise SafetensorsJson(reason=f"{name} is no JSON number")
