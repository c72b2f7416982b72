"""What public clients of Civitai's API ask, and which fields they read of the answers.

Read in their sources in 2026-11: the official WebUI extension (sd_civitai_extension), Civitai
Helper, ComfyUI-Lora-Manager and SD.Next's client. civitdl runs for real: test_civitdl.
"""

import json
import re
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client

from registry.api_keys import create_api_key
from registry.formats.flavors import Flavor
from registry.likes import like_network
from registry.models import ContentLevel, File, Picture, User, Version
from tests.factories import NetworkFactory, PublishedVersionFactory
from tests.pictures import picture_of

pytestmark = pytest.mark.django_db
CONTENT = b"portable weights" * 64
V1 = "/api/v1"


@pytest.fixture
def version(alice: User) -> Version:
    version: Version = PublishedVersionFactory(
        network=NetworkFactory(creator=alice, name="Ink wash", tags=["ink"]),
        stem="ink_wash",
        contents={Flavor.PORTABLE: CONTENT, Flavor.SAFETENSORS: b"others" * 99},
        trigger_words=["inkwash", "wet ink"],
        changelog="First.",
    )
    return version


@pytest.fixture
def picture(version: Version) -> Picture:
    return picture_of(version, meta={"prompt": "a cat", "seed": 7})


@pytest.fixture
def file(version: Version) -> File:
    return version.files.get(is_primary=True)


def get(client: Client, path: str, **words: Any) -> Any:
    answer = client.get(f"{V1}{path}", **words)
    assert answer.status_code == 200, answer.content
    return answer.json()


def post(client: Client, path: str, body: Any) -> Any:
    answer = client.post(f"{V1}{path}", json.dumps(body), content_type="application/json")
    assert answer.status_code == 200, answer.content
    return answer.json()


def downloaded(client: Client, url: str, **headers: str) -> Any:
    """As `requests` goes after the redirect."""
    redirect = client.get(url, headers=headers)
    assert redirect.status_code == 307
    return client.get(redirect["Location"], headers=headers)


# --- The official WebUI extension -----------------------------------------------------------------


class TestWebUIExtension:
    """Asks with an empty key where none is set, and for the hashes of a folder at once."""

    def test_what_it_writes_beside_a_file(
        self, version: Version, file: File, picture: Picture, anonymous: Client
    ) -> None:
        [found] = post(anonymous, "/model-versions/by-hash", [file.sha256, "0" * 64])

        assert file.sha256 in [each["hashes"]["SHA256"].lower() for each in found["files"]]
        assert "SD 1" in found["baseModel"]
        assert "First." in found["description"]
        assert ", ".join(found["trainedWords"]) == "inkwash, wet ink"
        [image] = [each for each in found["images"] if each["nsfw"] is False]
        assert image["url"].startswith("http://testserver/")

    def test_an_empty_key_is_no_key(self, file: File, anonymous: Client) -> None:
        headers = {"Authorization": "Bearer ", "User-Agent": "CivitaiLink:Automatic1111"}
        found = get(anonymous, f"/model-versions/by-hash/{file.sha256}", headers=headers)
        [primary] = [each for each in found["files"] if each["primary"] is True]

        assert primary["name"] == "ink_wash.pt"
        content = downloaded(anonymous, primary["downloadUrl"])
        assert int(content["Content-Length"]) == len(CONTENT)
        assert content.getvalue() == CONTENT

    def test_its_lists(self, version: Version, anonymous: Client) -> None:
        """It says `type` and `pageSize`, which Civitai does not know either."""
        page = {"query": "", "page": 1, "pageSize": 20}
        query = page | {"username": "", "tag": "", "type": "Hypernetwork", "period": "AllTime"}
        models = get(anonymous, f"/models?{urlencode(query | {'sort': 'Most Downloaded'})}")

        assert [each["id"] for each in models["items"]] == [version.network_id]
        assert get(anonymous, f"/creators?{urlencode(page)}")["items"][0]["username"] == "alice"
        assert get(anonymous, f"/tags?{urlencode(page)}")["items"][0]["name"] == "ink"


