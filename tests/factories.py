"""Rows for tests, as the hub itself would have made them.

    network = NetworkFactory(creator=alice, tags=["ink", "line art"])
    version = PublishedVersionFactory(network=network)      # with facts, files, hashes and listing
    version.files.get(is_primary=True)                      # STEM.pt, its bytes in the storage

A published version never changes (the database sees to it): say everything when it is made.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import factory
import uuid_utils.compat as uuid_utils
from django.contrib.auth.hashers import make_password
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone
from factory.django import DjangoModelFactory

from registry.formats.compatibility import served
from registry.formats.flavors import Flavor
from registry.formats.hashes import hash_bytes
from registry.formats.hypernetwork import HypernetworkSpec
from registry.models import (
    BaseModelName,
    Blob,
    File,
    Network,
    Original,
    Tag,
    Upload,
    User,
    Version,
)
from registry.publishing import refresh_listing
from registry.tagging import resolve_tags


class UserFactory(DjangoModelFactory[User]):
    """A member; `role=User.Role.MODERATOR` for more. The password is "secret"."""

    class Meta:
        model = User
        skip_postgeneration_save = True

    username = factory.Sequence(lambda n: f"creator-{n}")
    email = factory.LazyAttribute(lambda user: f"{user.username.lower()}@example.org")
    password = factory.LazyFunction(lambda: make_password("secret"))


class TagFactory(DjangoModelFactory[Tag]):
    class Meta:
        model = Tag

    name = factory.Sequence(lambda n: f"tag {n}")


class NetworkFactory(DjangoModelFactory[Network]):
    """A draft without versions; `tags` by name."""

    class Meta:
        model = Network
        skip_postgeneration_save = True

    creator = factory.SubFactory(UserFactory)
    name = factory.Sequence(lambda n: f"Ink wash {n}")
    slug = factory.Sequence(lambda n: f"ink-wash-{n}")
    kind = Network.Kind.STYLE
    description = "Wet ink on **rough** paper."

    @factory.post_generation
    def tags(self: Network, create: bool, names: Iterable[str] | None, **_: Any) -> None:
        if create and names:
            self.tags.set(resolve_tags(names))


class VersionFactory(DjangoModelFactory[Version]):
    """A draft without a file."""

    class Meta:
        model = Version
        skip_postgeneration_save = True

    network = factory.SubFactory(NetworkFactory)
    number = factory.LazyAttribute(lambda version: version.network.versions.count() + 1)
    name = factory.LazyAttribute(lambda version: f"v{version.number}")
    base_model = BaseModelName.SD_1_5


class CheckedVersionFactory(VersionFactory):
    """A draft whose file was checked: facts, an original, `STEM.pt` and `STEM.safetensors`.

    `contents` are the bytes of the files that are served, by flavour; without, each file has a few
    hundred bytes of its own. `original` are the bytes that were uploaded.
    """

    class Params:
        spec = factory.LazyAttribute(
            lambda version: HypernetworkSpec(
                name=version.stem, activation_func="relu", activate_output=False, step=20_000
            )
        )

    stem = factory.LazyAttribute(lambda version: f"{version.network.slug}-{version.number}")
    layer_structure = factory.LazyAttribute(lambda version: list(version.spec.layer_structure))
    activation = factory.LazyAttribute(lambda version: version.spec.activation_func or "linear")
    is_layer_norm = factory.LazyAttribute(lambda version: version.spec.is_layer_norm)
    dropout_structure = factory.LazyAttribute(lambda version: list(version.spec.dropout_structure))
    dims = [320, 640, 768, 1280]
    dtype = "fp32"
    parameters = 21_955_584
    step = factory.LazyAttribute(lambda version: version.spec.step)
    weights_hash = factory.Sequence(lambda n: f"{n:064x}")
    facts = factory.LazyAttribute(lambda version: facts_of(version.spec, version.stem))

    @factory.post_generation
    def contents(
        self: Version, create: bool, contents: Mapping[Flavor, bytes] | None, **_: Any
    ) -> None:
        if not create:
            return
        if contents is None:
            contents = {f: _bytes_of(self, f) for f in (Flavor.PORTABLE, Flavor.SAFETENSORS)}
        for flavor, content in contents.items():
            add_file(self, flavor, content)

    @factory.post_generation
    def original(self: Version, create: bool, content: bytes | None, **_: Any) -> None:
        if create:
            add_original(self, content or f"uploaded {self.weights_hash}".encode() * 4)


class PublishedVersionFactory(CheckedVersionFactory):
    """Published, and its network with it, listed. `published_at` to say when."""

    @classmethod
    def _create(cls, model_class: type[Version], *args: Any, **words: Any) -> Version:
        published_at = words.pop("published_at", None) or timezone.now()
        version: Version = super()._create(model_class, *args, **words)
        version.publish_at = published_at  # until the files are there
        return version

    @classmethod
    def _after_postgeneration(
        cls, instance: Version, create: bool, results: dict[str, Any] | None = None
    ) -> None:
        if create:
            published(instance, at=instance.publish_at)


class UploadFactory(DjangoModelFactory[Upload]):
    """An upload that has just begun."""

    class Meta:
        model = Upload

    id = factory.LazyFunction(uuid_utils.uuid7)
    owner = factory.SubFactory(UserFactory)
    name = "ink-wash.pt"
    size = 1000
    expires_at = factory.LazyFunction(lambda: timezone.now() + timedelta(days=1))


def published(version: Version, *, at: datetime | None = None) -> Version:
    """Publish a checked draft in the rows alone: no permission, audit or signal."""
    network = version.network
    version.status, version.published_at = Version.Status.PUBLISHED, at or timezone.now()
    version.publish_at = None
    version.save()
    network.status = Network.Status.PUBLISHED
    network.published_at = min(filter(None, (network.published_at, version.published_at)))
    network.save()
    with transaction.atomic():  # tags are counted under lock
        refresh_listing(network)
    return version


def add_file(version: Version, flavor: Flavor, content: bytes) -> File:
    """A file of a draft, its bytes in the storage."""
    hashes = hash_bytes(content)
    blob, _ = Blob.objects.get_or_create(
        sha256=hashes.sha256, defaults={"size": hashes.size, "verified_at": timezone.now()}
    )
    if not default_storage.exists(blob.key):
        default_storage.save(blob.key, ContentFile(content))
    suffix = "-training.pt" if flavor is Flavor.TRAINING else flavor.suffix
    safetensors = flavor is Flavor.SAFETENSORS
    return File.objects.create(
        version=version,
        blob=blob,
        name=f"{version.stem}{suffix}",
        format=File.Format.SAFETENSORS if safetensors else File.Format.PICKLE,
        flavour=(File.Flavour.TRAINING if flavor is Flavor.TRAINING else File.Flavour.PORTABLE),
        is_primary=flavor is Flavor.PORTABLE,
        **_hash_columns(content),
    )


def add_original(version: Version, content: bytes) -> Original:
    """What is remembered of the bytes that were uploaded."""
    return Original.objects.create(
        version=version,
        name=f"{version.stem}.pt",
        container="torch-zip",
        scanned_at=timezone.now(),
        opinions=[],
        **_hash_columns(content),
    )


def facts_of(spec: HypernetworkSpec, stem: str) -> dict[str, Any]:
    """`Version.facts` as the ingest writes them."""
    matrices = {
        flavor.value: [cell.as_dict() for cell in served(spec, flavor, stem=stem)]
        for flavor in (Flavor.PORTABLE, Flavor.SAFETENSORS)
    }
    return {
        "spec": spec.as_dict(),
        "epoch": "2022-11-04",
        "base_family": "sd1",
        "weights": {},
        "compatibility": matrices["portable"],
        "compatibility_of": {"uploaded": matrices["portable"], **matrices},
    }


def _bytes_of(version: Version, flavor: Flavor) -> bytes:
    return f"{flavor.value} {version.weights_hash} {version.stem}\n".encode() * 5


def _hash_columns(content: bytes) -> dict[str, Any]:
    hashes = hash_bytes(content)
    return {
        "sha256": hashes.sha256,
        "blake3": hashes.blake3,
        "crc32": hashes.crc32,
        "autov1": hashes.autov1 or "",
        "autov3": hashes.autov3 or "",
        "size": hashes.size,
    }
