"""What followed creators published, newest first, a page at a time."""

from collections.abc import Mapping
from typing import Final

from hub.gallery.cards import Card, cards_of
from registry.filters import content_level
from registry.keyset import Order, Window, keyset_window
from registry.models import Network, User, Version

PAGE: Final = 24
NEWEST: Final = Order("published_at")
_NOT_SHOWN: Final = (
    "facts",
    "preview_grid",
    "changelog",
    "network__search",
    "network__trigger_words",
    "network__tag_words",
    "network__description",
    "network__description_html",
)


def feed_of(viewer: User, *, asked: Mapping[str, str]) -> tuple[list[Card], Window[Version]]:
    """Cards of versions: two of one network are two cards. Raises BadCursor."""
    listed = Network.objects.listed(up_to=content_level(viewer, asked=None))
    versions = Version.objects.visible_to(viewer).listed().of_followed(viewer)
    window = keyset_window(
        versions.filter(network__in=listed).select_related("network__creator").defer(*_NOT_SHOWN),
        order=NEWEST,
        limit=PAGE,
        after=asked.get("after"),
        before=asked.get("before"),
    )
    for version in window.rows:
        # A card shows the version that its network names as the latest: here, this one.
        version.network.latest_version = version
    return cards_of([version.network for version in window.rows], viewer=viewer), window