# --- Civitai Helper -------------------------------------------------------------------------------


class TestCivitaiHelper:
    def test_what_it_reads_of_a_version(
        self, version: Version, file: File, picture: Picture, anonymous: Client
    ) -> None:
        found = get(anonymous, f"/model-versions/by-hash/{file.sha256}")
        model = get(anonymous, f"/models/{found['modelId']}")
        [latest] = model["modelVersions"]
        [image] = found["images"]

        assert (found["id"], model["type"]) == (version.pk, "Hypernetwork")
        assert f"{latest['name']}_{latest['id']}" == f"{version.name}_{version.pk}"
        assert latest["downloadUrl"] in [each["downloadUrl"] for each in latest["files"]]
        assert image["nsfw"] is False
        assert image["type"] == "image"
        wide = re.sub(r"/width=\d+/", f"/width={image['width']}/", image["url"])
        assert wide != image["url"]
        assert anonymous.get(wide).status_code == 200

    def test_an_unknown_hash_is_404(self, anonymous: Client) -> None:
        assert anonymous.get(f"{V1}/model-versions/by-hash/{'0' * 64}").status_code == 404

    def test_its_downloader(self, version: Version, anonymous: Client) -> None:
        """Once for the headers, then from the byte it has on, by the name after the only `=`."""
        url = f"/api/download/models/{version.pk}"
        head = downloaded(anonymous, url)
        assert int(head["Content-Length"]) == len(CONTENT)
        assert head["Content-Disposition"].split("=")[1].strip('"') == "ink_wash.pt"
        assert head.getvalue() == CONTENT
        for start in (0, 100):
            rest = downloaded(anonymous, url, Range=f"bytes={start}-")
            assert b"".join(rest) == CONTENT[start:]


# --- ComfyUI-Lora-Manager -------------------------------------------------------------------------


class TestLoraManager:
    def test_several_networks_by_their_ids(self, version: Version, anonymous: Client) -> None:
        other = PublishedVersionFactory(
            network=NetworkFactory(content_level=ContentLevel.EXPLICIT)
        ).network
        query = urlencode({"ids": f"{version.network_id},{other.pk}", "nsfw": "true"})
        items = get(anonymous, f"/models?{query}")["items"]

        assert {each["id"] for each in items} == {version.network_id, other.pk}
        for each in items:
            assert each["modelVersions"]
            assert {"allowNoCredit", "allowCommercialUse", "allowDerivatives"} <= set(each)

    def test_all_of_a_creator(self, version: Version, anonymous: Client) -> None:
        for _ in range(2):
            PublishedVersionFactory(network=NetworkFactory(creator=version.network.creator))
        query = {"username": "alice", "nsfw": "true", "sort": "Newest", "period": "AllTime"}
        page = get(anonymous, f"/models?{urlencode(query | {'limit': 2})}")
        cursor = page["metadata"]["nextCursor"]
        rest = get(anonymous, f"/models?{urlencode(query | {'limit': 2, 'cursor': cursor})}")
        [creator] = get(anonymous, "/creators?query=alice&limit=10")["items"]

        assert isinstance(cursor, str)
        assert len(page["items"]) == 2
        assert [each["id"] for each in rest["items"]] == [version.network_id]
        assert rest["metadata"].get("nextCursor") is None
        assert creator["modelCount"] == 3

    def test_one_picture_with_what_it_says(self, picture: Picture, anonymous: Client) -> None:
        """`nsfw=X`, by Civitai's name for the strongest."""
        query = f"imageId={picture.pk}&nsfw=X&withMeta=true"
        [image] = get(anonymous, f"/images?{query}")["items"]

        assert image["id"] == picture.pk
        assert image["meta"]["prompt"] == "a cat"

    def test_which_file_it_takes(self, version: Version, file: File, anonymous: Client) -> None:
        files = get(anonymous, f"/model-versions/{version.pk}")["files"]
        [primary] = [each for each in files if each["type"] == "Model" and each["primary"]]

        assert primary["hashes"]["SHA256"] == file.sha256.upper()
        assert set(primary["metadata"]) == {"format", "size", "fp"}

    def test_base_models_by_their_names(self, anonymous: Client) -> None:
        enums = get(anonymous, "/enums")

        assert "SD 1.5" in enums["ActiveBaseModel"]
        assert set(enums["ActiveBaseModel"]) <= set(enums["BaseModel"])


