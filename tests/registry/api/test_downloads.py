"""`/api/download/models/:versionId`: api.md, section "Download", line by line."""

import re
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from registry import counters
from registry.models import Download, File, User, Version
from registry.networks import delete_network, take_down_network
from registry.publishing import yank_version
from tests.factories import NetworkFactory, PublishedVersionFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def version(alice: User) -> Version:
    return PublishedVersionFactory(network=NetworkFactory(creator=alice))


def address(version: Version, query: str = "") -> str:
    return f"/api/download/models/{version.pk}{query}"


def fetch(client: Client, version: Version, query: str = "", **headers: str) -> Any:
    """Follow the redirect as a client does."""
    first = client.get(address(version, query))
    assert first.status_code == 307
    location = urlsplit(first["Location"])
    assert location.netloc == "testserver"
    assert not location.query
    return client.get(location.path, headers=headers)


def body(response: Any) -> bytes:
    return b"".join(response.streaming_content)


def test_the_primary_file_by_a_short_lived_address(anonymous: Client, version: Version) -> None:
    primary = version.files.get(is_primary=True)
    response = fetch(anonymous, version)
    assert response.status_code == 200
    assert body(response) == primary_bytes(primary)
    assert response["Content-Type"] == "application/octet-stream"
    assert response["Content-Length"] == str(primary.size)
    assert response["ETag"] == f'"{primary.sha256}"'
    assert response["Accept-Ranges"] == "bytes"
    assert response["X-Content-Type-Options"] == "nosniff"


def test_one_ascii_filename_which_is_the_prompt_token(anonymous: Client, version: Version) -> None:
    disposition = fetch(anonymous, version)["Content-Disposition"]
    assert disposition == f'attachment; filename="{version.stem}.pt"'
    assert disposition.isascii()
    assert "filename*" not in disposition


def test_parts(anonymous: Client, version: Version) -> None:
    whole = primary_bytes(version.files.get(is_primary=True))
    response = fetch(anonymous, version, Range=f"bytes={len(whole) - 3}-")
    assert response.status_code == 206
    assert body(response) == whole[-3:]
    beyond = fetch(anonymous, version, Range=f"bytes={len(whole)}-")
    assert beyond.status_code == 416
    assert beyond["Content-Range"] == f"bytes */{len(whole)}"


def test_the_other_formats(anonymous: Client, version: Version) -> None:
    response = fetch(anonymous, version, "?format=SafeTensor")
    assert f'filename="{version.stem}.safetensors"' in response["Content-Disposition"]
    file = version.files.get(format="SafeTensor")
    assert body(fetch(anonymous, version, f"?fileId={file.pk}")) == primary_bytes(file)


@pytest.mark.parametrize(
    "query", ["?format=Zip", "?flavor=full", "?fp=fp8", "?type=VAE", "?fileId=one", "?fileId=-1"]
)
def test_unknown_values_are_named(anonymous: Client, version: Version, query: str) -> None:
    response = anonymous.get(address(version, query))
    assert response.status_code == 400
    [issue] = response.json()["error"]["issues"]
    assert issue["path"] == [re.split("[?=]", query)[1]]


def test_what_is_not_there(anonymous: Client, version: Version) -> None:
    for missing in ("/api/download/models/999999", address(version, "?fileId=999999")):
        response = anonymous.get(missing)
        assert response.status_code == 404
        assert response.json() == {"error": "File not found"}


def test_an_address_that_is_forged_or_too_old(
    anonymous: Client, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    location = urlsplit(anonymous.get(address(version))["Location"]).path
    forged = location.replace("/files/", "/files/9")
    assert anonymous.get(forged).status_code == 403
    monkeypatch.setattr("registry.downloads.SIGNED_FOR_SECONDS", -1)
    late = anonymous.get(location)
    assert late.status_code == 403
    assert "expired" in late.json()["error"]


def test_withdrawn_versions_are_served_to_who_asks_for_them(
    anonymous: Client, version: Version, alice: User
) -> None:
    yank_version(version=version, reason="Too strong.", by=alice)
    assert fetch(anonymous, version).status_code == 200


def test_deleted_and_taken_down_ones_are_gone(
    anonymous: Client, version: Version, alice: User, mod: User
) -> None:
    other = PublishedVersionFactory(network=NetworkFactory(creator=alice))
    delete_network(network=version.network, by=alice, reason="I made a better one.")
    take_down_network(network=other.network, reason="Not hers to share.", by=mod)
    for gone, reason in ((version, "better one"), (other, "Not hers")):
        response = anonymous.get(address(gone))
        assert response.status_code == 410
        assert reason in response.json()["error"]


def test_drafts_are_their_creators_alone(
    anonymous: Client, alice_client: Client, bob_client: Client, alice: User
) -> None:
    from tests.factories import CheckedVersionFactory

    draft = CheckedVersionFactory(network=NetworkFactory(creator=alice))
    assert alice_client.get(address(draft)).status_code == 307
    assert bob_client.get(address(draft)).status_code == 404
    assert anonymous.get(address(draft)).status_code == 404


def test_a_client_counts_once_a_file_and_day(
    anonymous: Client, alice_client: Client, version: Version
) -> None:
    cache.clear()
    counters.drain()
    for _ in range(3):
        fetch(anonymous, version)
    fetch(alice_client, version)
    anonymous.head(address(version))
    assert not Download.objects.exists()
    assert counters.drain() == 2
    row = Download.objects.get()
    assert (row.file, row.day, row.count) == (
        version.files.get(is_primary=True),
        timezone.now().date(),
        2,
    )
    version.refresh_from_db()
    assert version.download_count == version.network.__class__.objects.get().download_count == 2


def test_a_drain_that_died_half_way_is_not_counted_twice(
    anonymous: Client, version: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.clear()
    counters.drain()
    fetch(anonymous, version)
    valkey = counters._valkey()
    with monkeypatch.context() as broken:
        broken.setattr(type(valkey), "delete", _die)
        with pytest.raises(KeyboardInterrupt):
            counters.drain()
    assert counters.drain() == 0
    assert Download.objects.get().count == 1


def _die(*_: object) -> None:
    raise KeyboardInterrupt


def primary_bytes(file: File) -> bytes:
    from django.core.files.storage import default_storage

    assert file.blob is not None
    with default_storage.open(file.blob.key) as stored:
        content: bytes = stored.read()
    return content
