"""tus 1.0 at `/api/v1/uploads`: the protocol's own sentences, each a test."""

import base64
import fcntl
import hashlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from registry import receiving, storage
from registry.api_keys import create_api_key
from registry.models import Job, Scope, Upload, User
from tests.factories import CheckedVersionFactory, NetworkFactory, VersionFactory
from tests.jobs import run_waiting_jobs
from tests.uploads import FIXTURES

pytestmark = pytest.mark.django_db

ADDRESS = "/api/v1/uploads"
PART = "application/offset+octet-stream"
CONTENT = bytes(range(100)) * 10
NETWORK = FIXTURES / "linear_default.pt"


def key_of(user: User, *scopes: Scope) -> str:
    return create_api_key(user=user, name="key", scopes=scopes, expires_at=None)[1]


def with_key(user: User, *scopes: Scope) -> APIClient:
    client = APIClient(enforce_csrf_checks=True)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {key_of(user, *scopes or (Scope.UPLOAD,))}")
    return client


@pytest.fixture
def tus(alice: User) -> APIClient:
    """Alice's program, with a key."""
    return with_key(alice)


def metadata(**words: str) -> str:
    return ",".join(f"{k} {base64.b64encode(v.encode()).decode()}" for k, v in words.items())


def begin(
    client: Any,
    headers: Mapping[str, str] | None = None,
    *,
    size: int = len(CONTENT),
    name: str = "ink.pt",
) -> Any:
    words = {
        "Tus-Resumable": "1.0.0",
        "Upload-Length": str(size),
        "Upload-Metadata": metadata(filename=name),
        **(headers or {}),
    }
    return client.post(ADDRESS, headers=words)


def begun(client: Any, headers: Mapping[str, str] | None = None, **words: Any) -> str:
    response = begin(client, headers, **words)
    assert response.status_code == 201, response.content
    address: str = response["Location"]
    assert address.startswith("http://testserver/api/v1/uploads/")
    return address.removeprefix("http://testserver")


def send(client: Any, address: str, offset: int, part: bytes, **headers: str) -> Any:
    words = {"Tus-Resumable": "1.0.0", "Upload-Offset": str(offset), **headers}
    return client.generic("PATCH", address, part, PART, headers=words)


def head(client: Any, address: str) -> Any:
    return client.head(address, headers={"Tus-Resumable": "1.0.0"})


def checksum(part: bytes, algorithm: str = "sha256") -> str:
    digest = hashlib.new(algorithm, part).digest()
    return f"{algorithm} {base64.b64encode(digest).decode()}"


def test_options_tell_what_the_hub_can_do(anonymous: Client, settings: LazySettings) -> None:
    response = anonymous.options(ADDRESS)
    assert response.status_code == 204
    assert response["Tus-Version"] == "1.0.0"
    assert set(response["Tus-Extension"].split(",")) >= {
        "creation",
        "expiration",
        "checksum",
        "termination",
    }
    assert response["Tus-Max-Size"] == str(settings.UPLOAD_MAX_BYTES)
    assert response["Tus-Checksum-Algorithm"] == "sha256,sha1,md5"


def test_a_file_in_parts_is_checked_once_it_is_whole(tus: Any) -> None:
    content = NETWORK.read_bytes()
    address = begun(tus, size=len(content), name=NETWORK.name)
    half = len(content) // 2
    first = send(tus, address, 0, content[:half])
    assert first.status_code == 204
    assert first["Upload-Offset"] == str(half)
    assert first["Tus-Resumable"] == "1.0.0"
    assert first["Upload-Expires"].endswith("GMT")
    assert not Job.objects.exists()
    where = head(tus, address)
    assert (where.status_code, where["Cache-Control"]) == (200, "no-store")
    assert (where["Upload-Offset"], where["Upload-Length"]) == (str(half), str(len(content)))
    last = send(tus, address, half, content[half:])
    assert last["Upload-Offset"] == str(len(content))
    assert [job.state for job in run_waiting_jobs()] == ["done"]
    assert tus.get(address).json()["state"] == "ready"
    assert head(tus, address)["Upload-Offset"] == str(len(content))


def test_the_first_bytes_may_come_with_the_creation(tus: Any) -> None:
    response = tus.generic(
        "POST",
        ADDRESS,
        CONTENT[:300],
        PART,
        headers={
            "Tus-Resumable": "1.0.0",
            "Upload-Length": "1000",
            "Upload-Metadata": metadata(filename="ink.pt"),
        },
    )
    assert response.status_code == 201
    assert response["Upload-Offset"] == "300"
    assert send(tus, response["Location"], 300, CONTENT[300:]).status_code == 204