# --- SD.Next --------------------------------------------------------------------------------------


class TestSDNext:
    """Its models refuse an answer whose numbers, lists or words are null."""

    def test_no_null_where_it_wants_a_value(
        self, version: Version, picture: Picture, anonymous: Client
    ) -> None:
        [model] = get(anonymous, "/models?types=Hypernetwork&nsfw=true&limit=20")["items"]
        found = get(anonymous, f"/model-versions/{version.pk}")
        of_models = ("id", "type", "name", "tags", "nsfw", "nsfwLevel", "availability", "stats")
        rights = ("allowNoCredit", "allowCommercialUse", "allowDerivatives")
        of_versions = ("id", "name", "baseModel", "availability", "trainedWords", "stats", "files")
        of_files = ("id", "name", "type", "sizeKB", "hashes", "downloadUrl", "metadata")

        assert all(model[name] is not None for name in (*of_models, *rights, "creator"))
        for each in (found, *model["modelVersions"]):
            more = ("images", "nsfwLevel", "downloadUrl")
            assert all(each[name] is not None for name in (*of_versions, *more))
            for file in each["files"]:
                assert all(file[name] is not None for name in of_files)
            for image in each["images"]:
                assert all(image[name] is not None for name in ("id", "url", "width", "height"))
                assert type(image["nsfwLevel"]) is int
        assert found["modelId"] == version.network_id

    @pytest.mark.parametrize("name", ["sort", "period", "types"])
    def test_it_reads_the_values_that_there_are_from_a_refusal(
        self, name: str, anonymous: Client
    ) -> None:
        answer = anonymous.get(f"{V1}/models?{name}=__invalid__")
        [issue] = answer.json()["error"]["issues"]

        assert answer.status_code == 400
        assert issue["options"]

    def test_its_favourites(self, version: Version, alice: User, anonymous: Client) -> None:
        like_network(network=version.network, by=alice)
        secret = create_api_key(user=alice, name="t", scopes=["read"], expires_at=None)[1]
        headers = {"Authorization": f"Bearer {secret}"}

        me = get(anonymous, "/me", headers=headers)
        assert (me["username"], type(me["id"])) == ("alice", int)
        [model] = get(anonymous, "/models?favorites=true&limit=20", headers=headers)["items"]
        assert model["stats"]["thumbsUpCount"] == 1

    def test_what_is_on_a_disk(self, version: Version, file: File, anonymous: Client) -> None:
        hashes = [file.sha256.upper(), "0" * 64]
        [row] = post(anonymous, "/model-versions/by-hash/ids", hashes)
        mini = get(anonymous, f"/model-versions/mini/{row['modelVersionId']}")

        assert row == {
            "modelVersionId": version.pk,
            "modelId": version.network_id,
            "hash": file.sha256.upper(),
        }
        assert (mini["fileName"], mini["fileType"], mini["format"]) == (
            "ink_wash.pt",
            "Model",
            "PickleTensor",
        )
        assert mini["size"] == len(CONTENT)
        assert mini["downloadUrls"]

    def test_its_download_goes_on_where_it_was(self, version: Version, anonymous: Client) -> None:
        """A 200 to a range would cost what it has, a text/* would be taken for an error."""
        url = f"/api/download/models/{version.pk}"
        rest = downloaded(anonymous, url, Range="bytes=1000-")

        assert rest.status_code == 206
        assert not rest["Content-Type"].startswith("text/")
        assert int(rest["Content-Length"]) == len(CONTENT) - 1000
