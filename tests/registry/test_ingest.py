"""From an upload to a checked draft, step by step, with the real sandbox."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone

from registry import ingest, opinions, steps, storage
from registry.errors import HasFile, UploadNotReady
from registry.formats.flavors import Flavor
from registry.formats.hashes import hash_bytes
from registry.ingest import STEPS, attach_upload, start_ingest
from registry.inspection import inspect
from registry.models import AuditEvent, Blob, File, Job, Upload, User, Version
from registry.networks import delete_network, take_down_network
from registry.opinions import Says
from registry.publishing import publish_version
from registry.versions import delete_version, remove_file
from tests.factories import NetworkFactory, VersionFactory
from tests.jobs import run_waiting_jobs
from tests.registry.formats.hostile.catalogue import TECHNIQUES
from tests.threads import at_once
from tests.uploads import FIXTURES, INDEX, ingested, received, served, stored_keys

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_files")]
PLAIN = FIXTURES / "sd2_softsign.pt"
DROPOUT = FIXTURES / "swish_dropout.pt"


@pytest.fixture
def draft(alice: User) -> Version:
    version: Version = VersionFactory(network__creator=alice, base_model="")
    return version


@pytest.fixture
def malicious() -> bytes:
    return next(t for t in TECHNIQUES if t.rule == "pickle-global").build()


def with_step(name: str, work: Callable[[steps.Ingest], None]) -> tuple[ingest.Step, ...]:
    """The steps, but for one that does something else."""
    return tuple(replace(step, work=work) if step.name == name else step for step in STEPS)


def test_an_accepted_upload_becomes_the_files_and_facts_of_its_version(draft: Version) -> None:
    upload = ingested(DROPOUT, owner=draft.network.creator, version=draft)

    assert (upload.state, upload.step) == (Upload.State.READY, "facts")
    draft.refresh_from_db()
    expected = INDEX[DROPOUT.name]
    assert draft.status == Version.Status.DRAFT
    assert draft.stem == DROPOUT.stem
    assert draft.layer_structure == expected["layer_structure"]
    assert draft.dropout_structure == expected["dropout_structure"]
    assert draft.step == expected["step"]
    assert draft.weights_hash == inspect(DROPOUT).hashes["weights"]
    assert {cell["app"] for cell in draft.facts["compatibility"]} == {
        cell["app"] for cell in draft.facts["compatibility_of"]["uploaded"]
    }
    assert [file.name for file in draft.files.order_by("name")] == [
        f"{DROPOUT.stem}-training.pt",
        f"{DROPOUT.stem}.pt",
        f"{DROPOUT.stem}.safetensors",
    ]


def test_what_is_served_are_our_bytes_with_their_hashes(draft: Version) -> None:
    ingested(DROPOUT, owner=draft.network.creator, version=draft)
    for file in draft.files.all():
        content = served(file)
        hashes = hash_bytes(content)
        assert (file.sha256, file.blake3, file.crc32) == (
            hashes.sha256,
            hashes.blake3,
            hashes.crc32,
        )
        assert (file.size, file.autov3) == (len(content), hashes.autov3 or "")
    assert stored_keys() == {blob.key for blob in Blob.objects.all()}


def test_each_served_file_is_called_inside_as_outside(draft: Version, tmp_path: Path) -> None:
    ingested(DROPOUT, owner=draft.network.creator, version=draft)
    for file in draft.files.all():
        path = tmp_path / file.name
        path.write_bytes(served(file))
        report = inspect(path)
        assert report.spec is not None and report.spec["name"] == path.stem


def test_the_original_is_remembered_by_its_hashes_alone(draft: Version) -> None:
    upload = ingested(DROPOUT, owner=draft.network.creator, version=draft)
    draft.refresh_from_db()
    expected = hash_bytes(DROPOUT.read_bytes())
    assert draft.original.sha256 == expected.sha256 == INDEX[DROPOUT.name]["sha256"]
    assert (draft.original.name, draft.original.container) == (DROPOUT.name, "torch-zip")
    assert not storage.incoming(upload.pk).exists()
    assert not File.objects.filter(sha256=expected.sha256).exists()


def test_findings_belong_to_the_upload_and_to_the_original(draft: Version) -> None:
    upload = ingested(FIXTURES / "no_metadata.pt", owner=draft.network.creator, version=draft)
    draft.refresh_from_db()
    assert list(upload.findings.all()) == list(draft.original.findings.all())


def test_second_opinions_are_recorded_as_such(
    draft: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opinions, "PICKLESCAN_SECONDS", 120)
    ingested(PLAIN, owner=draft.network.creator, version=draft)
    draft.refresh_from_db()
    said = {each["scanner"]: each for each in draft.original.opinions}
    assert said["picklescan"]["verdict"] == Says.CLEAN
    assert said["picklescan"]["version"]
    assert said["ClamAV"]["verdict"] == Says.NOT_SCANNED
    assert "Not scanned by ClamAV" in said["ClamAV"]["message"]


def test_a_malformed_upload_is_refused_in_plain_words(draft: Version) -> None:
    upload = ingested(PLAIN.read_bytes()[:-1], owner=draft.network.creator, version=draft)
    assert upload.state == Upload.State.REFUSED
    assert upload.reason == upload.findings.get().message
    draft.refresh_from_db()
    assert (draft.status, draft.weights_hash, draft.files.count()) == ("draft", "", 0)
    assert not storage.incoming(upload.pk).exists()
    assert not stored_keys()


def test_a_malicious_upload_is_kept_for_the_moderators(draft: Version, malicious: bytes) -> None:
    upload = ingested(malicious, owner=draft.network.creator, version=draft)
    assert upload.state == Upload.State.QUARANTINED
    assert upload.findings.get().severity == "malicious"
    assert default_storage.open(f"quarantine/{upload.pk}").read() == malicious
    assert not draft.files.exists() and not stored_keys()
    assert AuditEvent.objects.filter(action="upload.quarantined").count() == 1


def test_an_upload_without_a_version_waits_checked(alice: User, draft: Version) -> None:
    upload = ingested(PLAIN, owner=alice)
    assert (upload.state, upload.step) == (Upload.State.READY, "write")
    assert upload.report["reading"]["spec"]["activation_func"] == "softsign"
    assert not stored_keys()

    attach_upload(upload=upload, version=draft, by=alice)
    run_waiting_jobs()
    upload.refresh_from_db()
    draft.refresh_from_db()
    assert (upload.state, upload.step) == (Upload.State.READY, "facts")
    assert draft.files.count() == 2


def test_a_version_takes_one_file(draft: Version) -> None:
    alice = draft.network.creator
    first = received(PLAIN, owner=alice, version=draft)
    second = received(DROPOUT, owner=alice, version=draft)
    start_ingest(upload=first)
    start_ingest(upload=second)
    run_waiting_jobs()
    first.refresh_from_db()
    second.refresh_from_db()
    assert [first.state, second.state] == [Upload.State.READY, Upload.State.REFUSED]
    draft.refresh_from_db()
    assert draft.stem == PLAIN.stem and draft.stem in second.reason
    with pytest.raises(HasFile):
        start_ingest(upload=received(DROPOUT, owner=alice, version=draft))


def test_a_drafts_file_can_be_taken_out_again(
    draft: Version, django_capture_on_commit_callbacks: Any
) -> None:
    alice = draft.network.creator
    ingested(PLAIN, owner=alice, version=draft)
    with django_capture_on_commit_callbacks(execute=True):
        remove_file(version=draft, by=alice)
    assert not stored_keys()
    upload = ingested(DROPOUT, owner=alice, version=draft)
    assert upload.state == Upload.State.READY
    draft.refresh_from_db()
    assert draft.stem == DROPOUT.stem


def test_asking_twice_is_one_job(draft: Version) -> None:
    upload = received(PLAIN, owner=draft.network.creator, version=draft)
    assert start_ingest(upload=upload) == start_ingest(upload=upload)
    run_waiting_jobs()
    with pytest.raises((UploadNotReady, HasFile)):
        start_ingest(upload=upload)


@pytest.mark.parametrize("last", ["", *(step.name for step in STEPS)])
def test_an_ingest_goes_on_after_the_last_finished_step(
    draft: Version, monkeypatch: pytest.MonkeyPatch, last: str
) -> None:
    upload = received(DROPOUT, owner=draft.network.creator, version=draft)
    names = [step.name for step in STEPS]
    done = names.index(last) + 1 if last else 0

    def stop(_: object) -> None:
        raise RuntimeError("the worker is gone")

    broken = tuple(step if n < done else replace(step, work=stop) for n, step in enumerate(STEPS))
    with monkeypatch.context() as patch:
        patch.setattr(ingest, "STEPS", broken)
        job = start_ingest(upload=upload)
        run_waiting_jobs()
    Job.objects.filter(pk=job.pk, state="queued").update(run_after=None)
    ran: list[str] = []

    def watched(step: ingest.Step) -> ingest.Step:
        def work(one: steps.Ingest) -> None:
            ran.append(step.name)
            step.work(one)

        return replace(step, work=work)

    monkeypatch.setattr(ingest, "STEPS", tuple(map(watched, STEPS)))
    run_waiting_jobs()

    assert ran == names[done:]
    upload.refresh_from_db()
    assert upload.state == Upload.State.READY
    assert draft.files.count() == 3


def test_a_flavour_that_got_lost_is_written_again(
    draft: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check_and_lose(one: steps.Ingest) -> None:
        steps.check(one)
        one.output(Flavor.PORTABLE).unlink()

    monkeypatch.setattr(ingest, "STEPS", with_step("check", check_and_lose))
    upload = ingested(PLAIN, owner=draft.network.creator, version=draft)
    assert upload.state == Upload.State.READY
    assert draft.files.count() == 2


def test_bytes_that_are_not_what_was_promised_are_refused(draft: Version) -> None:
    upload = received(PLAIN, owner=draft.network.creator, version=draft)
    upload.report = {"received_sha256": "0" * 64}
    upload.save()
    start_ingest(upload=upload)
    run_waiting_jobs()
    upload.refresh_from_db()
    assert upload.state == Upload.State.REFUSED
    assert "damaged" in upload.reason


def test_bytes_that_are_gone_fail_with_a_reason(draft: Version) -> None:
    upload = received(PLAIN, owner=draft.network.creator, version=draft)
    storage.discard_incoming(upload.pk)
    start_ingest(upload=upload)
    run_waiting_jobs()
    upload.refresh_from_db()
    assert upload.state == Upload.State.FAILED
    assert "Upload them again" in upload.reason


def test_the_same_weights_are_traced_to_who_published_them(
    draft: Version, bob: User, alice: User
) -> None:
    ingested(PLAIN, owner=alice, version=draft)
    Version.objects.filter(pk=draft.pk).update(base_model="SD 2.1")
    publish_version(version=draft, by=alice)

    mine = VersionFactory(network__creator=bob)
    upload = ingested(PLAIN, owner=bob, version=mine)
    finding = upload.findings.get(rule="same-weights")
    assert finding.data["version_id"] == draft.pk
    assert "alice" in finding.message


def test_weights_that_only_hidden_networks_have_are_someone_elses(
    draft: Version, bob: User, alice: User
) -> None:
    ingested(PLAIN, owner=alice, version=draft)
    Version.objects.filter(pk=draft.pk).update(base_model="SD 2.1")
    publish_version(version=draft, by=alice)
    User.objects.filter(pk=alice.pk).update(blocked_at=timezone.now())
    upload = ingested(PLAIN, owner=bob)
    finding = upload.findings.get(rule="same-weights")
    assert finding.data == {}
    assert "alice" not in finding.message


def test_weights_that_were_taken_down_do_not_come_back(
    draft: Version, mod: User, bob: User
) -> None:
    alice = draft.network.creator
    ingested(PLAIN, owner=alice, version=draft)
    Version.objects.filter(pk=draft.pk).update(base_model="SD 2.1")
    publish_version(version=draft, by=alice)
    take_down_network(network=draft.network, reason="stolen", by=mod)
    upload = ingested(PLAIN, owner=bob)
    assert upload.state == Upload.State.REFUSED
    assert "stolen" in upload.reason


def test_a_base_model_that_does_not_fit_is_said_at_once(alice: User) -> None:
    version = VersionFactory(network__creator=alice, base_model="SD 1.5")
    upload = ingested(PLAIN, owner=alice, version=version)
    assert upload.state == Upload.State.READY
    assert "SD 2.1" in upload.findings.get(rule="base-model").message


def test_a_name_no_system_takes_is_changed_and_said(alice: User) -> None:
    upload = ingested(PLAIN, owner=alice, name='Été: "ink".pt')
    assert "Ete_ _ink_" in upload.findings.get(rule="renamed").message


def test_a_version_deleted_meanwhile_gets_nothing(
    draft: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = draft.network.creator
    upload = received(PLAIN, owner=alice, version=draft)

    def delete_first(one: steps.Ingest) -> None:
        delete_version(version=draft, by=alice)
        one.upload.refresh_from_db(fields=["version"])
        steps.write_facts(one)

    monkeypatch.setattr(ingest, "STEPS", with_step("facts", delete_first))
    start_ingest(upload=upload)
    run_waiting_jobs()
    upload.refresh_from_db()
    assert upload.state == Upload.State.CANCELLED
    assert not Version.objects.filter(pk=draft.pk).exists()
    assert not upload.held_blobs.exists()


def test_what_failed_on_our_side_can_be_checked_again(
    draft: Version,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    """The disk was full in all three attempts; then there is room again."""

    def fail(_: steps.Ingest) -> None:
        raise OSError("No space left on device")

    upload = received(PLAIN, owner=draft.network.creator, version=draft)
    job = start_ingest(upload=upload)
    with monkeypatch.context() as patch:
        patch.setattr(ingest, "STEPS", with_step("facts", fail))
        for _attempt in range(3):
            with django_capture_on_commit_callbacks(execute=True):
                Job.objects.filter(pk=job.pk).update(run_after=None)
                run_waiting_jobs()
    upload.refresh_from_db()
    draft.refresh_from_db()
    assert (upload.state, draft.status) == (Upload.State.FAILED, Version.Status.DRAFT)
    assert "on our side" in upload.reason
    assert not stored_keys() and storage.received(upload.pk).exists()

    start_ingest(upload=upload)
    run_waiting_jobs()
    upload.refresh_from_db()
    assert upload.state == Upload.State.READY
    assert draft.files.count() == 2


def test_it_can_be_attached_before_the_job_that_checked_it_has_ended(
    draft: Version, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = draft.network.creator
    upload = received(PLAIN, owner=alice)
    keep = ingest._keep

    def attach_at_once(one: steps.Ingest, step: ingest.Step) -> None:
        keep(one, step)
        if step.name == "write" and one.upload.version is None:
            attach_upload(upload=one.upload, version=draft, by=alice)

    monkeypatch.setattr(ingest, "_keep", attach_at_once)
    start_ingest(upload=upload)
    assert len(run_waiting_jobs()) == 2
    assert draft.files.count() == 2


def test_the_file_of_a_deleted_version_is_not_attached_again(draft: Version) -> None:
    alice = draft.network.creator
    upload = ingested(PLAIN, owner=alice, version=draft)
    delete_version(version=draft, by=alice)
    with pytest.raises(UploadNotReady):
        attach_upload(upload=upload, version=VersionFactory(network__creator=alice), by=alice)


def test_nobody_attaches_an_upload_to_what_is_not_theirs(draft: Version, bob: User) -> None:
    upload = ingested(PLAIN, owner=bob)
    with pytest.raises(Exception, match="Only its creator"):
        attach_upload(upload=upload, version=draft, by=bob)
    with pytest.raises(Exception, match="Only its creator"):
        attach_upload(upload=upload, version=draft, by=draft.network.creator)


def test_a_network_is_not_needed_to_check_a_file(alice: User) -> None:
    NetworkFactory(creator=alice)
    assert ingested(FIXTURES / "legacy_stream.pt", owner=alice).state == Upload.State.READY


def test_an_object_store_holds_the_same_bytes(
    draft: Version,
    malicious: bytes,
    object_store: str,
    django_capture_on_commit_callbacks: Any,
) -> None:
    alice = draft.network.creator
    ingested(DROPOUT, owner=alice, version=draft)
    assert draft.files.count() == 3
    for file in draft.files.all():
        assert hash_bytes(served(file)).sha256 == file.sha256
    assert stored_keys() == {blob.key for blob in Blob.objects.all()}

    refused = ingested(malicious, owner=alice)
    assert default_storage.open(f"quarantine/{refused.pk}").read() == malicious
    with django_capture_on_commit_callbacks(execute=True):
        delete_version(version=draft, by=alice)
    assert not stored_keys()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("delete", [delete_network, delete_version], ids=["network", "version"])
def test_what_is_deleted_during_its_ingest_leaves_nothing(
    alice: User, delete: Callable[..., object]
) -> None:
    """At every moment of it: nobody is stuck, nothing is published, no byte is left behind."""
    for moment in range(8):
        version = VersionFactory(network__creator=alice)
        upload = received(PLAIN, owner=alice, version=version)
        start_ingest(upload=upload)

        def delete_later(moment: int = moment, version: Version = version) -> None:
            time.sleep(moment * 0.04)
            what = version.network if delete is delete_network else version
            delete(**{what._meta.model_name or "": what, "by": alice})

        results = at_once(run_waiting_jobs, delete_later)
        assert not [each for each in results if isinstance(each, Exception)]
        run_waiting_jobs()
        upload.refresh_from_db()
        assert upload.state in (Upload.State.CANCELLED, Upload.State.READY)
        assert upload.version is None
        assert not Version.objects.exists() and not File.objects.exists()
        assert not stored_keys() and not Blob.objects.exists()
        assert not Job.objects.unfinished().exists()
