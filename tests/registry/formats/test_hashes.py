"""Hashes: each as its own definition says, in one pass, however the bytes arrive."""

from __future__ import annotations

import hashlib
import random
import struct
import zlib
from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

import numpy as np
import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st

from registry.formats.container import Span
from registry.formats.hashes import Hasher, combine_crc32, crc32_of, hash_bytes, weights_hash
from registry.formats.hypernetwork import HypernetworkSpec
from registry.formats.tensor import DType
from tests.registry.formats.networks import network, tensor

MIB = 1 << 20


def content(size: int) -> bytes:
    return random.Random(size).randbytes(size)  # noqa: S311  # not for secrets


@pytest.mark.parametrize("size", [0, 1, 9, MIB + 7, 2 * MIB - 1, 2 * MIB, 3 * MIB + 5])
def test_each_hash_is_what_its_definition_says(size: int) -> None:
    data = content(size)
    sha256 = hashlib.sha256(data).hexdigest()
    window = hashlib.sha256(data[0x100000:0x110000]).hexdigest()[:8]
    assert hash_bytes(data).as_dict() == {
        "size": size,
        "sha256": sha256,
        "autov1": window if size >= 2 * MIB else None,
        "autov2": sha256[:10],
        "autov3": None,
        "crc32": f"{zlib.crc32(data):08x}",
        "blake3": blake3(data).hexdigest(),
    }


def test_autov3_is_over_what_follows_the_safetensors_header() -> None:
    header, weights = b'{"__metadata__":{}}', content(MIB)
    hashes = hash_bytes(struct.pack("<Q", len(header)) + header + weights)
    assert hashes.autov3 == hashlib.sha256(weights).hexdigest()[:12]


def test_a_safetensors_header_that_is_cut_off_gives_no_autov3() -> None:
    assert hash_bytes(struct.pack("<Q", 1000) + b'{"__metadata__"').autov3 is None


@given(cuts=st.lists(st.integers(0, 2 * MIB), max_size=6))
def test_pieces_of_any_size_give_the_same_hashes(cuts: list[int]) -> None:
    header = b'{"__metadata__":{}}'
    data = struct.pack("<Q", len(header)) + header + content(2 * MIB)
    hasher = Hasher()
    edges = [0, *sorted(cuts), len(data)]
    for start, end in zip(edges, edges[1:], strict=False):
        hasher.update(data[start:end])
    assert hasher.hashes() == hash_bytes(data)


@given(first=st.binary(), second=st.binary())
def test_the_crc_of_a_whole_follows_from_those_of_its_parts(first: bytes, second: bytes) -> None:
    combined = combine_crc32(zlib.crc32(first), zlib.crc32(second), len(second))
    assert combined == zlib.crc32(first + second)


def test_spans_that_a_reader_has_verified_are_trusted_for_the_crc() -> None:
    data = content(MIB)
    true = Span(offset=1000, length=5000, crc32=zlib.crc32(data[1000:6000]))
    assert crc32_of(data, verified=(true,)) == crc32_of(data) == zlib.crc32(data)
    false = replace(true, crc32=true.crc32 ^ 1)
    assert crc32_of(data, verified=(false,)) != zlib.crc32(data)


def test_a_crc_that_is_known_is_not_computed() -> None:
    assert hash_bytes(content(MIB), crc32=0x1234).crc32 == "00001234"


def test_progress_adds_up_to_the_size() -> None:
    amounts: list[int] = []
    hash_bytes(content(3 * MIB), progress=amounts.append)
    assert sum(amounts) == 3 * MIB
    assert len(amounts) > 1


# --- the weights hash -------------------------------------------------------------------------

K = TypeVar("K")
V = TypeVar("V")


def backwards(mapping: Mapping[K, V]) -> dict[K, V]:
    """The same entries, last first."""
    return dict(reversed(list(mapping.items())))


SPEC = HypernetworkSpec("a", layer_structure=(1, 2, 2, 1), activation_func="relu")


def test_the_weights_hash_ignores_dropout_gaps_order_and_metadata() -> None:
    plain = network(SPEC)
    dropped = network(replace(SPEC, name="b", step=9, dropout_structure=(0, 0.3, 0.3, 0)))
    assert list(plain.modules[64][0]) != list(dropped.modules[64][0])
    assert weights_hash(dropped) == weights_hash(plain)
    reordered = {
        dim: (backwards(k), backwards(v)) for dim, (k, v) in backwards(plain.modules).items()
    }
    assert weights_hash(replace(plain, modules=reordered)) == weights_hash(plain)


def test_one_changed_weight_changes_the_weights_hash() -> None:
    original = network(SPEC)
    k, v = original.modules[64]
    key = "linear.0.bias"
    changed = k[key].float32().copy()
    changed[0] = np.nextafter(changed[0], np.float32(1))
    modules = {**original.modules, 64: ({**k, key: tensor(changed)}, v)}
    assert weights_hash(replace(original, modules=modules)) != weights_hash(original)


def test_k_and_v_in_each_others_place_are_another_network() -> None:
    original = network(SPEC)
    swapped = {dim: (v, k) for dim, (k, v) in original.modules.items()}
    assert weights_hash(replace(original, modules=swapped)) != weights_hash(original)


def test_a_half_precision_copy_has_other_weights() -> None:
    assert weights_hash(network(SPEC, dtype=DType.FP16)) != weights_hash(network(SPEC))


def test_layers_are_ordered_by_number_not_by_text() -> None:
    spec = HypernetworkSpec("a", layer_structure=(1,) * 13)
    original = network(spec, dims=(4,))
    k, v = original.modules[4]
    as_text = (dict(sorted(k.items())), dict(sorted(v.items())))
    assert list(as_text[0]) != list(k)
    assert weights_hash(replace(original, modules={4: as_text})) == weights_hash(original)
