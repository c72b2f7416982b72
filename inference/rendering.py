"""What the render worker does with a grid: row by row, each cell once, whatever interrupts it.

A cell's bytes are announced (`storing`, with their SHA256), stored, and then the cell is done, in
one transaction with its picture. A worker that is killed in between leaves an announced cell: the
next one finds its bytes whole and keeps them, or renders it again. Every write is fenced by the
job's lease. torch is imported within the functions: other processes import this module too.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, cast

from django.conf import settings
from django.core.files.storage import default_storage
from django.utils import timezone
from django.utils.translation import gettext as _
from PIL import Image

from inference.base_models import fingerprint_of, source_of
from inference.engine.png import as_png
from inference.measuring import measured_grid, measured_row
from inference.models import BasePicture, Cell, PreviewGrid
from registry import pictures
from registry.jobs import Failed, Run
from registry.models import File, Picture, Version
from registry.pictures import StoredPicture

if TYPE_CHECKING:
    from inference.engine.base import LoadedBase
    from inference.engine.fidelity import ClipEncoder
    from inference.engine.hypernetwork import Hypernetwork
    from inference.engine.sampling import Settings


def render_grid(run: Run) -> dict[str, Any]:
    """The job "inference.render_grid": payload {"grid": id}."""
    grid = (
        PreviewGrid.objects.select_related("version__network__creator", "base_model")
        .filter(pk=run.payload["grid"])
        .first()
    )
    if grid is None:  # its version was deleted
        return {}
    with run.fenced():
        PreviewGrid.objects.filter(pk=grid.pk).update(status=PreviewGrid.Status.RENDERING)
    with said_to_the_creator():
        GridRendering(grid, run).all_rows()
    return {"grid": grid.pk, "cells": grid.cells.count()}


@contextmanager
def said_to_the_creator() -> Iterator[None]:
    """What no further attempt would mend ends the job with its sentence."""
    try:
        yield
    except Exception as error:
        if isinstance(error, _lasting_errors()):
            raise Failed(str(error)) from error
        raise


def _lasting_errors() -> tuple[type[Exception], ...]:
    from inference.engine.base_errors import BaseModelError
    from inference.engine.fidelity import EncoderError
    from inference.engine.hypernetwork_errors import HypernetworkError
    from inference.engine.sampling import SamplingError

    return (BaseModelError, EncoderError, HypernetworkError, SamplingError)


class GridRendering:
    """One attempt at one grid. What is heavy is loaded when a row first needs it."""

    def __init__(self, grid: PreviewGrid, run: Run) -> None:
        self.grid = grid
        self.run = run
        self.version = grid.version
        # The row that is being painted, from 1, of how many.
        self.shown = {"number": 0, "count": 0}

    def all_rows(self) -> None:
        rows = sorted({cell.row for cell in self.grid.cells.all()})
        for row in rows:
            self._progress(row, len(rows))
            self.run.checkpoint()
            self._row(row)
            cells = measured_row(self.grid, row, self.encoder)
            with self.run.fenced():
                Cell.objects.bulk_update(cells, ["shift", "fidelity"])
        self._progress(len(rows), len(rows))
        self.grid.measured = measured_grid(self.grid, self.encoder)
        with self.run.fenced():
            self.grid.save(update_fields=["measured"])

    def _row(self, row: int) -> None:
        self._keep_what_was_announced(row)
        self._take_what_the_base_painted(row)
        left = list(self.grid.cells.filter(row=row).exclude(state=Cell.State.DONE))
        if not left:
            return
        images = self._render(left)
        for cell, image in zip(left, images, strict=True):
            self.run.checkpoint()
            self._keep(cell, as_png(image, self._infotext(cell)))

    def _render(self, cells: Sequence[Cell]) -> list[Image.Image]:
        """All multipliers of a row in one batch."""
        from inference.engine.grid import render_row

        before = self.grid.cells.filter(state=Cell.State.DONE).count()

        def on_step(done: int, every: int) -> None:
            """Steps of single pictures: shown as so much of the row's cells."""
            self.run.checkpoint()
            self._report(before + len(cells) * done // max(1, every))

        return render_row(
            self.base,
            [self.network],
            prompt=cells[0].prompt,
            seed=cells[0].seed,
            multipliers=[cell.multiplier for cell in cells],
            settings=self.settings,
            on_step=on_step,
        )

    # --- Keeping ----------------------------------------------------------------------------------

    def _keep(self, cell: Cell, png: bytes) -> None:
        sha256 = pictures.sha256_of_bytes(png)
        with self.run.fenced():
            if cell.sha256 != sha256:  # other bits than those a killed worker had announced
                pictures.free_pictures_after_commit([cell.sha256])
            cell.state, cell.sha256 = Cell.State.STORING, sha256
            cell.save(update_fields=["state", "sha256"])
        with pictures.stored(png) as stored, self.run.fenced():
            self._done(cell, self._picture_of(cell, stored))

    def _done(self, cell: Cell, picture: Picture) -> None:
        cell.state, cell.sha256, cell.picture = Cell.State.DONE, picture.sha256, picture
        cell.done_at = timezone.now()
        cell.save(update_fields=["state", "sha256", "picture", "done_at"])

    def _picture_of(self, cell: Cell, stored: StoredPicture) -> Picture:
        """A new row: the version's, or at multiplier 0 everyone's."""
        if cell.multiplier == 0:
            return self._base_picture(cell, stored)
        picture = Picture.objects.create(
            **vars(stored),
            owner=self.version.network.creator,
            content_level=self.version.network.content_level,
            is_preview=True,
            meta=self._meta(cell),
        )
        picture.versions.add(self.version)
        return picture

    def _base_picture(self, cell: Cell, stored: StoredPicture) -> Picture:
        """Another worker may have painted the same meanwhile: the first one's is kept."""
        fingerprint = self._fingerprint(cell)
        known = BasePicture.objects.filter(pk=fingerprint).select_related("picture").first()
        if known is not None:
            if known.picture.sha256 != stored.sha256:
                pictures.free_pictures_after_commit([stored.sha256])
            return known.picture
        picture = Picture.objects.create(**vars(stored), owner=None, meta=self._meta(cell))
        BasePicture.objects.create(
            fingerprint=fingerprint, picture=picture, base_hash=self.grid.base_hash
        )
        return picture

    def _keep_what_was_announced(self, row: int) -> None:
        for cell in self.grid.cells.filter(row=row, state=Cell.State.STORING):
            png = pictures.stored_png(cell.sha256)
            if png is not None:
                self._keep(cell, png)

    def _take_what_the_base_painted(self, row: int) -> None:
        for cell in self.grid.cells.filter(row=row, multiplier=0).exclude(state=Cell.State.DONE):
            known = BasePicture.objects.filter(pk=self._fingerprint(cell)).select_related("picture")
            if (found := known.first()) is not None:
                with self.run.fenced():
                    pictures.free_pictures_after_commit({cell.sha256} - {found.picture.sha256})
                    self._done(cell, found.picture)

    # --- What is said -----------------------------------------------------------------------------

    def _progress(self, row: int, rows: int) -> None:
        self.shown = {"number": min(row + 1, rows), "count": rows}
        self._report(self.grid.cells.filter(state=Cell.State.DONE).count())

    def _report(self, done: int) -> None:
        label = _("Prompt %(number)d of %(count)d") % self.shown
        self.run.progress(done, self.count, label)

    @cached_property
    def count(self) -> int:
        return self.grid.cells.count()

    def _infotext(self, cell: Cell) -> str:
        from inference.engine.infotext import infotext

        return infotext(
            cell.prompt,
            cell.seed,
            self.settings,
            self.grid.base_model.name,
            self.grid.base_hash[:10],
            self.version.stem,
            cell.multiplier,
            clip_skip=self.grid.base_model.clip_skip,
        )

    def _meta(self, cell: Cell) -> dict[str, Any]:
        """As Civitai's clients read it, and the infotext itself."""
        used = self.grid.settings
        return {
            "prompt": cell.prompt,
            "negativePrompt": used["negative_prompt"],
            "seed": cell.seed,
            "steps": used["steps"],
            "cfgScale": used["cfg_scale"],
            "sampler": used["sampler"],
            "Size": f"{used['width']}x{used['height']}",
            "Model": self.grid.base_model.name,
            "Model hash": self.grid.base_hash[:10],
            "resources": [
                {"type": "hypernet", "name": self.version.stem, "weight": cell.multiplier}
            ]
            if cell.multiplier
            else [],
            "parameters": self._infotext(cell),
        }

    def _fingerprint(self, cell: Cell) -> str:
        return fingerprint_of(
            self.grid.base_model,
            base_hash=self.grid.base_hash,
            prompt=cell.prompt,
            seed=cell.seed,
            settings=self.grid.settings,
        )

    # --- What is loaded ---------------------------------------------------------------------------

    @cached_property
    def settings(self) -> Settings:
        from inference.engine.sampling import Settings

        return Settings(**self.grid.settings)

    @cached_property
    def base(self) -> LoadedBase:
        from inference.engine.loaded import hot_base

        base = hot_base(source_of(self.grid.base_model), most_bytes=settings.RENDER_BASE_BYTES)
        if base.hash != self.grid.base_hash:
            raise Failed(
                _("The base model's file has changed since this grid was asked for. Ask again.")
            )
        return base

    @cached_property
    def network(self) -> Hypernetwork:
        from inference.engine.hypernetwork import load_hypernetwork

        with local_file(self.version) as path:
            return load_hypernetwork(path, device=str(self.base.device))

    @cached_property
    def encoder(self) -> ClipEncoder | None:
        """None: nothing is measured, and the page says so."""
        from inference.engine.loaded import hot_encoder

        path = self.grid.base_model.encoder_path
        return hot_encoder(Path(path), most_bytes=settings.RENDER_BASE_BYTES) if path else None


@contextmanager
def local_file(version: Version) -> Iterator[Path]:
    """The version's safetensors (else its primary file) as a path on this machine's disk."""
    files = version.files.filter(blob__isnull=False, flavour=File.Flavour.PORTABLE)
    file = files.filter(format=File.Format.SAFETENSORS).first() or files.first()
    if file is None or file.blob is None:
        raise Failed(_("The files of this version are gone: nothing can be rendered of it."))
    with TemporaryDirectory() as folder:
        path = Path(folder, file.name)  # its stem is the network's name
        try:
            path.symlink_to(default_storage.path(file.blob.key))
        except NotImplementedError:  # an object store has no paths
            with default_storage.open(file.blob.key) as content, path.open("wb") as copy:
                shutil.copyfileobj(cast(Any, content), copy)
        yield path
