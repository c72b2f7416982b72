"""The factories make what the hub makes."""

import pytest
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction

from registry.formats.flavors import Flavor
from registry.models import ContentLevel, Network, User, Version
from tests.factories import (
    CheckedVersionFactory,
    NetworkFactory,
    PublishedVersionFactory,
    UploadFactory,
    VersionFactory,
)

pytestmark = pytest.mark.django_db


def test_a_published_version_is_listed_with_its_facts(alice: User) -> None:
    network = NetworkFactory(creator=alice, tags=["Ink", "line art"])
    version = PublishedVersionFactory(network=network, trigger_words=["inkwash"])

    listed = Network.objects.listed(up_to=ContentLevel.GENERAL).get()
    assert listed == network
    assert listed.latest_version == version
    assert listed.works_with == ["a1111", "a1111-old", "comfyui"]
    assert (listed.trigger_words, listed.tag_words) == ("inkwash", "ink line art")
    assert [tag.network_count for tag in listed.tags.all()] == [1, 1]


def test_its_files_are_in_the_storage() -> None:
    version = PublishedVersionFactory(
        contents={Flavor.PORTABLE: b"weights"}, original=b"as it came"
    )

    file = version.files.get()
    assert file.is_primary and file.name == f"{version.stem}.pt"
    assert default_storage.open(file.blob.key).read() == b"weights"
    assert version.original.size == len(b"as it came")


def test_drafts_are_not_listed() -> None:
    CheckedVersionFactory()
    VersionFactory()
    UploadFactory()
    assert not Network.objects.listed(up_to=ContentLevel.EXPLICIT).exists()


def test_what_is_published_cannot_be_made_different() -> None:
    version = PublishedVersionFactory()
    with pytest.raises(IntegrityError), transaction.atomic():
        Version.objects.filter(pk=version.pk).update(name="v9")
