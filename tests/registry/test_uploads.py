"""Uploads as verbs: what the protocols above them lean on."""

import io
from datetime import timedelta

import pytest
from django.test import TestCase
from django.utils import timezone
from pytest_django.fixtures import Settings

from registry import storage
from registry.errors import (
    BadFileName,
    NotAllowed,
    TooManyUploads,
    UploadExpired,
    WrongChecksum,
    WrongOffset,
)
from registry.models import AuditEvent, Job, Upload, User
from registry.receiving import Checksum
from registry.sweep import sweep
from registry.uploads import (
    append,
    cancel_upload,
    checked_name,
    create_upload,
    finish_upload,
    received_size,
    start_forgotten,
)
from tests.jobs import run_waiting_jobs
from tests.uploads import FIXTURES

CONTENT = bytes(range(250)) * 4


class Breaking(io.BytesIO):
    """A connection that breaks after its bytes."""

    def read(self, size: int | None = -1, /) -> bytes:
        if not (block := super().read(size)):
            raise ConnectionResetError
        return block


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("ink.pt", "ink.pt"),
        ("C:\\models\\ink.pt", "ink.pt"),
        ("../../etc/passwd", "passwd"),
        (" 墨.pt ", "墨.pt"),
        ("a" * 200, "a" * 200),
    ],
)
def test_a_name_without_folders(name: str, kept: str) -> None:
    assert checked_name(name) == kept


@pytest.mark.parametrize(
    "name", ["", " ", "..", "folder/", "a\x00", "a\nb", "a\u202etp.exe", "\ud800", "a" * 201]
)
def test_names_that_are_not_taken(name: str) -> None:
    with pytest.raises(BadFileName):
        checked_name(name)


@pytest.mark.django_db
class TestAppending:
    @pytest.fixture
    def upload(self, alice: User) -> Upload:
        return create_upload(by=alice, name="ink.pt", size=len(CONTENT))

    def test_what_came_before_the_break_is_kept(self, upload: Upload, alice: User) -> None:
        end = append(upload=upload, by=alice, offset=0, body=Breaking(CONTENT[:300]))
        assert end == received_size(upload) == 300
        append(upload=upload, by=alice, offset=300, body=io.BytesIO(CONTENT[300:]))
        assert storage.received(upload.pk).read_bytes() == CONTENT

    def test_of_a_part_with_a_checksum_nothing_is(self, upload: Upload, alice: User) -> None:
        append(upload=upload, by=alice, offset=0, body=io.BytesIO(CONTENT[:10]))
        with pytest.raises(WrongChecksum):
            append(
                upload=upload,
                by=alice,
                offset=10,
                body=Breaking(CONTENT[10:300]),
                checksum=Checksum("sha256", bytes(32)),
            )
        assert received_size(upload) == 10
        assert not (storage.incoming(upload.pk) / "unchecked-from").exists()

    def test_the_disk_knows_better_than_the_row(self, upload: Upload, alice: User) -> None:
        storage.received(upload.pk).write_bytes(CONTENT[:77])
        with pytest.raises(WrongOffset) as refusal:
            append(upload=upload, by=alice, offset=0, body=io.BytesIO(CONTENT))
        assert refusal.value.expected == received_size(upload) == 77

    def test_only_ones_own(self, upload: Upload, bob: User) -> None:
        with pytest.raises(NotAllowed):
            append(upload=upload, by=bob, offset=0, body=io.BytesIO(CONTENT))
        with pytest.raises(NotAllowed):
            cancel_upload(upload=upload, by=bob)

    def test_nothing_after_it_was_cancelled(self, upload: Upload, alice: User) -> None:
        class Cancelling(io.BytesIO):
            """While the part is on its way."""

            def read(self, size: int | None = -1, /) -> bytes:
                if block := super().read(size):
                    with TestCase.captureOnCommitCallbacks(execute=True):
                        cancel_upload(upload=upload, by=alice)
                return block

        fresh = Upload.objects.get()
        with pytest.raises(UploadExpired):
            append(upload=fresh, by=alice, offset=0, body=Cancelling(CONTENT))
        assert not Job.objects.exists()
        assert not storage.incoming(upload.pk).exists()

    def test_another_request_may_find_it_whole_first(self, upload: Upload, alice: User) -> None:
        class Finding(io.BytesIO):
            """Someone asks how far it is, just after the last byte."""

            def read(self, size: int | None = -1, /) -> bytes:
                if not (block := super().read(size)):
                    finish_upload(upload=Upload.objects.get())
                return block

        assert append(upload=upload, by=alice, offset=0, body=Finding(CONTENT)) == len(CONTENT)
        assert Job.objects.count() == 1

    def test_it_is_written_down_who_began_it(self, upload: Upload, alice: User) -> None:
        event = AuditEvent.objects.get(action="upload.begun")
        assert event.actor == alice
        assert event.data == {"name": "ink.pt", "size": len(CONTENT)}


@pytest.mark.django_db
def test_a_large_part_is_synced_on_its_way(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr("registry.receiving.SYNCED_EVERY", 1 << 20)
    monkeypatch.setattr("os.fdatasync", synced.append)
    content = bytes(3 << 20)
    upload = create_upload(by=alice, name="ink.pt", size=len(content) + 1)
    append(upload=upload, by=alice, offset=0, body=io.BytesIO(content))
    assert len(synced) == 4


@pytest.mark.django_db
def test_the_sweep_checks_what_came_whole_and_was_forgotten(alice: User) -> None:
    content = (FIXTURES / "linear_default.pt").read_bytes()
    upload = create_upload(by=alice, name="linear_default.pt", size=len(content))
    storage.received(upload.pk).write_bytes(content)
    assert start_forgotten() == 0  # its process may still be at it
    Upload.objects.update(updated_at=timezone.now() - timedelta(minutes=6))
    assert sweep()["whole uploads"] == 1
    run_waiting_jobs()
    upload.refresh_from_db()
    assert upload.state == Upload.State.READY


@pytest.mark.django_db
def test_the_sweep_takes_what_nobody_went_on_with(alice: User) -> None:
    upload = create_upload(by=alice, name="ink.pt", size=10)
    storage.received(upload.pk).write_bytes(b"half")
    Upload.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert sweep()["expired uploads"] == 1
    assert not Upload.objects.exists()
    assert not storage.incoming(upload.pk).exists()


@pytest.mark.django_db
def test_what_was_checked_and_not_used_takes_room_too(alice: User, settings: Settings) -> None:
    settings.UPLOADS_UNFINISHED = 1
    upload = create_upload(by=alice, name="ink.pt", size=10)
    Upload.objects.update(state=Upload.State.READY, offset=10)
    with pytest.raises(TooManyUploads):
        create_upload(by=alice, name="ink.pt", size=10)
    cancel_upload(upload=upload, by=alice)
    create_upload(by=alice, name="ink.pt", size=10)
