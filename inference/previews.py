"""Preview grids: asked for, cancelled, described. The rendering is `inference.rendering`'s.

A grid is the rows of a version's prompts and the columns of the multipliers. Whoever asks twice
gets the same grid; a version's first one goes before repeated ones in the line.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

import structlog
from django.db import transaction

from inference.errors import (
    BaseModelOff,
    GridFinished,
    NoBaseModel,
    NotServed,
    TooManyGrids,
    TooManyPrompts,
    WrongBaseModel,
)
from inference.grid_shapes import settings_of
from inference.models import BaseModel, Cell, OwnPrompt, PreviewGrid
from inference.suites import seed_of
from registry import audit
from registry.base_models import family_of
from registry.errors import NoFile, VersionIsPublished
from registry.jobs import JobFinished, cancel_job, enqueue
from registry.models import Network, Picture, User, Version
from registry.permissions import Action, require
from registry.pictures import free_pictures_after_commit

logger = structlog.get_logger(__name__)
RENDER_GRID: Final = "inference.render_grid"
MULTIPLIERS: Final = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25)
# Points of a job's priority: each is a minute in the line.
FIRST: Final = 0
AGAIN: Final = 60
MOST_UNFINISHED: Final = 20

# A row of a grid: its prompt, and the seed of its noise.
Row = tuple[str, int]


def ask_for_grid(
    *,
    version: Version,
    by: User | None,
    base_model: BaseModel | None = None,
    again: bool = False,
) -> PreviewGrid:
    """The grid of this version on this base model, else on the one it was made for.

    A finished grid of the same prompts, settings and weights is returned as it is unless `again`.
    `by` None is the hub itself. Raises Forbidden, NotServed, NoFile, NoBaseModel, WrongBaseModel,
    BaseModelOff, TooManyGrids.
    """
    creator = version.network.creator
    require(Action.RENDER, by=by, creator=creator)
    _require_renderable(version)
    base = base_model or BaseModel.objects.fitting(version).first()
    if base is None:
        raise NoBaseModel(base_model=version.base_model or "–")
    _require_fitting(version, base)
    rows, settings = rows_of(version, base), settings_of(base)
    with transaction.atomic():
        Version.objects.select_for_update(no_key=True).get(pk=version.pk)
        before = version.preview_grids.filter(base_model=base)
        if (known := _same(before, base, rows, settings, again=again)) is not None:
            return known
        if by is not None:
            _require_room(by)
        grid = PreviewGrid.objects.create(
            version=version,
            base_model=base,
            base_hash=base.hash,
            settings=settings,
            multipliers=list(MULTIPLIERS),
            asked_by=by,
        )
        _lay_out(grid, rows)
        grid.job = enqueue(
            kind=RENDER_GRID,
            payload={"grid": grid.pk},
            owner=by or creator,
            key=f"{RENDER_GRID}:{grid.pk}",
            priority=FIRST if not before.exclude(pk=grid.pk).exists() else AGAIN,
        )
        grid.save(update_fields=["job"])
        data = {"grid": grid.pk, "base_model": base.name}
        audit.record("grid.asked_for", by=by, on=version, data=data)
    return grid


def cancel_grid(*, grid: PreviewGrid, by: User | None) -> PreviewGrid:
    """What is rendered stays; the rest is not. Raises Forbidden, GridFinished."""
    require(Action.RENDER, by=by, creator=grid.version.network.creator)
    if grid.is_finished or grid.job is None:
        raise GridFinished(status=grid.get_status_display())
    try:
        cancel_job(job=grid.job, by=by)
    except JobFinished:
        grid.refresh_from_db()
        raise GridFinished(status=grid.get_status_display()) from None
    grid.refresh_from_db()
    return grid


@transaction.atomic
def forget_grids(*, version: Version, by: User | None) -> None:
    """A draft gets another file: what was rendered and measured of the one before goes.

    Raises Forbidden, VersionIsPublished.
    """
    require(Action.RENDER, by=by, creator=version.network.creator)
    if version.published_at is not None:
        raise VersionIsPublished(fields=["files"])
    grids = version.preview_grids.all()
    for grid in grids.unfinished().select_related("job", "version__network__creator"):
        with suppress(GridFinished):
            cancel_grid(grid=grid, by=by)
    shown = Picture.objects.filter(cells__grid__in=grids, owner__isnull=False).distinct()
    free_pictures_after_commit(list(shown.values_list("sha256", flat=True)))
    Picture.objects.filter(pk__in=list(shown.values_list("pk", flat=True))).delete()
    grids.delete()
    Version.objects.filter(pk=version.pk).update(preview_grid=None)
    measured = Version.objects.filter(strength_source=Version.StrengthSource.MEASURED)
    measured.filter(pk=version.pk).update(
        recommended_strength=None, min_strength=None, max_strength=None, strength_source=""
    )


def set_own_prompts(*, version: Version, texts: Sequence[str], by: User) -> list[OwnPrompt]:
    """A creator's own rows, after the suite's; at most two. For the next grid.

    Raises Forbidden, TooManyPrompts, ValidationError.
    """
    require(Action.RENDER, by=by, creator=version.network.creator)
    if len(texts) > OwnPrompt.MOST:
        raise TooManyPrompts(most=OwnPrompt.MOST)
    with transaction.atomic():
        Version.objects.select_for_update(no_key=True).get(pk=version.pk)
        version.own_prompts.all().delete()
        prompts = [
            OwnPrompt(version=version, position=position, text=text.strip(), seed=seed_of(text))
            for position, text in enumerate(texts)
        ]
        for prompt in prompts:
            prompt.full_clean()
            prompt.save()
        audit.record("grid.own_prompts", by=by, on=version, data={"prompts": len(prompts)})
    return prompts


def rows_of(version: Version, base: BaseModel) -> list[Row]:
    """The suite of its kind, then its creator's own."""
    suite = base.suite.filter(kind=version.network.kind).values_list("text", "seed")
    own = version.own_prompts.values_list("text", "seed")
    return list(dict.fromkeys([*suite, *own]))


