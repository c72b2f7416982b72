"""The render worker is killed, for real, at random moments: each cell comes once, and no picture
is left without one."""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django import Settings

from inference.models import BaseModel, BasePicture, Cell, PreviewGrid
from inference.previews import ask_for_grid
from registry import pictures, storage
from registry.jobs.reaper import reap
from registry.models import AuditEvent, Job, Picture, User, Version
from tests.factories import CheckedVersionFactory, NetworkFactory
from tests.registry.jobs.processes import Processes, until

pytestmark = [
    pytest.mark.faults,
    pytest.mark.slow,
    pytest.mark.timeout(1500),
    pytest.mark.django_db(transaction=True),
]
KILLS = 20
# Of a grid that is painted in about three seconds.
LONGEST = 0.5


@pytest.fixture
def processes(
    tmp_path: Path, settings: Settings, process_environment: dict[str, str]
) -> Iterator[Processes]:
    settings.MEDIA_ROOT = str(tmp_path / "files")
    started = Processes(tmp_path, process_environment)
    started.environment |= {
        "DJANGO_SETTINGS_MODULE": "tests.inference.faulty.settings",
        # Only killed workers lose their lease here, however busy the machine is.
        "JOB_LEASE_SECONDS": "60",
    }
    yield started
    started.end()


def test_killed_twenty_times(processes: Processes, base_model: BaseModel, alice: User) -> None:
    chance = random.Random(20)  # noqa: S311
    grids, kills, struck = [asked(alice)], 0, Counter[str]()
    while kills < KILLS:
        worker = processes.worker("render")
        until_taken(grids[-1].job)
        time.sleep(chance.uniform(0, LONGEST))
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
        kills += 1
        grids[-1] = PreviewGrid.objects.select_related("job").get(pk=grids[-1].pk)
        struck[grids[-1].status] += 1
        if grids[-1].is_finished:
            grids.append(asked(alice))
        else:
            until(its_lease_runs_out, "the job's way back into the line")
    processes.worker("render")
    until(lambda: not PreviewGrid.objects.unfinished().exists(), "the last grid", seconds=300)

    # Most of the blows fell while a grid was being rendered.
    assert struck["rendering"] > KILLS / 2
    for grid in PreviewGrid.objects.all():
        assert grid.status == PreviewGrid.Status.DONE, grid.reason
        cells = list(grid.cells.select_related("picture"))
        assert sorted((cell.row, cell.column) for cell in cells) == [
            (row, column) for row in range(4) for column in range(6)
        ]
        for cell in cells:
            assert cell.state == Cell.State.DONE and cell.picture is not None
            assert cell.picture.sha256 == cell.sha256
            assert pictures.stored_png(cell.sha256) is not None
        ends = AuditEvent.objects.filter(action="job.done", target=f"registry.job:{grid.job_id}")
        assert ends.count() == 1
    shown = Cell.objects.exclude(multiplier=0)
    assert Picture.objects.exclude(owner=None).count() == shown.count()
    assert Picture.objects.filter(owner=None).count() == BasePicture.objects.count() == 4
    wanted = {
        pictures.key_of(picture.sha256, width)
        for picture in Picture.objects.all()
        for width in (None, *pictures.widths_of(picture.width))
    }
    assert {each.key for each in storage.keys("pictures")} == wanted


def asked(by: User) -> PreviewGrid:
    """Of a network of its own; the job may be tried as often as its worker is killed."""
    version: Version = CheckedVersionFactory(network=NetworkFactory(creator=by))
    grid = ask_for_grid(version=version, by=by)
    Job.objects.filter(payload__grid=grid.pk).update(max_attempts=KILLS + 2)
    return PreviewGrid.objects.select_related("job").get(pk=grid.pk)


def until_taken(job: Job | None) -> None:
    """By the worker that was just started."""
    assert job is not None
    taken = Job.objects.filter(pk=job.pk, attempt__gt=job.attempt)
    until(taken.exists, "a worker's turn")


def its_lease_runs_out() -> bool:
    """As time would have it, and the reaper: again while Postgres has not noticed the death."""
    past = timezone.now() - timedelta(seconds=1)
    Job.objects.filter(state=Job.State.RUNNING).update(lease_expires_at=past)
    reap()
    return not Job.objects.filter(state=Job.State.RUNNING).exists()
