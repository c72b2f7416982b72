"""An ingest when everything around it fails, for real: workers killed, storage, Postgres.

Whatever happens, every upload ends published or refused, once, and nothing is left behind.
"""

import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from registry import storage
from registry.formats.hashes import hash_bytes
from registry.ingest import STEPS, start_ingest
from registry.models import AuditEvent, File, Job, Upload, User, Version
from registry.publishing import publish_version
from registry.sweep import sweep
from registry.verification import Verdict, verify_storage
from tests.factories import VersionFactory
from tests.registry.formats.hostile.catalogue import TECHNIQUES
from tests.registry.jobs.processes import Processes, until
from tests.registry.jobs.test_restarted_servers import Site
from tests.uploads import FIXTURES, large_file, received, served, stored_keys

pytestmark = [pytest.mark.faults, pytest.mark.slow]
DROPOUT = FIXTURES / "swish_dropout.pt"
ENDS = ("upload.accepted", "upload.refused", "upload.quarantined", "upload.cancelled")
# A machine that is busy with other tests must not lose leases that were not taken from it.
LEASE_SECONDS = 4


class FaultyWorkers:
    """Workers that fail at certain moments, and somebody who starts the next one."""

    def __init__(self, processes: Processes, folder: Path) -> None:
        self.processes = processes
        self.folder = folder
        processes.environment |= {
            "DJANGO_SETTINGS_MODULE": "tests.registry.faulty.settings",
            "FAULT_FOLDER": str(folder),
            "JOB_LEASE_SECONDS": str(LEASE_SECONDS),
        }
        self.started = 0
        self.worker: subprocess.Popen[bytes] | None = None

    def fail_at(self, *faults: str) -> None:
        self.processes.environment["FAULTS"] = " ".join(faults)

    def keep_one_alive(self) -> None:
        if self.worker is None or self.worker.poll() is not None:
            self.worker = self.processes.worker()
            self.started += 1

    def until_over(self, *uploads: Upload) -> None:
        def over() -> bool:
            self.keep_one_alive()
            jobs = Upload.objects.filter(pk__in=[u.pk for u in uploads]).values("job")
            return not Job.objects.unfinished().filter(pk__in=jobs).exists()

        until(over, "the end of every upload", seconds=300)

    def reached(self, fault: str) -> bool:
        return (self.folder / fault).exists()

    def go_on(self, fault: str) -> None:
        (self.folder / f"{fault}:go").touch()


@pytest.fixture
def workers(
    tmp_path: Path, own_files: Path, process_environment: dict[str, str]
) -> Iterator[FaultyWorkers]:
    folder = tmp_path / "faults"
    folder.mkdir()
    processes = Processes(tmp_path, process_environment)
    faulty = FaultyWorkers(processes, folder)
    processes.beat()  # asks for the reaper, which gives the jobs of the dead to others
    yield faulty
    processes.end()


def upload_of(alice: User, content: Path | bytes = DROPOUT) -> Upload:
    version = VersionFactory(network__creator=alice)
    upload = received(content, owner=alice, version=version)
    start_ingest(upload=upload)
    return upload


def ends_of(upload: Upload) -> list[str]:
    target = f"registry.upload:{upload.pk}"
    found = AuditEvent.objects.filter(target=target, action__in=ENDS)
    return list(found.values_list("action", flat=True))


def assert_published_whole(upload: Upload) -> None:
    """Taken in once, publishable, and each byte that is served has the hash it is known by."""
    upload.refresh_from_db()
    assert (upload.state, ends_of(upload)) == (Upload.State.READY, ["upload.accepted"])
    assert upload.version is not None
    version = publish_version(version=upload.version, by=upload.owner)
    assert version.files.count() == 3
    for file in version.files.all():
        assert hash_bytes(served(file)).sha256 == file.sha256


def assert_nothing_is_left_over() -> None:
    """After a sweep: no byte without a row, no row without its bytes, no working folder."""
    root = storage.incoming(Upload.objects.values_list("pk", flat=True)[0]).parent
    for path in (*root.rglob("*"), root):  # as if an hour had passed
        then = (timezone.now() - timedelta(hours=2)).timestamp()
        os.utime(path, (then, then))
    sweep()
    assert stored_keys() == {file.blob.key for file in File.objects.all() if file.blob}
    assert {checked.verdict for checked in verify_storage()} <= {Verdict.SOUND}
    assert not root.exists() or not list(root.iterdir())


def test_a_worker_killed_before_and_after_every_step(alice: User, workers: FaultyWorkers) -> None:
    upload = upload_of(alice)
    faults = [f"kill:{step.name}:{when}" for step in STEPS for when in ("before", "after")]
    workers.fail_at(*faults)
    workers.until_over(upload)

    assert [fault for fault in faults if not workers.reached(fault)] == []
    assert workers.started == len(faults) + 1
    assert_published_whole(upload)
    assert_nothing_is_left_over()


def test_a_worker_killed_while_it_reads(
    alice: User, workers: FaultyWorkers, tmp_path: Path
) -> None:
    upload = upload_of(alice, large_file(tmp_path / "large.pt", dropout=True))
    workers.fail_at("kill:read:during")
    workers.until_over(upload)
    assert workers.started == 2
    assert_published_whole(upload)
    assert_nothing_is_left_over()


