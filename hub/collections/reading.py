"""Collections as pages show them: cards of their first pictures, and one with what is in it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from django.db.models import Count, F, Q, QuerySet, Window
from django.db.models.functions import Lower, RowNumber
from django.http import Http404
from django.utils.translation import gettext as _

from hub.gallery.cards import Card, Shot, Viewer, cards_of, for_cards
from registry.filters import content_level
from registry.keyset import Order, keyset_window
from registry.keyset import Window as KeysetWindow
from registry.models import Collection, CollectionEntry, ContentLevel, Network

PAGE: Final = 24
PICTURES: Final = 4
BY_CHANGE: Final = Order("updated_at")
BY_PLACE: Final = Order("position", descending=False)


@dataclass(frozen=True)
class Cover:
    """A collection as a card: up to four pictures, and how many networks this viewer finds."""

    collection: Collection
    shots: Sequence[Shot]
    count: int


@dataclass(frozen=True)
class Numbers:
    """Of what is in a collection: shown, above the viewer's level, not out any more."""

    shown: int
    above: int
    gone: int


def find_collection(username: str, slug: str, *, viewer: Viewer) -> Collection:
    """With its owner; in any case. Raises Http404."""
    visible = Collection.objects.visible_to(viewer).select_related("owner")
    named = visible.alias(lower_name=Lower("owner__username"))
    found = named.filter(lower_name=username.lower(), slug=slug.lower()).first()
    if found is None:
        raise Http404(_("There is no such collection."))
    return found


def covers_page(
    collections: QuerySet[Collection], *, viewer: Viewer, asked: Mapping[str, str]
) -> tuple[list[Cover], KeysetWindow[Collection]]:
    """A page of them, the lately changed first. Raises BadCursor."""
    window = keyset_window(
        collections.select_related("owner"),
        order=BY_CHANGE,
        limit=PAGE,
        after=asked.get("after"),
        before=asked.get("before"),
    )
    return covers_of(window.rows, viewer=viewer), window


def covers_of(collections: Iterable[Collection], *, viewer: Viewer) -> list[Cover]:
    """Five queries for any number of them."""
    collections = list(collections)
    level = content_level(viewer, asked=None)
    first = [F("is_cover").desc(), F("position").asc()]
    entries = (
        CollectionEntry.objects.shown_to(viewer, up_to=level)
        .filter(collection__in=collections)
        .annotate(
            place=Window(RowNumber(), partition_by="collection", order_by=first),
            total=Window(Count("pk"), partition_by="collection"),
        )
        .filter(place__lte=PICTURES)
        .order_by("collection", "place")
    )
    rows = list(entries.values_list("collection", "network", "total"))
    cards = _cards([network for _collection, network, _total in rows], viewer=viewer)
    counts = {key: total for key, _network, total in rows}
    shots: dict[int, list[Shot]] = {}
    for key, network, _total in rows:
        card = cards.get(network)
        if card is not None and card.shown is not None and not card.blurred:
            shots.setdefault(key, []).append(card.shown)
    return [Cover(each, shots.get(each.pk, []), counts.get(each.pk, 0)) for each in collections]


def numbers_of(collection: Collection, *, viewer: Viewer, up_to: ContentLevel) -> Numbers:
    out = Q(network__in=Network.objects.visible_to(viewer).listed(up_to=ContentLevel.EXPLICIT))
    seen = Q(network__content_level__in=ContentLevel.up_to(up_to))
    counts = collection.entries.aggregate(
        shown=Count("pk", filter=out & seen),
        above=Count("pk", filter=out & ~seen),
        gone=Count("pk", filter=~out),
    )
    return Numbers(**counts)


def wall_of(
    collection: Collection, *, viewer: Viewer, up_to: ContentLevel, asked: Mapping[str, str]
) -> tuple[list[Card], KeysetWindow[CollectionEntry]]:
    """A page of what hangs in it, in its owner's order. Raises BadCursor."""
    window = keyset_window(
        CollectionEntry.objects.shown_to(viewer, up_to=up_to).filter(collection=collection),
        order=BY_PLACE,
        limit=PAGE,
        after=asked.get("after"),
        before=asked.get("before"),
    )
    cards = _cards([entry.network_id for entry in window.rows], viewer=viewer)
    shown = [(cards.get(entry.network_id), entry.note) for entry in window.rows]
    return [replace(card, note=note) for card, note in shown if card is not None], window


def all_entries(
    collection: Collection, *, viewer: Viewer
) -> list[tuple[CollectionEntry, Card | None]]:
    """For its owner, who puts them in order; a card only where the network is out."""
    entries = list(collection.entries.select_related("network").defer("network__search"))
    shown = [entry.network_id for entry in entries if entry.network.is_listed]
    cards = _cards(shown, viewer=viewer)
    return [(entry, cards.get(entry.network_id)) for entry in entries]


def _cards(networks: list[int], *, viewer: Viewer) -> dict[int, Card]:
    rows = for_cards(Network.objects.visible_to(viewer).filter(pk__in=networks))
    return {card.network.pk: card for card in cards_of(rows, viewer=viewer)}
