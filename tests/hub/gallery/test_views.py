"""Walls: what hangs on them, for whom, and at what cost."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from inference.models import BaseModel, Cell
from registry.models import ContentLevel, Like, Network, Tag, User, Version
from tests.factories import NetworkFactory, PublishedVersionFactory
from tests.grids import grid_of
from tests.hub.gallery.networks import published
from tests.inference.conftest import make_base_model

pytestmark = pytest.mark.django_db
MOST_QUERIES = 12


@pytest.fixture
def base_model(db: None) -> BaseModel:
    return make_base_model()


def page_of(client: Client, address: str, **query: str | list[str]) -> str:
    response = client.get(address, query)
    assert response.status_code == 200
    return response.content.decode()


def queries(client: Client, address: str, **headers: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address, headers=headers).status_code == 200
    return len(captured)


def cells_of(page: str) -> list[str]:
    return [part.split('"')[0] for part in page.split('data-src="')[1:]]


class TestCard:
    def test_it_says_what_one_chooses_by(
        self, anonymous: Client, alice: User, base_model: BaseModel
    ) -> None:
        version = published(alice, "Ink wash", recommended_strength=0.75, stem="ink-wash")
        grid_of(version, base_model=base_model)
        page = page_of(anonymous, "/")

        for fact in ("Ink wash", "alice", "Style · SD 1.5", "0.75", "&lt;hypernet:ink-wash:0.75"):
            assert fact in page
        assert f'href="/api/download/models/{version.pk}"' in page
        assert 'href="/alice/ink-wash"' in page

    def test_it_shows_the_picture_at_the_recommended_strength_and_holds_the_others(
        self, anonymous: Client, alice: User, base_model: BaseModel
    ) -> None:
        version = published(alice, "Ink wash", recommended_strength=0.75)
        grid = grid_of(version, base_model=base_model)
        page = page_of(anonymous, "/")

        best = grid.cells.get(row=0, multiplier=0.75)
        assert f'alt="{best.prompt}, at strength 0.75"' in page
        first_row = grid.cells.filter(row=0).select_related("picture")
        shown = [cell.picture.sha256 for cell in first_row if cell.picture]
        assert [address.split("/")[2] for address in cells_of(page)] == shown

    def test_without_a_recommendation_it_stands_at_1_and_claims_nothing(
        self, anonymous: Client, alice: User, base_model: BaseModel
    ) -> None:
        version = published(alice, "Ink wash", stem="ink")
        grid_of(version, base_model=base_model)
        page = page_of(anonymous, "/")

        assert ', at strength 1"' in page
        assert "&lt;hypernet:ink:1&gt;" in page
        assert "Recommended strength" not in page

    def test_without_a_picture_it_says_so(self, anonymous: Client, alice: User) -> None:
        published(alice, "Ink wash")

        assert "Previews not rendered yet" in page_of(anonymous, "/")

    def test_a_grid_that_still_grows_is_shown_as_far_as_it_is(
        self, anonymous: Client, alice: User, base_model: BaseModel
    ) -> None:
        version = published(alice, "Ink wash")
        grid = grid_of(version, base_model=base_model)
        grid.cells.filter(column__gt=2).update(
            state=Cell.State.WAITING, sha256="", done_at=None, picture=None
        )

        assert len(cells_of(page_of(anonymous, "/"))) == 3

    def test_a_hidden_picture_is_not_shown(
        self, anonymous: Client, alice: User, base_model: BaseModel
    ) -> None:
        version = published(alice, "Ink wash")
        grid = grid_of(version, base_model=base_model)
        hidden = grid.cells.get(row=0, multiplier=1.0).picture
        assert hidden is not None
        hidden.hidden_at = timezone.now()
        hidden.save()

        assert hidden.sha256 not in page_of(anonymous, "/")

    def test_new_for_a_week(self, anonymous: Client, alice: User) -> None:
        published(alice, "Old ink", published_at=timezone.now() - timedelta(days=8))
        assert ">New<" not in page_of(anonymous, "/")

        published(alice, "New ink")
        assert ">New<" in page_of(anonymous, "/")

    def test_names_are_text(self, anonymous: Client, alice: User) -> None:
        NetworkFactory(creator=alice, name="<b>ink</b>", slug="ink")
        PublishedVersionFactory(network=Network.objects.get(slug="ink"))
        page = page_of(anonymous, "/")

        assert "&lt;b&gt;ink&lt;/b&gt;" in page
        assert "<b>ink" not in page


class TestContentLevel:
    @pytest.fixture
    def mature(self, alice: User, base_model: BaseModel) -> Version:
        version = published(alice, "Night", content_level=ContentLevel.MATURE)
        grid_of(version, base_model=base_model, level=ContentLevel.MATURE)
        return version

    def test_what_is_above_the_viewers_level_is_not_listed(
        self, anonymous: Client, mature: Version
    ) -> None:
        assert "Night" not in page_of(anonymous, "/")

    def test_asked_for_it_is_covered_until_one_says_show(
        self, anonymous: Client, mature: Version
    ) -> None:
        page = page_of(anonymous, "/", nsfw="true")

        assert "Night" in page
        assert "Mature" in page
        assert "data-uncover" in page
        assert "<img" not in page.replace('<img class="shot-veil"', "")

    def test_whoever_wants_it_sees_it(self, bob_client: Client, bob: User, mature: Version) -> None:
        bob.content_level = ContentLevel.MATURE
        bob.save()
        page = page_of(bob_client, "/")

        assert "Night" in page
        assert "data-uncover" not in page


class TestFilters:
    @pytest.fixture(autouse=True)
    def _networks(self, alice: User, bob: User) -> None:
        published(alice, "Ink", tags=["ink", "night"], base_model="SD 1.5")
        published(alice, "Gouache", tags=["ink"], base_model="SD 2.1", kind="subject")
        published(bob, "Etching", tags=["night"], base_model="SD 1.5")

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("", {"Ink", "Gouache", "Etching"}),
            ("kind=subject", {"Gouache"}),
            ("kind=subject&kind=style", {"Ink", "Gouache", "Etching"}),
            ("baseModels=SD+1.5", {"Ink", "Etching"}),
            ("tag=ink", {"Ink", "Gouache"}),
            ("tag=ink&tag=night", {"Ink"}),
            ("q=-tag:ink", {"Etching"}),
            ("q=user:alice+base:sd1", {"Ink"}),
            ("works_with=a1111", {"Ink", "Gouache", "Etching"}),
            ("activation=relu&kind=style", {"Ink", "Etching"}),
            ("size=small", {"Ink", "Gouache", "Etching"}),
            ("size=huge", set()),
            ("period=Day", {"Ink", "Gouache", "Etching"}),
            ("q=&kind=&tag=&sort=", {"Ink", "Gouache", "Etching"}),
        ],
    )
    def test_they_are_in_the_address(self, anonymous: Client, query: str, found: set[str]) -> None:
        page = anonymous.get(f"/?{query}").content.decode()

        assert {name for name in ("Ink", "Gouache", "Etching") if f"<bdi>{name}</bdi>" in page} == (
            found
        )

    def test_menus_count_what_each_value_would_leave(self, anonymous: Client) -> None:
        page = page_of(anonymous, "/", tag="ink")

        assert '<bdi>Style</bdi><span class="number">1</span>' in page
        assert '<bdi>night</bdi><span class="number">1</span>' in page
        assert "2 networks" in page

    def test_what_is_chosen_is_a_chip_that_leads_away(self, anonymous: Client) -> None:
        page = page_of(anonymous, "/", tag=["ink", "night"], sort="Newest")

        assert 'class="chip" href="/?tag=night&amp;sort=Newest"' in page
        assert 'class="chip" href="/?tag=ink&amp;sort=Newest"' in page

    @pytest.mark.parametrize("query", ["kind=nonsense", "q=kind:nonsense", "sort=Best"])
    def test_what_makes_no_sense_is_said_and_finds_nothing(
        self, anonymous: Client, query: str
    ) -> None:
        page = anonymous.get(f"/?{query}").content.decode()

        assert "notice-warn" in page
        assert "data-card" not in page

    def test_a_prefix_that_is_no_filter_is_remarked_on(self, anonymous: Client) -> None:
        assert "is no filter" in page_of(anonymous, "/", q="colour:ink")

    def test_did_you_mean(self, anonymous: Client) -> None:
        page = page_of(anonymous, "/", q="etchin", kind="style")

        assert "Did you mean" in page
        assert 'href="/?q=Etching&amp;kind=style"' in page

    def test_nothing_found_says_how_to_go_on(self, anonymous: Client) -> None:
        page = page_of(anonymous, "/", q="<b>zebra</b>", kind="style")

        assert "Nothing looks like that" in page
        assert "&lt;b&gt;zebra&lt;/b&gt;" in page
        assert 'class="chip" href="/?q=' in page

    def test_what_i_like(self, alice: User, alice_client: Client) -> None:
        Like.objects.create(user=alice, network=Network.objects.get(name="Etching"))
        page = page_of(alice_client, "/", favorites="true")

        assert "<bdi>Etching</bdi>" in page
        assert "<bdi>Gouache</bdi>" not in page
        assert "What I like" in page


class TestPages:
    @pytest.fixture(autouse=True)
    def _networks(self, alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("hub.gallery.wall.PAGE", 2)
        for name in ("One", "Two", "Three", "Four", "Five"):
            published(alice, name)

    @staticmethod
    def names(page: str) -> list[str]:
        return [part.split("<")[0] for part in page.split('draggable="false"><bdi>')[1:]]

    @staticmethod
    def link(page: str, rel: str) -> str:
        found = page.split(f'<link rel="{rel}" href="')[1:]
        return found[0].split('"')[0].replace("&amp;", "&") if found else ""

    def test_links_lead_through_all_of_them_and_back(self, anonymous: Client) -> None:
        first = page_of(anonymous, "/?sort=Newest")
        second = page_of(anonymous, self.link(first, "next"))
        third = page_of(anonymous, self.link(second, "next"))

        assert [self.names(page) for page in (first, second, third)] == [
            ["Five", "Four"],
            ["Three", "Two"],
            ["One"],
        ]
        assert not self.link(first, "prev")
        assert not self.link(third, "next")
        back = page_of(anonymous, self.link(third, "prev"))
        assert self.names(back) == ["Three", "Two"]
        home = page_of(anonymous, self.link(back, "prev"))
        assert self.names(home) == ["Five", "Four"]
        assert not self.link(home, "prev")

    def test_an_endless_wall_gets_cards_alone(self, anonymous: Client) -> None:
        address = self.link(page_of(anonymous, "/?sort=Newest"), "next")
        part = anonymous.get(address, headers={"HX-Request": "true", "HX-Target": "wall-more"})

        assert self.names(part.content.decode()) == ["Three", "Two"]
        assert b"<html" not in part.content
        assert b"sieve" not in part.content
        assert "HX-Target" in part.headers["Vary"]

    def test_a_changed_filter_gets_the_wall_and_its_clean_address(self, anonymous: Client) -> None:
        headers = {"HX-Request": "true", "HX-Target": "gallery"}
        part = anonymous.get("/?q=&kind=style&period=&sort=", headers=headers)

        assert part.headers["HX-Push-Url"] == "/?kind=style"
        assert b"<html" not in part.content
        assert b"5 networks" in part.content

    def test_a_cursor_that_none_of_our_pages_gave_out_leads_to_the_first(
        self, anonymous: Client
    ) -> None:
        response = anonymous.get("/?sort=Newest&after=nonsense")

        assert response.headers["Location"] == "/?sort=Newest"


class TestQueries:
    """How many a page takes, and that it takes no more for more cards."""

    @pytest.fixture
    def furnished(self, alice: User, base_model: BaseModel) -> Callable[[int], None]:
        def furnish(count: int) -> None:
            start = Network.objects.count()
            for number in range(start, start + count):
                version = published(alice, f"Ink {number}", tags=["ink"])
                if number % 2:
                    grid_of(version, base_model=base_model, prompts=["a fox"])

        return furnish

    @pytest.mark.parametrize(
        "address",
        [
            "/",
            "/?q=ikn",
            "/?kind=style&tag=ink&sort=Newest",
            "/?kind=style&baseModels=SD+1.5&works_with=a1111&activation=relu&tag=ink",
            "/tags/ink",
            "/alice",
        ],
    )
    def test_a_page(
        self,
        anonymous: Client,
        bob_client: Client,
        furnished: Callable[[int], None],
        address: str,
    ) -> None:
        for client in (anonymous, bob_client):
            furnished(2)
            few = queries(client, address)
            furnished(4)
            many = queries(client, f"{address}{'&' if '?' in address else '?'}size=small")

            assert few <= MOST_QUERIES
            assert many <= MOST_QUERIES

    def test_more_cards_take_no_more(
        self, anonymous: Client, furnished: Callable[[int], None]
    ) -> None:
        more = {"HX-Request": "true", "HX-Target": "wall-more"}
        furnished(2)
        few = queries(anonymous, "/", **more)
        furnished(6)

        assert queries(anonymous, "/", **more) == few


class TestTag:
    def test_its_networks_and_its_feed(self, anonymous: Client, alice: User) -> None:
        published(alice, "Ink", tags=["ink wash"])
        published(alice, "Photo", tags=["photo"])
        page = page_of(anonymous, "/tags/ink%20wash")

        assert "<bdi>Ink</bdi>" in page
        assert "<bdi>Photo</bdi>" not in page
        assert 'type="application/atom+xml"' in page
        assert "/tags/ink%20wash/feed.atom" in page

    def test_an_alias_leads_to_what_is_meant(self, anonymous: Client) -> None:
        ink = Tag.objects.create(name="ink")
        Tag.objects.create(name="sumi", alias_of=ink)

        assert anonymous.get("/tags/sumi").headers["Location"] == "/tags/ink"
        assert "sumi" in page_of(anonymous, "/tags/ink")

    def test_one_that_nobody_made_is_nowhere(self, anonymous: Client) -> None:
        assert anonymous.get("/tags/nothing").status_code == 404


class TestCreator:
    def test_who_it_is_and_what_hangs_there(
        self, anonymous: Client, alice: User, bob: User
    ) -> None:
        alice.display_name, alice.bio = "Alice A.", "I draw <b>ink</b>."
        alice.save()
        Network.objects.filter(pk=published(alice, "Ink").network_id).update(
            download_count=1234, like_count=7
        )
        published(bob, "Photo")
        page = page_of(anonymous, "/alice")

        for fact in ("Alice A.", "I draw &lt;b&gt;ink&lt;/b&gt;.", "<dd>1.2k</dd>", "<dd>7</dd>"):
            assert fact in page
        assert "<bdi>Photo</bdi>" not in page
        assert "/alice/feed.atom" in page

    def test_what_is_above_the_viewers_level_is_said_and_can_be_asked_for(
        self, anonymous: Client, alice: User
    ) -> None:
        published(alice, "Night", content_level=ContentLevel.EXPLICIT)
        published(alice, "Ink")

        assert "One of them is above your content level" in page_of(anonymous, "/alice")
        asked_for = page_of(anonymous, "/alice", nsfw="true")
        assert "above your content level" not in asked_for
        assert "<bdi>Night</bdi>" in asked_for

    def test_a_name_in_another_case_leads_to_the_right_one(
        self, anonymous: Client, alice: User
    ) -> None:
        assert anonymous.get("/ALICE").headers["Location"] == "/alice"

    def test_drafts_are_on_no_wall(self, alice: User, alice_client: Client) -> None:
        NetworkFactory(creator=alice, name="Sketch", slug="sketch")

        assert "Sketch" not in page_of(alice_client, "/alice")

    def test_a_blocked_person_is_nowhere(self, anonymous: Client, alice: User) -> None:
        alice.blocked_at = timezone.now()
        alice.save()

        assert anonymous.get("/alice").status_code == 404

    @pytest.mark.parametrize("address", ["/admin", "/account"])
    def test_the_hubs_own_words_are_no_names(self, anonymous: Client, address: str) -> None:
        assert anonymous.get(address).headers["Location"] == f"{address}/"


class TestBareHub:
    def test_it_says_that_it_is_empty(self, anonymous: Client) -> None:
        page = page_of(anonymous, reverse("gallery"))

        assert "Nothing hangs here yet" in page
        assert "Create an account" in page

    def test_a_search_there_finds_nothing(self, anonymous: Client) -> None:
        assert "Nothing looks like that" in page_of(anonymous, "/", q="ink")

    def test_someone_signed_in_is_not_asked_to_sign_up(self, alice_client: Client) -> None:
        page = page_of(alice_client, "/")

        assert "Create an account" not in page
        assert "Publish the first one" in page
