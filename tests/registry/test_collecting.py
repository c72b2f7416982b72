"""Collections: what their owners do with them, who sees them, and what the database keeps right."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from registry import collecting
from registry.collecting import (
    add_to_collection,
    choose_cover,
    collect_network,
    create_collection,
    delete_collection,
    move_in_collection,
    remove_from_collection,
    update_collection,
    write_note,
)
from registry.errors import (
    AccountBlocked,
    CollectionFull,
    NotAllowed,
    TooManyCollections,
    WrongStatus,
)
from registry.models import AuditEvent, Collection, CollectionEntry, Network, User
from tests.factories import NetworkFactory, PublishedVersionFactory, UserFactory
from tests.threads import at_once

pytestmark = pytest.mark.django_db


def published() -> Network:
    network: Network = PublishedVersionFactory().network
    return network


def count(network: Network) -> int:
    return Network.objects.values_list("collected_count", flat=True).get(pk=network.pk)


def order(collection: Collection) -> list[int]:
    return list(collection.entries.values_list("network", flat=True))


@pytest.fixture
def inks(alice: User) -> Collection:
    return create_collection(by=alice, name="Inks", is_public=True)


@pytest.fixture
def three(alice: User, inks: Collection) -> list[Network]:
    networks = [published() for _ in range(3)]
    for network in networks:
        add_to_collection(collection=inks, network=network, by=alice)
    return networks


class TestItself:
    def test_it_is_private_until_its_owner_says_otherwise(self, alice: User) -> None:
        assert not create_collection(by=alice, name="Inks").is_public

    def test_its_address_comes_from_its_name_and_is_the_owners_own(
        self, alice: User, bob: User
    ) -> None:
        names = ("Night inks", "Night inks", "水彩")
        slugs = [create_collection(by=alice, name=name).slug for name in names]
        assert slugs[:2] == ["night-inks", "night-inks-2"]
        assert slugs[2].startswith("collection-")
        assert create_collection(by=bob, name="Night inks").slug == "night-inks"

    def test_the_address_stays_when_the_name_changes(self, alice: User, inks: Collection) -> None:
        changed = update_collection(
            collection=inks, by=alice, name="Washes", description="Only **wet** ones."
        )
        changed.refresh_from_db()
        assert (changed.name, changed.slug) == ("Washes", "inks")
        assert "<strong>wet</strong>" in changed.description_html

    @pytest.mark.parametrize("name", ["", "x" * 61])
    def test_a_name_has_1_to_60_characters(self, alice: User, name: str) -> None:
        with pytest.raises(ValidationError):
            create_collection(by=alice, name=name)

    def test_deleting_it_leaves_the_networks(
        self, alice: User, inks: Collection, three: list[Network]
    ) -> None:
        delete_collection(collection=inks, by=alice)
        assert [count(each) for each in three] == [0, 0, 0]

    def test_there_is_a_most(self, alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(collecting, "MOST_COLLECTIONS", 1)
        create_collection(by=alice, name="One")
        with pytest.raises(TooManyCollections, match="You have 1 collections"):
            create_collection(by=alice, name="Two")

    def test_only_its_owner_changes_it(
        self, bob: User, mod: User, inks: Collection, three: list[Network]
    ) -> None:
        for by in (bob, mod):
            with pytest.raises(NotAllowed):
                update_collection(collection=inks, by=by, name="Mine")
            with pytest.raises(NotAllowed):
                delete_collection(collection=inks, by=by)
            with pytest.raises(NotAllowed):
                add_to_collection(collection=inks, network=published(), by=by)
            with pytest.raises(NotAllowed):
                remove_from_collection(collection=inks, network=three[0], by=by)
            with pytest.raises(NotAllowed):
                move_in_collection(collection=inks, network=three[0], steps=1, by=by)
            with pytest.raises(NotAllowed):
                choose_cover(collection=inks, network=three[0], by=by)
            with pytest.raises(NotAllowed):
                write_note(collection=inks, network=three[0], note="x", by=by)

    def test_the_blocked_collect_nothing(self, alice: User) -> None:
        alice.blocked_at, alice.blocked_reason = timezone.now(), "Spam."
        with pytest.raises(AccountBlocked):
            create_collection(by=alice, name="Inks")


class TestEntries:
    def test_they_come_in_the_order_in_which_they_are_added(
        self, inks: Collection, three: list[Network]
    ) -> None:
        assert order(inks) == [each.pk for each in three]

    def test_one_that_is_in_it_stays_at_its_place(
        self, alice: User, inks: Collection, three: list[Network]
    ) -> None:
        add_to_collection(collection=inks, network=three[0], by=alice)
        assert order(inks) == [each.pk for each in three]

    @pytest.mark.parametrize(
        ("which", "steps", "wanted"),
        [(0, 1, [1, 0, 2]), (2, -1, [0, 2, 1]), (2, -99, [2, 0, 1]), (0, 99, [1, 2, 0])],
    )
    def test_they_move(
        self,
        alice: User,
        inks: Collection,
        three: list[Network],
        which: int,
        steps: int,
        wanted: list[int],
    ) -> None:
        move_in_collection(collection=inks, network=three[which], steps=steps, by=alice)
        assert order(inks) == [three[i].pk for i in wanted]

    def test_they_move_over_the_gap_of_one_that_was_taken_out(
        self, alice: User, inks: Collection, three: list[Network]
    ) -> None:
        remove_from_collection(collection=inks, network=three[1], by=alice)
        move_in_collection(collection=inks, network=three[2], steps=-1, by=alice)
        assert order(inks) == [three[2].pk, three[0].pk]

    def test_into_some_and_out_of_others_at_once(
        self, alice: User, inks: Collection, three: list[Network]
    ) -> None:
        washes = create_collection(by=alice, name="Washes")
        collect_network(network=three[0], into=[washes], out_of=[inks], by=alice)
        assert order(washes) == [three[0].pk]
        assert order(inks) == [three[1].pk, three[2].pk]

    def test_or_nothing_at_all(self, alice: User, bob: User, three: list[Network]) -> None:
        mine = create_collection(by=alice, name="Mine")
        his = create_collection(by=bob, name="His")
        with pytest.raises(NotAllowed):
            collect_network(network=three[0], into=[mine, his], by=alice)
        assert order(mine) == []

    def test_only_what_is_out_is_collected(self, alice: User, inks: Collection) -> None:
        with pytest.raises(WrongStatus):
            add_to_collection(collection=inks, network=NetworkFactory(creator=alice), by=alice)

    def test_there_is_a_most(
        self,
        alice: User,
        inks: Collection,
        three: list[Network],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(collecting, "MOST_ENTRIES", 3)
        with pytest.raises(CollectionFull, match="“Inks” holds 3 networks"):
            add_to_collection(collection=inks, network=published(), by=alice)

    def test_one_is_the_cover(self, alice: User, inks: Collection, three: list[Network]) -> None:
        for network in three[:2]:
            choose_cover(collection=inks, network=network, by=alice)
        assert inks.entries.get(is_cover=True).network == three[1]

    def test_a_note_is_one_line(self, alice: User, inks: Collection, three: list[Network]) -> None:
        write_note(collection=inks, network=three[0], note="Best at 0.4", by=alice)
        assert inks.entries.get(network=three[0]).note == "Best at 0.4"
        with pytest.raises(ValidationError):
            write_note(collection=inks, network=three[0], note="x" * 201, by=alice)

    def test_everything_is_in_the_audit_trail(
        self, alice: User, inks: Collection, three: list[Network]
    ) -> None:
        move_in_collection(collection=inks, network=three[0], steps=1, by=alice)
        remove_from_collection(collection=inks, network=three[0], by=alice)
        update_collection(collection=inks, by=alice, name="Washes")
        delete_collection(collection=inks, by=alice)
        actions = AuditEvent.objects.filter(actor=alice).order_by("pk")
        assert list(actions.values_list("action", flat=True)) == [
            "collection.created",
            *["collection.added"] * 3,
            "collection.moved",
            "collection.removed",
            "collection.changed",
            "collection.deleted",
        ]


class TestDatabase:
    def test_it_refuses_a_network_twice(self, inks: Collection, three: list[Network]) -> None:
        with pytest.raises(IntegrityError), transaction.atomic():
            CollectionEntry.objects.create(collection=inks, network=three[0], position=9)

    def test_it_refuses_two_at_one_place(self, inks: Collection, three: list[Network]) -> None:
        CollectionEntry.objects.create(collection=inks, network=published(), position=0)
        with pytest.raises(IntegrityError), connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")

    def test_it_refuses_two_covers(self, inks: Collection, three: list[Network]) -> None:
        with pytest.raises(IntegrityError), transaction.atomic():
            inks.entries.update(is_cover=True)


class TestCount:
    """`Network.collected_count`: people who have it in any collection."""

    def test_a_person_counts_once_in_however_many(self, alice: User, bob: User) -> None:
        network = published()
        for by, names in ((alice, "ab"), (bob, "c")):
            mine = [create_collection(by=by, name=name) for name in names]
            collect_network(network=network, into=mine, by=by)
        assert count(network) == 2

        first, second = alice.collections.order_by("pk")
        remove_from_collection(collection=first, network=network, by=alice)
        assert count(network) == 2
        remove_from_collection(collection=second, network=network, by=alice)
        assert count(network) == 1

    def test_a_person_who_leaves_takes_all_of_it_along(self) -> None:
        somebody, network = UserFactory(), published()
        for name in "ab":
            mine = create_collection(by=somebody, name=name)
            add_to_collection(collection=mine, network=network, by=somebody)
        AuditEvent.objects.all().delete()
        somebody.delete()
        assert count(network) == 0

    def test_rows_of_one_statement_are_counted_together(
        self, alice: User, inks: Collection
    ) -> None:
        network, washes = published(), create_collection(by=alice, name="Washes")
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO registry_collectionentry"
                " (collection_id, network_id, position, note, is_cover, added_at)"
                " VALUES (%s, %s, 0, '', false, now()), (%s, %s, 0, '', false, now())",
                [inks.pk, network.pk, washes.pk, network.pk],
            )
            assert count(network) == 1
            cursor.execute("DELETE FROM registry_collectionentry")
        assert count(network) == 0

    @pytest.mark.django_db(transaction=True)
    def test_many_at_once_are_all_counted(self) -> None:
        network = published()
        mine = [create_collection(by=UserFactory(), name="Inks") for _ in range(6)]
        done = at_once(
            *(
                (lambda c=c: add_to_collection(collection=c, network=network, by=c.owner))
                for c in [*mine, *mine]
            )
        )
        assert not [each for each in done if isinstance(each, Exception)]
        assert count(network) == CollectionEntry.objects.count() == len(mine)


class TestVisibility:
    def test_public_ones_are_everyones_private_ones_their_owners(
        self, alice: User, bob: User, mod: User, inks: Collection
    ) -> None:
        private = create_collection(by=alice, name="Private")
        for viewer in (AnonymousUser(), bob, mod):
            assert list(Collection.objects.visible_to(viewer)) == [inks]
        assert set(Collection.objects.visible_to(alice)) == {inks, private}

    def test_of_the_blocked_moderators_see_them(
        self, alice: User, bob: User, mod: User, inks: Collection
    ) -> None:
        alice.blocked_at = timezone.now()
        alice.save()
        for viewer in (AnonymousUser(), bob, alice):
            assert not Collection.objects.visible_to(viewer).exists()
        assert list(Collection.objects.visible_to(mod)) == [inks]
