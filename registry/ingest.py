"""From an upload to a checked draft: hash, read, check, write, store, facts. One named step each.

A step is idempotent, and what it found is kept on the upload with its name: a worker that takes
over from a killed one goes on after the last finished step. The job's fence lets only the worker
that holds the job write, so every upload comes to one end. An upload without a version stops after
`write`, checked and ready to be attached to one. What each step does is in `registry.steps`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from registry import steps, storage
from registry.endings import UNDER_WAY, Ended, finish
from registry.errors import HasFile, UploadNotReady, WrongStatus
from registry.jobs import Run, enqueue, handler
from registry.models import Job, Network, Upload, User, Version
from registry.permissions import Action, require
from registry.publishing import lock
from registry.signals import announce, upload_checked
from registry.steps import Ingest

KIND: Final = "ingest.upload"
STARTABLE: Final = (Upload.State.RECEIVING, Upload.State.RECEIVED, Upload.State.FAILED)


# --- Verbs ----------------------------------------------------------------------------------------


def start_ingest(*, upload: Upload) -> Job:
    """Let a worker check what was received; asking twice is one job.

    Raises UploadNotReady, and for its version HasFile, WrongStatus.
    """
    with transaction.atomic():
        if upload.version is not None:
            _await_file(upload.version)
        fresh = Upload.objects.select_for_update(no_key=True).get(pk=upload.pk)
        if fresh.state not in STARTABLE or fresh.offset != fresh.size:
            raise UploadNotReady(state=fresh.get_state_display())
        return _enqueue(fresh)


def attach_upload(*, upload: Upload, version: Version, by: User) -> Job:
    """Make a checked upload the file of a draft. Raises Forbidden and what `start_ingest` does."""
    with transaction.atomic():
        network = _await_file(version)
        require(Action.UPLOAD, by=by, creator=network.creator)
        fresh = Upload.objects.select_for_update(no_key=True).get(pk=upload.pk)
        require(Action.UPLOAD, by=by, creator=fresh.owner)
        unused = fresh.version_id is None and fresh.step == WRITTEN
        if fresh.state != Upload.State.READY or not unused:
            raise UploadNotReady(state=fresh.get_state_display())
        fresh.version = version
        return _enqueue(fresh)


def _await_file(version: Version) -> Network:
    """The version is being checked from now on."""
    network, version = lock(version)
    if version.weights_hash:
        raise HasFile(stem=version.stem)
    if version.status not in (Version.Status.DRAFT, Version.Status.PROCESSING):
        raise WrongStatus(status=version.get_status_display(), needed=[_("draft")])
    version.status = Version.Status.PROCESSING
    version.save(update_fields=["status", "updated_at"])
    return network


def _enqueue(upload: Upload) -> Job:
    if upload.step == STORED and not upload.held_blobs.exists():
        upload.step = WRITTEN  # it failed after that, and its blobs were let go
    # By its step too: the job that checked it may not have ended when it is attached.
    key = f"{KIND}:{upload.pk}:{upload.step}"
    job = enqueue(kind=KIND, payload={"upload": str(upload.pk)}, owner=upload.owner, key=key)
    upload.job, upload.state, upload.reason = job, Upload.State.RECEIVED, ""
    upload.save(update_fields=["job", "state", "reason", "step", "version", "updated_at"])
    return job


# --- The job --------------------------------------------------------------------------------------


@handler(KIND, queue=Job.Queue.INGEST)
def ingest_upload(run: Run) -> dict[str, Any]:
    """Do the steps that are left. The upload says how it ended, and why."""
    upload = Upload.objects.select_related("owner").filter(pk=run.payload["upload"]).first()
    if upload is None:
        return {"state": "gone"}
    try:
        _do_steps(Ingest(upload, run))
    except Ended as end:
        finish(upload, run, end)
    waits = upload.state == Upload.State.READY and upload.version_id is None
    if upload.state not in UNDER_WAY and not waits:
        storage.discard_incoming(upload.pk)
    return {"upload": str(upload.pk), "state": upload.state, "version": upload.version_id}


def _do_steps(ingest: Ingest) -> None:
    """Those that are left, unless an earlier attempt came to the end already."""
    for step in remaining(ingest.upload):
        if ingest.upload.state not in UNDER_WAY:
            return
        ingest.label, ingest.span = str(step.label), span(step)
        ingest.run.progress(ingest.span[0], 100, ingest.label)
        ingest.run.checkpoint()
        step.work(ingest)
        if step.name != steps.FACTS:  # which has written its end itself
            _keep(ingest, step)


def _keep(ingest: Ingest, step: "Step") -> None:
    """Remember the finished step. Attempts are counted afresh: there is progress."""
    with ingest.run.fenced() as job:
        job.attempt = ingest.run.job.attempt = 1
        job.save(update_fields=["attempt"])
        upload = ingest.upload
        upload.refresh_from_db(fields=["version"])
        waits = step.name == WRITTEN and upload.version is None
        upload.step = step.name
        upload.state = Upload.State.READY if waits else Upload.State.CHECKING
        upload.save(update_fields=["step", "state", "report", "updated_at"])
        if waits:
            announce(upload_checked, upload=upload)


@dataclass(frozen=True)
class Step:
    """A step, and how much of the work it is, in percent."""

    name: str
    label: str | Promise
    share: int
    work: Callable[[Ingest], None]


STEPS: Final = (
    Step("hash", gettext_lazy("Hashing"), 10, steps.hash_received),
    Step("read", gettext_lazy("Reading and converting"), 55, steps.read_upload),
    Step("check", gettext_lazy("Checking"), 5, steps.check),
    Step("write", gettext_lazy("Writing the files"), 10, steps.write_flavours),
    Step("store", gettext_lazy("Storing"), 15, steps.store),
    Step("facts", gettext_lazy("Writing down the facts"), 5, steps.write_facts),
)
# After this one an upload without a version waits for one.
WRITTEN: Final = "write"
STORED: Final = "store"


def remaining(upload: Upload) -> tuple[Step, ...]:
    """The steps after the last one that was finished."""
    names = [step.name for step in STEPS]
    return STEPS[names.index(upload.step) + 1 if upload.step else 0 :]


def span(step: Step) -> tuple[int, int]:
    """Where it begins and ends, in percent of the work."""
    begins = sum(each.share for each in STEPS[: STEPS.index(step)])
    return begins, begins + step.share
