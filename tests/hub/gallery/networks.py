"""Published networks for tests of walls."""

from typing import Any

from registry.models import User, Version
from tests.factories import NetworkFactory, PublishedVersionFactory

OF_VERSIONS = ("base_model", "recommended_strength", "published_at", "stem", "original")


def published(creator: User, name: str, **words: Any) -> Version:
    """A network of that name, at the address that the name makes, with one version."""
    of_version = {key: words.pop(key) for key in OF_VERSIONS if key in words}
    slug = words.pop("slug", name.lower().replace(" ", "-"))
    network = NetworkFactory(creator=creator, name=name, slug=slug, **words)
    version: Version = PublishedVersionFactory(network=network, **of_version)
    return version
