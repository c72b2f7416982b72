"""torch's legacy stream: five pickles and the storages, each part replaceable."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from tests.registry.formats.hostile import opcodes as op
from tests.registry.formats.hostile.network import Network

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
SYS_INFO = {
    "protocol_version": PROTOCOL,
    "little_endian": True,
    "type_sizes": {"short": 2, "int": 4, "long": 4},
}


def pickled(value: object) -> bytes:
    return op.PROTO_2 + op.encode(value) + op.STOP


@dataclass
class LegacyStream:
    network: Network
    magic: bytes = op.PROTO_2 + op.long1(MAGIC) + op.STOP
    protocol: bytes = pickled(PROTOCOL)
    sys_info: bytes = pickled(SYS_INFO)
    program: bytes | None = None
    keys: Sequence[object] | None = None
    key_list: bytes | None = None
    storages: Sequence[bytes] | None = None
    suffix: bytes = b""

    def bytes(self) -> bytes:
        program = self.network.program(legacy=True) if self.program is None else self.program
        names = sorted(self.network.storages)
        keys = list(names) if self.keys is None else list(self.keys)
        key_list = pickled(keys) if self.key_list is None else self.key_list
        storages = self.storages
        if storages is None:
            storages = [storage(self.network.storages[name]) for name in names]
        head = self.magic + self.protocol + self.sys_info + program + key_list
        return head + b"".join(storages) + self.suffix


def storage(data: bytes, *, elements: int | None = None) -> bytes:
    """A storage: its number of fp32 elements, then the raw bytes."""
    return struct.pack("<q", len(data) // 4 if elements is None else elements) + data
