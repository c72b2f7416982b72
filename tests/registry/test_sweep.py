"""What a sweep takes away, and what it leaves."""

import os
import time
import uuid
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.utils import timezone

from registry import blobs, storage
from registry.ingest import start_ingest
from registry.models import Blob, Finding, Job, Tag, Upload, User, Version
from registry.networks import take_down_network
from registry.sweep import BROOMS, sweep
from registry.versions import take_down_version
from tests.factories import (
    NetworkFactory,
    PublishedVersionFactory,
    UploadFactory,
    VersionFactory,
)
from tests.jobs import run_waiting_jobs
from tests.registry.formats.hostile.catalogue import TECHNIQUES
from tests.uploads import FIXTURES, ingested, received, stored_keys

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_files")]
PLAIN = FIXTURES / "sd2_softsign.pt"
LONG_AGO = timezone.now() - timedelta(days=400)


def age(path: Path) -> None:
    """As if nobody had touched it for two hours."""
    then = time.time() - 2 * 3600
    for each in (*path.rglob("*"), path):
        os.utime(each, (then, then))


@pytest.fixture
def swept(django_capture_on_commit_callbacks: Any) -> Any:
    def do() -> dict[str, int]:
        with django_capture_on_commit_callbacks(execute=True):
            return {name: count for name, count in sweep().items() if count}

    return do


def test_there_is_nothing_to_do_for_a_healthy_hub(alice: User, swept: Any) -> None:
    version = VersionFactory(network__creator=alice)
    ingested(PLAIN, owner=alice, version=version)
    ingested(FIXTURES / "legacy_stream.pt", owner=alice)
    PublishedVersionFactory(network__tags=["ink"])
    before = stored_keys()
    assert swept() == {}
    assert stored_keys() == before


def test_an_abandoned_upload_goes_with_its_bytes(alice: User, swept: Any) -> None:
    upload = received(b"half of it", owner=alice)
    Upload.objects.filter(pk=upload.pk).update(state="receiving", expires_at=LONG_AGO)
    assert swept() == {"expired uploads": 1}
    assert not storage.incoming(upload.pk).exists()
    assert not Upload.objects.exists()


def test_an_upload_that_a_job_is_at_stays(alice: User, swept: Any) -> None:
    upload = received(PLAIN, owner=alice)
    start_ingest(upload=upload)
    Upload.objects.update(expires_at=LONG_AGO)
    assert swept() == {}
    run_waiting_jobs()
    assert swept() == {"expired uploads": 1}


def test_findings_outlive_the_upload_that_led_to_a_version(alice: User, swept: Any) -> None:
    version = VersionFactory(network__creator=alice)
    ingested(FIXTURES / "no_metadata.pt", owner=alice, version=version, name="é.pt")
    kept = Finding.objects.count()
    assert kept
    Upload.objects.update(expires_at=LONG_AGO)
    assert swept() == {"expired uploads": 1}
    assert Finding.objects.filter(original__version=version).count() == kept


def test_quarantine_ends_after_its_time(alice: User, swept: Any) -> None:
    malicious = next(t for t in TECHNIQUES if t.rule == "pickle-global").build()
    upload = ingested(malicious, owner=alice)
    Upload.objects.update(expires_at=LONG_AGO)
    assert swept() == {}
    assert default_storage.exists(f"quarantine/{upload.pk}")
    Upload.objects.update(updated_at=LONG_AGO)
    assert swept() == {"old quarantine": 1}
    assert not default_storage.exists(f"quarantine/{upload.pk}")


def test_an_upload_whose_job_ended_without_it_can_be_checked_again(alice: User, swept: Any) -> None:
    upload = received(PLAIN, owner=alice)
    job = start_ingest(upload=upload)
    Job.objects.filter(pk=job.pk).update(state="done", ended_at=timezone.now())
    assert swept() == {"stranded uploads": 1}
    upload.refresh_from_db()
    assert upload.state == Upload.State.FAILED and upload.reason
    start_ingest(upload=upload)
    run_waiting_jobs()
    upload.refresh_from_db()
    assert upload.state == Upload.State.READY


