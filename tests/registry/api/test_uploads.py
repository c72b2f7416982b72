"""`/api/v1/uploads` as a form, and what became of one's uploads."""

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from registry import storage
from registry.models import Job, Upload, User
from tests.factories import NetworkFactory, UploadFactory, VersionFactory
from tests.jobs import run_waiting_jobs
from tests.registry.api.test_tus import with_key
from tests.uploads import FIXTURES

pytestmark = pytest.mark.django_db

ADDRESS = "/api/v1/uploads"
NETWORK = FIXTURES / "linear_default.pt"


@pytest.fixture
def script(alice: User) -> Any:
    """Alice's script, with a key."""
    return with_key(alice)


@pytest.fixture(autouse=True)
def _nothing_is_left_half_way() -> Iterator[None]:
    yield
    root = storage.incoming(UploadFactory.build().pk).parent
    assert not list(root.glob(f"{storage.TEMPORARY}*"))


def send(client: Any, content: bytes, name: str = "ink.pt", **fields: str) -> Any:
    return client.post(ADDRESS, {"file": SimpleUploadedFile(name, content), **fields})


def test_a_file_in_one_request(script: Any) -> None:
    response = send(script, NETWORK.read_bytes(), "linear_default.pt")
    assert response.status_code == 201
    upload = response.json()
    assert response["Location"].endswith(upload["url"])
    assert (upload["name"], upload["size"]) == ("linear_default.pt", NETWORK.stat().st_size)
    assert upload["state"] == "received"
    assert upload["progress"] == {"percent": 0, "label": "waiting to be checked"}
    run_waiting_jobs()
    checked = script.get(upload["url"]).json()
    assert checked["state"] == "ready"
    assert checked["progress"]["percent"] == 100
    assert checked["report"]["sha256"] == hashlib.sha256(NETWORK.read_bytes()).hexdigest()
    assert checked["report"]["accepted"] is True


def test_what_was_found_in_plain_words(script: Any) -> None:
    upload = send(script, b"\x89PNG\r\n\x1a\n" + bytes(100)).json()
    run_waiting_jobs()
    refused = script.get(upload["url"]).json()
    assert refused["state"] == "refused"
    [finding] = refused["findings"]
    assert finding["rule"] and finding["severity"]
    assert refused["reason"] == finding["message"]
    assert finding["message"].endswith(".")


def test_straight_into_a_draft(script: Any, alice: User) -> None:
    version = VersionFactory(network=NetworkFactory(creator=alice))
    upload = send(script, NETWORK.read_bytes(), versionId=str(version.pk)).json()
    assert upload["versionId"] == version.pk
    run_waiting_jobs()
    version.refresh_from_db()
    assert version.files.filter(is_primary=True).exists()


def test_into_a_draft_once_it_is_checked(script: Any, alice: User) -> None:
    upload = send(script, NETWORK.read_bytes()).json()
    run_waiting_jobs()
    version = VersionFactory(network=NetworkFactory(creator=alice))
    attached = script.post(f"{upload['url']}/attach", {"versionId": version.pk}, format="json")
    assert attached.status_code == 202
    run_waiting_jobs()
    assert version.files.exists()
    assert script.post(f"{upload['url']}/attach", [], format="json").status_code == 400


def test_a_draft_that_got_its_file_meanwhile(script: Any, alice: User) -> None:
    version = VersionFactory(network=NetworkFactory(creator=alice))
    late = UploadFactory(owner=alice, version=version, size=10)
    send(script, NETWORK.read_bytes(), versionId=str(version.pk))
    run_waiting_jobs()
    storage.incoming(late.pk).mkdir(parents=True)
    headers = {"Tus-Resumable": "1.0.0", "Upload-Offset": "0"}
    part = "application/offset+octet-stream"
    script.generic("PATCH", f"{ADDRESS}/{late.pk}", bytes(10), part, headers=headers)
    answer = script.get(f"{ADDRESS}/{late.pk}").json()
    assert answer["state"] == "refused"
    assert "already has its file" in answer["reason"]


@pytest.mark.parametrize(
    ("content", "fields", "status", "word"),
    [
        (b"", {}, 400, "empty"),
        (b"x" * 2000, {}, 413, "MiB"),
        (b"x", {"sha256": "no"}, 400, "sha256"),
        (b"x", {"versionId": "one"}, 400, "versionId"),
        (b"x", {"versionId": "999999"}, 404, "version"),
    ],
)
def test_what_is_not_taken(
    script: Any,
    settings: LazySettings,
    content: bytes,
    fields: dict[str, Any],
    status: int,
    word: str,
) -> None:
    settings.UPLOAD_MAX_BYTES = 1000
    refused = send(script, content, **fields)
    assert refused.status_code == status
    assert word in refused.content.decode()
    assert not Upload.objects.exists()