# --- Small print ----------------------------------------------------------------------------------


def _require_renderable(version: Version) -> None:
    gone = (Network.Status.ARCHIVED, Network.Status.TAKEN_DOWN)
    if version.status == Version.Status.TAKEN_DOWN or version.network.status in gone:
        raise NotServed
    if not version.files.filter(is_primary=True, blob__isnull=False).exists():
        raise NoFile


def _require_fitting(version: Version, base: BaseModel) -> None:
    if not base.is_enabled:
        raise BaseModelOff(name=base.name)
    if family_of(version.dims) not in (base.family, "any"):
        raise WrongBaseModel(name=base.name, family=base.family)


def _require_room(by: User) -> None:
    unfinished = PreviewGrid.objects.unfinished().filter(asked_by=by).count()
    if unfinished >= MOST_UNFINISHED:
        raise TooManyGrids(most=MOST_UNFINISHED)


def _same(
    grids: Any, base: BaseModel, rows: list[Row], settings: dict[str, Any], *, again: bool
) -> PreviewGrid | None:
    """One that is under way, or that is finished and shows just this."""
    unfinished: PreviewGrid | None = grids.unfinished().first()
    if unfinished is not None or again:
        return unfinished
    done = grids.filter(status=PreviewGrid.Status.DONE, base_hash=base.hash, settings=settings)
    grid: PreviewGrid | None = done.filter(multipliers=list(MULTIPLIERS)).first()
    if grid is None:
        return None
    shown = grid.cells.filter(column=0).values_list("prompt", "seed")
    return grid if list(shown) == rows else None


def _lay_out(grid: PreviewGrid, rows: Sequence[Row]) -> None:
    Cell.objects.bulk_create(
        Cell(grid=grid, row=row, column=column, prompt=prompt, seed=seed, multiplier=multiplier)
        for row, (prompt, seed) in enumerate(rows)
        for column, multiplier in enumerate(grid.multipliers)
    )
