"""Collections as everyone sees them: which ones, what hangs in them, and at what cost."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from inference.models import BaseModel
from registry.collecting import add_to_collection, choose_cover, create_collection, write_note
from registry.models import Collection, ContentLevel, Network, User
from registry.networks import delete_network
from tests.grids import grid_of
from tests.hub.gallery.networks import published
from tests.inference.conftest import make_base_model

pytestmark = pytest.mark.django_db
MOST_QUERIES = 12


@pytest.fixture
def base_model(db: None) -> BaseModel:
    return make_base_model()


@pytest.fixture
def inks(alice: User) -> Collection:
    return create_collection(by=alice, name="Inks", is_public=True, description="Wet **ones**.")


def fill(collection: Collection, *names: str, **words: str) -> list[Network]:
    networks = [published(collection.owner, name, **words).network for name in names]
    for network in networks:
        add_to_collection(collection=collection, network=network, by=collection.owner)
    return networks


def page_of(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200
    return response.content.decode()


def queries(client: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return len(captured)


class TestOne:
    def test_it_shows_its_networks_in_order_with_what_is_said_of_them(
        self, anonymous: Client, alice: User, inks: Collection
    ) -> None:
        first, _second = fill(inks, "Gouache", "Charcoal")
        write_note(collection=inks, network=first, note="Best on faces", by=alice)
        page = page_of(anonymous, "/alice/collections/inks")

        assert page.index("/alice/gouache") < page.index("/alice/charcoal")
        for words in ("Best on faces", "Wet <strong>ones</strong>", "2 networks"):
            assert words in page

    def test_a_private_one_is_nothing_to_others(
        self, anonymous: Client, bob_client: Client, mod_client: Client, alice_client: Client
    ) -> None:
        create_collection(by=User.objects.get(username="alice"), name="Secret")
        address = "/alice/collections/secret"
        for client in (anonymous, bob_client, mod_client):
            assert client.get(address).status_code == 404
        assert "Private" in page_of(alice_client, address)

    def test_of_the_blocked_there_is_nothing(
        self, anonymous: Client, alice: User, inks: Collection
    ) -> None:
        alice.blocked_at = timezone.now()
        alice.save()
        assert anonymous.get("/alice/collections/inks").status_code == 404

    def test_what_is_gone_is_not_shown_and_its_owner_is_told(
        self, anonymous: Client, alice_client: Client, alice: User, inks: Collection
    ) -> None:
        gone, _stays = fill(inks, "Gouache", "Charcoal")
        delete_network(network=gone, by=alice)

        assert "Gouache" not in page_of(anonymous, "/alice/collections/inks")
        assert "not out any more" not in page_of(anonymous, "/alice/collections/inks")
        assert "not out any more" in page_of(alice_client, "/alice/collections/inks")

    def test_what_is_above_the_viewers_level_is_shown_covered_when_asked_for(
        self, anonymous: Client, inks: Collection, base_model: BaseModel
    ) -> None:
        (night,) = fill(inks, "Night", content_level=ContentLevel.EXPLICIT)
        assert night.latest_version is not None
        grid_of(night.latest_version, base_model=base_model, level=ContentLevel.EXPLICIT)
        page = page_of(anonymous, "/alice/collections/inks")
        assert "Night" not in page
        assert "One of them is above your content level" in page

        asked = page_of(anonymous, "/alice/collections/inks?nsfw=true")
        assert "Night" in asked
        assert "shot-blurred" in asked

    def test_only_its_owner_gets_the_tools(
        self, alice_client: Client, bob_client: Client, inks: Collection
    ) -> None:
        fill(inks, "Gouache")
        address = "/alice/collections/inks"
        for tool in ("edit", "arrange", "delete"):
            assert f"{address}/{tool}" in page_of(alice_client, address)
            assert f"{address}/{tool}" not in page_of(bob_client, address)

    def test_it_is_the_same_in_any_case(self, anonymous: Client, inks: Collection) -> None:
        response = anonymous.get("/Alice/collections/inks")
        assert response.headers["Location"] == "/alice/collections/inks"

    def test_its_pages_follow_each_other(
        self, anonymous: Client, inks: Collection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("hub.collections.reading.PAGE", 2)
        fill(inks, "One", "Two", "Three")
        page = page_of(anonymous, "/alice/collections/inks")
        assert "/alice/three" not in page
        following = page.split('rel="next" href="')[1].split('"')[0]

        rest = page_of(anonymous, f"/alice/collections/inks{following}")
        assert "/alice/three" in rest
        assert "/alice/one" not in rest
        assert 'rel="prev"' in rest

    def test_a_cursor_that_nobody_gave_out_leads_to_the_first_page(
        self, anonymous: Client, inks: Collection
    ) -> None:
        response = anonymous.get("/alice/collections/inks?after=zebra")
        assert response.headers["Location"] == "/alice/collections/inks"


class TestMany:
    def test_everyones_are_public_and_hold_something(
        self, anonymous: Client, alice: User, inks: Collection
    ) -> None:
        create_collection(by=alice, name="Empty room", is_public=True)
        private = create_collection(by=alice, name="Secret drawer")
        fill(inks, "Gouache")
        fill(private, "Charcoal")
        page = page_of(anonymous, "/collections")

        assert "Inks" in page
        assert "Empty room" not in page
        assert "Secret drawer" not in page

    def test_ones_own_are_all_there(self, alice_client: Client, alice: User) -> None:
        create_collection(by=alice, name="Secret drawer")
        assert "Secret drawer" in page_of(alice_client, "/collections/mine")

    def test_strangers_sign_in_to_see_their_own(self, anonymous: Client) -> None:
        assert anonymous.get("/collections/mine").status_code == 302

    def test_a_creators_public_ones_are_linked_from_the_creator(
        self, anonymous: Client, alice: User
    ) -> None:
        private = create_collection(by=alice, name="Secret drawer")
        fill(private, "Charcoal")
        assert "/alice/collections" not in page_of(anonymous, "/alice")

        create_collection(by=alice, name="Inks", is_public=True)
        assert 'href="/alice/collections"' in page_of(anonymous, "/alice")
        page = page_of(anonymous, "/alice/collections")
        assert "Inks" in page
        assert "Secret drawer" not in page

    def test_a_card_shows_the_cover_first_and_four_pictures_at_most(
        self, anonymous: Client, alice: User, inks: Collection, base_model: BaseModel
    ) -> None:
        networks = fill(inks, "One", "Two", "Three", "Four", "Five")
        for network in networks:
            assert network.latest_version is not None
            prompt = f"a fox by {network.name}"
            grid_of(network.latest_version, base_model=base_model, prompts=[prompt])
        choose_cover(collection=inks, network=networks[4], by=alice)
        page = page_of(anonymous, "/collections")

        shown = [part.split(",")[0] for part in page.split('alt="a fox by ')[1:]]
        assert shown == ["Five", "One", "Two", "Three"]
        assert "5 networks" in page

    def test_and_nothing_above_the_viewers_level(
        self, anonymous: Client, inks: Collection, base_model: BaseModel
    ) -> None:
        fill(inks, "Gouache")
        (night,) = fill(inks, "Night", content_level=ContentLevel.MATURE)
        assert night.latest_version is not None
        grid_of(night.latest_version, base_model=base_model, level=ContentLevel.MATURE)
        page = page_of(anonymous, "/collections")

        assert "1 network" in page
        assert "/pictures/" not in page


class TestCost:
    @pytest.mark.parametrize(
        "address",
        [
            "/collections",
            "/collections/mine",
            "/alice/collections",
            "/alice/collections/inks",
            "/alice/collections/inks/arrange",
            "/alice",
        ],
    )
    def test_queries_do_not_grow(
        self,
        alice_client: Client,
        alice: User,
        inks: Collection,
        base_model: BaseModel,
        address: str,
    ) -> None:
        def more(collection: Collection, *names: str) -> None:
            for network in fill(collection, *names):
                assert network.latest_version is not None
                grid_of(network.latest_version, base_model=base_model)

        more(inks, "One", "Two")
        # What the hub keeps in memory, such as facets, is asked for once.
        page_of(alice_client, address)
        few = queries(alice_client, address)
        more(inks, "Three", "Four", "Five")
        more(create_collection(by=alice, name="Washes", is_public=True), "Six")

        assert queries(alice_client, address) == few
        assert few <= MOST_QUERIES
