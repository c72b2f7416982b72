"""Grids, cells and base models as the API and the pages show them."""

from typing import Any

from inference.models import BaseModel, Cell, PreviewGrid
from registry.api.shapes import moment, picture_address

JSON = dict[str, Any]


def grid_shape(grid: PreviewGrid, *, origin: str = "") -> JSON:
    """A grid with its cells, row by row; `origin` "" leaves the host out of addresses."""
    cells = list(grid.cells.select_related("picture"))
    done = sum(cell.state == Cell.State.DONE for cell in cells)
    rows = [cell for cell in cells if cell.column == 0]
    return {
        "id": grid.pk,
        "versionId": grid.version_id,
        "baseModel": base_model_shape(grid.base_model),
        "settings": grid.settings,
        "status": grid.status,
        "reason": grid.reason,
        "progress": {"done": done, "total": len(cells)},
        "jobId": str(grid.job_id) if grid.job_id else None,
        "prompts": [{"text": cell.prompt, "seed": cell.seed} for cell in rows],
        "multipliers": grid.multipliers,
        "cells": [cell_shape(cell, origin=origin) for cell in cells],
        "measured": grid.measured or None,
        "createdAt": moment(grid.created_at),
        "finishedAt": moment(grid.finished_at),
    }


def preview_shape(grid: PreviewGrid) -> JSON:
    """What a version says of its finished grid, in lists of a hundred too: the rest is a request
    away. Addresses are without the host."""
    shape = grid_shape(grid)
    kept = ("row", "column", "multiplier", "url", "hash", "shift", "fidelity")
    cells = [{name: cell[name] for name in kept} for cell in shape["cells"]]
    for name in ("status", "reason", "progress", "jobId"):
        del shape[name]
    return shape | {"cells": cells}


def cell_shape(cell: Cell, *, origin: str = "") -> JSON:
    """`shift` and `fidelity` are null where nothing measured them; `url` until it is rendered."""
    picture = cell.picture
    return {
        "row": cell.row,
        "column": cell.column,
        "multiplier": cell.multiplier,
        "state": cell.state,
        "url": picture_address(picture, origin=origin) if picture else None,
        "sha256": cell.sha256,
        "width": picture.width if picture else None,
        "height": picture.height if picture else None,
        "hash": picture.blurhash if picture else None,
        "placeholder": picture.placeholder if picture else None,
        "parameters": picture.meta.get("parameters", "") if picture else None,
        "shift": cell.shift,
        "fidelity": cell.fidelity,
    }


def base_model_shape(base_model: BaseModel) -> JSON:
    return {
        "id": base_model.pk,
        "name": base_model.name,
        "family": base_model.family,
        "hash": base_model.short_hash,
        "isDemo": base_model.is_demo,
    }


def details_of_base_model(base_model: BaseModel) -> JSON:
    """All that is public of it: its path is not."""
    suites: dict[str, list[JSON]] = {}
    for prompt in base_model.suite.all():
        suites.setdefault(prompt.kind, []).append({"text": prompt.text, "seed": prompt.seed})
    return base_model_shape(base_model) | {
        "about": base_model.about,
        "standsFor": base_model.stands_for,
        "clipSkip": base_model.clip_skip,
        "settings": settings_of(base_model),
        "suites": suites,
    }


def settings_of(base_model: BaseModel) -> JSON:
    """`inference.engine.sampling.Settings`, by its fields."""
    return {
        "width": base_model.width,
        "height": base_model.height,
        "steps": base_model.steps,
        "cfg_scale": base_model.cfg_scale,
        "sampler": base_model.scheduler,
        "negative_prompt": base_model.negative_prompt,
    }
