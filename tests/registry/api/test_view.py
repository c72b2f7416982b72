"""What all views of the API have in common: limits, one form of answer, and a part that is away."""

import gc
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import OperationalError
from django.test import Client
from django.urls import URLResolver, get_resolver

from registry import counters, limits
from registry.api_keys import create_api_key
from registry.models import Network, Scope, User, Version
from registry.uploads import create_upload
from tests.factories import NetworkFactory, PublishedVersionFactory

pytestmark = pytest.mark.django_db
V1 = "/api/v1"
KINDS = ("read", "search", "write", "upload", "part", "download", "bytes")


@pytest.fixture(autouse=True)
def own_connection() -> Iterator[None]:
    limits.counter.cache_clear()
    yield
    limits.counter.cache_clear()
    counters._valkey.cache_clear()


@pytest.fixture
def few(settings: LazySettings) -> None:
    """Two of each kind a minute, three with a key."""
    settings.API_LIMITS = dict.fromkeys(KINDS, (2, 3))


@pytest.fixture
def version(alice: User) -> Version:
    return PublishedVersionFactory(network=NetworkFactory(creator=alice))


def limit_of(answer: Any) -> tuple[int, int]:
    assert 1 <= int(answer["RateLimit-Reset"]) <= 60
    assert answer["RateLimit-Policy"] == f"{answer['RateLimit-Limit']};w=60"
    return int(answer["RateLimit-Limit"]), int(answer["RateLimit-Remaining"])


@pytest.mark.usefixtures("few")
class TestLimits:
    def test_each_answer_says_what_is_left(self, anonymous: Client) -> None:
        assert [limit_of(anonymous.get(f"{V1}/enums")) for _ in range(2)] == [(2, 1), (2, 0)]

    def test_a_browser_without_its_csrf_token_is_counted_too(self, alice: User) -> None:
        browser = Client(enforce_csrf_checks=True)
        browser.force_login(alice)
        refused = browser.post(f"{V1}/models", {}, "application/json")
        assert refused.status_code == 403
        assert limit_of(refused) == (2, 1)

    def test_then_429_and_for_how_long_to_wait(self, anonymous: Client) -> None:
        for _ in range(2):
            anonymous.get(f"{V1}/enums")
        refused = anonymous.get(f"{V1}/enums")
        assert refused.status_code == 429
        assert 1 <= int(refused["Retry-After"]) <= 60
        assert limit_of(refused) == (2, 0)
        wait = refused["Retry-After"]
        assert refused.json() == {"error": f"Too many requests. Try again in {wait} seconds."}

    def test_refusals_count_and_say_so_too(self, anonymous: Client, alice: User) -> None:
        assert limit_of(anonymous.get(f"{V1}/me")) == (2, 1)  # 401
        assert limit_of(anonymous.get(f"{V1}/models/0")) == (2, 0)  # 404
        assert limit_of(anonymous.delete(f"{V1}/me")) == (2, 1)  # 405, and of those that write
        narrow = create_api_key(user=alice, name="k", scopes=[Scope.TRAIN], expires_at=None)[1]
        forbidden = anonymous.get(f"{V1}/me", headers={"Authorization": f"Bearer {narrow}"})
        assert (forbidden.status_code, limit_of(forbidden)) == (403, (3, 2))

    def test_guessing_keys_is_asking(self, anonymous: Client) -> None:
        statuses = [
            anonymous.get(f"{V1}/me", headers={"Authorization": f"Bearer hnh_{n:043}"}).status_code
            for n in range(3)
        ]
        assert statuses == [401, 401, 429]

    def test_an_unchanged_answer_says_it_too(self, anonymous: Client, version: Version) -> None:
        etag = anonymous.get(f"{V1}/models")["ETag"]
        again = anonymous.get(f"{V1}/models", headers={"If-None-Match": etag})
        assert (again.status_code, limit_of(again)) == (304, (2, 0))

    def test_a_person_asks_with_all_keys_and_browsers_together(
        self, anonymous: Client, alice_client: Client, alice: User, bob_client: Client
    ) -> None:
        keys = [
            create_api_key(user=alice, name=name, scopes=[Scope.READ], expires_at=None)[1]
            for name in ("one", "two")
        ]
        left = [
            limit_of(anonymous.get(f"{V1}/me", headers={"Authorization": f"Bearer {key}"}))
            for key in keys
        ]
        assert [*left, limit_of(alice_client.get(f"{V1}/me"))] == [(3, 2), (3, 1), (3, 0)]
        assert alice_client.get(f"{V1}/me").status_code == 429
        assert limit_of(bob_client.get(f"{V1}/me")) == (3, 2)
        assert limit_of(anonymous.get(f"{V1}/enums")) == (2, 1)

    def test_addresses_are_those_of_visitors(
        self, anonymous: Client, settings: LazySettings
    ) -> None:
        settings.TRUSTED_PROXIES = 1
        for visitor in ("192.0.2.1", "192.0.2.2"):
            answer = anonymous.get(f"{V1}/enums", headers={"X-Forwarded-For": visitor})
            assert limit_of(answer) == (2, 1)

    def test_windows_of_their_own(
        self, alice_client: Client, alice: User, version: Version
    ) -> None:
        upload = create_upload(by=alice, name="ink.pt", size=8)
        tus = {"Tus-Resumable": "1.0.0"}
        asked = [
            alice_client.get(f"{V1}/models"),
            alice_client.get(f"{V1}/models?query=ink"),
            alice_client.patch(f"{V1}/models/0", {}, content_type="application/json"),
            alice_client.post(f"{V1}/uploads", headers=tus),
            alice_client.head(f"{V1}/uploads/{upload.pk}", headers=tus),
            alice_client.get(f"/api/download/models/{version.pk}"),
        ]
        assert [limit_of(each) for each in asked] == [(3, 2)] * len(asked)
        for searching in (
            f"{V1}/creators?query=a",
            "/api/models?search=a",
        ):
            asked = [alice_client.get(searching)]
        assert limit_of(asked[0]) == (3, 0)
        resolve = f"/alice/{version.network.slug}/resolve/main/{version.stem}.pt"
        assert limit_of(alice_client.get(resolve)) == (3, 1)
        assert limit_of(alice_client.head(resolve)) == (3, 1)

    def test_asking_for_hashes_is_reading(self, anonymous: Client) -> None:
        for address in ("by-hash", "by-hash/ids"):
            anonymous.post(f"{V1}/model-versions/{address}", [], content_type="application/json")
        assert anonymous.get(f"{V1}/enums").status_code == 429

    def test_pages_of_other_sites_may_read_them(self, anonymous: Client) -> None:
        answer = anonymous.get(f"{V1}/enums", headers={"Origin": "https://elsewhere.example"})
        assert "ratelimit-remaining" in answer["Access-Control-Expose-Headers"]


