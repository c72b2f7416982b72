"""Collections: made, described, filled, put in order. The database counts who collects what."""

from collections.abc import Iterable
from typing import Final, TypedDict, Unpack

from django.db import transaction
from django.db.models import Max

from registry import audit
from registry.errors import CollectionFull, TooManyCollections, WrongStatus
from registry.models import Collection, CollectionEntry, Network, User
from registry.permissions import Action, require
from registry.slugs import numbered, slug_of

MOST_COLLECTIONS: Final = 100
MOST_ENTRIES: Final = 500


class CollectionWords(TypedDict, total=False):
    """What its owner says of a collection; each as on the model."""

    name: str
    description: str
    is_public: bool


def create_collection(*, by: User, **words: Unpack[CollectionWords]) -> Collection:
    """An empty one, at a free address made from its name.

    Raises Forbidden, TooManyCollections, ValidationError.
    """
    require(Action.COLLECT, by=by, creator=by)
    collection = Collection(owner=by, **words)
    collection.full_clean(exclude=["slug"])
    with transaction.atomic():
        # One at a time for a person: the count and the free address stay true until it is there.
        User.objects.select_for_update(no_key=True).get(pk=by.pk)
        taken = set(by.collections.values_list("slug", flat=True))
        if len(taken) >= MOST_COLLECTIONS:
            raise TooManyCollections(most=MOST_COLLECTIONS)
        slug = slug_of(collection.name, fallback="collection")
        numbers = range(1, len(taken) + 2)
        collection.slug = next(s for n in numbers if (s := numbered(slug, n)) not in taken)
        collection.save(force_insert=True)
        audit.record("collection.created", by=by, on=collection, data={"slug": collection.slug})
    return collection


def update_collection(
    *, collection: Collection, by: User, **words: Unpack[CollectionWords]
) -> Collection:
    """Its words, and whether everyone sees it; the address stays. Raises as `create_collection`."""
    with transaction.atomic():
        collection = _locked(collection, by=by)
        changed = [name for name, value in words.items() if getattr(collection, name) != value]
        for name in changed:
            setattr(collection, name, words[name])  # type: ignore[literal-required]
        collection.full_clean(exclude=["slug"])
        collection.save(update_fields=[*changed, "description_html", "updated_at"])
        audit.record("collection.changed", by=by, on=collection, data={"fields": changed})
    return collection


def delete_collection(*, collection: Collection, by: User) -> None:
    """For good; the networks in it stay where they are. Raises Forbidden."""
    with transaction.atomic():
        collection = _locked(collection, by=by)
        data = {"slug": collection.slug, "networks": collection.entries.count()}
        audit.record("collection.deleted", by=by, on=collection, data=data)
        collection.delete()


def collect_network(
    *, network: Network, into: Iterable[Collection], out_of: Iterable[Collection] = (), by: User
) -> None:
    """Put it at the end of these and take it out of those, all or nothing.

    What is so already stays so. Raises Forbidden; WrongStatus for what is not published;
    CollectionFull.
    """
    with transaction.atomic():
        for collection in sorted(into, key=lambda each: each.pk):
            add_to_collection(collection=collection, network=network, by=by)
        for collection in sorted(out_of, key=lambda each: each.pk):
            remove_from_collection(collection=collection, network=network, by=by)


def add_to_collection(
    *, collection: Collection, network: Network, by: User, note: str = ""
) -> CollectionEntry:
    """At the end; one that is in it stays at its place. Raises as `collect_network`."""
    with transaction.atomic():
        collection = _locked(collection, by=by)
        entry = collection.entries.filter(network=network).first()
        if entry is not None:
            return entry
        if network.status != Network.Status.PUBLISHED:
            raise WrongStatus(
                status=network.get_status_display(), needed=[str(Network.Status.PUBLISHED.label)]
            )
        if collection.entries.count() >= MOST_ENTRIES:
            raise CollectionFull(name=collection.name, most=MOST_ENTRIES)
        last = collection.entries.aggregate(last=Max("position"))["last"]
        entry = CollectionEntry(
            collection=collection,
            network=network,
            position=0 if last is None else last + 1,
            note=note,
        )
        entry.clean_fields()
        entry.save(force_insert=True)
        _record(collection, "collection.added", network.pk, by=by)
    return entry


def remove_from_collection(*, collection: Collection, network: Network, by: User) -> None:
    """Taking out what is not in it changes nothing. Raises Forbidden."""
    with transaction.atomic():
        collection = _locked(collection, by=by)
        removed, _ = collection.entries.filter(network=network).delete()
        if removed:
            _record(collection, "collection.removed", network.pk, by=by)


def move_in_collection(*, collection: Collection, network: Network, steps: int, by: User) -> None:
    """So many places on; back for less than 0, and at most to an end. Raises Forbidden."""
    with transaction.atomic():
        collection = _locked(collection, by=by)
        entries = list(collection.entries.order_by("position"))
        place = next((i for i, each in enumerate(entries) if each.network_id == network.pk), None)
        if place is None:
            return
        entries.insert(min(max(place + steps, 0), len(entries) - 1), entries.pop(place))
        moved = [each for number, each in enumerate(entries) if each.position != number]
        for number, each in enumerate(entries):
            each.position = number
        CollectionEntry.objects.bulk_update(moved, ["position"])
        _record(collection, "collection.moved", network.pk, by=by)


def choose_cover(*, collection: Collection, network: Network, by: User) -> None:
    """Its picture comes first on the collection's card. Raises Forbidden."""
    with transaction.atomic():
        collection = _locked(collection, by=by)
        collection.entries.filter(is_cover=True).exclude(network=network).update(is_cover=False)
        collection.entries.filter(network=network).update(is_cover=True)
        _record(collection, "collection.cover_chosen", network.pk, by=by)


def write_note(*, collection: Collection, network: Network, note: str, by: User) -> None:
    """What its owner says of one of them; "" for nothing. Raises Forbidden, ValidationError."""
    with transaction.atomic():
        collection = _locked(collection, by=by)
        entry = collection.entries.filter(network=network).first()
        if entry is None:
            return
        entry.note = note
        entry.clean_fields()
        entry.save(update_fields=["note"])
        _record(collection, "collection.note_written", network.pk, by=by)


def _locked(collection: Collection, *, by: User) -> Collection:
    """As it is now, until the transaction ends. Raises Forbidden."""
    held = Collection.objects.select_related("owner").select_for_update(of=("self",), no_key=True)
    collection = held.get(pk=collection.pk)
    require(Action.COLLECT, by=by, creator=collection.owner)
    return collection


def _record(collection: Collection, action: str, network_id: int, *, by: User) -> None:
    collection.save(update_fields=["updated_at"])
    audit.record(action, by=by, on=collection, data={"network": network_id})
