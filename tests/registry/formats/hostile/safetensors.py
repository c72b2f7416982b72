"""safetensors written from its two parts: the header's text and the bytes behind it."""

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.registry.formats.hostile.network import DIM, METADATA, SHAPES, Network, honest


@dataclass
class SafeTensors:
    """Fields left None are written truthfully."""

    network: Network = field(default_factory=honest)
    metadata: Mapping[str, Any] | None = None
    entries: dict[str, dict[str, Any]] = field(default_factory=dict)
    header: bytes | None = None
    header_length: int | None = None
    data: bytes | None = None
    suffix: bytes = b""

    def __post_init__(self) -> None:
        at = 0
        names = list(self.network.storages)
        for side, letter in enumerate("kv"):
            for index, (key, shape) in enumerate(SHAPES.items()):
                size = len(self.network.storages[names[side * len(SHAPES) + index]])
                self.entries[f"{DIM}.{letter}.{key}"] = {
                    "dtype": "F32",
                    "shape": list(shape),
                    "data_offsets": [at, at + size],
                }
                at += size

    def header_object(self) -> dict[str, Any]:
        metadata = self.metadata
        if metadata is None:
            metadata = {"format": "pt", "hypernetwork": json.dumps(dict(METADATA))}
        return {"__metadata__": metadata, **self.entries}

    def header_text(self) -> bytes:
        written = json.dumps(self.header_object(), separators=(",", ":")).encode()
        return written + b" " * (-len(written) % 8)

    def bytes(self) -> bytes:
        header = self.header_text() if self.header is None else self.header
        data = b"".join(self.network.storages.values()) if self.data is None else self.data
        length = len(header) if self.header_length is None else self.header_length
        return struct.pack("<Q", length) + header + data + self.suffix
