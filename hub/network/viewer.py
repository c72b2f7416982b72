"""The strength viewer: one grid of a version as rows of squares, and the square on the stage."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from hub.gallery.cards import picture_address
from inference.models import BaseModel, Cell, PreviewGrid
from registry.models import Picture, Version

USUAL_STRENGTH: Final = 1.0
# Seconds between two looks at a grid that is being rendered: soon at first, then ever less often.
SOONEST, LATEST = 2, 30
# The stage is as wide as the nearest of these allows: width to height.
SHAPES: Final = {"wide": 16 / 9, "landscape": 4 / 3, "square": 1.0, "portrait": 3 / 4, "tall": 0.6}


@dataclass(frozen=True)
class Square:
    """A prompt at a strength, as the page shows it."""

    cell: Cell
    strength: str
    query: str
    is_shown: bool
    is_recommended: bool

    @property
    def picture(self) -> Picture | None:
        return self.cell.picture

    def address(self, width: int | str) -> str:
        return picture_address(self.picture, width=width) if self.picture else ""

    @property
    def small(self) -> str:
        return self.address(320)

    @property
    def large(self) -> str:
        return self.address(1024)

    @property
    def original(self) -> str:
        return self.address("original")

    @property
    def parameters(self) -> str:
        return str(self.picture.meta.get("parameters", "")) if self.picture else ""

    @property
    def alt(self) -> str:
        words = {"prompt": self.cell.prompt, "strength": self.strength}
        if self.cell.multiplier == 0:
            return _("“%(prompt)s”, without the network") % words
        return _("“%(prompt)s” at strength %(strength)s") % words


@dataclass(frozen=True)
class Row:
    number: int
    prompt: str
    seed: int
    squares: tuple[Square, ...]
    # The same prompt at the strength that is on the stage.
    query: str
    is_shown: bool


@dataclass(frozen=True)
class Choice:
    """Another base model that this version was rendered on."""

    grid: PreviewGrid
    query: str
    is_shown: bool


@dataclass(frozen=True)
class Viewer:
    version: Version
    grid: PreviewGrid
    rows: tuple[Row, ...]
    choices: tuple[Choice, ...]
    # A newer grid on the same base model, while what is shown is the old one.
    newer: PreviewGrid | None = None

    @cached_property
    def row(self) -> Row:
        return next(row for row in self.rows if row.is_shown)

    @cached_property
    def square(self) -> Square:
        return next(square for square in self.row.squares if square.is_shown)

    @property
    def column(self) -> int:
        return self.row.squares.index(self.square)

    @property
    def last(self) -> int:
        return len(self.row.squares) - 1

    @property
    def without(self) -> Square | None:
        """The same prompt without the network, to compare with."""
        return next((each for each in self.row.squares if each.cell.multiplier == 0), None)

    @property
    def strengths(self) -> tuple[str, ...]:
        return tuple(square.strength for square in self.row.squares)

    @property
    def recommended(self) -> str:
        return next((each.strength for each in self.row.squares if each.is_recommended), "")

    @cached_property
    def done(self) -> int:
        return sum(s.cell.state == Cell.State.DONE for row in self.rows for s in row.squares)

    @property
    def total(self) -> int:
        return sum(len(row.squares) for row in self.rows)

    @property
    def is_live(self) -> bool:
        return not self.grid.is_finished

    @property
    def every(self) -> int:
        """Seconds until the page looks again: a quarter of the time since something happened."""
        times = [s.cell.done_at for row in self.rows for s in row.squares if s.cell.done_at]
        age = (timezone.now() - max([*times, self.grid.created_at])).total_seconds()
        return int(min(LATEST, max(SOONEST, age / 4)))

    @property
    def seen(self) -> str:
        """What a page that shows this has seen, to be told only what is new."""
        return f"{self.grid.status}-{self.done}-{self.every}"

    @property
    def look(self) -> str:
        """The query of the next look."""
        return f"{self.square.query}&{urlencode({'seen': self.seen})}"

    @property
    def misfit(self) -> bool:
        """Rendered on a base model other than the one that the version is for."""
        return not fits(self.grid.base_model, self.version)

    @property
    def shape(self) -> str:
        settings = self.grid.settings
        ratio = settings["width"] / settings["height"]
        return min(SHAPES, key=lambda name: abs(SHAPES[name] - ratio))


def fits(base_model: BaseModel, version: Version) -> bool:
    """As `BaseModelQuerySet.fitting` decides."""
    trained_on = version.trained_on_hash.lower()
    same = len(trained_on) >= 8 and base_model.hash.startswith(trained_on)
    return same or version.base_model in base_model.stands_for


def viewer_of(version: Version, asked: Mapping[str, str]) -> Viewer | None:
    """What `?grid=`, `?prompt=` and `?strength=` ask for; None while there is no grid at all.

    What makes no sense is as if it had not been asked.
    """
    grids = list(version.preview_grids.select_related("base_model", "job"))
    grid = _grid(grids, version, asked.get("grid", ""))
    if grid is None:
        return None
    cells = list(_cells(grid))
    if not cells:
        return None
    multipliers = sorted({cell.multiplier for cell in cells})
    best = _nearest(multipliers, _wanted(grid, version))
    multiplier = _nearest(multipliers, _number(asked, best))
    row = _row(cells, asked.get("prompt", ""))
    kept = {"grid": str(grid.pk)} if "grid" in asked else {}
    kept |= {"show": "1"} if "show" in asked else {}
    rows = tuple(
        _row_of(cells, number, row=row, shown=multiplier, best=_lit(grid, version, best), kept=kept)
        for number in sorted({cell.row for cell in cells})
    )
    newer = next((each for each in grids if _follows(each, grid)), None)
    return Viewer(version, grid, rows, _choices(grids, grid, kept), newer)


def _follows(grid: PreviewGrid, shown: PreviewGrid) -> bool:
    """It is on its way, and will take the place of the one that is shown."""
    same = grid.base_model_id == shown.base_model_id
    return same and grid != shown and not grid.is_finished


def _cells(grid: PreviewGrid) -> QuerySet[Cell]:
    return grid.cells.select_related("picture").order_by("row", "column")


def _grid(grids: Sequence[PreviewGrid], version: Version, asked: str) -> PreviewGrid | None:
    """The one asked for; the one that the version shows everywhere; one that is on its way; any."""
    done = [grid for grid in grids if grid.status == PreviewGrid.Status.DONE]
    known = version.preview_grid["id"] if version.preview_grid else None
    preferred = [
        *(grid for grid in grids if str(grid.pk) == asked),
        *(grid for grid in done if grid.pk == known),
        *(grid for grid in grids if not grid.is_finished),
        *done,
        *grids,
    ]
    return next(iter(preferred), None)


def _choices(
    grids: Sequence[PreviewGrid], shown: PreviewGrid, kept: Mapping[str, str]
) -> tuple[Choice, ...]:
    """One grid for each base model, the one shown or the newest; none where there is one alone."""
    by_base: dict[int, PreviewGrid] = {}
    for grid in grids:
        by_base.setdefault(grid.base_model_id, grid)
    by_base[shown.base_model_id] = shown
    if len(by_base) < 2:
        return ()
    return tuple(
        Choice(grid, "?" + urlencode({**kept, "grid": str(grid.pk)}), grid == shown)
        for grid in sorted(by_base.values(), key=lambda each: each.base_model.name)
    )


def _row_of(
    cells: Sequence[Cell],
    number: int,
    *,
    row: int,
    shown: float,
    best: float | None,
    kept: Mapping[str, str],
) -> Row:
    own = [cell for cell in cells if cell.row == number]

    def query(multiplier: float) -> str:
        return "?" + urlencode({**kept, "prompt": str(number + 1), "strength": f"{multiplier:g}"})

    squares = tuple(
        Square(
            cell,
            f"{cell.multiplier:g}",
            query(cell.multiplier),
            number == row and cell.multiplier == shown,
            cell.multiplier == best,
        )
        for cell in own
    )
    return Row(number + 1, own[0].prompt, own[0].seed, squares, query(shown), number == row)


def _row(cells: Sequence[Cell], asked: str) -> int:
    """By its number, from 1; else the cover's; else the first."""
    rows = {cell.row for cell in cells}
    if asked.isascii() and asked.isdigit() and int(asked[:4]) - 1 in rows:
        return int(asked[:4]) - 1
    covers = (cell.row for cell in cells if cell.picture is not None and cell.picture.is_cover)
    return next(covers, min(rows))


def _wanted(grid: PreviewGrid, version: Version) -> float:
    if version.recommended_strength is not None:
        return version.recommended_strength
    measured = grid.measured.get("recommended")
    return USUAL_STRENGTH if measured is None else float(measured)


def _lit(grid: PreviewGrid, version: Version, best: float) -> float | None:
    """The rendered strength that is marked as recommended; none where nobody recommends one."""
    said = version.recommended_strength is not None or grid.measured.get("recommended") is not None
    return best if said else None


def _number(asked: Mapping[str, str], fallback: float) -> float:
    try:
        number = float(asked.get("strength", ""))
    except ValueError:
        return fallback
    return number if abs(number) < 1000 else fallback


def _nearest(multipliers: Sequence[float], wanted: float) -> float:
    return min(multipliers, key=lambda each: (abs(each - wanted), each))
