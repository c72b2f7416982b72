"""verify_storage reads everything and says what is wrong, and where it is served."""

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from registry.models import Blob
from registry.verification import Verdict, verify_storage
from tests.factories import PublishedVersionFactory

pytestmark = pytest.mark.django_db


def verdicts() -> dict[str, Verdict]:
    return {checked.key: checked.verdict for checked in verify_storage()}


def test_sound_blobs_are_noted_as_such(own_files: Path) -> None:
    version = PublishedVersionFactory()
    Blob.objects.update(verified_at=None)
    assert set(verdicts().values()) == {Verdict.SOUND}
    assert not Blob.objects.filter(verified_at=None).exists()
    assert version.files.count() == Blob.objects.count()


def test_damage_loss_and_orphans_are_told_apart(own_files: Path) -> None:
    PublishedVersionFactory()
    damaged, missing = Blob.objects.order_by("pk")
    path = own_files / damaged.key
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    (own_files / missing.key).unlink()
    orphan = "blobs/00/00/" + "0" * 64
    (own_files / orphan).parent.mkdir(parents=True)
    (own_files / orphan).write_bytes(b"nobody's")
    assert verdicts() == {
        damaged.key: Verdict.DAMAGED,
        missing.key: Verdict.MISSING,
        orphan: Verdict.ORPHAN,
    }


def test_the_command_names_the_broken_downloads_and_fails(own_files: Path) -> None:
    version = PublishedVersionFactory()
    file = version.files.get(is_primary=True)
    (own_files / file.blob.key).unlink()
    out = StringIO()
    with pytest.raises(CommandError):
        call_command("verify_storage", "--quiet", stdout=out)
    assert f"missing: {file.blob.key} version {version.pk}: {file.name}" in out.getvalue()
    assert "1 sound, 1 missing" in out.getvalue()


def test_the_command_is_content_with_an_object_store(object_store: str) -> None:
    PublishedVersionFactory()
    out = StringIO()
    call_command("verify_storage", "--quiet", stdout=out)
    assert out.getvalue().startswith("2 sound;")
