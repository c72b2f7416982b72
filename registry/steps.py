"""The steps of an ingest, one function each, and what they share: see `registry.ingest`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from registry import audit, blobs, storage
from registry.abnormal_ends import Killed, TimedOut, Unavailable
from registry.endings import Ended, keep_findings, quarantine_key
from registry.errors import HasFile, StorageTrouble
from registry.facts import file_of, fill, original_of, printable, served_stem
from registry.formats.errors import Finding as Found
from registry.formats.errors import Severity
from registry.formats.flavors import Flavor
from registry.formats.report import Report
from registry.inspection import convert
from registry.jobs import Failed, Run
from registry.models import Finding, Network, Upload, Version
from registry.opinions import Opinions
from registry.publishing import lock
from registry.signals import announce, upload_checked
from registry.stems import stem_of, suffix_of
from registry.verdicts import remarks, taken_down_before

# Ends of the sandbox that say more about the machine than about the file: worth another attempt.
PASSING: Final = frozenset(each.rule for each in (Killed, TimedOut, Unavailable))
STORAGE_ATTEMPTS: Final = 3
# The last step's name, which it writes itself, with the end.
FACTS: Final = "facts"


class SandboxTrouble(Exception):
    """The sandbox came to a bad end for once; the job is tried again."""


@dataclass
class Ingest:
    """One attempt at one upload."""

    upload: Upload
    run: Run
    # What is going on, and which part of the whole it is, in percent.
    label: str = ""
    span: tuple[int, int] = (0, 100)
    opinions: Opinions | None = None

    @property
    def path(self) -> Path:
        return storage.received(self.upload.pk)

    @property
    def stem(self) -> str:
        return stem_of(self.upload.name, fallback=f"hypernetwork-{self.sha256[:10]}")

    @property
    def sha256(self) -> str:
        """Of the bytes as they came, by the first step."""
        return str(self.upload.report["sha256"])

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
        if report.hashes.get("sha256", self.sha256) != self.sha256:
            raise Failed(
                _("The uploaded bytes changed while they were checked. Upload them again.")
            )
        passing = report.refusal is not None and report.refusal.rule in PASSING
        if passing and self.run.job.attempt < self.run.job.max_attempts:
            raise SandboxTrouble(report.refusal)
        return report

    def _progress(self, done: int, total: int) -> None:
        self.run.checkpoint()
        begins, ends = self.span
        self.run.progress(begins + (ends - begins) * done // max(1, total), 100, self.label)


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
        message = _("The file was damaged on its way. Upload it again.")
        data = {"size": size, "sha256": digest, "promised_sha256": promised}
        damaged = Found("upload-damaged", Severity.MALFORMED, message, data)
        raise Ended(Upload.State.REFUSED, message, (damaged,))
    upload.report["sha256"] = digest


def read_upload(ingest: Ingest) -> None:
    """In the sandbox. What is accepted is written in the same pass: each weight is read once."""
    ingest.opinions = Opinions(ingest.path)
    report = ingest.write(Flavor.PORTABLE, Flavor.SAFETENSORS)
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
            upload.step, upload.state = FACTS, Upload.State.READY
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
