"""Versions side by side: which of their pictures can be compared, and why others cannot.

Pictures can be compared that differ in nothing but the network: one base model, one setting of the
sampler, one prompt, one seed, one strength. Four queries for any number of versions.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from django.db.models import Prefetch
from django.utils.translation import gettext as _

from hub.gallery.cards import Shot, Viewer, figure
from inference.models import Cell, PreviewGrid
from registry.filters import content_level
from registry.models import File, Version

MOST: Final = 6
Row = tuple[str, int]  # prompt, seed
Ground = tuple[str, str]  # hash of the base model, settings as JSON


@dataclass
class Side:
    """One version; `shots` are of the prompt that is shown, by strength."""

    version: Version
    size: int = 0
    grid: PreviewGrid | None = None
    # Why it is not among those that are compared: a sentence, empty for those that are.
    why_not: str = ""
    rows: Mapping[Row, Mapping[float, Shot]] = field(default_factory=dict)
    shots: Sequence[Shot | None] = ()
    blurred: bool = False


@dataclass(frozen=True)
class Comparison:
    sides: list[Side]
    prompts: list[Row]
    # Index into `prompts`, and into `strengths`.
    prompt: int
    strengths: list[float]
    at: int
    base_name: str = ""

    @property
    def row(self) -> Row | None:
        return self.prompts[self.prompt] if self.prompts else None

    @property
    def figures(self) -> list[str]:
        return [figure(strength) for strength in self.strengths]

    @property
    def shown(self) -> str:
        return figure(self.strengths[self.at]) if self.strengths else ""


def compare(keys: Sequence[int], *, viewer: Viewer, prompt: int, strength: float) -> Comparison:
    """In the order of `keys`; versions that the viewer may not open are left out."""
    sides = _sides(keys, viewer)
    ground = _common_ground(sides)
    for side in sides:
        _place(side, ground)
    prompts = _common_prompts([side for side in sides if not side.why_not])
    compared = [side for side in sides if not side.why_not]
    prompt = prompt if 0 <= prompt < len(prompts) else 0
    strengths: list[float] = []
    if prompts:
        shown = [side.rows[prompts[prompt]] for side in compared]
        strengths = sorted({strength for shots in shown for strength in shots})
        for side, shots in zip(compared, shown, strict=True):
            side.shots = [shots.get(strength) for strength in strengths]
    at = min(range(len(strengths)), key=lambda n: abs(strengths[n] - strength), default=0)
    base = next((side.grid.base_model.name for side in compared if side.grid), "")
    return Comparison(sides, prompts, prompt, strengths, at, base)


def _sides(keys: Sequence[int], viewer: Viewer) -> list[Side]:
    cells = Cell.objects.filter(
        state=Cell.State.DONE, picture__isnull=False, picture__hidden_at=None
    ).select_related("picture")
    grids = PreviewGrid.objects.select_related("base_model").prefetch_related(
        Prefetch("cells", cells)
    )
    rows = (
        Version.objects.visible_to(viewer)
        .filter(pk__in=keys)
        .exclude(weights_hash="")
        .select_related("network__creator")
        .defer("facts", "preview_grid", "network__search", "network__description_html")
        .prefetch_related(
            Prefetch("preview_grids", grids),
            Prefetch("files", File.objects.filter(is_primary=True)),
        )
    )
    found = {version.pk: version for version in rows}
    wished = content_level(viewer, asked=None)
    return [
        Side(
            version=found[key],
            size=sum(file.size for file in found[key].files.all()),
            blurred=wished.is_milder_than(found[key].network.content_level),
        )
        for key in dict.fromkeys(keys)
        if key in found
    ]


def _grids(side: Side) -> list[PreviewGrid]:
    """Those with a picture, newest first."""
    return [grid for grid in side.version.preview_grids.all() if grid.cells.all()]


def _ground_of(grid: PreviewGrid) -> Ground:
    return grid.base_hash, json.dumps(grid.settings, sort_keys=True)


def _common_ground(sides: Sequence[Side]) -> Ground | None:
    """Base model and settings that most of them were rendered with; the first's among equals."""
    counted = Counter(
        ground for side in sides for ground in {_ground_of(grid): None for grid in _grids(side)}
    )
    return counted.most_common(1)[0][0] if counted else None


def _place(side: Side, ground: Ground | None) -> None:
    """Take the grid that stands on the common ground, or say why there is none."""
    grids = _grids(side)
    side.grid = next((grid for grid in grids if _ground_of(grid) == ground), None)
    if side.grid is not None:
        side.rows = _rows(side.grid)
    elif not grids:
        side.why_not = _("No pictures to compare: its previews are not rendered yet.")
    elif ground is not None and grids[0].base_hash == ground[0]:
        side.why_not = _("Rendered with other settings than the others, so it would mislead.")
    else:
        side.why_not = _("Rendered on “%(base)s”, the others on another base model.") % {
            "base": grids[0].base_model.name
        }


def _rows(grid: PreviewGrid) -> dict[Row, dict[float, Shot]]:
    rows: dict[Row, dict[float, Shot]] = {}
    for cell in grid.cells.all():
        if cell.picture is not None:
            shot = Shot(cell.picture, cell.prompt, cell.multiplier)
            rows.setdefault((cell.prompt, cell.seed), {})[cell.multiplier] = shot
    return rows


def _common_prompts(sides: Sequence[Side]) -> list[Row]:
    """Those that all have; who shares none with those before is not compared."""
    common: list[Row] = []
    for side in sides:
        shared = [row for row in common if row in side.rows] if common else list(side.rows)
        if not shared:
            side.why_not = _(
                "Rendered with other prompts: styles and subjects are shown with prompts of "
                "their own."
            )
            continue
        common = shared
    return common
