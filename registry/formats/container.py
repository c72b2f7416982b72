"""Facts about the file around a network: what an app sees before it looks at a weight."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from registry.formats.errors import JSON


class Kind(StrEnum):
    """The three containers that a hypernetwork comes in."""

    TORCH_ZIP = "torch-zip"
    LEGACY_STREAM = "legacy-stream"
    SAFETENSORS = "safetensors"


@dataclass(frozen=True)
class Span:
    """Bytes of the file whose checksum has been computed."""

    offset: int
    length: int
    crc32: int


@dataclass(frozen=True)
class Container:
    """A file's packing, and its metadata exactly as stored.

    `root` is the folder inside a ZIP, and `members` its entries in order without that folder; both
    are empty for other kinds. `stored` holds A1111's keys before any default: a key that is absent
    is absent here, and a stored None stays None. `verified` lists the checksummed spans in order.
    """

    kind: Kind
    root: str = ""
    members: tuple[str, ...] = ()
    stored: Mapping[str, JSON] = field(default_factory=dict)
    verified: tuple[Span, ...] = ()
