"""api.md, section "Read endpoints", and what clients break on: a test for each promise."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from registry.models import Network, User, Version
from registry.networks import delete_network, take_down_network
from registry.publishing import yank_version
from tests.factories import (
    CheckedVersionFactory,
    NetworkFactory,
    PublishedVersionFactory,
    UserFactory,
)
from tests.pictures import picture_of

pytestmark = pytest.mark.django_db
V1 = "/api/v1"


def published(creator: User, **words: Any) -> Version:
    version_words = {key: words.pop(key) for key in ("base_model", "trigger_words") if key in words}
    version: Version = PublishedVersionFactory(
        network=NetworkFactory(creator=creator, **words), **version_words
    )
    return version


def names(client: Client, query: str) -> list[str]:
    answer = client.get(f"{V1}/models?{query}")
    assert answer.status_code == 200, answer.content
    return [item["name"] for item in answer.json()["items"]]


class TestModels:
    def test_the_shape_of_a_model(self, anonymous: Client, alice: User) -> None:
        version = published(alice, name="Ink wash", tags=["ink"], trigger_words=["inkwash"])
        [model] = anonymous.get(f"{V1}/models").json()["items"]
        assert model["id"] == version.network_id
        assert model["type"] == "Hypernetwork"
        assert model["creator"] == {"username": "alice", "image": None}
        assert model["tags"] == ["ink"]
        assert model["nsfw"] is False
        assert model["nsfwLevel"] == 1
        assert "mode" not in model
        assert set(model["stats"]) == {
            "downloadCount",
            "thumbsUpCount",
            "thumbsDownCount",
            "commentCount",
            "tippedAmountCount",
        }
        [listed] = model["modelVersions"]
        assert listed["trainedWords"] == ["inkwash"]
        assert listed["downloadUrl"] == f"http://testserver/api/download/models/{version.pk}"
        assert model == anonymous.get(f"{V1}/models/{model['id']}").json()

    def test_never_null_where_a_list_or_a_number_is_promised(
        self, anonymous: Client, alice: User
    ) -> None:
        published(alice)
        [model] = anonymous.get(f"{V1}/models").json()["items"]
        [version] = model["modelVersions"]
        for value in (*model["stats"].values(), *version["stats"].values()):
            assert isinstance(value, int)
        for key in ("trainedWords", "files", "images", "compatibility"):
            assert isinstance(version[key], list)
        for file in version["files"]:
            assert isinstance(file["primary"], bool)

    def test_the_primary_address_has_no_query_and_the_others_say_which(
        self, anonymous: Client, alice: User
    ) -> None:
        published(alice)
        [model] = anonymous.get(f"{V1}/models").json()["items"]
        [version] = model["modelVersions"]
        primary, *others = version["files"]
        assert primary["primary"] is True
        assert primary["downloadUrl"] == version["downloadUrl"]
        assert others
        for file in others:
            assert anonymous.get(file["downloadUrl"]).status_code == 307

    def test_hashes_are_upper_case(self, anonymous: Client, alice: User) -> None:
        published(alice)
        [model] = anonymous.get(f"{V1}/models").json()["items"]
        for file in model["modelVersions"][0]["files"]:
            assert file["hashes"]["AutoV2"] == file["hashes"]["SHA256"][:10]
            assert all(value == value.upper() for value in file["hashes"].values())

    def test_only_the_primary_file(self, anonymous: Client, alice: User) -> None:
        published(alice)
        [model] = anonymous.get(f"{V1}/models?primaryFileOnly=true").json()["items"]
        assert [file["primary"] for file in model["modelVersions"][0]["files"]] == [True]

    def test_what_is_not_out_is_in_no_list(
        self, anonymous: Client, alice: User, alice_client: Client, mod: User
    ) -> None:
        CheckedVersionFactory(network=NetworkFactory(creator=alice, name="Draft"))
        yanked, deleted, taken = (published(alice) for _ in range(3))
        yank_version(version=yanked, reason="Too strong", by=alice)
        delete_network(network=deleted.network, by=alice)
        take_down_network(network=taken.network, reason="Stolen", by=mod)
        assert names(anonymous, "") == names(alice_client, "") == []

    def test_tombstones_keep_their_metadata(
        self, anonymous: Client, alice: User, mod: User
    ) -> None:
        deleted, taken = published(alice), published(alice)
        delete_network(network=deleted.network, by=alice)
        take_down_network(network=taken.network, reason="Stolen", by=mod)
        for version, mode in ((deleted, "Archived"), (taken, "TakenDown")):
            model = anonymous.get(f"{V1}/models/{version.network_id}").json()
            assert model["mode"] == mode
            by_hash = anonymous.get(
                f"{V1}/model-versions/by-hash/{version.files.get(is_primary=True).sha256}"
            )
            assert by_hash.json()["model"]["mode"] == mode

    def test_a_blocked_creator_is_not_listed(self, anonymous: Client, alice: User) -> None:
        from django.utils import timezone

        from registry.publishing import refresh_listings_of

        version = published(alice)
        User.objects.filter(pk=alice.pk).update(blocked_at=timezone.now())
        refresh_listings_of(creator=User.objects.get(pk=alice.pk))
        assert names(anonymous, "") == []
        assert anonymous.get(f"{V1}/models/{version.network_id}").status_code == 404


class TestFilters:
    @pytest.fixture(autouse=True)
    def catalogue(self, alice: User, bob: User) -> None:
        published(alice, name="Ink wash", kind="style", tags=["ink"], base_model="SD 1.5")
        published(bob, name="Tin robot", kind="subject", tags=["robot"], base_model="SD 1.4")
        published(bob, name="Nude study", kind="style", content_level="explicit")

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ("", {"Ink wash", "Tin robot"}),
            ("kind=subject", {"Tin robot"}),
            ("kind=style&kind=subject", {"Ink wash", "Tin robot"}),
            ("tag=ink", {"Ink wash"}),
            ("tag=nothing", set()),
            ("username=BOB", {"Tin robot"}),
            ("types=Hypernetwork", {"Ink wash", "Tin robot"}),
            ("types=LORA", set()),
            ("types=LORA&types=Hypernetwork", {"Ink wash", "Tin robot"}),
            ("baseModels=SD 1.4", {"Tin robot"}),
            ("activation=RELU", {"Ink wash", "Tin robot"}),
            ("activation=swish", set()),
            ("works_with=comfyui", {"Ink wash", "Tin robot"}),
            ("works_with=sdnext", set()),
            ("nsfw=true", {"Ink wash", "Tin robot", "Nude study"}),
            ("nsfw=false", {"Ink wash", "Tin robot"}),
            ("period=Day", {"Ink wash", "Tin robot"}),
            ("minSize=100000000", set()),
            ("maxSize=100000000", {"Ink wash", "Tin robot"}),
            ("query=wash", {"Ink wash"}),
            ("query=robot -tin", set()),
            ("query=tag:ink,robot", {"Ink wash", "Tin robot"}),
            ("query=tag:ink tag:robot", set()),
            ("query=-tag:ink", {"Tin robot"}),
            ("query=user:alice base:sd1", {"Ink wash"}),
            ("query=kind:subject", {"Tin robot"}),
        ],
    )
    def test_each_parameter(self, anonymous: Client, query: str, expected: set[str]) -> None:
        assert set(names(anonymous, query)) == expected

    def test_by_ids(self, anonymous: Client) -> None:
        ids = list(
            Network.objects.filter(name__in=["Ink wash", "Tin robot"]).values_list("pk", flat=True)
        )
        assert len(names(anonymous, f"ids={ids[0]},{ids[1]}")) == 2
        assert len(names(anonymous, f"ids={ids[0]}&ids={ids[1]}")) == 2

    @pytest.mark.parametrize(
        ("query", "path"),
        [
            ("sort=Best", "sort"),
            ("types=Hyper", "types"),
            ("baseModels=SD 9", "baseModels"),
            ("period=Hour", "period"),
            ("kind=thing", "kind"),
            ("works_with=photoshop", "works_with"),
        ],
    )
    def test_a_wrong_value_is_answered_with_the_right_ones(
        self, anonymous: Client, query: str, path: str
    ) -> None:
        answer = anonymous.get(f"{V1}/models?{query}")
        assert answer.status_code == 400
        [issue] = answer.json()["error"]["issues"]
        assert issue["path"] == [path]
        assert issue["options"] == issue["values"] != []

    @pytest.mark.parametrize(
        "query", ["limit=101", "limit=-1", "limit=x", "page=0", "minSize=-1", "ids=x", "nsfw=maybe"]
    )
    def test_a_wrong_number_is_refused(self, anonymous: Client, query: str) -> None:
        assert anonymous.get(f"{V1}/models?{query}").status_code == 400


class TestPages:
    @pytest.mark.parametrize(
        "sort",
        ["Highest Rated", "Most Downloaded", "Most Liked", "Newest", "Oldest", "Most Images"],
    )
    def test_cursors_visit_everything_once(self, anonymous: Client, alice: User, sort: str) -> None:
        for number in range(7):
            version = published(alice, name=f"Style {number}")
            Network.objects.filter(pk=version.network_id).update(like_count=number % 2)
        seen: list[int] = []
        address = f"{V1}/models?limit=3&sort={sort}"
        while address:
            answer = anonymous.get(address).json()
            seen += [item["id"] for item in answer["items"]]
            following = answer["metadata"].get("nextPage", "")
            assert ("nextCursor" in answer["metadata"]) == bool(following)
            parts = urlsplit(following)
            assert " " not in following
            address = f"{parts.path}?{parts.query}" if following else ""
        assert sorted(seen) == sorted(Network.objects.values_list("pk", flat=True))
        assert len(seen) == 7

    def test_pages_by_number(self, anonymous: Client, alice: User) -> None:
        for _ in range(3):
            published(alice)
        first = anonymous.get(f"{V1}/models?limit=2&page=1").json()["metadata"]
        assert (first["currentPage"], first["pageSize"]) == (1, 2)
        assert "page=2" in first["nextPage"]
        last = anonymous.get(f"{V1}/models?limit=2&page=2").json()
        assert len(last["items"]) == 1
        assert "nextPage" not in last["metadata"]

    def test_deep_pages_by_number_are_refused_in_the_known_words(self, anonymous: Client) -> None:
        answer = anonymous.get(f"{V1}/models?limit=100&page=11")
        assert answer.status_code == 429
        assert answer.json() == {
            "error": "You've requested too many pages, please use cursors instead"
        }

    @pytest.mark.parametrize("cursor", ["x", "!!!", "WzEsMl0", "W10", "bnVsbA", "%00"])
    def test_a_foreign_cursor_is_refused(self, anonymous: Client, cursor: str) -> None:
        answer = anonymous.get(f"{V1}/models?sort=Newest&cursor={cursor}")
        assert answer.status_code == 400

    def test_a_key_in_the_address_is_not_repeated(self, anonymous: Client, alice: User) -> None:
        from registry.api_keys import create_api_key
        from registry.models import Scope

        _, secret = create_api_key(user=alice, name="k", scopes=[Scope.READ], expires_at=None)
        published(alice)
        published(alice)
        answer = anonymous.get(f"{V1}/models?limit=1&token={secret}")
        assert answer.status_code == 200
        assert secret not in answer.content.decode()

    @pytest.mark.parametrize(
        "address",
        [
            f"{V1}/models?limit=100",
            f"{V1}/models?query=ink tag:ink&kind=style&sort=Newest",
            f"{V1}/images?withMeta=true",
            f"{V1}/creators",
            f"{V1}/tags",
            "/api/models?full=true",
        ],
    )
    def test_queries_do_not_grow_with_the_page(self, anonymous: Client, address: str) -> None:
        counts = []
        for number in (6, 12):
            for each in range(number):
                tags = ["ink", f"tag {number} {each}"]
                picture_of(published(UserFactory(), name="Ink", kind="style", tags=tags))
            cache.clear()
            with CaptureQueriesContext(connection) as queries:
                answer = anonymous.get(address).json()
            assert len(answer["items"] if isinstance(answer, dict) else answer) >= number
            counts.append(len(queries))
        assert counts[0] == counts[1] <= 6

    def test_queries_do_not_grow_with_the_hashes(self, anonymous: Client, alice: User) -> None:
        digests = [published(alice).files.get(is_primary=True).sha256 for _ in range(5)]
        counts = []
        for asked in (digests[:1], digests):
            with CaptureQueriesContext(connection) as queries:
                answer = anonymous.post(
                    f"{V1}/model-versions/by-hash", asked, content_type="application/json"
                )
            assert len(answer.json()) == len(asked)
            counts.append(len(queries))
        assert counts[0] == counts[1] <= 6


class TestVersions:
    def test_alone_it_says_what_it_belongs_to(self, anonymous: Client, alice: User) -> None:
        version = published(alice)
        shape = anonymous.get(f"{V1}/model-versions/{version.pk}").json()
        assert shape["modelId"] == version.network_id
        assert shape["model"]["name"] == version.network.name
        assert shape["model"]["type"] == "Hypernetwork"
        assert shape["model"]["creator"] == "alice"
        assert shape["air"].endswith(f"{version.network_id}@{version.pk}")
        assert shape["usageControl"] == "Download"
        mini = anonymous.get(f"{V1}/model-versions/mini/{version.pk}").json()
        assert mini["downloadUrls"] == [shape["downloadUrl"]]

    def test_by_every_hash_of_what_is_served_and_what_was_uploaded(
        self, anonymous: Client, alice: User
    ) -> None:
        version = published(alice)
        served = list(version.files.all())
        for hashed in (*served, version.original):
            for value in (
                hashed.sha256,
                hashed.sha256.upper(),
                hashed.autov2,
                hashed.autov2.upper(),
                hashed.crc32,
                hashed.blake3,
                hashed.autov3,
            ):
                if value:
                    answer = anonymous.get(f"{V1}/model-versions/by-hash/{value}")
                    assert answer.json()["id"] == version.pk

    @pytest.mark.parametrize("value", ["0" * 64, "0" * 10, "xyz", "0" * 63, "%00" * 8])
    def test_an_unknown_hash(self, anonymous: Client, value: str) -> None:
        answer = anonymous.get(f"{V1}/model-versions/by-hash/{value}")
        assert answer.status_code == 404
        assert answer.json() == {"error": "Model not found"}

    def test_of_several_matches_the_earliest_published(
        self, anonymous: Client, alice: User, bob: User
    ) -> None:
        first = PublishedVersionFactory(network=NetworkFactory(creator=alice), original=b"same")
        PublishedVersionFactory(network=NetworkFactory(creator=bob), original=b"same")
        answer = anonymous.get(f"{V1}/model-versions/by-hash/{first.original.sha256}")
        assert answer.json()["id"] == first.pk

    def test_many_hashes_at_once(self, anonymous: Client, alice: User) -> None:
        versions = [published(alice) for _ in range(3)]
        digests = [version.files.get(is_primary=True).sha256 for version in versions]
        wanted = [*map(str.upper, digests), "0" * 64]
        shapes = anonymous.post(
            f"{V1}/model-versions/by-hash", wanted, content_type="application/json"
        ).json()
        assert {shape["id"] for shape in shapes} == {version.pk for version in versions}
        ids = anonymous.post(
            f"{V1}/model-versions/by-hash/ids", wanted, content_type="application/json"
        ).json()
        assert ids == [
            {"modelVersionId": v.pk, "modelId": v.network_id, "hash": digest.upper()}
            for v, digest in zip(versions, digests, strict=True)
        ]

    @pytest.mark.parametrize("body", [{}, ["short"], [1], ["0" * 64] * 101, "text", None])
    def test_a_body_that_is_no_list_of_hashes(self, anonymous: Client, body: Any) -> None:
        answer = anonymous.post(
            f"{V1}/model-versions/by-hash", body, content_type="application/json"
        )
        assert answer.status_code == 400


class TestManners:
    def test_the_words_of_errors(self, anonymous: Client) -> None:
        assert anonymous.delete(f"{V1}/models").json() == {"error": "Method not allowed"}
        assert anonymous.delete(f"{V1}/models").status_code == 405
        assert anonymous.get(f"{V1}/models/1").json() == {"error": "Model not found"}

    def test_a_key_that_is_no_good_matters_only_where_one_is_needed(
        self, anonymous: Client
    ) -> None:
        stale = {"Authorization": "Bearer hnh_wrong"}
        assert anonymous.get(f"{V1}/models", headers=stale).status_code == 200
        answer = anonymous.get(f"{V1}/me", headers=stale)
        assert (answer.status_code, answer.json()) == (401, {"error": "Unauthorized"})

    def test_any_page_may_call_it(self, anonymous: Client) -> None:
        answer = anonymous.get(f"{V1}/models", headers={"Origin": "https://elsewhere.example"})
        assert answer["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in answer

    def test_caches_may_keep_what_everyone_sees(
        self, anonymous: Client, alice_client: Client, alice: User
    ) -> None:
        version = published(alice)
        public = anonymous.get(f"{V1}/models")["Cache-Control"]
        assert "s-maxage=300" in public and "stale-while-revalidate=150" in public
        by_hash = f"{V1}/model-versions/by-hash/{version.files.first().sha256}"  # type: ignore[union-attr]
        kept = anonymous.get(by_hash)["Cache-Control"]
        assert "s-maxage=3600" in kept and "stale-while-revalidate=1800" in kept
        assert alice_client.get(f"{V1}/models")["Cache-Control"] == "private, no-store"

    def test_an_unchanged_answer_is_not_sent_again(self, anonymous: Client, alice: User) -> None:
        published(alice)
        etag = anonymous.get(f"{V1}/models")["ETag"]
        again = anonymous.get(f"{V1}/models", headers={"If-None-Match": etag})
        assert again.status_code == 304

    def test_lists_of_creators_tags_and_values(
        self, anonymous: Client, alice: User, bob: User
    ) -> None:
        published(alice, tags=["ink"])
        creators = anonymous.get(f"{V1}/creators").json()
        assert [item["username"] for item in creators["items"]] == ["alice"]
        assert creators["items"][0]["modelCount"] == 1
        assert creators["metadata"]["totalItems"] == 1
        tags = anonymous.get(f"{V1}/tags").json()
        assert [item["name"] for item in tags["items"]] == ["ink"]
        assert "Hypernetwork" in anonymous.get(f"{V1}/enums").json()["ModelType"]
