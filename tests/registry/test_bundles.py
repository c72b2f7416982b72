"""A version as A1111 wants it on disk."""

import io
import zipfile
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, BinaryIO

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client

from registry import counters
from registry.bundles import Member, sidecar_of, zip_length, zip_of
from registry.models import Download, Picture, User, Version
from registry.networks import delete_network
from tests.factories import CheckedVersionFactory, NetworkFactory, PublishedVersionFactory

PNG = b"\x89PNG\r\n\x1a\nnot really"
AT = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)


def member(name: str, content: bytes, size: int | None = None) -> Member:
    opened: Callable[[], BinaryIO] = lambda: io.BytesIO(content)  # noqa: E731
    return Member(name, len(content) if size is None else size, zlib.crc32(content), opened)


def test_a_zip_that_others_read() -> None:
    members = [member("ink.pt", b"x" * 3_000_000), member("ñ.json", b"{}"), member("empty", b"")]
    content = b"".join(zip_of(members, at=AT))
    assert len(content) == zip_length(members)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["ink.pt", "ñ.json", "empty"]
        assert archive.read("ink.pt") == b"x" * 3_000_000
        for entry in archive.infolist():
            assert entry.compress_type == zipfile.ZIP_STORED
            assert entry.date_time == (2026, 2, 3, 4, 5, 6)
            assert entry.external_attr >> 16 == 0o100644
    assert b"".join(zip_of(members, at=AT)) == content


def test_a_member_that_is_too_short_ends_the_stream() -> None:
    with pytest.raises(OSError, match="3 bytes short"):
        list(zip_of([member("ink.pt", b"x", size=4)], at=AT))


def test_a_member_that_grew_is_cut_to_its_size() -> None:
    content = b"".join(zip_of([member("a", b"xyz", size=2)], at=AT))
    assert b"xyz" not in content and b"xy" in content


@pytest.fixture
def version(alice: User) -> Version:
    return PublishedVersionFactory(
        network=NetworkFactory(creator=alice),
        trigger_words=["ink", "wet paper"],
        recommended_strength=0.6,
        min_strength=0.3,
        max_strength=0.9,
        strength_source="measured",
    )


def address(version: Version, part: str) -> str:
    return f"/api/download/models/{version.pk}/{part}"


def body(response: Any) -> bytes:
    return b"".join(response.streaming_content)


@pytest.mark.django_db
def test_the_sidecar(anonymous: Client, version: Version) -> None:
    response = anonymous.get(address(version, "sidecar"))
    assert response["Content-Type"] == "application/json"
    assert response["Content-Disposition"] == f'attachment; filename="{version.stem}.json"'
    sidecar = response.json()
    assert sidecar["description"] == version.network.description
    assert sidecar["activation text"] == "ink, wet paper"
    assert sidecar["preferred weight"] == 0.6
    assert sidecar["sd version"] == "SD1"
    assert f"http://testserver/alice/{version.network.slug}" in sidecar["notes"]
    assert "0.3 to 0.9" in sidecar["notes"]


@pytest.mark.django_db
def test_a_weight_that_nobody_has_measured_is_left_out(alice: User) -> None:
    version = PublishedVersionFactory(network=NetworkFactory(creator=alice))
    assert "preferred weight" not in sidecar_of(version, address="")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("base_model", "family", "expected"),
    [
        ("SD 1.4", "sd1", "SD1"),
        ("SD 2.1 768", "sd2", "SD2"),
        ("Other", "sd2", "SD2"),
        ("", "sd1", "SD1"),
        ("Other", None, "Unknown"),
    ],
)
def test_the_sd_version(base_model: str, family: str | None, expected: str) -> None:
    version = CheckedVersionFactory.build(
        network=NetworkFactory(), base_model=base_model, facts={"base_family": family}
    )
    assert sidecar_of(version, address="")["sd version"] == expected


@pytest.mark.django_db
def test_no_picture_yet(anonymous: Client, version: Version) -> None:
    response = anonymous.get(address(version, "preview"))
    assert response.status_code == 404
    assert "no picture" in response.json()["error"]


@pytest.mark.django_db
def test_a_bundle_with_a_picture(anonymous: Client, version: Version, alice: User) -> None:
    add_preview(version, alice)
    preview = anonymous.get(address(version, "preview"))
    assert (preview["Content-Type"], body(preview)) == ("image/png", PNG)
    counters.drain()
    bundle = anonymous.get(address(version, "bundle"))
    content = body(bundle)
    assert bundle["Content-Type"] == "application/zip"
    assert bundle["Content-Length"] == str(len(content))
    assert bundle["Content-Disposition"] == f'attachment; filename="{version.stem}.zip"'
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        stem = version.stem
        assert archive.namelist() == [f"{stem}.pt", f"{stem}.png", f"{stem}.json"]
        assert archive.testzip() is None
        assert archive.read(f"{stem}.png") == PNG
        with default_storage.open(version.files.get(is_primary=True).blob.key) as stored:  # type: ignore[union-attr]
            assert archive.read(f"{stem}.pt") == stored.read()
        assert archive.read(f"{stem}.json") == anonymous.get(address(version, "sidecar")).content
    assert counters.drain() == 1
    assert Download.objects.get().file == version.files.get(is_primary=True)


@pytest.mark.django_db
def test_a_bundle_of_another_format(anonymous: Client, version: Version) -> None:
    content = body(anonymous.get(address(version, "bundle?format=SafeTensor")))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.namelist() == [f"{version.stem}.safetensors", f"{version.stem}.json"]


@pytest.mark.django_db
@pytest.mark.parametrize("part", ["bundle", "sidecar", "preview"])
def test_only_what_may_be_downloaded(
    anonymous: Client, version: Version, alice: User, part: str
) -> None:
    draft = CheckedVersionFactory(network=NetworkFactory(creator=alice))
    assert anonymous.get(address(draft, part)).status_code == 404
    delete_network(network=version.network, by=alice)
    assert anonymous.get(address(version, part)).status_code == 410


def add_preview(version: Version, owner: User) -> None:
    sha256 = "a" * 64
    picture = Picture.objects.create(
        owner=owner, sha256=sha256, width=512, height=512, blurhash="x", is_preview=True
    )
    version.pictures.add(picture)
    key = f"pictures/{sha256}/original.png"
    if not default_storage.exists(key):
        default_storage.save(key, ContentFile(PNG))