@pytest.mark.parametrize("kind", ["malformed", "malicious"])
def test_a_file_that_is_not_taken_is_refused_once(
    alice: User, workers: FaultyWorkers, kind: str
) -> None:
    damaged = DROPOUT.read_bytes()[:-1]
    malicious = next(t for t in TECHNIQUES if t.rule == "pickle-global").build()
    upload = upload_of(alice, damaged if kind == "malformed" else malicious)
    faults = ["kill:read:after", "kill:check:before", "kill:end:before", "kill:end:after"]
    workers.fail_at(*faults)
    workers.until_over(upload)

    assert workers.started == len(faults) + 1
    expected = "refused" if kind == "malformed" else "quarantined"
    upload.refresh_from_db()
    assert (upload.state, ends_of(upload)) == (expected, [f"upload.{expected}"])
    assert upload.findings.count() == 1
    assert upload.version is not None and upload.version.status == Version.Status.DRAFT
    assert not File.objects.exists()
    assert_nothing_is_left_over()
    assert len(list(storage.keys("quarantine"))) == (kind == "malicious")


def test_a_worker_that_was_thought_dead_changes_nothing(
    alice: User, workers: FaultyWorkers
) -> None:
    """It stands still for longer than its lease, another does its work, then it goes on."""
    upload = upload_of(alice)
    workers.fail_at("pause:store:before")
    workers.keep_one_alive()
    sleeper = workers.worker
    assert sleeper is not None
    until(lambda: workers.reached("pause:store:before"), "the first worker to be at store")
    os.kill(sleeper.pid, signal.SIGSTOP)
    workers.worker = None
    workers.until_over(upload)
    workers.go_on("pause:store:before")
    os.kill(sleeper.pid, signal.SIGCONT)
    until(lambda: "job lost" in workers.processes.log_of(sleeper), "the sleeper to notice")

    assert_published_whole(upload)
    assert_nothing_is_left_over()


def test_two_uploads_into_one_version_while_workers_die(
    alice: User, workers: FaultyWorkers
) -> None:
    version = VersionFactory(network__creator=alice)
    uploads = [received(DROPOUT, owner=alice, version=version) for _ in range(2)]
    for upload in uploads:
        start_ingest(upload=upload)
    workers.fail_at("kill:facts:before", "kill:facts:after", "kill:end:before", "kill:end:after")
    workers.until_over(*uploads)
    assert sorted(end for upload in uploads for end in ends_of(upload)) == [
        "upload.accepted",
        "upload.refused",
    ]
    assert version.files.count() == 3
    assert_nothing_is_left_over()


def test_a_storage_that_fails_every_third_write(alice: User, workers: FaultyWorkers) -> None:
    workers.processes.environment["FAULTY_STORAGE"] = (
        "tests.registry.faulty.storage.EveryThirdWriteFails"
    )
    fixtures = [DROPOUT, FIXTURES / "mish_layernorm_dropout.pt"] * 2
    uploads = [upload_of(alice, fixture) for fixture in fixtures]
    workers.until_over(*uploads)
    for upload in uploads:
        assert_published_whole(upload)
    assert_nothing_is_left_over()


# --- Postgres restarted ---------------------------------------------------------------------------


@pytest.fixture
def site() -> Iterator[Site]:
    # Short, since a unix socket's address has 108 bytes, and where the servers' user may go.
    with tempfile.TemporaryDirectory(prefix="hyperhub-ingest-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        site = Site(folder)
        yield site
        site.close()


def in_the_hub(processes: Processes, code: str) -> list[str]:
    """Run this in a process of the hub; the words after each line's "> "."""
    ran = processes.manage("shell", "--verbosity=0", "-c", code)
    assert ran.returncode == 0, ran.stderr
    return [line[2:] for line in ran.stdout.splitlines() if line.startswith("> ")]


RECEIVE = """
from pathlib import Path
from registry import storage
from registry.models import User, Network, Version, Upload
from registry.networks import create_network
from registry.versions import create_version
from registry.terminal import create_upload, receive_file, shutil
alice = User.objects.create_user("alice", "alice@example.org", "correct horse battery")
network = create_network(by=alice, name="Ink", kind="style")
version = create_version(network=network, by=alice, base_model="SD 1.5")
upload = create_upload(by=alice, name="ink.pt", size=Path("{file}").stat().st_size, version=version)
copy = storage.incoming(upload.pk) / "copy"
shutil.copyfile("{file}", copy)
receive_file(upload=upload, path=copy)
"""
FINISH = """
from registry.models import Upload, AuditEvent, File
from registry.publishing import publish_version
from registry.sweep import sweep
from registry.verification import verify_storage
upload = Upload.objects.get()
publish_version(version=upload.version, by=upload.owner)
print(">", upload.state, File.objects.count())
ends = AuditEvent.objects.filter(action__in={ends}, target=f"registry.upload:{{upload.pk}}")
print(">", *ends.values_list("action", flat=True))
sweep()
print(">", *sorted(str(checked.verdict) for checked in verify_storage()))
"""


def test_postgres_restarted_before_and_after_every_step(site: Site, tmp_path: Path) -> None:
    faults = [f"pause:{step.name}:{when}" for step in STEPS for when in ("before", "after")]
    processes = Processes(tmp_path, site.environment)
    try:
        migrating = processes.manage("migrate", "--verbosity=0")
        assert migrating.returncode == 0, migrating.stderr
        in_the_hub(processes, RECEIVE.format(file=DROPOUT))
        workers = FaultyWorkers(processes, tmp_path)
        workers.fail_at(*faults)
        processes.beat()
        workers.keep_one_alive()
        for fault in faults:
            until(lambda: workers.reached(fault), fault)  # noqa: B023
            site.stop_postgres()
            site.start_postgres()
            workers.go_on(fault)
        until(lambda: site.rows("SELECT FROM registry_job WHERE ended_at IS NOT NULL"), "its end")
        assert site.ends() == ["job.done"]
        assert in_the_hub(processes, FINISH.format(ends=ENDS)) == [
            "ready 3",
            "upload.accepted",
            "sound sound sound",
        ]
    finally:
        processes.end()
