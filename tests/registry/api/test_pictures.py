"""`/pictures/{sha256}/width=450/{id}.webp`: for those who may see it, kept for ever."""

import io

import pytest
from django.test import Client, override_settings
from django.utils import timezone
from PIL import Image

from registry import pictures
from registry.api.shapes import picture_address
from registry.models import Picture, User, Version
from registry.networks import take_down_network
from registry.versions import take_down_version
from tests.factories import CheckedVersionFactory, NetworkFactory, PublishedVersionFactory
from tests.pictures import picture_of, png

pytestmark = pytest.mark.django_db(transaction=True)


def address(picture: Picture, width: str = "450") -> str:
    return picture_address(picture, origin="").replace("width=450", f"width={width}")


@pytest.fixture
def published(alice: User) -> Picture:
    version = PublishedVersionFactory(network=NetworkFactory(creator=alice))
    return picture_of(version, png(1200, 800, parameters="a cat"))


@pytest.fixture
def draft(alice: User) -> Picture:
    return picture_of(CheckedVersionFactory(network=NetworkFactory(creator=alice)))


class TestBytes:
    @pytest.mark.parametrize(
        ("asked", "width"), [("100", 320), ("450", 640), ("1024", 1024), ("9999", 1024)]
    )
    def test_any_width(self, asked: str, width: int, published: Picture, anonymous: Client) -> None:
        answer = anonymous.get(address(published, asked))
        assert answer.status_code == 200
        assert answer["Content-Type"] == "image/webp"
        content = answer.getvalue()
        assert Image.open(io.BytesIO(content)).width == width
        assert int(answer["Content-Length"]) == len(content)

    def test_the_original_with_its_infotext(self, published: Picture, anonymous: Client) -> None:
        answer = anonymous.get(address(published, "original"))
        assert answer["Content-Type"] == "image/png"
        picture = Image.open(io.BytesIO(answer.getvalue()))
        assert picture.info["parameters"] == "a cat"

    @pytest.mark.parametrize("width", ["0", "-1", "x", "99999999999"])
    def test_no_width(self, width: str, published: Picture, anonymous: Client) -> None:
        assert anonymous.get(address(published, width)).status_code == 404

    def test_nginx_sends_them_where_it_may(self, published: Picture, anonymous: Client) -> None:
        with override_settings(ACCEL_REDIRECT="/protected/"):
            answer = anonymous.get(address(published))
        assert answer["X-Accel-Redirect"] == f"/protected/pictures/{published.sha256}/640.webp"


class TestCaching:
    def test_for_ever_and_for_everyone(self, published: Picture, anonymous: Client) -> None:
        answer = anonymous.get(address(published))
        assert answer["Cache-Control"] == "public, max-age=31536000, immutable"
        assert "Cookie" not in answer.get("Vary", "")

    def test_304_by_etag(self, published: Picture, anonymous: Client) -> None:
        etag = anonymous.get(address(published))["ETag"]
        again = anonymous.get(address(published), headers={"If-None-Match": etag})
        assert again.status_code == 304
        other = anonymous.get(address(published, "320"), headers={"If-None-Match": etag})
        assert other.status_code == 200

    def test_a_draft_is_kept_by_nobody(self, draft: Picture, alice_client: Client) -> None:
        answer = alice_client.get(address(draft))
        assert answer.status_code == 200
        assert answer["Cache-Control"] == "private, no-cache"


class TestVisibility:
    def test_a_draft_is_its_creators(
        self, draft: Picture, anonymous: Client, bob_client: Client, mod_client: Client
    ) -> None:
        assert anonymous.get(address(draft)).status_code == 404
        assert bob_client.get(address(draft)).status_code == 404
        assert mod_client.get(address(draft)).status_code == 200

    def test_a_wrong_digest_or_number(self, published: Picture, anonymous: Client) -> None:
        wrong = address(published).replace(published.sha256, "0" * 64)
        assert anonymous.get(wrong).status_code == 404
        other = f"/{published.pk + 1}.webp"
        assert anonymous.get(address(published).rpartition("/")[0] + other).status_code == 404
        assert (
            anonymous.get(address(published).rpartition("/")[0] + f"/{10**30}.webp").status_code
            == 404
        )

    def test_what_was_taken_down(
        self, published: Picture, mod: User, anonymous: Client, alice_client: Client
    ) -> None:
        version: Version = published.versions.get()
        take_down_version(version=version, reason="stolen", by=mod)
        assert anonymous.get(address(published)).status_code == 404
        assert alice_client.get(address(published)).status_code == 404

    def test_a_network_that_was_taken_down(
        self, published: Picture, mod: User, anonymous: Client, mod_client: Client
    ) -> None:
        take_down_network(network=published.versions.get().network, reason="stolen", by=mod)
        assert anonymous.get(address(published)).status_code == 404
        assert mod_client.get(address(published)).status_code == 200

    def test_a_hidden_picture(self, published: Picture, anonymous: Client) -> None:
        Picture.objects.update(hidden_at=timezone.now())
        assert anonymous.get(address(published)).status_code == 404

    def test_what_the_base_model_paints_is_for_whoever_knows_its_address(
        self, anonymous: Client
    ) -> None:
        with pictures.stored(png(seed=9)) as stored:
            shared = Picture.objects.create(**vars(stored), owner=None)
        assert anonymous.get(address(shared)).status_code == 200
        listed = anonymous.get("/api/v1/images").json()
        assert listed["items"] == []

    def test_lists_name_no_picture_of_nobody_to_moderators_either(
        self, published: Picture, mod_client: Client
    ) -> None:
        with pictures.stored(png(seed=9)) as stored:
            Picture.objects.create(**vars(stored), owner=None)
        items = mod_client.get("/api/v1/images").json()["items"]
        assert [item["id"] for item in items] == [published.pk]


def test_the_cover_comes_first_and_lies_beside_the_file(alice: User, anonymous: Client) -> None:
    version = PublishedVersionFactory(network=NetworkFactory(creator=alice))
    first = picture_of(version, png(seed=1))
    cover = picture_of(version, png(seed=2), is_cover=True)
    shown = anonymous.get(f"/api/v1/model-versions/{version.pk}").json()["images"]
    assert [image["id"] for image in shown] == [cover.pk, first.pk]
    beside = anonymous.get(f"/api/download/models/{version.pk}/preview")
    assert beside.getvalue() == png(seed=2)