def test_another_offset_than_where_it_ends(tus: Any) -> None:
    address = begun(tus)
    send(tus, address, 0, CONTENT[:10])
    for offset in (0, 9, 11):
        refused = send(tus, address, offset, CONTENT[10:])
        assert refused.status_code == 409
        assert "10 bytes" in refused.json()["error"]
    assert send(tus, address, 10, CONTENT[10:]).status_code == 204


@pytest.mark.parametrize("version", ["0.2.2", ""])
def test_another_version_of_tus(tus: Any, version: str) -> None:
    address = begun(tus)
    for refused in (
        tus.head(address, headers={"Tus-Resumable": version}),
        send(tus, address, 0, CONTENT, **{"Tus-Resumable": version}),
        begin(tus, {"Tus-Resumable": version}),
    ):
        assert refused.status_code == 412
        assert refused["Tus-Version"] == "1.0.0"
    assert not storage.received(Upload.objects.first().pk).exists()  # type: ignore[union-attr]


def test_another_type_than_tus_own(tus: Any) -> None:
    address = begun(tus)
    headers = {"Tus-Resumable": "1.0.0", "Upload-Offset": "0"}
    refused = tus.generic("PATCH", address, CONTENT, "application/octet-stream", headers=headers)
    assert refused.status_code == 415
    assert PART in refused.json()["error"]


@pytest.mark.parametrize("algorithm", ["sha256", "sha1", "md5"])
def test_a_part_with_a_right_checksum(tus: Any, algorithm: str) -> None:
    address = begun(tus)
    part = CONTENT[:500]
    right = {"Upload-Checksum": checksum(part, algorithm)}
    assert send(tus, address, 0, part, **right)["Upload-Offset"] == "500"


def test_a_part_with_a_wrong_checksum_is_dropped(tus: Any) -> None:
    address = begun(tus)
    send(tus, address, 0, CONTENT[:10])
    wrong = {"Upload-Checksum": checksum(b"other")}
    refused = send(tus, address, 10, CONTENT[10:20], **wrong)
    assert refused.status_code == 460
    assert "damaged" in refused.json()["error"]
    assert head(tus, address)["Upload-Offset"] == "10"
    right = {"Upload-Checksum": checksum(CONTENT[10:20])}
    assert send(tus, address, 10, CONTENT[10:20], **right).status_code == 204


@pytest.mark.parametrize("header", ["crc32 AAAA", "sha256 ???"])
def test_a_checksum_that_cannot_be_read(tus: Any, header: str) -> None:
    refused = send(tus, begun(tus), 0, CONTENT, **{"Upload-Checksum": header})
    assert refused.status_code == 400
    assert refused.json()["error"]["issues"][0]["path"] == ["Upload-Checksum"]


def test_termination(tus: Any) -> None:
    address = begun(tus)
    send(tus, address, 0, CONTENT[:10])
    upload = Upload.objects.get()
    with _commits():
        gone = tus.delete(address, headers={"Tus-Resumable": "1.0.0"})
    assert gone.status_code == 204
    assert head(tus, address).status_code == 410
    assert send(tus, address, 10, CONTENT[10:]).status_code == 410
    assert not storage.incoming(upload.pk).exists()


def test_an_upload_that_has_expired(tus: Any) -> None:
    address = begun(tus)
    Upload.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    refused = send(tus, address, 0, CONTENT)
    assert refused.status_code == 410
    assert "Start it again" in refused.json()["error"]


def test_each_part_prolongs_it(tus: Any) -> None:
    address = begun(tus)
    soon = timezone.now() + timedelta(minutes=1)
    Upload.objects.update(expires_at=soon)
    send(tus, address, 0, CONTENT[:10])
    assert Upload.objects.get().expires_at > soon


def test_others_uploads_are_not_there(tus: Any, bob: User, anonymous: Client) -> None:
    address = begun(tus)
    other = with_key(bob)
    for answer in (
        head(other, address),
        send(other, address, 0, CONTENT),
        other.get(address),
        other.delete(address),
    ):
        assert answer.status_code == 404
    assert anonymous.get(address).status_code == 401


def test_a_key_without_the_scope(alice: User) -> None:
    reader = with_key(alice, Scope.READ)
    refused = begin(reader)
    assert (refused.status_code, refused.json()) == (403, {"error": "insufficient_scope"})


