"""From an upload to a checked draft: hash, read, check, write, store, facts. One named step each.

A step is idempotent, and what it found is kept on the upload with its name: a worker that takes
over from a killed one goes on after the last finished step. The job's fence lets only the worker
that holds the job write, so every upload comes to one end. An upload without a version stops after
`write`, checked and ready to be attached to one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from django.db import transaction
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from registry import audit, blobs, storage
from registry.abnormal_ends import Killed, TimedOut, Unavailable
from registry.endings import UNDER_WAY, Ended, finish, keep_findings, quarantine_key
from registry.errors import HasFile, StorageTrouble, UploadNotReady, WrongStatus
from registry.facts import file_of, fill, original_of, printable, served_stem
from registry.formats.errors import Severity
from registry.formats.flavors import Flavor
from registry.formats.report import Report
from registry.inspection import convert
from registry.jobs import Failed, Run, enqueue, handler
from registry.models import Finding, Job, Network, Upload, User, Version
from registry.opinions import Opinions
from registry.permissions import Action, require
from registry.publishing import lock
from registry.signals import announce, upload_checked
from registry.stems import stem_of, suffix_of
from registry.verdicts import remarks, taken_down_before

KIND: Final = "ingest.upload"
# Ends of the sandbox that say more about the machine than about the file: worth another attempt.
PASSING: Final = frozenset(each.rule for each in (Killed, TimedOut, Unavailable))
STORAGE_ATTEMPTS: Final = 3


class SandboxTrouble(Exception):
    """The sandbox came to a bad end for once; the job is tried again."""


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
        if fresh.state != Upload.State.READY or fresh.version_id is not None:
            raise UploadNotReady(state=fresh.get_state_display())
        fresh.version = version
        return _enqueue(fresh)


STARTABLE: Final = (Upload.State.RECEIVING, Upload.State.RECEIVED, Upload.State.FAILED)


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
    job = enqueue(
        kind=KIND, payload={"upload": str(upload.pk)}, owner=upload.owner, key=f"{KIND}:{upload.pk}"
    )
    upload.job, upload.state, upload.reason = job, Upload.State.RECEIVED, ""
    upload.save(update_fields=["job", "state", "reason", "version", "updated_at"])
    return job


# --- The job --------------------------------------------------------------------------------------


@dataclass
class Ingest:
    """One attempt at one upload."""

    upload: Upload
    run: Run
    step: "Step | None" = None
    opinions: Opinions | None = None

    @property
    def path(self) -> Path:
        return storage.received(self.upload.pk)

    @property
    def stem(self) -> str:
        digest = self.upload.report["sha256"]
        return stem_of(self.upload.name, fallback=f"hypernetwork-{digest[:10]}")

    @property
    def report(self) -> Report:
        return Report.from_dict(self.upload.report["reading"])

    @property
    def files(self) -> Mapping[Flavor, Mapping[str, Any]]:
        """What was written, with its hashes."""
        return {Flavor(key): hashes for key, hashes in self.upload.report["files"].items()}

    def output(self, flavor: Flavor) -> Path:
        """Where the sandbox writes it: beside what was received, one link from the storage."""
        return storage.incoming(self.upload.pk) / flavor.value

    def write(self, *flavors: Flavor) -> Report:
        """Read the upload in the sandbox, and write these."""
        for flavor in flavors:
            self.output(flavor).unlink(missing_ok=True)
        report = convert(
            self.path,
            {flavor: self.output(flavor) for flavor in flavors},
            stem=self.upload.name.rpartition(".")[0] or self.upload.name,
            suffix=suffix_of(self.upload.name),
            new_stem=served_stem(self.stem, flavors[0]),
            on_progress=self._progress,
        )
        passing = report.refusal is not None and report.refusal.rule in PASSING
        if passing and self.run.job.attempt < self.run.job.max_attempts:
            raise SandboxTrouble(report.refusal)
        return report

    def _progress(self, done: int, total: int) -> None:
        self.run.checkpoint()
        if self.step is not None:
            begins, ends = span(self.step)
            percent = begins + (ends - begins) * done // max(1, total)
            self.run.progress(percent, 100, str(self.step.label))


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
    if upload.state not in UNDER_WAY and upload.step != WRITTEN:
        storage.discard_incoming(upload.pk)
    return {"upload": str(upload.pk), "state": upload.state, "version": upload.version_id}


def _do_steps(ingest: Ingest) -> None:
    """Those that are left, unless an earlier attempt came to the end already."""
    for step in remaining(ingest.upload):
        if ingest.upload.state not in UNDER_WAY:
            return
        ingest.step = step
        ingest.run.progress(span(step)[0], 100, str(step.label))
        ingest.run.checkpoint()
        step.work(ingest)
        if step.name != LAST:  # which has written its end itself
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


# --- Steps ----------------------------------------------------------------------------------------


def hash_received(ingest: Ingest) -> None:
    """Hold the bytes to what the upload promised."""
    upload = ingest.upload
    try:
        with ingest.path.open("rb") as file:
            digest, size = storage.digest_of(file)
    except FileNotFoundError:
        raise Failed(_("The uploaded bytes are not there any more. Upload them again.")) from None
    promised = upload.report.get("received_sha256", digest)
    if size != upload.size or digest != promised:
        raise Ended(Upload.State.REFUSED, _("The file was damaged on its way. Upload it again."))
    upload.report["sha256"] = digest


def read_upload(ingest: Ingest) -> None:
    """In the sandbox. What is accepted is written in the same pass: each weight is read once."""
    ingest.opinions = Opinions(ingest.path)
    report = ingest.write(Flavor.PORTABLE, Flavor.SAFETENSORS)
    if report.accepted and report.hashes["sha256"] != ingest.upload.report["sha256"]:
        raise Failed(_("The uploaded bytes changed while they were checked. Upload them again."))
    reading = printable(report.as_dict())
    ingest.upload.report |= {"reading": reading, "files": reading["files"]}


def check(ingest: Ingest) -> None:
    """Decide. The reader alone refuses; the rest are remarks."""
    upload, report = ingest.upload, ingest.report
    refusal = report.refusal
    if refusal is not None and refusal.severity is not Severity.MALICIOUS:
        raise Ended(Upload.State.REFUSED, refusal.message, report.findings)
    said = (ingest.opinions or Opinions(ingest.path)).wait()
    upload.report["opinions"] = [opinion.as_dict() for opinion in said]
    if refusal is not None:
        storage.put(quarantine_key(upload.pk), ingest.path)
        raise Ended(Upload.State.QUARANTINED, refusal.message, report.findings)
    if (returned := taken_down_before(report, owner=upload.owner)) is not None:
        raise Ended(Upload.State.REFUSED, returned.message, (returned,))
    added = remarks(upload, report, stem=ingest.stem, opinions=upload.report["opinions"])
    with ingest.run.fenced():
        keep_findings(upload, (*report.findings, *added))


def write_flavours(ingest: Ingest) -> None:
    """The training file, where dropout makes one; and again whatever is not there any more."""
    files = dict(ingest.upload.report["files"])
    spec = ingest.report.spec or {}
    wanted = [
        [Flavor.PORTABLE, Flavor.SAFETENSORS],
        [Flavor.TRAINING] if spec["use_dropout"] else [],
    ]
    for flavors in wanted:
        if all(_is_whole(ingest.output(each), files.get(each)) for each in flavors):
            continue
        report = ingest.write(*flavors)
        if not report.accepted:
            raise SandboxTrouble(report.refusal)
        files |= report.as_dict()["files"]
    ingest.upload.report["files"] = files


def _is_whole(path: Path, hashes: Mapping[str, Any] | None) -> bool:
    """Bytes are compared when they are stored; a lost or cut file is noticed here."""
    return hashes is not None and path.exists() and path.stat().st_size == hashes["size"]


def store(ingest: Ingest) -> None:
    """Blobs first, rows after; each is held for the upload as soon as it is there."""
    for flavor, hashes in ingest.files.items():
        ingest.run.checkpoint()
        _keep_blob(ingest, flavor, hashes)


def _keep_blob(ingest: Ingest, flavor: Flavor, hashes: Mapping[str, Any]) -> None:
    """A storage that hiccups is asked again at once; then the whole job is, later."""
    for attempt in range(1, STORAGE_ATTEMPTS + 1):
        try:
            blobs.keep(
                path=ingest.output(flavor),
                sha256=hashes["sha256"],
                size=hashes["size"],
                upload=ingest.upload,
            )
            return
        except StorageTrouble:
            if attempt == STORAGE_ATTEMPTS:
                raise
            ingest.run.sleep(0.2 * attempt)


def write_facts(ingest: Ingest) -> None:
    """Facts, files, original and the upload's end in one transaction: all or nothing."""
    upload, report = ingest.upload, ingest.report
    with transaction.atomic():
        version = _wanted_version(upload)
        with ingest.run.fenced():
            fill(version, report, stem=ingest.stem)
            version.status = Version.Status.DRAFT
            version.save()
            for flavor, hashes in ingest.files.items():
                file_of(version, flavor, hashes).save(force_insert=True)
            original = original_of(
                version,
                upload,
                report,
                scanned_at=timezone.now(),
                opinions=upload.report["opinions"],
            )
            original.save(force_insert=True)
            Finding.objects.filter(upload=upload).update(original=original)
            upload.held_blobs.clear()
            upload.step, upload.state = LAST, Upload.State.READY
            upload.save(update_fields=["step", "state", "report", "updated_at"])
            audit.record("upload.accepted", by=None, on=upload, data={"version": version.pk})
            announce(upload_checked, upload=upload)


