"""A ZIP written field by field: every header may disagree with every other."""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from tests.registry.formats.hostile.network import Network

UTF8_AND_DESCRIPTOR = 0x0808


@dataclass
class Member:
    """One member. Fields left None are written truthfully."""

    name: bytes
    data: bytes
    method: int = 0
    flags: int = UTF8_AND_DESCRIPTOR
    usize: int | None = None
    csize: int | None = None
    crc: int | None = None
    offset: int | None = None
    central_extra: bytes = b""
    comment: bytes = b""
    disk: int = 0
    attributes: int = 0
    version_needed: int = 0
    local_name: bytes | None = None
    local_method: int | None = None
    local_flags: int | None = None
    local_csize: int = 0
    local_usize: int = 0
    local_crc: int = 0
    local_extra: bytes | None = None
    local_signature: bytes = b"PK\x03\x04"
    descriptor: bytes | None = None
    gap_after: bytes = b""
    listed: bool = True
    written: bool = True

    @property
    def true_crc(self) -> int:
        return zlib.crc32(self.data) if self.crc is None else self.crc

    def _sizes(self) -> tuple[int, int]:
        stored = len(self.data)
        return (
            stored if self.csize is None else self.csize,
            stored if self.usize is None else self.usize,
        )

    def local(self, at: int) -> bytes:
        name = self.name if self.local_name is None else self.local_name
        extra = padding(at + 30 + len(name)) if self.local_extra is None else self.local_extra
        header = self.local_signature + struct.pack(
            "<HHHHHIIIHH",
            self.version_needed,
            self.flags if self.local_flags is None else self.local_flags,
            self.method if self.local_method is None else self.local_method,
            0,
            0,
            self.local_crc,
            self.local_csize,
            self.local_usize,
            len(name),
            len(extra),
        )
        return header + name + extra + self.data + self._descriptor() + self.gap_after

    def _descriptor(self) -> bytes:
        if self.descriptor is not None:
            return self.descriptor
        if not self.flags & 0x0008:
            return b""
        return descriptor(self.true_crc, *self._sizes())

    def central(self, at: int) -> bytes:
        csize, usize = self._sizes()
        header = b"PK\x01\x02" + struct.pack(
            "<HHHHHHIIIHHHHHII",
            0,
            self.version_needed,
            self.flags,
            self.method,
            0,
            0,
            self.true_crc,
            csize,
            usize,
            len(self.name),
            len(self.central_extra),
            len(self.comment),
            self.disk,
            0,
            self.attributes,
            at if self.offset is None else self.offset,
        )
        return header + self.name + self.central_extra + self.comment


def descriptor(crc: int, csize: int, usize: int, *, wide: bool = False) -> bytes:
    return b"PK\x07\x08" + struct.pack("<IQQ" if wide else "<III", crc, csize, usize)


def padding(payload_at: int) -> bytes:
    """torch's `FB` extra field: pads so that the data starts on 64 bytes."""
    fill = -(payload_at + 4) % 64
    return b"FB" + struct.pack("<H", fill) + b"Z" * fill


def zip64_end(count: int, size: int, offset: int) -> bytes:
    fields = (44, 0x031E, 45, 0, 0, count, count, size, offset)
    return b"PK\x06\x06" + struct.pack("<QHHIIQQQQ", *fields)


def zip64_locator(at: int, *, disks: int = 1) -> bytes:
    return b"PK\x06\x07" + struct.pack("<IQI", 0, at, disks)


def end_record(count: int, size: int, offset: int, *, comment_length: int = 0) -> bytes:
    return b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, count, count, size, offset, comment_length)


@dataclass
class Archive:
    """A whole file. Fields left None are written truthfully."""

    members: Sequence[Member]
    prefix: bytes = b""
    before_directory: bytes = b""
    after_directory: bytes = b""
    zip64: bool = True
    zip64_end: bytes | None = None
    zip64_locator: bytes | None = None
    count: int | None = None
    directory_size: int | None = None
    directory_offset: int | None = None
    comment: bytes = b""
    comment_length: int | None = None
    suffix: bytes = b""
    counts_prefix: bool = True

    def bytes(self) -> bytes:
        body = bytearray(self.prefix)
        shift = 0 if self.counts_prefix else len(self.prefix)
        listed: list[tuple[Member, int]] = []
        for member in self.members:
            at = len(body)
            if member.written:
                body += member.local(at)
            if member.listed:
                listed.append((member, at - shift))
        body += self.before_directory
        start = len(body) - shift
        directory = b"".join(member.central(at) for member, at in listed)
        body += directory + self.after_directory
        count = len(listed) if self.count is None else self.count
        size = len(directory) if self.directory_size is None else self.directory_size
        offset = start if self.directory_offset is None else self.directory_offset
        if self.zip64:
            at = len(body) - shift
            real = (len(listed), len(directory), start)
            body += zip64_end(*real) if self.zip64_end is None else self.zip64_end
            body += zip64_locator(at) if self.zip64_locator is None else self.zip64_locator
        length = len(self.comment) if self.comment_length is None else self.comment_length
        body += end_record(count, size, offset, comment_length=length)
        return bytes(body + self.comment + self.suffix)


def members(
    network: Network, *, root: str = "archive", program: bytes | None = None
) -> list[Member]:
    """What torch.save writes for a network, in torch's order."""
    data = network.program() if program is None else program
    names = sorted(network.storages)
    return [
        Member(f"{root}/data.pkl".encode(), data),
        *(Member(f"{root}/data/{n}".encode(), network.storages[n]) for n in names),
        Member(f"{root}/version".encode(), b"3\n"),
    ]


def torch_zip(network: Network, *, program: bytes | None = None) -> bytes:
    return Archive(members(network, program=program)).bytes()
