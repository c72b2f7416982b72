"""Strict is not narrow: whatever some honest writer does, the reader takes, and reads the same."""

import zlib
from collections.abc import Callable
from dataclasses import replace

import pytest

from registry.formats.hypernetwork import Hypernetwork
from registry.formats.reader import read
from tests.registry.formats.hostile import opcodes as op
from tests.registry.formats.hostile.legacy import SYS_INFO, LegacyStream, pickled
from tests.registry.formats.hostile.network import DIM, Network, TensorRef, honest, state_dict
from tests.registry.formats.hostile.safetensors import SafeTensors
from tests.registry.formats.hostile.zips import Archive, Member, descriptor, members, torch_zip


def network_of(file: bytes) -> Hypernetwork:
    return read(file, stem="honest").hypernetwork


def each_tensor(**changes: object) -> Network:
    network = honest()
    for module in network.modules[DIM]:
        for key, tensor in module.items():
            assert isinstance(tensor, TensorRef)
            module[key] = replace(tensor, **changes)  # type: ignore[arg-type]
    return network


def each_member(change: Callable[[Member], None]) -> bytes:
    listed = members(honest())
    for member in listed:
        change(member)
    return Archive(listed).bytes()


def without_descriptors(member: Member) -> None:
    """As Python's zipfile stores: sizes and checksum in the local header, no padding."""
    member.flags = 0
    member.local_crc = zlib.crc32(member.data)
    member.local_csize = member.local_usize = len(member.data)
    member.local_extra = b""
    member.attributes = 0o100644 << 16


def with_wide_descriptors(member: Member) -> None:
    """As torch writes beyond 4 GiB, and other writers always."""
    member.descriptor = descriptor(zlib.crc32(member.data), *[len(member.data)] * 2, wide=True)


def backed_up_by_windows(member: Member) -> None:
    member.attributes = 0x20


def through_the_memo() -> bytes:
    """Every string remembered, and repeated ones fetched, with long and short instructions."""
    network = honest()
    for index, key in enumerate(list(network.metadata)):
        value = network.metadata.pop(key)
        network.metadata[op.Raw(op.encode(key) + op.put(300 + index))] = value
    return torch_zip(network)


def of_lists() -> bytes:
    """As kohya's converter stores: a list of the two halves."""
    network = honest()
    network.metadata[DIM] = [op.Raw(state_dict(half)) for half in network.modules.pop(DIM)]
    return torch_zip(network)


def of_parameters() -> bytes:
    """As old exports of an nn.Module's parameters: _rebuild_parameter around each tensor."""
    network = honest()
    hooks = op.Raw(op.find("collections", "OrderedDict") + op.EMPTY_TUPLE + op.REDUCE)
    for module in network.modules[DIM]:
        for key, tensor in module.items():
            assert isinstance(tensor, TensorRef)
            arguments = op.tuple_of(op.Raw(tensor.program()), True, hooks)
            call = op.find("torch._utils", "_rebuild_parameter") + arguments + op.REDUCE
            module[key] = op.Raw(call)
    return torch_zip(network)


def in_any_order() -> bytes:
    listed = members(honest())
    return Archive([*reversed(listed[1:]), listed[0]]).bytes()


def with_todays_members() -> bytes:
    extra = [
        Member(b"archive/.format_version", b"1"),
        Member(b"archive/.storage_alignment", b"64"),
        Member(b"archive/byteorder", b"little"),
        Member(b"archive/.data/serialization_id", b"0636067347416183582400005811671530138113"),
    ]
    return Archive([*members(honest()), *extra]).bytes()


VARIANTS: dict[str, Callable[[], bytes]] = {
    "no zip64 records": lambda: Archive(members(honest()), zip64=False).bytes(),
    "another root": lambda: Archive(members(honest(), root="my network (v2)")).bytes(),
    "a root in Cyrillic": lambda: Archive(members(honest(), root="сеть")).bytes(),
    "sizes in the local headers": lambda: each_member(without_descriptors),
    "wide descriptors": lambda: each_member(with_wide_descriptors),
    "the archive bit of Windows": lambda: each_member(backed_up_by_windows),
    "members in any order": in_any_order,
    "the members of today's torch": with_todays_members,
    "saved on a GPU": lambda: torch_zip(each_tensor(device="cuda:0")),
    "saved while training": lambda: torch_zip(each_tensor(requires_grad=True)),
    "strings through the memo": through_the_memo,
    "a list of two halves": of_lists,
    "parameters": of_parameters,
    "legacy stream of a GPU": lambda: LegacyStream(each_tensor(device="cuda:1")).bytes(),
    "legacy stream of 64-bit longs": lambda: LegacyStream(
        honest(),
        sys_info=pickled({**SYS_INFO, "type_sizes": {"short": 2, "int": 4, "long": 8}}),
    ).bytes(),
    "safetensors": lambda: SafeTensors().bytes(),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_every_honest_variant_is_the_same_network(name: str) -> None:
    assert network_of(VARIANTS[name]()) == network_of(torch_zip(honest()))
