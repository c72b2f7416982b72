"""A network with everything on its page, and the ways to ask for it."""

from typing import Any

import pytest
from django.test import Client

from inference.models import BaseModel
from registry.models import Network, User, Version
from registry.versions import record_measured_strength
from tests.factories import NetworkFactory, PublishedVersionFactory
from tests.grids import grid_of
from tests.inference.conftest import make_base_model

CURVE = [
    {"multiplier": m, "shift": shift, "fidelity": 0.3 * kept, "kept": kept}
    for m, shift, kept in (
        (0.0, 0.0, 1.0),
        (0.25, 0.08, 0.99),
        (0.5, 0.17, 0.96),
        (0.75, 0.26, 0.88),
        (1.0, 0.34, 0.71),
        (1.25, 0.4, 0.52),
    )
]
MEASURED: dict[str, Any] = {
    "curve": CURVE,
    "recommended": 0.75,
    "least": 0.5,
    "most": 1.0,
    "reason": "",
    "unlike": 0.1,
    "encoder": "Small SD",
}


@pytest.fixture
def base_model(db: None) -> BaseModel:
    return make_base_model()


@pytest.fixture
def network(alice: User) -> Network:
    made: Network = NetworkFactory(creator=alice, slug="ink", name="Ink wash", tags=["ink", "line"])
    return made


@pytest.fixture
def version(network: Network, base_model: BaseModel) -> Version:
    """Published, with a grid that was measured."""
    made = PublishedVersionFactory(
        network=network, stem="InkWash", trigger_words=["inkwash"], changelog="First **try**."
    )
    return rendered(made, base_model)


def rendered(version: Version, base_model: BaseModel, **words: Any) -> Version:
    """With a finished grid, the way the render worker leaves it."""
    grid = grid_of(version, base_model=base_model, **words)
    type(grid).objects.filter(pk=grid.pk).update(measured=MEASURED)
    said = {"id": grid.pk, "measured": MEASURED}
    Version.objects.filter(pk=version.pk).update(preview_grid=said)
    record_measured_strength(version=version, recommended=0.75, least=0.5, most=1.0)
    version.refresh_from_db()
    return version


def page(client: Client, address: str = "/alice/ink", status: int = 200, **query: str) -> str:
    response = client.get(address, query)
    assert response.status_code == status
    return response.content.decode()
