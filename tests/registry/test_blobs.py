"""Bytes are stored once, and freed when nobody refers to them; never a moment earlier."""

from functools import partial
from pathlib import Path

import pytest
from django.db import transaction

from registry import blobs, storage
from registry.errors import StorageTrouble
from registry.formats.flavors import Flavor
from registry.formats.hashes import hash_bytes
from registry.models import Blob, File, Upload, Version
from tests.factories import CheckedVersionFactory, UploadFactory, add_file
from tests.threads import at_once
from tests.uploads import stored_keys

pytestmark = pytest.mark.usefixtures("own_files")
CONTENT = b"the same weights"
SHA256 = hash_bytes(CONTENT).sha256


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "weights"
    path.write_bytes(CONTENT)
    return path


def keep(path: Path, upload: Upload) -> Blob:
    return blobs.keep(path=path, sha256=SHA256, size=len(CONTENT), upload=upload)


@pytest.mark.django_db
def test_the_same_bytes_are_stored_once(source: Path) -> None:
    first, second = UploadFactory(), UploadFactory()
    assert keep(source, first) == keep(source, second)
    assert stored_keys() == {Blob.objects.get().key}
    assert Blob.objects.get().verified_at


@pytest.mark.django_db
def test_what_an_upload_holds_is_not_freed(source: Path) -> None:
    upload = UploadFactory()
    keep(source, upload)
    assert blobs.free_unreferenced([SHA256]) == 0
    upload.held_blobs.clear()
    assert blobs.free_unreferenced([SHA256]) == 1
    assert not Blob.objects.exists() and not stored_keys()


@pytest.mark.django_db
def test_what_a_file_refers_to_is_not_freed() -> None:
    one = CheckedVersionFactory(contents={Flavor.PORTABLE: CONTENT})
    other = CheckedVersionFactory(contents={Flavor.PORTABLE: CONTENT})
    one.files.all().delete()
    assert blobs.free_unreferenced([SHA256]) == 0
    other.files.all().delete()
    assert blobs.free_unreferenced([SHA256]) == 1
    assert not stored_keys()


@pytest.mark.django_db
def test_a_rotten_copy_is_replaced_by_sound_bytes(source: Path, own_files: Path) -> None:
    blob = keep(source, UploadFactory())
    path = own_files / blob.key
    path.unlink()
    path.write_bytes(b"the same w3ights")
    keep(source, UploadFactory())
    assert path.read_bytes() == CONTENT


@pytest.mark.django_db
def test_bytes_that_are_read_back_wrong_are_not_believed(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def put_badly(key: str, path: Path) -> None:
        path.write_bytes(b"garbage")
        put(key, path)

    put = storage.put
    monkeypatch.setattr(storage, "put", put_badly)
    with pytest.raises(StorageTrouble):
        keep(source, UploadFactory())
    assert not Blob.objects.exists() and not stored_keys()


@pytest.mark.django_db
def test_a_storage_that_does_not_remove_leaves_bytes_for_the_sweep(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = UploadFactory()
    keep(source, upload)
    upload.held_blobs.clear()

    def stubborn(key: str) -> None:
        raise StorageTrouble(key=key, reason="busy")

    with monkeypatch.context() as patch:
        patch.setattr(storage, "remove", stubborn)
        assert blobs.free_unreferenced([SHA256]) == 1
    assert not Blob.objects.exists()
    assert blobs.remove_orphan(Blob(sha256=SHA256).key)
    assert not stored_keys()


@pytest.mark.django_db
def test_only_bytes_without_a_row_are_orphans(source: Path) -> None:
    blob = keep(source, UploadFactory())
    assert not blobs.remove_orphan(blob.key)
    assert stored_keys() == {blob.key}


@pytest.mark.django_db(transaction=True)
def test_storing_and_freeing_the_same_bytes_at_once_never_loses_them(source: Path) -> None:
    """One publishes what another deletes: whoever holds the blob in the end finds its bytes."""
    for _ in range(25):
        leaving = CheckedVersionFactory(contents={Flavor.PORTABLE: CONTENT})
        coming = UploadFactory()

        def delete(version: Version = leaving) -> None:
            with transaction.atomic():
                File.objects.filter(version=version).delete()
                blobs.free_after_commit([SHA256])

        results = at_once(delete, partial(keep, source, coming))
        assert not any(isinstance(each, Exception) for each in results)
        assert coming.held_blobs.get().pk == SHA256
        assert storage.sha256_of(Blob(sha256=SHA256).key) == (SHA256, len(CONTENT))
        coming.held_blobs.clear()
        assert blobs.free_unreferenced([SHA256]) == 1


@pytest.mark.django_db(transaction=True)
def test_a_hold_that_becomes_a_file_meanwhile_keeps_the_bytes(source: Path) -> None:
    for _ in range(25):
        upload, version = UploadFactory(), CheckedVersionFactory(contents={})
        keep(source, upload)

        def settle(version: Version = version, upload: Upload = upload) -> None:
            with transaction.atomic():
                add_file(version, Flavor.PORTABLE, CONTENT)
                upload.held_blobs.clear()

        results = at_once(settle, lambda: blobs.free_unreferenced([SHA256]))
        assert not any(isinstance(each, Exception) for each in results)
        assert storage.sha256_of(Blob(sha256=SHA256).key) == (SHA256, len(CONTENT))
        version.files.all().delete()
        assert blobs.free_unreferenced([SHA256]) == 1