def _wanted_version(upload: Upload) -> Version:
    """The draft, locked, if it is still there and still wants this file. Raises Ended."""
    try:
        if upload.version is None:
            raise Version.DoesNotExist
        network, version = lock(upload.version)
    except (Version.DoesNotExist, Network.DoesNotExist):
        raise Ended(Upload.State.CANCELLED, _("The version was deleted.")) from None
    if network.status not in (Network.Status.DRAFT, Network.Status.PUBLISHED):
        raise Ended(Upload.State.CANCELLED, _("The network was deleted."))
    if version.weights_hash or version.status != Version.Status.PROCESSING:
        raise Ended(Upload.State.REFUSED, HasFile(stem=version.stem).message)
    return version


@dataclass(frozen=True)
class Step:
    """A step, and how much of the work it is, in percent."""

    name: str
    label: str | Promise
    share: int
    work: Callable[[Ingest], None]


STEPS: Final = (
    Step("hash", gettext_lazy("Hashing"), 10, hash_received),
    Step("read", gettext_lazy("Reading and converting"), 55, read_upload),
    Step("check", gettext_lazy("Checking"), 5, check),
    Step("write", gettext_lazy("Writing the files"), 10, write_flavours),
    Step("store", gettext_lazy("Storing"), 15, store),
    Step("facts", gettext_lazy("Writing down the facts"), 5, write_facts),
)
LAST: Final = STEPS[-1].name
# After this one an upload without a version waits for one.
WRITTEN: Final = "write"


def remaining(upload: Upload) -> tuple[Step, ...]:
    """The steps after the last one that was finished."""
    names = [step.name for step in STEPS]
    return STEPS[names.index(upload.step) + 1 if upload.step else 0 :]


def span(step: Step) -> tuple[int, int]:
    """Where it begins and ends, in percent of the work."""
    begins = sum(each.share for each in STEPS[: STEPS.index(step)])
    return begins, begins + step.share
