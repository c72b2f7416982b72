"""A grid in numbers: each cell's, then the strength that works, then which picture is best."""

from __future__ import annotations

import io
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from PIL import Image

from inference.grid_shapes import preview_shape
from inference.models import BaseModel, Cell, PreviewGrid, SuitePrompt
from inference.strength import measure_strength
from registry import pictures
from registry.models import Picture, Version
from registry.versions import record_measured_strength

if TYPE_CHECKING:
    from inference.engine.fidelity import Encoder

# What people see first of a network whose strength nobody knows.
USUAL_STRENGTH = 1.0


def measured_row(grid: PreviewGrid, row: int, encoder: Encoder | None) -> list[Cell]:
    """The row's cells with style shift and prompt fidelity, to be saved; none without an encoder,
    or where they are measured already."""
    cells = list(grid.cells.filter(row=row, state=Cell.State.DONE))
    unshifted = next((cell for cell in cells if cell.multiplier == 0), None)
    if encoder is None or unshifted is None or all(cell.shift is not None for cell in cells):
        return []
    features = encoder.image_features([_image(cell) for cell in cells])
    base = features[cells.index(unshifted)]
    text = encoder.text_features([unshifted.prompt])[0]
    for cell, feature in zip(cells, features, strict=True):
        cell.shift = round(max(0.0, 1 - float(feature @ base)), 6)
        cell.fidelity = round(float(feature @ text), 6)
    return cells


def measured_grid(grid: PreviewGrid, encoder: Encoder | None) -> dict[str, Any]:
    """The curve and the recommendation; {} is "not measured"."""
    cells = list(grid.cells.filter(shift__isnull=False, fidelity__isnull=False))
    if encoder is None or not cells or len(cells) < grid.cells.count():
        return {}
    shifts: dict[float, list[float]] = defaultdict(list)
    fidelities: dict[float, list[float]] = defaultdict(list)
    for cell in cells:
        shifts[cell.multiplier].append(cell.shift or 0.0)
        fidelities[cell.multiplier].append(cell.fidelity or 0.0)
    strength = measure_strength(shifts, fidelities, unlike=_unlike(grid, encoder))
    return strength.as_json() | {"encoder": grid.base_model.name}


def _unlike(grid: PreviewGrid, encoder: Encoder) -> float:
    """How alike the pictures of multiplier 0 are to other prompts: all those of the base model."""
    cells = list(grid.cells.filter(multiplier=0))
    suite = SuitePrompt.objects.filter(base_model=grid.base_model).values_list("text", flat=True)
    texts = list(dict.fromkeys([*suite, *(cell.prompt for cell in cells)]))
    likeness = (
        encoder.image_features([_image(cell) for cell in cells]) @ encoder.text_features(texts).T
    )
    others = [
        float(likeness[number, column])
        for number, cell in enumerate(cells)
        for column, text in enumerate(texts)
        if text != cell.prompt
    ]
    return sum(others) / len(others) if others else 0.0


def show_on_version(grid: PreviewGrid) -> None:
    """A finished grid becomes the version's: its pictures replace older ones, one is the cover,
    and the strength it measured is recommended unless the creator has said one.

    In the transaction that ends the job.
    """
    version = grid.version
    _forget_older(grid)
    _choose_cover(grid)
    best = BaseModel.objects.fitting(version).first()
    if version.preview_grid is None or best is None or best == grid.base_model:
        version.preview_grid = preview_shape(grid)
        Version.objects.filter(pk=version.pk).update(preview_grid=version.preview_grid)
        measured = grid.measured
        if measured.get("recommended") is not None:
            record_measured_strength(
                version=version,
                recommended=measured["recommended"],
                least=measured["least"],
                most=measured["most"],
            )
    # It may have changed while the grid was rendered.
    level = version.network.content_level
    Picture.objects.filter(versions=version, is_preview=True).update(content_level=level)
    pictures.recount(version.network)


def _forget_older(grid: PreviewGrid) -> None:
    """Grids of the same version on the same base model, with their pictures."""
    older = grid.version.preview_grids.filter(base_model=grid.base_model).exclude(pk=grid.pk)
    finished = older.exclude(status__in=PreviewGrid.UNFINISHED)
    theirs = Picture.objects.filter(cells__grid__in=finished, owner__isnull=False).distinct()
    pictures.free_pictures_after_commit(list(theirs.values_list("sha256", flat=True)))
    Picture.objects.filter(pk__in=list(theirs.values_list("pk", flat=True))).delete()
    finished.delete()


def _choose_cover(grid: PreviewGrid) -> None:
    """The most faithful picture at the strength that works; the first prompt's if unmeasured."""
    measured = grid.measured.get("recommended") or grid.version.recommended_strength
    strength = USUAL_STRENGTH if measured is None else measured
    cells = list(grid.cells.filter(picture__isnull=False).exclude(multiplier=0))
    if not cells:
        return
    nearest = min({cell.multiplier for cell in cells}, key=lambda m: (abs(m - strength), m))
    there = [cell for cell in cells if cell.multiplier == nearest]
    best = max(there, key=lambda cell: (cell.fidelity or 0.0, -cell.row))
    own = Picture.objects.filter(versions=grid.version)
    own.filter(is_cover=True).update(is_cover=False)
    own.filter(cells=best).update(is_cover=True)


def _image(cell: Cell) -> Image.Image:
    png = pictures.stored_png(cell.sha256)
    if png is None:
        raise FileNotFoundError(pictures.key_of(cell.sha256))
    return Image.open(io.BytesIO(png)).convert("RGB")