def test_a_draft_whose_upload_ended_silently_is_a_draft_again(swept: Any) -> None:
    stuck = VersionFactory(status=Version.Status.PROCESSING)
    waiting = VersionFactory(status=Version.Status.PROCESSING)
    UploadFactory(version=waiting, state="checking", offset=1000)
    assert swept() == {"stuck versions": 1}
    stuck.refresh_from_db()
    waiting.refresh_from_db()
    assert (stuck.status, waiting.status) == ("draft", "processing")


def test_working_folders_of_nobody_go_when_they_are_old(alice: User, swept: Any) -> None:
    needed = received(b"going on", owner=alice)
    unknown = storage.incoming(uuid.uuid4())
    fresh = storage.incoming(uuid.uuid4())
    for folder in (unknown, fresh):
        folder.mkdir(parents=True)
        (folder / "received").write_bytes(b"?")
    age(unknown)
    age(storage.incoming(needed.pk))
    assert swept() == {"working folders": 1}
    assert not unknown.exists()
    assert fresh.exists() and storage.received(needed.pk).exists()


def test_blobs_held_for_an_upload_that_ended_are_freed(tmp_path: Path, swept: Any) -> None:
    upload = UploadFactory(state="checking", offset=1000)
    path = tmp_path / "x"
    path.write_bytes(b"x")
    digest, size = storage.digest_of(path.open("rb"))
    blobs.keep(path=path, sha256=digest, size=size, upload=upload)
    assert swept() == {}
    Upload.objects.update(state="failed")
    assert swept() == {"ended holds": 1, "unused blobs": 1}
    assert not stored_keys() and not Blob.objects.exists()


def test_bytes_without_a_row_go(own_files: Path, swept: Any) -> None:
    version = PublishedVersionFactory()
    default_storage.save("blobs/00/00/" + "0" * 64, ContentFile(b"nobody's"))
    unfinished = own_files / "blobs/00/00/.part-1234"
    unfinished.write_bytes(b"half")
    assert swept() == {"orphan bytes": 1}
    age(unfinished)
    assert swept() == {"orphan bytes": 1}
    assert stored_keys() == {file.blob.key for file in version.files.all()}


def test_bytes_of_a_takedown_wait_for_an_appeal_and_then_go(mod: User, swept: Any) -> None:
    whole, part = PublishedVersionFactory(), PublishedVersionFactory()
    take_down_network(network=whole.network, reason="stolen", by=mod)
    take_down_version(version=part, reason="stolen", by=mod)
    assert swept() == {}
    type(whole.network).objects.update(taken_down_at=LONG_AGO)
    Version.objects.filter(pk=part.pk).update(taken_down_at=LONG_AGO)
    assert swept()["unappealed takedowns"] == 2
    assert not stored_keys()
    assert whole.files.count() == 2  # names and hashes stay
    assert swept() == {}


def test_tag_counts_are_put_right(swept: Any) -> None:
    NetworkFactory(tags=["ink"])
    Tag.objects.update(network_count=7)
    assert swept() == {"wrong tag counts": 1}
    assert Tag.objects.get().network_count == 0


def test_the_command_says_what_it_took(alice: User) -> None:
    Upload.objects.filter(pk=received(b"half", owner=alice).pk).update(expires_at=LONG_AGO)
    out = StringIO()
    call_command("sweep", stdout=out)
    assert out.getvalue() == "expired uploads: 1\n"


def test_it_is_a_job_too() -> None:
    from registry.jobs import enqueue

    enqueue(kind="registry.sweep", payload={}, owner=None, key="registry.sweep")
    run_waiting_jobs()
    job = Job.objects.get()
    assert job.state == Job.State.DONE
    assert set(job.result) == set(BROOMS)
