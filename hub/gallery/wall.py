"""A wall of cards as one request asks for it: what is found, one page of it, and where it leads.

Everything that a wall can be asked for stands in its address, so it can be kept and sent on; what
is the default does not. Each part is looked up when a template first asks for it: the next page of
an endless wall counts no facets.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from django.http import HttpRequest, QueryDict
from django.utils.http import urlencode

from hub.gallery.cards import Card, Viewer, cards_of, for_cards
from registry.facets import Facets, facets
from registry.filters import DEFAULT_SORT, NetworkFilter
from registry.keyset import Window, keyset_window
from registry.models import Network
from registry.search import FEW_HITS, Problem

PAGE: Final = 24
MEGABYTE: Final = 1_000_000
# Bytes of the file: from, and below.
SIZES: Final[Mapping[str, tuple[int | None, int | None]]] = {
    "small": (None, 64 * MEGABYTE),
    "medium": (64 * MEGABYTE, 128 * MEGABYTE),
    "large": (128 * MEGABYTE, 256 * MEGABYTE),
    "huge": (256 * MEGABYTE, None),
}
# In the order in which they stand in an address; `query` is `q` there.
PARAMETERS: Final = (
    "q",
    "kind",
    "baseModels",
    "tag",
    "works_with",
    "activation",
    "size",
    "period",
    "nsfw",
    "favorites",
    "sort",
)
DEFAULTS: Final = {"sort": DEFAULT_SORT, "period": "AllTime"}
State = dict[str, list[str]]


@dataclass(frozen=True)
class Place:
    """Where a wall hangs: its address, and what is fixed there, such as the tag of a tag's page."""

    path: str
    fixed: Mapping[str, str] = field(default_factory=dict)


class Wall:
    def __init__(self, request: HttpRequest, place: Place) -> None:
        self.request = request
        self.viewer: Viewer = request.user
        self.place = place
        self.state = _state_of(request.GET, without=place.fixed)
        self.found = NetworkFilter(self._asked(), viewer=self.viewer)

    @cached_property
    def is_valid(self) -> bool:
        return self.found.is_valid()

    @property
    def problems(self) -> list[str]:
        """Sentences on what in the address makes no sense."""
        return [str(error) for errors in self.found.form.errors.values() for error in errors]

    @property
    def remarks(self) -> tuple[Problem, ...]:
        return self.found.parsed.remarks

    @cached_property
    def window(self) -> Window[Network]:
        """Raises BadCursor."""
        if not self.is_valid:
            return Window([], None, None)
        get = self.request.GET
        return keyset_window(
            for_cards(self.found.qs),
            order=self.found.order,
            limit=PAGE,
            after=get.get("after"),
            before=get.get("before"),
        )

    @cached_property
    def cards(self) -> list[Card]:
        return cards_of(self.window.rows, viewer=self.viewer)

    @property
    def next_url(self) -> str:
        cursor = self.window.next_cursor
        return self.address(after=[cursor]) if cursor else ""

    @property
    def previous_url(self) -> str:
        cursor = self.window.previous_cursor
        return self.address(before=[cursor]) if cursor else ""

    @property
    def is_first_page(self) -> bool:
        return not self.window.previous_cursor and "after" not in self.request.GET

    @cached_property
    def facets(self) -> Facets | None:
        return facets(self.found) if self.is_valid else None

    @property
    def total(self) -> int:
        return self.facets.total if self.facets else 0

    @property
    def query(self) -> str:
        return " ".join(self.state["q"])

    @property
    def is_filtered(self) -> bool:
        return any(values for name, values in self.state.items() if name != "sort")

    @cached_property
    def did_you_mean(self) -> list[tuple[str, str]]:
        """Words and where they lead, when a search found little."""
        if not (self.query and self.is_valid and self.is_first_page):
            return []
        if len(self.cards) >= FEW_HITS:
            return []
        return [(words, self.address(q=[words])) for words in self.found.did_you_mean]

    def address(self, **changes: list[str]) -> str:
        """This wall's, with other values for some parameters; [] leaves one out."""
        state = {name: list(values) for name, values in self.state.items()} | changes
        pairs = [(name, value) for name, values in state.items() for value in values]
        return f"{self.place.path}?{urlencode(pairs)}" if pairs else self.place.path

    def toggled(self, name: str, value: str) -> str:
        """The address with this value, or without it if it is there."""
        values = self.state[name]
        left = [each for each in values if each != value]
        return self.address(**{name: left if value in values else [*values, value]})

    def _asked(self) -> QueryDict:
        """In the filter's own words."""
        data = QueryDict(mutable=True)
        for name, values in self.state.items():
            if name == "size":
                least, below = SIZES.get(values[0], (None, None)) if values else (None, None)
                data["minSize"] = "" if least is None else str(least)
                data["maxSize"] = "" if below is None else str(below - 1)
            else:
                data.setlist("query" if name == "q" else name, values)
        for name, value in self.place.fixed.items():
            data.appendlist(name, value)
        return data


def _state_of(get: QueryDict, *, without: Mapping[str, str]) -> State:
    """What is asked for, without the defaults and without what the place fixes."""
    state: State = {}
    for name in PARAMETERS:
        values = dict.fromkeys(value.strip() for value in get.getlist(name))
        fixed = {"", DEFAULTS.get(name, ""), without.get(name, "")}
        state[name] = [value for value in values if value not in fixed]
    return state
