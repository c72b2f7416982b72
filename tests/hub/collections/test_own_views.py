"""One's own collections: forms that work without a script, and lose nothing."""

import pytest
from django.test import Client
from django.urls import reverse

from registry import collecting
from registry.collecting import add_to_collection, create_collection
from registry.models import Collection, Network, User
from registry.networks import delete_network
from tests.factories import NetworkFactory
from tests.hub.gallery.networks import published

pytestmark = pytest.mark.django_db
INKS = "/alice/collections/inks"


@pytest.fixture
def inks(alice: User) -> Collection:
    return create_collection(by=alice, name="Inks", is_public=True)


@pytest.fixture
def three(alice: User, inks: Collection) -> list[Network]:
    networks = [published(alice, name).network for name in ("One", "Two", "Three")]
    for network in networks:
        add_to_collection(collection=inks, network=network, by=alice)
    return networks


def names(collection: Collection) -> list[str]:
    return list(collection.entries.values_list("network__name", flat=True))


class TestWords:
    def test_one_is_made(self, alice_client: Client) -> None:
        words = {"name": "Night inks", "description": "For *dark* pictures.", "is_public": "on"}
        response = alice_client.post(reverse("new_collection"), words)

        assert response.headers["Location"] == "/alice/collections/night-inks"
        made = Collection.objects.get()
        assert made.is_public
        assert "<em>dark</em>" in made.description_html

    def test_without_a_name_what_was_written_is_still_there(self, alice_client: Client) -> None:
        response = alice_client.post(reverse("new_collection"), {"description": "For dark ones"})

        assert response.status_code == 400
        assert "For dark ones" in response.content.decode()
        assert not Collection.objects.exists()

    def test_one_too_many_is_a_sentence(
        self, alice_client: Client, inks: Collection, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(collecting, "MOST_COLLECTIONS", 1)
        response = alice_client.post(reverse("new_collection"), {"name": "Another"})

        assert response.status_code == 400
        assert "You have 1 collections, which is the most." in response.content.decode()

    def test_it_is_edited(self, alice_client: Client, inks: Collection) -> None:
        assert 'value="Inks"' in alice_client.get(f"{INKS}/edit").content.decode()
        response = alice_client.post(f"{INKS}/edit", {"name": "Washes"})

        assert response.headers["Location"] == INKS
        inks.refresh_from_db()
        assert (inks.name, inks.is_public) == ("Washes", False)

    def test_it_is_deleted_when_one_says_so_twice(
        self, alice_client: Client, inks: Collection
    ) -> None:
        assert "goes for good" in alice_client.get(f"{INKS}/delete").content.decode()
        assert Collection.objects.exists()

        assert alice_client.post(f"{INKS}/delete").headers["Location"] == reverse("my_collections")
        assert not Collection.objects.exists()

    @pytest.mark.parametrize("page", ["edit", "delete", "arrange"])
    def test_for_others_there_is_no_such_page(
        self, bob_client: Client, mod_client: Client, anonymous: Client, inks: Collection, page: str
    ) -> None:
        for client in (bob_client, mod_client):
            assert client.get(f"{INKS}/{page}").status_code == 404
            assert client.post(f"{INKS}/{page}", {"name": "Mine"}).status_code == 404
        assert anonymous.get(f"{INKS}/{page}").status_code == 302


class TestArranging:
    def press(self, client: Client, button: str, network: Network, **notes: str) -> str:
        response = client.post(f"{INKS}/arrange", {button: str(network.pk), **notes})
        assert response.status_code == 302
        return response.headers["Location"]

    def test_buttons_move(
        self, alice_client: Client, inks: Collection, three: list[Network]
    ) -> None:
        place = self.press(alice_client, "earlier", three[1])
        assert place == f"{INKS}/arrange#network-{three[1].pk}"
        assert names(inks) == ["Two", "One", "Three"]
        self.press(alice_client, "later", three[1])
        assert names(inks) == ["One", "Two", "Three"]
        self.press(alice_client, "first", three[2])
        assert names(inks) == ["Three", "One", "Two"]

    def test_choose_the_cover_and_take_out(
        self, alice_client: Client, inks: Collection, three: list[Network]
    ) -> None:
        self.press(alice_client, "cover", three[1])
        assert inks.entries.get(is_cover=True).network == three[1]
        self.press(alice_client, "take_out", three[1])
        assert names(inks) == ["One", "Three"]

    def test_each_keeps_the_notes_too(
        self, alice_client: Client, inks: Collection, three: list[Network]
    ) -> None:
        note = {f"note-{three[0].pk}": "  Best   on faces "}
        self.press(alice_client, "later", three[1], **note)
        assert inks.entries.get(network=three[0]).note == "Best on faces"

    def test_what_is_gone_is_named_and_can_be_taken_out(
        self, alice_client: Client, alice: User, inks: Collection, three: list[Network]
    ) -> None:
        delete_network(network=three[0], by=alice)
        page = alice_client.get(f"{INKS}/arrange").content.decode()
        assert "not shown" in page

        self.press(alice_client, "take_out", three[0])
        assert names(inks) == ["Two", "Three"]

    @pytest.mark.parametrize("key", ["", "zebra", "0"])
    def test_what_is_not_in_it_is_not_found(
        self, alice_client: Client, inks: Collection, key: str
    ) -> None:
        assert alice_client.post(f"{INKS}/arrange", {"earlier": key}).status_code == 404


class TestCollect:
    def test_the_page_of_a_network_leads_there_and_says_whether_it_is_in_one(
        self, alice_client: Client, three: list[Network]
    ) -> None:
        lone = published(three[0].creator, "Lone").network
        for network, word in ((lone, "Collect"), (three[0], "Collected")):
            page = alice_client.get(network.get_absolute_url()).content.decode()
            assert f'href="/networks/{network.pk}/collect"' in page
            assert f"{word}</a>" in page

    def test_check_boxes_put_in_and_take_out(
        self, alice_client: Client, alice: User, inks: Collection, three: list[Network]
    ) -> None:
        washes = create_collection(by=alice, name="Washes")
        address = reverse("collect", args=[three[0].pk])
        page = alice_client.get(address).content.decode()
        assert f'value="{inks.pk}" id="in-{inks.pk}" checked' in page

        offered = [str(inks.pk), str(washes.pk)]
        response = alice_client.post(address, {"offered": offered, "in": [str(washes.pk)]})
        assert response.headers["Location"] == "/alice/one"
        assert names(inks) == ["Two", "Three"]
        assert names(washes) == ["One"]

    def test_a_collection_made_in_another_tab_is_left_alone(
        self, alice_client: Client, inks: Collection, three: list[Network]
    ) -> None:
        alice_client.post(reverse("collect", args=[three[0].pk]), {"offered": []})
        assert names(inks) == ["One", "Two", "Three"]

    def test_a_new_one_is_made_on_the_way(self, bob_client: Client, three: list[Network]) -> None:
        bob_client.post(reverse("collect", args=[three[0].pk]), {"new": "To try"})
        made = Collection.objects.get(owner__username="bob")
        assert (made.name, made.is_public, names(made)) == ("To try", False, ["One"])

    def test_others_collections_are_out_of_reach(
        self, bob_client: Client, inks: Collection, three: list[Network]
    ) -> None:
        address = reverse("collect", args=[three[0].pk])
        bob_client.post(address, {"offered": [str(inks.pk)], "in": []})
        assert names(inks) == ["One", "Two", "Three"]

    def test_a_full_one_is_a_sentence_and_nothing_is_made(
        self,
        alice_client: Client,
        alice: User,
        inks: Collection,
        three: list[Network],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(collecting, "MOST_ENTRIES", 3)
        lone = published(alice, "Lone").network
        key = str(inks.pk)
        response = alice_client.post(
            reverse("collect", args=[lone.pk]), {"offered": [key], "in": [key], "new": "To try"}
        )
        page = response.content.decode()

        assert response.status_code == 400
        assert "“Inks” holds 3 networks" in page
        assert 'value="To try"' in page
        assert Collection.objects.get() == inks

    def test_a_draft_is_not_collected(self, alice_client: Client, alice: User) -> None:
        draft = NetworkFactory(creator=alice)
        assert alice_client.get(reverse("collect", args=[draft.pk])).status_code == 404

    def test_a_stranger_signs_in_first(self, anonymous: Client, three: list[Network]) -> None:
        response = anonymous.get(reverse("collect", args=[three[0].pk]))
        assert response.headers["Location"].startswith(reverse("account_login"))
