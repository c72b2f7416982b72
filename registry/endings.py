"""How an upload ends other than as a file: refused, quarantined, cancelled, failed. Once each."""

import uuid
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from django.db import transaction
from django.dispatch import receiver
from django.utils.translation import gettext as _

from registry import audit, storage
from registry.blobs import free_after_commit
from registry.errors import UploadNotReady
from registry.formats.errors import Finding as Found
from registry.jobs import Run
from registry.models import Finding, Job, Network, Upload, User, Version
from registry.permissions import Action, require
from registry.publishing import lock
from registry.signals import announce, job_ending, upload_checked

UNDER_WAY: Final = (Upload.State.RECEIVED, Upload.State.CHECKING)
BY_JOB_STATE: Final = {
    Job.State.FAILED: Upload.State.FAILED,
    Job.State.CANCELLED: Upload.State.CANCELLED,
}


@dataclass
class Ended(Exception):
    """A step's decision: the upload is not taken in."""

    state: Upload.State
    reason: str
    findings: Iterable[Found] = ()


def finish(upload: Upload, run: Run, end: Ended) -> None:
    """Write the end, if the job is still ours; the version waits for another file."""
    with transaction.atomic():
        _release_version(upload)
        with run.fenced():
            if end.findings:
                keep_findings(upload, end.findings)
            _let_go_of_blobs(upload)
            upload.state, upload.reason = end.state, end.reason
            upload.save(update_fields=["state", "reason", "report", "updated_at"])
            audit.record(f"upload.{end.state.value}", by=None, on=upload, reason=end.reason)
            announce(upload_checked, upload=upload)


@receiver(job_ending)
def end_with_job(job: Job, **_kwargs: Any) -> None:
    """A job that failed for good, or was cancelled, takes its upload with it.

    What was received is kept after a failure, which was ours: the check can be asked for again.
    """
    state = BY_JOB_STATE.get(Job.State(job.state))
    upload = Upload.objects.filter(job=job, state__in=UNDER_WAY).first() if state else None
    if state is None or upload is None:
        return
    upload.state, upload.reason = state, job.reason
    upload.save(update_fields=["state", "reason", "updated_at"])
    announce(upload_checked, upload=upload)
    transaction.on_commit(lambda: _tidy(upload), robust=True)


def _tidy(upload: Upload) -> None:
    if not Upload.objects.filter(pk=upload.pk, state=upload.state).exists():
        return  # somebody was quick to ask for another check
    with transaction.atomic():
        _release_version(upload)
        _let_go_of_blobs(upload)
    if upload.state == Upload.State.CANCELLED:
        storage.discard_incoming(upload.pk)


def _release_version(upload: Upload) -> None:
    """A draft again, unless another upload is on its way into it."""
    upload.refresh_from_db(fields=["version"])
    if upload.version is None:
        return
    with suppress(Version.DoesNotExist, Network.DoesNotExist):
        _network, version = lock(upload.version)
        others = version.uploads.filter(state__in=UNDER_WAY).exclude(pk=upload.pk)
        if version.status == Version.Status.PROCESSING and not others.exists():
            version.status = Version.Status.DRAFT
            version.save(update_fields=["status", "updated_at"])


def _let_go_of_blobs(upload: Upload) -> None:
    free_after_commit(upload.held_blobs.values_list("pk", flat=True))
    upload.held_blobs.clear()


def keep_findings(upload: Upload, findings: Iterable[Found]) -> None:
    """These are what was found, instead of what an earlier attempt found."""
    upload.findings.all().delete()
    Finding.objects.bulk_create(
        Finding(
            upload=upload, rule=f.rule, severity=f.severity, message=f.message, data=dict(f.data)
        )
        for f in findings
    )


# --- Quarantine -----------------------------------------------------------------------------------


def quarantine_key(upload: uuid.UUID) -> str:
    """Where the bytes of a malicious upload lie for the moderators; nothing serves from there."""
    return f"quarantine/{upload}"


def discard_quarantined(*, upload: Upload, by: User | None, reason: str = "") -> Upload:
    """Moderators have seen it: the bytes go, the row and its findings stay as a refusal."""
    require(Action.DISCARD_QUARANTINED, by=by)
    with transaction.atomic():
        upload = Upload.objects.select_for_update().get(pk=upload.pk)
        if upload.state != Upload.State.QUARANTINED:
            raise UploadNotReady(state=upload.get_state_display())
        upload.state = Upload.State.REFUSED
        upload.save(update_fields=["state", "updated_at"])
        audit.record("upload.discarded", by=by, on=upload, reason=reason or _("Seen."))
        transaction.on_commit(lambda: storage.remove(quarantine_key(upload.pk)), robust=True)
    return upload
