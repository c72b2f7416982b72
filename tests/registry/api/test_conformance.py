"""api.md, word by word, where no other test says it: the names of fields, the envelopes of lists,
and each thing that clients break on.
"""

from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from django.test import Client

from registry.api.schema.document import document
from registry.api_keys import create_api_key
from registry.models import Network, Picture, Scope, User, Version
from registry.networks import delete_network
from tests.factories import CheckedVersionFactory, NetworkFactory, PublishedVersionFactory
from tests.pictures import picture_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_files")]
V1: Final = "/api/v1"

MODEL: Final = (
    "id name description allowNoCredit allowCommercialUse allowDerivatives allowDifferentLicense "
    "type minor sfwOnly poi nsfw nsfwLevel availability cosmetic supportsGeneration baseModels "
    "stats creator tags modelVersions"
)
VERSION: Final = (
    "id name nsfwLevel createdAt publishedAt status availability trainedWords baseModel "
    "baseModelType description stats files images downloadUrl settings network compatibility "
    "previewGrid"
)
ALONE: Final = "modelId updatedAt trainingStatus trainingDetails uploadType usageControl air model"
FILE: Final = (
    "id sizeKB name type pickleScanResult pickleScanMessage virusScanResult virusScanMessage "
    "scannedAt metadata hashes primary downloadUrl"
)
IMAGE: Final = "id url nsfwLevel nsfw width height hash type hasMeta hasPositivePrompt onSite"
IN_LIST: Final = "createdAt postId stats meta username baseModel modelVersionIds"


@pytest.fixture
def version(alice: User) -> Version:
    return PublishedVersionFactory(network=NetworkFactory(creator=alice, tags=["ink"]))


@pytest.fixture
def picture(version: Version) -> Picture:
    return picture_of(version, meta={"prompt": "a harbour"})


def has(value: dict[str, Any], names: str) -> None:
    assert set(names.split()) <= set(value)


def get(client: Client, address: str) -> Any:
    answer = client.get(f"{V1}/{address}")
    assert answer.status_code == 200, answer.content
    return answer.json()


class TestNames:
    def test_of_a_model_and_what_is_in_it(
        self, anonymous: Client, version: Version, picture: Picture
    ) -> None:
        [model] = get(anonymous, "models")["items"]
        has(model, MODEL)
        has(model["stats"], "downloadCount thumbsUpCount thumbsDownCount commentCount")
        has(model["stats"], "tippedAmountCount")
        has(model["creator"], "username image")
        [inside] = model["modelVersions"]
        has(inside, VERSION)
        has(inside["stats"], "downloadCount thumbsUpCount thumbsDownCount")
        has(inside["settings"], "strength minStrength maxStrength")
        has(inside["network"], "layerStructure activation layerNorm dropout dims step trainedOn")
        has(inside["network"]["trainedOn"], "name hash")
        [image] = inside["images"]
        has(image, IMAGE)
        assert "meta" not in image

    def test_of_a_version_alone(
        self, anonymous: Client, version: Version, picture: Picture
    ) -> None:
        alone = get(anonymous, f"model-versions/{version.pk}")
        has(alone, f"{VERSION} {ALONE}")
        has(alone["model"], "name type nsfw poi creator tags")
        assert alone["images"][0]["meta"] == {"prompt": "a harbour"}

    def test_of_files(self, anonymous: Client, version: Version) -> None:
        for file in get(anonymous, f"model-versions/{version.pk}")["files"]:
            has(file, FILE)
            has(file["metadata"], "format size fp")
            has(file["hashes"], "AutoV2 SHA256 CRC32 BLAKE3")
            assert file["type"] == "Model"
            assert file["metadata"]["size"] == "full"

    def test_of_images_in_their_list(
        self, anonymous: Client, version: Version, picture: Picture
    ) -> None:
        [image] = get(anonymous, "images")["items"]
        has(image, f"{IMAGE} {IN_LIST}")
        has(image["stats"], "cryCount laughCount likeCount dislikeCount heartCount commentCount")
        assert image["nsfwLevel"] == "None"
        assert image["meta"] is None
        assert image["modelVersionIds"] == [version.pk]
        [with_meta] = get(anonymous, "images?withMeta=true")["items"]
        assert with_meta["meta"] == {"prompt": "a harbour"}