def test_a_form_that_announces_too_much_is_not_read(script: Any, settings: LazySettings) -> None:
    settings.UPLOAD_MAX_BYTES = 1000
    refused = send(script, bytes(1_100_000))
    assert refused.status_code == 413
    assert "MiB" in refused.json()["error"]


@pytest.mark.parametrize("body", [{"file": "text"}, {}])
def test_a_form_without_its_file(script: Any, body: dict[str, str]) -> None:
    refused = script.post(ADDRESS, body)
    assert refused.status_code == 400
    assert refused.json()["error"]["issues"][0]["path"] == ["file"]


def test_json_is_no_form(script: Any) -> None:
    assert script.post(ADDRESS, [1], format="json").status_code == 415


def test_a_page_needs_its_csrf_token(alice: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(alice, backend="allauth.account.auth_backends.AuthenticationBackend")
    browser.cookies["csrftoken"] = "a" * 32
    assert send(browser, b"x").status_code == 403
    # The form is read to find its token: nothing of it may stay (see the fixture above).
    assert send(browser, b"x", csrfmiddlewaretoken="b" * 32).status_code == 403
    assert send(browser, b"x", csrfmiddlewaretoken="a" * 32).status_code == 201


def test_a_wrong_checksum_of_the_whole(script: Any) -> None:
    upload = send(script, b"x" * 100, sha256="0" * 64).json()
    run_waiting_jobs()
    answer = script.get(upload["url"]).json()
    assert answer["state"] == "refused"
    assert "damaged" in answer["reason"]


def test_asked_again_it_answers_that_nothing_has_changed(script: Any) -> None:
    address = send(script, b"x" * 100).json()["url"]
    first = script.get(address)
    assert first["ETag"]
    again = script.get(address, headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    run_waiting_jobs()
    changed = script.get(address, headers={"If-None-Match": first["ETag"]})
    assert changed.status_code == 200


def test_ones_own_uploads_newest_first(script: Any, alice: User, bob: User) -> None:
    mine = [UploadFactory(owner=alice) for _ in range(3)]
    UploadFactory(owner=bob)
    first = script.get(f"{ADDRESS}?limit=2").json()
    assert [item["id"] for item in first["items"]] == [str(mine[2].pk), str(mine[1].pk)]
    rest = script.get(first["metadata"]["nextPage"]).json()
    assert [item["id"] for item in rest["items"]] == [str(mine[0].pk)]
    assert "nextPage" not in rest["metadata"]
    assert Client().get(ADDRESS).status_code == 401
    for wrong in ("cursor=x", "page=2", "limit=-1"):
        assert script.get(f"{ADDRESS}?{wrong}").status_code == 400


def test_quotas_each_with_its_sentence(script: Any, alice: User, settings: LazySettings) -> None:
    settings.UPLOADS_UNFINISHED = 1
    UploadFactory(owner=alice)
    refused = send(script, b"x")
    assert refused.status_code == 413
    assert "1 unfinished" in refused.json()["error"]
    settings.UPLOADS_UNFINISHED = 10
    settings.UPLOAD_BYTES_UNFINISHED = 1000
    assert send(script, b"x").json()["code"] == "upload-quota"
    settings.UPLOAD_BYTES_UNFINISHED = 10_000
    settings.STORAGE_BYTES_PER_USER = 1000
    assert send(script, b"x").json()["code"] == "upload-quota"
    settings.STORAGE_BYTES_PER_USER = 1001
    assert send(script, b"x").status_code == 201


def test_a_disk_that_is_full(script: Any, settings: LazySettings) -> None:
    settings.MIN_FREE_BYTES = 1 << 60
    refused = send(script, b"x")
    assert refused.status_code == 503
    assert refused["Retry-After"]


def test_a_check_can_be_called_off(script: Any) -> None:
    address = send(script, b"x" * 100).json()["url"]
    assert script.delete(address).status_code == 204
    assert Job.objects.get().state == "cancelled"
    assert script.get(address).json()["state"] == "cancelled"
    assert script.delete(address).status_code == 409
