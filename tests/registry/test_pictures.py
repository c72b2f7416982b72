"""Pictures' bytes: stored by their SHA256 with renditions, freed when no row has them."""

import io
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone
from PIL import Image

from registry import pictures, storage
from registry.models import Picture, User, Version
from registry.networks import delete_network
from registry.pictures import key_of, rendition_for, widths_of
from tests.factories import CheckedVersionFactory, NetworkFactory, PublishedVersionFactory
from tests.pictures import picture_of, png

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def no_other_pictures() -> None:
    for each in list(storage.keys("pictures")):
        storage.remove(each.key)


def stored_names(sha256: str) -> set[str]:
    return {Path(each.key).name for each in storage.keys(f"pictures/{sha256}")}


class TestStoring:
    def test_the_very_bytes_and_smaller_ones(self) -> None:
        content = png(1500, 1000, parameters="a cat, <hypernet:ink:0.5>")
        with pictures.stored(content) as stored:
            pass
        assert (stored.width, stored.height) == (1500, 1000)
        assert pictures.stored_png(stored.sha256) == content
        assert stored_names(stored.sha256) == {"original.png", "320.webp", "640.webp", "1024.webp"}
        with default_storage.open(key_of(stored.sha256, 640)) as file:
            rendition = Image.open(file)
            assert (rendition.format, rendition.size) == ("WEBP", (640, 427))

    def test_nothing_is_enlarged(self) -> None:
        with pictures.stored(png(128, 96)) as stored:
            pass
        assert stored_names(stored.sha256) == {"original.png", "128.webp"}

    def test_a_placeholder_of_16_pixels(self) -> None:
        import base64

        with pictures.stored(png(640, 480)) as stored:
            pass
        kind, _, content = stored.placeholder.partition(",")
        assert kind == "data:image/webp;base64"
        assert Image.open(io.BytesIO(base64.b64decode(content))).size == (16, 12)
        assert len(stored.placeholder) <= (Picture._meta.get_field("placeholder").max_length or 0)

    def test_twice_is_once(self) -> None:
        with pictures.stored(png()) as first:
            pass
        before = {each.key: each.modified for each in storage.keys("pictures")}
        with pictures.stored(png()) as second:
            pass
        assert first == second
        assert {each.key: each.modified for each in storage.keys("pictures")} == before

    def test_what_a_killed_process_left_half_written_goes(self) -> None:
        content = png()
        folder = Path(default_storage.path(key_of(pictures.sha256_of_bytes(content)))).parent
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{storage.TEMPORARY}123").write_bytes(content[:100])
        with pictures.stored(content) as stored:
            pass
        assert not any(storage.TEMPORARY in name for name in stored_names(stored.sha256))

    def test_a_damaged_original_is_not_taken_for_whole(self) -> None:
        with pictures.stored(png()) as stored:
            pass
        Path(default_storage.path(key_of(stored.sha256))).write_bytes(b"damaged")
        assert pictures.stored_png(stored.sha256) is None
        assert pictures.stored_png("0" * 64) is None


class TestRenditions:
    def test_as_wide_as_asked_or_the_widest(self) -> None:
        assert widths_of(2000) == (320, 640, 1024)
        assert [rendition_for(2000, asked=w) for w in (1, 320, 450, 700, 5000)] == [
            *(320, 320, 640, 1024, 1024)
        ]
        assert widths_of(512) == (320, 512)
        assert rendition_for(512, asked=450) == 512
        assert rendition_for(128, asked=450) == 128


class TestFreeing:
    def test_bytes_that_no_row_has_go_with_their_renditions(self) -> None:
        with pictures.stored(png()) as stored:
            pass
        assert pictures.free_unused([stored.sha256]) == 1
        assert stored_names(stored.sha256) == set()

    def test_bytes_of_another_row_stay(self) -> None:
        one = picture_of(PublishedVersionFactory())
        other = picture_of(PublishedVersionFactory())
        assert one.sha256 == other.sha256
        one.delete()
        assert pictures.free_unused([other.sha256]) == 0
        assert stored_names(other.sha256)

    def test_the_sweep_finds_bytes_without_a_row(self) -> None:
        with pictures.stored(png()) as stored:
            pass
        kept = picture_of(PublishedVersionFactory(), png(seed=1))
        assert pictures.remove_unwanted() == 1
        assert stored_names(stored.sha256) == set()
        assert stored_names(kept.sha256)

    def test_a_deleted_networks_pictures_go_after_a_while(self, alice: User) -> None:
        version: Version = PublishedVersionFactory(network=NetworkFactory(creator=alice))
        picture = picture_of(version)
        delete_network(network=version.network, reason="", by=alice)
        pictures.remove_unwanted()
        assert stored_names(picture.sha256)
        Picture.objects.update(created_at=timezone.now() - timedelta(hours=2))
        pictures.remove_unwanted()
        assert stored_names(picture.sha256) == set()
        assert not Picture.objects.filter(pk=picture.pk).exists()


def test_a_network_knows_how_many_pictures_it_has() -> None:
    version = CheckedVersionFactory()
    picture_of(version)
    picture_of(version, png(seed=1))
    pictures.recount(version.network)
    version.network.refresh_from_db()
    assert version.network.picture_count == 2
