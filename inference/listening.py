"""What the domain announces, and what becomes of grids then."""

from collections.abc import Sequence
from typing import Any

import structlog
from django.dispatch import receiver
from django.utils import timezone

from inference.errors import GridFinished
from inference.measuring import show_on_version
from inference.models import Cell, PreviewGrid
from inference.previews import RENDER_GRID, ask_for_grid, cancel_grid
from registry.errors import HubError
from registry.models import Job, Network, Picture, Version
from registry.pictures import free_pictures_after_commit
from registry.signals import (
    announce,
    job_ending,
    network_deleted,
    network_taken_down,
    network_updated,
    previews_finished,
    version_published,
)

logger = structlog.get_logger(__name__)


@receiver(version_published)
def preview_what_is_published(version: Version, **_: Any) -> None:
    """A network of a base model that nobody has here stays without pictures."""
    try:
        ask_for_grid(version=version, by=None)
    except HubError as objection:
        logger.info("no grid of this version", version=version.pk, reason=objection.code)


@receiver(job_ending)
def end_grid_with_its_job(job: Job, **_: Any) -> None:
    """In the transaction of the job's end: a grid is never left waiting for nobody."""
    if job.kind != RENDER_GRID:
        return
    status = {
        Job.State.DONE: PreviewGrid.Status.DONE,
        Job.State.CANCELLED: PreviewGrid.Status.CANCELLED,
    }.get(Job.State(job.state), PreviewGrid.Status.FAILED)
    grids = PreviewGrid.objects.unfinished().filter(pk=job.payload["grid"])
    grids.update(status=status, reason=job.reason, finished_at=timezone.now())
    # Bytes that were announced, and whose cell will not come.
    lost = Cell.objects.filter(grid=job.payload["grid"], state=Cell.State.STORING)
    free_pictures_after_commit(list(lost.values_list("sha256", flat=True)))
    lost.update(state=Cell.State.WAITING, sha256="")
    if status == PreviewGrid.Status.DONE:
        done = PreviewGrid.objects.select_related("version__network__creator")
        for grid in done.filter(pk=job.payload["grid"]):
            show_on_version(grid)
            announce(previews_finished, version=grid.version)


@receiver([network_deleted, network_taken_down])
def stop_rendering(network: Network, **_: Any) -> None:
    """Nothing is rendered any more of what is not served."""
    unfinished = PreviewGrid.objects.unfinished().filter(version__network=network)
    for grid in unfinished.select_related("job", "version__network__creator"):
        try:
            cancel_grid(grid=grid, by=None)
        except GridFinished:
            continue


@receiver(network_deleted)
def show_no_grid(network: Network, **_: Any) -> None:
    """A tombstone has no pictures; the sweep frees their bytes."""
    Version.objects.filter(network=network).update(preview_grid=None)


@receiver(network_updated)
def follow_content_level(network: Network, fields: Sequence[str], **_: Any) -> None:
    """What a network shows is of its own level."""
    if "content_level" in fields:
        previews = Picture.objects.filter(versions__network=network, is_preview=True)
        previews.update(content_level=network.content_level)
