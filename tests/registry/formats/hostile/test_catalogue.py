"""Every published way to smuggle something past a reader is refused, by the rule that is meant."""

import contextlib
import io
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry.formats.errors import Refusal, Severity
from registry.formats.reader import read, read_header
from tests.registry.formats.hostile.catalogue import TECHNIQUES
from tests.registry.formats.hostile.legacy import LegacyStream
from tests.registry.formats.hostile.network import DIM, honest
from tests.registry.formats.hostile.payload import MARKER
from tests.registry.formats.hostile.safetensors import SafeTensors
from tests.registry.formats.hostile.technique import Technique
from tests.registry.formats.hostile.zips import torch_zip

ASKED_FOR = 60
each_technique = pytest.mark.parametrize("technique", TECHNIQUES, ids=lambda t: t.name)


@pytest.fixture(autouse=True)
def no_payload_runs() -> Iterator[None]:
    MARKER.unlink(missing_ok=True)
    yield
    assert not MARKER.exists(), "a payload ran"


@pytest.mark.parametrize(
    "file",
    [torch_zip(honest()), LegacyStream(honest()).bytes(), SafeTensors().bytes()],
    ids=["torch-zip", "legacy-stream", "safetensors"],
)
def test_the_builders_are_honest_until_told_to_lie(file: bytes) -> None:
    network = read(file, stem="honest").hypernetwork

    assert network.dims == (DIM,)
    assert network.spec.name == "honest"
    assert [bytes(tensor.data) for _, tensor in network.tensors()] == list(
        honest().storages.values()
    )


@each_technique
def test_refused_by_the_rule_that_is_meant(technique: Technique) -> None:
    with pytest.raises(Refusal) as caught:
        read(technique.build(), stem="hostile")
    refusal = caught.value

    assert refusal.rule == technique.rule
    assert refusal.severity is technique.severity
    assert json.loads(json.dumps(refusal.data(), allow_nan=False)) == refusal.data()
    assert refusal.message.isprintable()
    if technique.names is not None:
        assert technique.names in refusal.message


@each_technique
def test_refused_by_the_same_rule_from_a_path(technique: Technique, tmp_path: Path) -> None:
    """The extension changes nothing: bytes decide."""
    for extension in (".safetensors", ".pt"):
        file = tmp_path / f"hostile{extension}"
        file.write_bytes(technique.build())
        with pytest.raises(Refusal) as caught:
            read(file, stem="hostile")
        assert caught.value.rule == technique.rule


@each_technique
def test_reading_the_header_alone_ends_in_words_too(technique: Technique) -> None:
    """Of a far file only the structure is seen, so some lies go unnoticed; none does harm."""
    with contextlib.suppress(Refusal):
        read_header(io.BytesIO(technique.build()), stem="hostile")


def test_the_catalogue_is_as_long_as_promised_and_says_what_each_technique_is() -> None:
    names = Counter(technique.name for technique in TECHNIQUES)

    assert len(TECHNIQUES) >= ASKED_FOR
    assert max(names.values()) == 1
    assert all(technique.bypass for technique in TECHNIQUES)
    files = Counter(technique.build() for technique in TECHNIQUES)
    assert max(files.values()) == 1, "two techniques build the same file"


def test_whoever_means_harm_is_called_malicious() -> None:
    """A payload is named even where the file is also broken in another way."""
    with_payload = [t for t in TECHNIQUES if t.names == "os.mknod"]

    assert len(with_payload) > 10
    assert {t.severity for t in with_payload} == {Severity.MALICIOUS}