def test_every_view_of_the_api_is_limited() -> None:
    from registry.api.view import ApiView

    def views(found: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
        for entry in found:
            route = f"{prefix}{entry.pattern}"
            if isinstance(entry, URLResolver):
                yield from views(entry.url_patterns, route)
            else:
                yield route, getattr(entry.callback, "cls", None)

    of_the_api = {
        route: view
        for route, view in views(get_resolver().url_patterns)
        if route.startswith(("api/", "files/")) and not route.startswith("api/docs")
    }
    assert of_the_api
    assert [r for r, v in of_the_api.items() if v is None or not issubclass(v, ApiView)] == []


@pytest.mark.parametrize("address", [f"{V1}/nothing", "/api/", "/api/download/models/x"])
@pytest.mark.parametrize("method", ["get", "post", "delete"])
def test_an_address_that_leads_nowhere(anonymous: Client, address: str, method: str) -> None:
    """Is counted too: guessing addresses is asking."""
    answer = getattr(anonymous, method)(address)
    assert answer.status_code == 404
    assert answer.json() == {
        "error": "Nothing is at this address. All that there is stands at /api/docs."
    }
    assert "RateLimit-Remaining" in answer


@pytest.mark.parametrize("accept", ["application/octet-stream", "text/html", "image/png", "x"])
def test_whatever_is_accepted(anonymous: Client, version: Version, accept: str) -> None:
    headers = {"Accept": accept}
    listed = anonymous.get(f"{V1}/models", headers=headers)
    assert (listed.status_code, listed["Content-Type"]) == (200, "application/json")
    download = anonymous.get(f"/api/download/models/{version.pk}", headers=headers)
    assert download.status_code == 307
    assert anonymous.get(download["Location"], headers=headers).status_code == 200


def test_a_body_that_is_too_large_is_not_read(
    anonymous: Client, alice: User, settings: LazySettings
) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    key = create_api_key(user=alice, name="k", scopes=[Scope.READ], expires_at=None)[1]
    for headers in ({}, {"Authorization": f"Bearer {key}"}):
        answer = anonymous.post(
            f"{V1}/model-versions/by-hash",
            ["0" * 64] * 2,
            content_type="application/json",
            headers=headers,
        )
        assert answer.status_code == 413
        assert isinstance(answer.json()["error"], str)


class TestPartsAway:
    @pytest.fixture
    def no_cache(self, settings: LazySettings, alice_client: Client, version: Version) -> None:
        settings.REDIS_URL = "unix:///nowhere/valkey.sock"
        settings.CACHES = {
            "default": {**settings.CACHES["default"], "LOCATION": settings.REDIS_URL}
        }
        counters._valkey.cache_clear()

    @pytest.mark.usefixtures("no_cache", "few")
    def test_without_the_cache_people_read_download_and_write(
        self, anonymous: Client, alice_client: Client, version: Version
    ) -> None:
        for address in ("models", "creators", "tags", f"models/{version.network_id}"):
            answer = anonymous.get(f"{V1}/{address}")
            assert answer.status_code == 200
            assert "RateLimit-Limit" not in answer
        download = anonymous.get(f"/api/download/models/{version.pk}")
        assert download.status_code == 307
        assert anonymous.get(download["Location"]).status_code == 200
        made = alice_client.post(
            f"{V1}/models", {"name": "Ink", "kind": "style"}, content_type="application/json"
        )
        assert made.status_code == 201

    def test_without_the_database_503_and_when_to_try_again(
        self, anonymous: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def away(*_: object, **__: object) -> None:
            raise OperationalError("connection refused")

        monkeypatch.setattr(Network.objects, "visible_to", away)
        answer = anonymous.get(f"{V1}/models/1")
        assert (answer.status_code, answer.json()["code"]) == (503, "part-away")
        assert int(answer["Retry-After"]) > 0


def test_what_was_said_does_not_wait_for_a_collection(anonymous: Client) -> None:
    """Hundreds of kept pages would stop a later request for 50 ms."""
    PublishedVersionFactory.create_batch(8)

    def left_over(limit: int) -> int:
        anonymous.get(f"{V1}/models", {"limit": limit})
        return gc.collect()

    gc.disable()
    try:
        left_over(8)  # what is loaded once
        assert abs(left_over(8) - left_over(1)) < 50
    finally:
        gc.enable()