class TestLists:
    def test_a_hundred_to_a_page_unless_told(self, anonymous: Client) -> None:
        limits = {
            parameter["name"]: parameter["schema"]
            for parameter in document().schema["paths"][f"{V1}/models"]["get"]["parameters"]
        }["limit"]
        assert (limits["minimum"], limits["maximum"], limits["default"]) == (0, 100, 100)
        metadata = get(anonymous, "models?page=1")["metadata"]
        assert metadata == {"currentPage": 1, "pageSize": 100}

    def test_none_to_a_page(self, anonymous: Client, version: Version) -> None:
        assert get(anonymous, "models?limit=0") == {"items": [], "metadata": {}}

    @pytest.mark.parametrize("of", ["creators", "tags"])
    def test_pages_by_number_with_their_totals(
        self, anonymous: Client, alice: User, bob: User, of: str
    ) -> None:
        for person, tag in ((alice, "ink"), (bob, "robot")):
            PublishedVersionFactory(network=NetworkFactory(creator=person, tags=[tag]))
        first = get(anonymous, f"{of}?limit=1")["metadata"]
        assert "page=2" in first.pop("nextPage")
        assert first == {"totalItems": 2, "currentPage": 1, "pageSize": 1, "totalPages": 2}
        last = get(anonymous, f"{of}?limit=1&page=2")["metadata"]
        assert "page=1" in last.pop("prevPage")
        assert last == {"totalItems": 2, "currentPage": 2, "pageSize": 1, "totalPages": 2}

    def test_every_sort_of_the_description(self, anonymous: Client, version: Version) -> None:
        for sort in get(anonymous, "enums")["ModelSort"]:
            assert len(get(anonymous, f"models?sort={sort}")["items"]) == 1

    @pytest.mark.parametrize("period", ["AllTime", "Year", "Month", "Week", "Day"])
    def test_every_period(self, anonymous: Client, version: Version, period: str) -> None:
        assert len(get(anonymous, f"models?period={period}")["items"]) == 1

    def test_what_is_liked_needs_to_know_whose(
        self, anonymous: Client, alice_client: Client, version: Version
    ) -> None:
        assert anonymous.get(f"{V1}/models?favorites=true").status_code == 401
        assert get(alice_client, "models?favorites=true")["items"] == []
        alice_client.put(f"{V1}/models/{version.network_id}/like")
        assert len(get(alice_client, "models?favorites=true")["items"]) == 1

    def test_a_bad_value_of_every_described_choice_or_number_is_answered_with_its_name(
        self, anonymous: Client
    ) -> None:
        """Nothing that is advertised is ignored in silence."""
        asked = 0
        for path, item in document().schema["paths"].items():
            if "{" in path or "get" not in item or {} not in item["get"]["security"]:
                continue
            for parameter in item["get"]["parameters"]:
                schema = parameter["schema"]
                values = schema.get("items", schema)
                if "enum" not in values and values.get("type") != "integer":
                    continue
                answer = anonymous.get(path, {parameter["name"]: "no such value"})
                assert answer.status_code == 400, (path, parameter["name"])
                [issue] = answer.json()["error"]["issues"]
                assert issue["path"] == [parameter["name"]]
                if "enum" in values:
                    assert issue["options"] == issue["values"] != []
                asked += 1
        assert asked > 20


def test_of_several_matches_published_at_once_the_lowest_id(
    anonymous: Client, alice: User, bob: User
) -> None:
    first = PublishedVersionFactory(network=NetworkFactory(creator=alice), original=b"same")
    PublishedVersionFactory(
        network=NetworkFactory(creator=bob), original=b"same", published_at=first.published_at
    )
    found = get(anonymous, f"model-versions/by-hash/{first.original.sha256}")
    assert found["id"] == first.pk


