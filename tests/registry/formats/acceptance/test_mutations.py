"""Whatever is done to a file, it is refused in words or means to us what it means to torch.

HYPERHUB_MUTATIONS sets how many single-byte mutations are tried: 2,000 unless told.
"""

import io
import os
from collections.abc import Sequence

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.formats.errors import Refusal
from registry.formats.reader import read
from registry.formats.writer import write_portable, write_safetensors
from tests.registry.formats.acceptance import fixtures
from tests.registry.formats.acceptance.mutations import STRUCTURED, Edit, network_files
from tests.registry.formats.acceptance.oracle import assert_read_as_others_read_it, verdict

pytestmark = pytest.mark.slow

MUTATIONS = int(os.environ.get("HYPERHUB_MUTATIONS", "2000"))
SMALL = "gelu_not_in_comfy.pt"


def thorough(examples: int) -> settings:
    return settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )


def saved_by_todays_torch() -> bytes:
    stored = torch.load(fixtures.path(SMALL), weights_only=True)
    out = io.BytesIO()
    torch.save(stored, out)
    return out.getvalue()


def our_portable() -> bytes:
    out = io.BytesIO()
    network = read(fixtures.path(SMALL), stem=fixtures.stem(SMALL)).hypernetwork
    write_portable(network, out, stem=fixtures.stem(SMALL))
    return out.getvalue()


def our_safetensors() -> bytes:
    out = io.BytesIO()
    network = read(fixtures.path(SMALL), stem=fixtures.stem(SMALL)).hypernetwork
    write_safetensors(network, out, stem=fixtures.stem(SMALL))
    return out.getvalue()


HONEST = network_files()
WITH_CHECKSUMS = {
    "built by hand": HONEST["torch-zip"],
    "A1111 in 2023": fixtures.path(SMALL).read_bytes(),
    "today's torch": saved_by_todays_torch(),
    "our portable file": our_portable(),
}
WITHOUT_CHECKSUMS = {
    "legacy stream": HONEST["legacy-stream"],
    "safetensors": HONEST["safetensors"],
    "our safetensors": our_safetensors(),
}
FILES = WITH_CHECKSUMS | WITHOUT_CHECKSUMS


def structural(file: bytes) -> list[int]:
    """Where the structure lies: the outer two kilobytes of each side, and each signature."""
    end = len(file)
    near = {*range(min(2_048, end)), *range(max(0, end - 2_048), end)}
    at = file.find(b"PK")
    while at >= 0:
        near |= set(range(at, min(at + 64, len(file))))
        at = file.find(b"PK", at + 1)
    return sorted(near)


PLACES = {name: structural(file) for name, file in FILES.items()}


def mutated(file: bytes, at: int, change: int) -> bytes:
    return file[:at] + bytes([file[at] ^ change]) + file[at + 1 :]


def somewhere(name: str) -> st.SearchStrategy[int]:
    """Half of the time in the structure, where a byte matters, half of the time anywhere."""
    return st.sampled_from(PLACES[name]) | st.integers(0, len(FILES[name]) - 1)


@pytest.mark.parametrize("name", WITH_CHECKSUMS)
def test_a_mutated_byte_is_refused_or_changes_nothing(name: str) -> None:
    file = FILES[name]
    original = read(file, stem="stem")

    @thorough(-(-MUTATIONS // len(WITH_CHECKSUMS)))
    @given(at=somewhere(name), change=st.integers(1, 255))
    def property_(at: int, change: int) -> None:
        said = assert_read_as_others_read_it(mutated(file, at, change))
        if not isinstance(said, Refusal):
            assert said.hypernetwork == original.hypernetwork
            assert said.container.stored == original.container.stored

    property_()


@pytest.mark.parametrize("name", WITHOUT_CHECKSUMS)
def test_a_mutated_byte_without_checksum_is_refused_or_read_as_others_read_it(name: str) -> None:
    """Nothing vouches for these bytes; what remains to be asked is that all readers agree."""

    @thorough(-(-MUTATIONS // len(WITHOUT_CHECKSUMS)))
    @given(at=somewhere(name), change=st.integers(1, 255))
    def property_(at: int, change: int) -> None:
        assert_read_as_others_read_it(mutated(FILES[name], at, change))

    property_()


@pytest.mark.parametrize("name", FILES)
def test_any_truncation_is_refused(name: str) -> None:
    file = FILES[name]

    @thorough(300)
    @given(length=st.integers(0, len(file) - 1) | st.integers(len(file) - 300, len(file) - 1))
    def property_(length: int) -> None:
        assert isinstance(verdict(file[:length]), Refusal)

    property_()


@pytest.mark.parametrize("name", FILES)
def test_anything_appended_is_refused(name: str) -> None:
    @thorough(100)
    @given(more=st.binary(min_size=1, max_size=200))
    def property_(more: bytes) -> None:
        assert isinstance(verdict(FILES[name] + more), Refusal)

    property_()


LEGACY_MAGIC = HONEST["legacy-stream"][:15]
STARTS = (b"", b"PK\x03\x04", b"\x80\x02", LEGACY_MAGIC, b"\x10" + bytes(7) + b"{")


@thorough(1_000)
@given(start=st.sampled_from(STARTS), rest=st.binary(max_size=2_000))
def test_arbitrary_bytes_are_refused_in_words(start: bytes, rest: bytes) -> None:
    assert isinstance(verdict(start + rest), Refusal)


numbers = st.integers(0, 2**24)
edits = st.lists(st.builds(Edit, numbers, numbers, numbers), min_size=1, max_size=3)


@pytest.mark.parametrize("what", STRUCTURED)
def test_edited_structures_with_checksums_repaired_mean_what_they_mean_to_torch(what: str) -> None:
    @thorough(MUTATIONS // 2)
    @given(edits=edits)
    def property_(edits: Sequence[Edit]) -> None:
        assert_read_as_others_read_it(STRUCTURED[what](edits))

    property_()
