"""What people show: brought by a form, linked by what it says, taken away again."""

import html
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from registry.models import AuditEvent, Network, Picture, User, Version
from registry.shown_pictures import MOST_OF_ONE_PERSON
from registry.versions import take_down_version
from tests.factories import NetworkFactory, PublishedVersionFactory
from tests.hub.network.conftest import page
from tests.pictures import png

pytestmark = pytest.mark.django_db(transaction=True)
ADDRESS = "/alice/ink/pictures"
SETTINGS = "Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 42, Size: 96x64"


@pytest.fixture
def version(network: Network) -> Version:
    made: Version = PublishedVersionFactory(network=network, stem="InkWash")
    return made


def bring(client: Client, content: bytes | None = None, **words: Any) -> Any:
    upload = SimpleUploadedFile("picture.png", png() if content is None else content)
    said = {"picture": upload, "version": 1, "content_level": "general", **words}
    return client.post(ADDRESS, said, follow=True)


def said(*networks: str, hashes: str = "") -> bytes:
    tags = " ".join(f"<hypernet:{name}:0.6>" for name in networks)
    return png(parameters=f"a fox {tags}\n{SETTINGS}{hashes}")


class TestBringing:
    def test_it_is_shown_with_what_it_says(
        self, version: Version, bob: User, bob_client: Client, anonymous: Client
    ) -> None:
        response = bring(bob_client, said("InkWash"))
        assert "Your picture is shown here." in response.content.decode()
        picture = Picture.objects.get()
        assert (picture.owner, picture.is_preview) == (bob, False)
        assert picture.meta["seed"] == 42
        assert list(picture.versions.all()) == [version]
        shown = page(anonymous, ADDRESS)
        assert picture.sha256 in shown
        assert "<hypernet:InkWash:0.6>" in html.unescape(shown)
        assert picture.sha256 in page(anonymous)
        network = Network.objects.get()
        assert network.picture_count == 1
        assert AuditEvent.objects.filter(action="picture.shown", actor=bob).count() == 1

    def test_the_bytes_are_ours(self, version: Version, bob_client: Client) -> None:
        brought = said("InkWash")
        bring(bob_client, brought + b"something behind the picture")
        picture = Picture.objects.get()
        address = f"/pictures/{picture.sha256}/width=original/{picture.pk}.webp"
        served = b"".join(bob_client.get(address).streaming_content)  # type: ignore[attr-defined]
        assert served != brought and b"behind" not in served
        assert b"InkWash" in served

    def test_it_is_linked_with_every_network_in_it(
        self, version: Version, bob: User, bob_client: Client
    ) -> None:
        other = PublishedVersionFactory(network=NetworkFactory(creator=bob), stem="Moss")
        hashed = PublishedVersionFactory(stem="Renamed")
        autov2 = hashed.files.get(is_primary=True).autov2
        hashes = f', Hashes: {{"hypernet:Mine": "{autov2}"}}'
        response = bring(bob_client, said("Moss", "Mine", "Unknown", hashes=hashes))
        assert set(Picture.objects.get().versions.all()) == {version, other, hashed}
        assert "2 more of the networks in it" in response.content.decode()

    def test_a_stem_that_two_networks_have_links_to_neither(
        self, version: Version, bob_client: Client
    ) -> None:
        for _ in range(2):
            PublishedVersionFactory(stem="Moss")
        bring(bob_client, said("Moss"))
        assert list(Picture.objects.get().versions.all()) == [version]

    def test_twice_is_once(self, version: Version, bob_client: Client) -> None:
        bring(bob_client)
        bring(bob_client)
        assert Picture.objects.count() == 1

    def test_it_is_not_milder_than_its_network(self, version: Version, bob_client: Client) -> None:
        Network.objects.update(content_level="mature")
        assert "general" not in page(bob_client, ADDRESS).partition("content_level")[2][:400]
        bring(bob_client, content_level="mature")
        assert Picture.objects.get().content_level == "mature"

    @pytest.mark.parametrize("content", [b"<svg/>", b"\x89PNG\r\n\x1a\n broken", b"GIF89a"])
    def test_what_is_no_picture_is_refused_with_a_sentence(
        self, version: Version, bob_client: Client, content: bytes
    ) -> None:
        response = bring(bob_client, content)
        assert response.status_code == 400
        assert "cannot be read as a picture" in response.content.decode()
        assert not Picture.objects.exists()

    def test_nobody_shows_more_than_so_many(
        self, version: Version, bob: User, bob_client: Client
    ) -> None:
        for number in range(MOST_OF_ONE_PERSON):
            Picture.objects.create(
                owner=bob, sha256=f"{number:064x}", width=1, height=1, blurhash=""
            ).versions.add(version)
        assert "Remove one first." in bring(bob_client).content.decode()

    def test_only_members_bring_pictures(self, version: Version, anonymous: Client) -> None:
        assert bring(anonymous).redirect_chain[0][0].startswith("/account/login/")
        assert not Picture.objects.exists()
        assert "Sign in to show a picture" in page(anonymous, ADDRESS)

    def test_not_to_a_draft(self, network: Network, alice_client: Client) -> None:
        assert 'name="picture"' not in page(alice_client, ADDRESS)