def test_a_key_in_the_address_downloads_too(anonymous: Client, alice: User) -> None:
    draft = CheckedVersionFactory(network=NetworkFactory(creator=alice))
    key = create_api_key(user=alice, name="k", scopes=[Scope.READ], expires_at=None)[1]
    address = f"/api/download/models/{draft.pk}"
    assert anonymous.get(address).status_code == 404
    assert anonymous.get(f"{address}?token={key}").status_code == 307


class TestWhatClientsBreakOn:
    def test_an_image_without_nsfw(self, anonymous: Client, picture: Picture) -> None:
        [model] = get(anonymous, "models")["items"]
        [listed] = get(anonymous, "images")["items"]
        for image in (*model["modelVersions"][0]["images"], listed):
            assert image["nsfw"] is False

    def test_a_file_without_primary(self, anonymous: Client, version: Version) -> None:
        [model] = get(anonymous, "models")["items"]
        files = model["modelVersions"][0]["files"]
        assert [file["primary"] for file in files] == [True, *[False] * (len(files) - 1)]

    def test_trained_words_that_are_null(self, anonymous: Client, version: Version) -> None:
        assert get(anonymous, f"model-versions/{version.pk}")["trainedWords"] == []

    def test_a_count_that_is_null(self, anonymous: Client, version: Version) -> None:
        alone = get(anonymous, f"model-versions/{version.pk}")
        [model] = get(anonymous, "models")["items"]
        assert alone["stats"]["downloadCount"] == model["stats"]["downloadCount"] == 0

    def test_a_query_on_the_primary_address(self, anonymous: Client, version: Version) -> None:
        alone = get(anonymous, f"model-versions/{version.pk}")
        assert not urlsplit(alone["downloadUrl"]).query
        assert alone["files"][0]["downloadUrl"] == alone["downloadUrl"]

    def test_a_download_that_does_not_redirect(self, anonymous: Client, version: Version) -> None:
        answer = anonymous.get(f"/api/download/models/{version.pk}")
        assert answer.status_code == 307
        assert urlsplit(answer["Location"]).netloc == "testserver"

    def test_an_encoded_file_name_or_two(self, anonymous: Client, version: Version) -> None:
        disposition = self.of_bytes(anonymous, version)["Content-Disposition"]
        assert "filename*" not in disposition
        assert disposition.count("filename=") == 1

    def test_no_length(self, anonymous: Client, version: Version) -> None:
        size = version.files.get(is_primary=True).size
        assert self.of_bytes(anonymous, version)["Content-Length"] == str(size)

    def test_a_text_type(self, anonymous: Client, version: Version) -> None:
        assert self.of_bytes(anonymous, version)["Content-Type"] == "application/octet-stream"

    def test_a_range_that_is_ignored(self, anonymous: Client, version: Version) -> None:
        answer = self.of_bytes(anonymous, version, Range="bytes=1-3")
        size = version.files.get(is_primary=True).size
        assert (answer.status_code, answer["Content-Length"]) == (206, "3")
        assert answer["Content-Range"] == f"bytes 1-3/{size}"

    @staticmethod
    def of_bytes(client: Client, version: Version, **headers: str) -> Any:
        location = client.get(f"/api/download/models/{version.pk}")["Location"]
        answer: Any = client.get(location, headers=headers)
        list(answer.streaming_content)  # so that its file is closed
        return answer


def test_tombstones_are_counted_among_what_by_hash_finds(anonymous: Client, alice: User) -> None:
    version = PublishedVersionFactory(network=NetworkFactory(creator=alice))
    digest = version.files.get(is_primary=True).sha256
    delete_network(network=version.network, by=alice)
    ids = anonymous.post(
        f"{V1}/model-versions/by-hash/ids", [digest], content_type="application/json"
    ).json()
    assert [each["modelId"] for each in ids] == [Network.objects.get().pk]
    assert anonymous.get(f"/api/download/models/{version.pk}").status_code == 410
