"""The filters of a wall as menus: their values with counts, which are chosen, and as chips."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from hub.gallery.wall import SIZES, Wall
from registry.filters import APPS, DEFAULT_SORT
from registry.models import BaseModelName, ContentLevel, Network, User

Text = str | Promise
SORT_LABELS: Final[Mapping[str, Text]] = {
    DEFAULT_SORT: _("Most liked"),
    "Most Downloaded": _("Most downloaded"),
    "Newest": _("Newest"),
    "Oldest": _("Oldest"),
    "Most Discussed": _("Most discussed"),
    "Most Collected": _("Most collected"),
    "Most Images": _("Most pictures"),
}
PERIOD_LABELS: Final[Mapping[str, Text]] = {
    "Day": _("Today"),
    "Week": _("This week"),
    "Month": _("This month"),
    "Year": _("This year"),
}
SIZE_LABELS: Final[Mapping[str, Text]] = {
    "small": _("Below 64 MB"),
    "medium": _("64 to 128 MB"),
    "large": _("128 to 256 MB"),
    "huge": _("256 MB and more"),
}
LEVEL_LABELS: Final[Mapping[str, Text]] = {
    "false": _("General only"),
    "true": _("Everything"),
}
assert SIZE_LABELS.keys() == SIZES.keys()  # noqa: S101 - one table for numbers, one for words


@dataclass(frozen=True)
class Option:
    value: str
    label: Text
    chosen: bool = False
    # How many networks it would leave; None where nobody counts.
    count: int | None = None


@dataclass(frozen=True)
class Menu:
    name: str
    label: Text
    options: tuple[Option, ...]
    # Several values at once, or one.
    many: bool = True

    @property
    def chosen(self) -> list[Option]:
        return [option for option in self.options if option.chosen and option.value]


@dataclass(frozen=True)
class Chip:
    """A value that is asked for, and the wall without it."""

    label: Text
    url: str


class Menus:
    """By name, for the template: `menus.kind`, `menus.sort`, …"""

    def __init__(self, wall: Wall) -> None:
        self.wall = wall

    @property
    def first(self) -> list[Menu]:
        """Those with a button of their own."""
        bases = {name: name for name in BaseModelName.values}
        kinds = {kind.value: str(kind.label).capitalize() for kind in Network.Kind}
        apps = {slug: app.value for slug, app in APPS.items()}
        menus = [
            self._counted("kind", _("Kind"), kinds),
            self._counted("baseModels", _("Base model"), bases),
            self._tags(),
            self._counted("works_with", _("Works with"), apps),
        ]
        return [menu for menu in menus if menu.options]

    @property
    def more(self) -> list[Menu]:
        menus = [
            self._activations(),
            self._one_of("size", _("File size"), _("Any size"), SIZE_LABELS),
            self._one_of("period", _("Published"), _("Any time"), PERIOD_LABELS),
            self._one_of("nsfw", _("Content"), self._own_level(), LEVEL_LABELS),
        ]
        return [menu for menu in menus if len(menu.options) > 1]

    @property
    def chosen_more(self) -> int:
        return sum(len(menu.chosen) for menu in self.more)

    @property
    def sort(self) -> Menu:
        labels = dict(SORT_LABELS)
        return self._one_of("sort", _("Sort"), labels.pop(DEFAULT_SORT), labels)

    @property
    def sorted_by(self) -> Text:
        return next((each.label for each in self.sort.chosen), SORT_LABELS[DEFAULT_SORT])

    @property
    def chips(self) -> list[Chip]:
        menus = [*self.first, *self.more]
        chips = [
            Chip(option.label, self.wall.toggled(menu.name, option.value))
            for menu in menus
            for option in menu.chosen
        ]
        if self.wall.state["favorites"]:
            chips.append(Chip(_("What I like"), self.wall.address(favorites=[])))
        return chips

    def _counted(self, name: str, label: Text, labels: Mapping[str, Text]) -> Menu:
        """Values that somebody has, and those that are chosen though nobody has them."""
        counts = self._counts(name)
        chosen = self.wall.state[name]
        options = tuple(
            Option(value, text, value in chosen, counts.get(value, 0))
            for value, text in labels.items()
            if value in counts or value in chosen
        )
        return Menu(name, label, options)

    def _tags(self) -> Menu:
        fixed = self.wall.place.fixed.get("tag")
        counts = self._counts("tag")
        chosen = self.wall.state["tag"]
        names = dict.fromkeys([*chosen, *(name for name in counts if name != fixed)])
        options = (Option(name, name, name in chosen, counts.get(name, 0)) for name in names)
        return Menu("tag", _("Tags"), tuple(options))

    def _activations(self) -> Menu:
        counts = self._counts("activation")
        chosen = self.wall.state["activation"]
        names = sorted({*counts, *chosen})
        known = (Option(name, name, name in chosen, counts.get(name, 0)) for name in names)
        any_of_them = Option("", _("Any"), not chosen)
        return Menu("activation", _("Activation"), (any_of_them, *known), many=False)

    def _one_of(self, name: str, label: Text, default: Text, labels: Mapping[str, Text]) -> Menu:
        chosen = self.wall.state[name]
        options = [Option("", default, not chosen)]
        options += [Option(value, text, value in chosen) for value, text in labels.items()]
        return Menu(name, label, tuple(options), many=False)

    def _own_level(self) -> Text:
        viewer = self.wall.viewer
        level = viewer.content_level if isinstance(viewer, User) else ContentLevel.GENERAL
        if level == ContentLevel.GENERAL:
            return _("As a visitor sees it: general")
        return _("As in my settings")

    def _counts(self, name: str) -> dict[str, int]:
        facets = self.wall.facets
        return dict(facets.counts[name]) if facets else {}
