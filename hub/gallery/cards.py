"""Networks as cards: the first prompt at every strength, and what a card says beside it.

Three queries for any number of cards: the cells of the first row, covers of those without cells,
and what the viewer likes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from itertools import groupby
from typing import Final

from django.contrib.auth.models import AnonymousUser
from django.db.models import F, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from inference.models import Cell, PreviewGrid
from registry.filters import content_level
from registry.models import ContentLevel, Like, Network, Picture, User, Version

Viewer = User | AnonymousUser
NEW_FOR: Final = timedelta(days=7)
# Where nobody measured or chose one: A1111's own default.
USUAL_STRENGTH: Final = 1.0
_NOT_ON_CARDS: Final = (
    "search",
    "trigger_words",
    "tag_words",
    "description",
    "description_html",
    "latest_version__facts",
    "latest_version__preview_grid",
    "latest_version__changelog",
    "latest_version__changelog_html",
)


@dataclass(frozen=True)
class Shot:
    """A picture of the network; `strength` is None where nobody knows it."""

    picture: Picture
    prompt: str
    strength: float | None = None

    @property
    def small(self) -> str:
        return picture_address(self.picture, width=320)

    @property
    def large(self) -> str:
        return picture_address(self.picture, width=640)

    @property
    def figure(self) -> str:
        return "" if self.strength is None else figure(self.strength)

    @property
    def alt(self) -> str:
        if self.strength is None:
            return self.prompt or _("A picture made with it")
        return _("%(prompt)s, at strength %(strength)s") % {
            "prompt": self.prompt,
            "strength": self.figure,
        }


@dataclass(frozen=True)
class Card:
    network: Network
    version: Version
    # By strength, the weakest first; empty while nothing is rendered.
    shots: Sequence[Shot] = ()
    liked: bool = False
    # Above what the viewer wants to see without asking.
    blurred: bool = False
    # What the owner of a collection says of it there.
    note: str = ""
    now: datetime = field(default_factory=timezone.now, repr=False)

    @cached_property
    def shown(self) -> Shot | None:
        """The picture at the recommended strength, else at the usual one: the nearest there is."""
        if not self.shots:
            return None
        best = self.version.recommended_strength
        wanted = USUAL_STRENGTH if best is None else best
        return min(self.shots, key=lambda shot: abs((shot.strength or 0.0) - wanted))

    @property
    def plays(self) -> bool:
        return len(self.shots) > 1 and not self.blurred

    @property
    def recommended(self) -> str:
        """ "0.6", or empty where it was not measured and nobody chose one."""
        best = self.version.recommended_strength
        return "" if best is None else figure(best)

    @property
    def tag(self) -> str:
        """What A1111 reads in a prompt, at the recommended strength."""
        return prompt_tag(self.version, self.version.recommended_strength)

    @property
    def is_new(self) -> bool:
        return self._is_fresh(self.network.published_at)

    @property
    def has_new_version(self) -> bool:
        return not self.is_new and self._is_fresh(self.version.published_at)

    def _is_fresh(self, at: datetime | None) -> bool:
        return at is not None and self.now - at < NEW_FOR


def for_cards(networks: QuerySet[Network]) -> QuerySet[Network]:
    """Rows that `cards_of` can show without another query each."""
    return networks.select_related("creator", "latest_version").defer(*_NOT_ON_CARDS)


def cards_of(networks: Iterable[Network], *, viewer: Viewer) -> list[Card]:
    """Cards in the same order; networks without a published version have none."""
    rows = [each for each in networks if each.latest_version is not None]
    versions = [each.latest_version for each in rows if each.latest_version is not None]
    shots = _shots_of([version.pk for version in versions])
    liked = _liked([network.pk for network in rows], viewer)
    wished = content_level(viewer, asked=None)
    return [
        Card(
            network,
            version,
            shots=shots.get(version.pk, ()),
            liked=network.pk in liked,
            blurred=_is_above(wished, network, shots.get(version.pk, ())),
        )
        for network, version in zip(rows, versions, strict=True)
    ]


def prompt_tag(version: Version, strength: float | None) -> str:
    """`<hypernet:STEM:0.6>`."""
    return f"<hypernet:{version.stem}:{figure(USUAL_STRENGTH if strength is None else strength)}>"


def figure(strength: float) -> str:
    """As people write it into a prompt, in any language: "0.6", "1"."""
    return f"{strength:.2f}".rstrip("0").rstrip(".")


def picture_address(picture: Picture, *, width: int | str) -> str:
    """`width` in pixels, or "original"."""
    return f"/pictures/{picture.sha256}/width={width}/{picture.pk}.webp"


def _shots_of(versions: list[int]) -> dict[int, list[Shot]]:
    rendered = _rendered(versions)
    left = [version for version in versions if version not in rendered]
    return rendered | (_covers(left) if left else {})


def _rendered(versions: list[int]) -> dict[int, list[Shot]]:
    """The first row of each version's newest grid: a finished one before one that still grows."""
    cells = (
        Cell.objects.filter(
            row=0,
            grid__version__in=versions,
            state=Cell.State.DONE,
            picture__isnull=False,
            picture__hidden_at=None,
        )
        .select_related("picture")
        .defer("picture__meta", "picture__blurhash")
        .annotate(version=F("grid__version"), status=F("grid__status"))
        .order_by("grid", "multiplier")
    )
    best: dict[int, tuple[bool, list[Shot]]] = {}
    for _grid, group in groupby(cells, key=lambda cell: cell.grid_id):
        row = list(group)
        shots = [Shot(cell.picture, cell.prompt, cell.multiplier) for cell in row if cell.picture]
        version, is_done = row[0].version, row[0].status == PreviewGrid.Status.DONE
        if is_done or not best.get(version, (False, []))[0]:
            best[version] = (is_done, shots)
    return {version: shots for version, (_is_done, shots) in best.items()}


def _covers(versions: list[int]) -> dict[int, list[Shot]]:
    """One picture of each version that has any: its cover, else the first."""
    through = Picture.versions.through
    rows = (
        through._default_manager.filter(
            version__in=versions, picture__hidden_at=None, picture__owner__blocked_at=None
        )
        .select_related("picture")
        .order_by("version_id", "-picture__is_cover", "picture_id")
        .distinct("version_id")
    )
    return {
        row.version_id: [Shot(row.picture, str(row.picture.meta.get("prompt", ""))[:300])]
        for row in rows
    }


def _liked(networks: list[int], viewer: Viewer) -> set[int]:
    if not isinstance(viewer, User):
        return set()
    rows = Like.objects.filter(user=viewer, network__in=networks)
    return set(rows.values_list("network", flat=True))


def _is_above(wished: ContentLevel, network: Network, shots: Sequence[Shot]) -> bool:
    levels = {network.content_level, *(shot.picture.content_level for shot in shots)}
    return any(wished.is_milder_than(level) for level in levels)
