"""A published network of Alice's, a picture that Bob shows with it, and a file that was held."""

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from registry.endings import quarantine_key
from registry.models import Finding, Network, Picture, Upload, User, Version
from tests.factories import NetworkFactory, PublishedVersionFactory, UploadFactory
from tests.pictures import picture_of

SHA256 = "ab" * 32
RUNS = "Loading this file would run code on your computer: os.system, as “os.system('id')”."
HELD_BYTES = b"cos\nsystem\n(S'id'\ntR."


@pytest.fixture
def network(alice: User) -> Network:
    made: Network = NetworkFactory(creator=alice, slug="ink", name="Ink wash")
    return made


@pytest.fixture
def version(network: Network) -> Version:
    made: Version = PublishedVersionFactory(network=network, stem="InkWash")
    return made


@pytest.fixture
def picture(version: Version, bob: User) -> Picture:
    made = picture_of(version)
    Picture.objects.filter(pk=made.pk).update(owner=bob, is_preview=False)
    made.refresh_from_db()
    return made


@pytest.fixture
def held(alice: User) -> Upload:
    return hold(alice)


def hold(owner: User, name: str = "free-gems.pt") -> Upload:
    """In quarantine, as the ingest leaves it."""
    upload: Upload = UploadFactory(
        owner=owner,
        name=name,
        state=Upload.State.QUARANTINED,
        offset=1000,
        report={"sha256": SHA256, "reading": {"hashes": {"crc32": "c0ffee00"}}},
        reason=RUNS,
    )
    Finding.objects.create(
        upload=upload, rule="pickle-global", severity="malicious", message=RUNS, data={}
    )
    default_storage.save(quarantine_key(upload.pk), ContentFile(HELD_BYTES))
    return upload