def test_a_browser_needs_its_csrf_token(alice: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(alice, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert begin(browser).status_code == 403
    browser.cookies["csrftoken"] = "a" * 32
    token = {"X-CSRFToken": "a" * 32}
    address = begun(browser, token)
    assert send(browser, address, 0, CONTENT).status_code == 403
    assert send(browser, address, 0, CONTENT, **token).status_code == 204


def test_two_connections_do_not_write_at_once(tus: Any) -> None:
    address = begun(tus)
    send(tus, address, 0, CONTENT[:10])
    with storage.received(Upload.objects.get().pk).open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert send(tus, address, 10, CONTENT[10:]).status_code == 423
        assert head(tus, address)["Upload-Offset"] == "10"
    assert send(tus, address, 10, CONTENT[10:]).status_code == 204


def test_more_bytes_than_announced(tus: Any) -> None:
    address = begun(tus, size=100)
    refused = send(tus, address, 0, CONTENT)
    assert refused.status_code == 413
    assert "100" in refused.json()["error"]
    assert head(tus, address)["Upload-Offset"] == "0"


@pytest.mark.parametrize(
    ("headers", "status", "word"),
    [
        ({"Upload-Length": "0"}, 400, "empty"),
        ({"Upload-Length": str((1 << 30) + 1)}, 413, "1024 MiB"),
        ({"Upload-Length": "-1"}, 400, "Upload-Length"),
        ({"Upload-Length": "many"}, 400, "Upload-Length"),
        ({"Upload-Defer-Length": "1"}, 400, "Upload-Defer-Length"),
        ({"Upload-Metadata": ""}, 400, "name"),
        ({"Upload-Metadata": "filename ???"}, 400, "base64"),
        ({"Upload-Metadata": metadata(filename="a" * 201)}, 400, "name"),
        ({"Upload-Metadata": metadata(filename="a\x00.pt")}, 400, "name"),
        ({"Upload-Metadata": metadata(filename="a.pt", sha256="12")}, 400, "sha256"),
        ({"Upload-Metadata": metadata(filename="a.pt", versionId="99999")}, 404, "version"),
    ],
)
def test_what_cannot_begin(tus: Any, headers: dict[str, str], status: int, word: str) -> None:
    refused = begin(tus, headers)
    assert refused.status_code == status
    assert word in refused.content.decode()
    assert not Upload.objects.exists()


def test_for_ones_own_drafts_without_a_file(tus: Any, alice: User, bob: User) -> None:
    mine = VersionFactory(network=NetworkFactory(creator=alice))
    theirs = VersionFactory(network=NetworkFactory(creator=bob))
    full = CheckedVersionFactory(network=NetworkFactory(creator=alice))

    def status(version: Any) -> int:
        words = metadata(filename="a.pt", versionId=str(version.pk))
        return int(begin(tus, {"Upload-Metadata": words}).status_code)

    assert (status(mine), status(theirs), status(full)) == (201, 404, 409)
    assert Upload.objects.get().version == mine


def test_the_checksum_of_the_whole_is_held_to(tus: Any) -> None:
    words = metadata(filename="a.pt", sha256=hashlib.sha256(b"other").hexdigest())
    address = begun(tus, {"Upload-Metadata": words})
    send(tus, address, 0, CONTENT)
    run_waiting_jobs()
    answer = tus.get(address).json()
    assert answer["state"] == "refused"
    assert "damaged" in answer["reason"]


def test_a_way_around_proxies_that_know_no_patch(tus: Any) -> None:
    headers = {
        "Tus-Resumable": "1.0.0",
        "Upload-Offset": "0",
        "X-HTTP-Method-Override": "PATCH",
    }
    answer = tus.generic("POST", begun(tus), CONTENT, PART, headers=headers)
    assert answer.status_code == 204


def test_a_process_killed_before_the_check_was_asked_for(tus: Any) -> None:
    address = begun(tus)
    storage.received(Upload.objects.get().pk).write_bytes(CONTENT)
    assert head(tus, address)["Upload-Offset"] == "1000"
    assert head(tus, address)["Upload-Offset"] == "1000"
    assert Job.objects.count() == 1


def test_a_process_killed_amidst_a_part_with_a_checksum(tus: Any) -> None:
    address = begun(tus)
    send(tus, address, 0, CONTENT[:100])
    upload = Upload.objects.get()
    # As the killed one leaves it: bytes that nobody has checked, and the mark of where they begin.
    with storage.received(upload.pk).open("ab") as file:
        file.write(b"x" * 50)
    receiving.mark(upload.pk).write_text("100")
    assert head(tus, address)["Upload-Offset"] == "100"
    assert send(tus, address, 100, CONTENT[100:]).status_code == 204
    assert storage.received(upload.pk).read_bytes() == CONTENT


def test_other_sites_scripts_may_read_the_answers(anonymous: Client) -> None:
    preflight = anonymous.options(
        ADDRESS,
        headers={
            "Origin": "https://elsewhere.example",
            "Access-Control-Request-Method": "PATCH",
            "Access-Control-Request-Headers": "tus-resumable,upload-offset",
        },
    )
    assert "upload-offset" in preflight["Access-Control-Allow-Headers"]
    answer = anonymous.options(ADDRESS, headers={"Origin": "https://elsewhere.example"})
    assert "upload-offset" in answer["Access-Control-Expose-Headers"].lower()


def _commits() -> Any:
    from django.test import TestCase

    return TestCase.captureOnCommitCallbacks(execute=True)