class TestTakingAway:
    @pytest.fixture
    def picture(self, version: Version, bob_client: Client) -> Picture:
        bring(bob_client)
        return Picture.objects.get()

    def remove(self, client: Client, picture: Picture) -> int:
        return client.post(f"{ADDRESS}/{picture.pk}/remove").status_code

    def test_ones_own_is_gone(self, picture: Picture, bob_client: Client) -> None:
        assert "Remove it" in page(bob_client, ADDRESS)
        assert self.remove(bob_client, picture) == 302
        assert not Picture.objects.exists()
        assert Network.objects.get().picture_count == 0

    def test_the_creator_and_moderators_hide_it(
        self, picture: Picture, alice_client: Client, anonymous: Client
    ) -> None:
        assert "Hide it" in page(alice_client, ADDRESS)
        assert self.remove(alice_client, picture) == 302
        picture.refresh_from_db()
        assert picture.hidden_at is not None
        assert picture.sha256 not in page(anonymous, ADDRESS)

    def test_a_creator_decides_for_his_own_networks(
        self, picture: Picture, alice_client: Client
    ) -> None:
        other = PublishedVersionFactory()
        picture.versions.add(other)
        self.remove(alice_client, picture)
        picture.refresh_from_db()
        assert picture.hidden_at is None
        assert list(picture.versions.all()) == [other]

    def test_others_may_not(
        self, picture: Picture, anonymous: Client, boss_client: Client, boss: User
    ) -> None:
        User.objects.filter(pk=boss.pk).update(role=User.Role.MEMBER)
        assert "Hide it" not in page(anonymous, ADDRESS)
        assert self.remove(boss_client, picture) == 403
        assert self.remove(anonymous, picture) == 302
        picture.refresh_from_db()
        assert picture.hidden_at is None

    def test_coming_by_get_changes_nothing(self, picture: Picture, bob_client: Client) -> None:
        assert bob_client.get(f"{ADDRESS}/{picture.pk}/remove").status_code == 302
        assert Picture.objects.exists()


class TestReading:
    def test_pages_of_them_and_few_queries(
        self, version: Version, bob: User, anonymous: Client
    ) -> None:
        def add(count: int) -> None:
            for number in range(count):
                Picture.objects.create(
                    owner=bob, sha256=f"{number:064x}", width=9, height=9, blurhash=""
                ).versions.add(version)

        add(1)
        with CaptureQueriesContext(connection) as one:
            page(anonymous, ADDRESS)
        add(29)
        with CaptureQueriesContext(connection) as many:
            first = page(anonymous, ADDRESS)
        assert len(one) == len(many) <= 12
        assert first.count("<figure") == 24
        last = Picture.objects.order_by("-id")[23]
        assert f"?before={last.pk}" in first
        assert page(anonymous, ADDRESS, before=str(last.pk)).count("<figure") == 6
        assert page(anonymous).count('class="person-picture"') == 8

    def test_those_of_a_version_that_was_taken_down_are_gone(
        self, version: Version, bob: User, mod: User, anonymous: Client
    ) -> None:
        PublishedVersionFactory(network=version.network)
        picture = Picture.objects.create(owner=bob, sha256="a" * 64, width=9, height=9, blurhash="")
        picture.versions.add(version)
        assert picture.sha256 in page(anonymous, ADDRESS)
        take_down_version(version=version, reason="A living person.", by=mod)
        assert picture.sha256 not in page(anonymous, ADDRESS)
        assert picture.sha256 not in page(anonymous)

    def test_stronger_ones_are_left_out(
        self, version: Version, bob: User, anonymous: Client
    ) -> None:
        picture = Picture.objects.create(
            owner=bob, sha256="a" * 64, width=9, height=9, blurhash="", content_level="mature"
        )
        picture.versions.add(version)
        assert picture.sha256 not in page(anonymous, ADDRESS)
        assert picture.sha256 not in page(anonymous)
