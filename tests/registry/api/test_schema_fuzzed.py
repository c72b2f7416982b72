"""Every operation of the schema with what its schema allows and what it does not: no 500, and no
answer (status, headers, content type, body) that the schema does not tell of.

The same requests each time: nothing is drawn by chance. Among the values of parameters are real
ones, so that not all ends at 404.
"""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any, Final

import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, settings
from schemathesis.checks import CHECKS as KNOWN
from schemathesis.checks import load_all_checks

from inference.previews import ask_for_grid, cancel_grid
from registry.api.schema.document import document
from registry.api_keys import create_api_key
from registry.downloads import address_of_bytes
from registry.models import Scope, User
from registry.uploads import create_upload
from registry.webhooks import create_webhook, ping
from tests.factories import CheckedVersionFactory, NetworkFactory, PublishedVersionFactory
from tests.inference.conftest import make_base_model

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

load_all_checks()
schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")
CHECKS: Final = KNOWN.get_by_names(
    [
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
    ]
)


schema = schemathesis.openapi.from_dict(deepcopy(document().schema))
schema.app = WSGIHandler()


@pytest.fixture(autouse=True)
def one_connection() -> Iterator[None]:
    """The one with the test's transaction: as Django's own test client keeps it."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def real(alice: User) -> dict[str, list[Any]]:
    """Values of path parameters that are there."""
    published = PublishedVersionFactory(network=NetworkFactory(creator=alice))
    draft = CheckedVersionFactory(network=NetworkFactory(creator=alice))
    upload = create_upload(by=alice, name="ink.pt", size=8)
    primary = published.files.get(is_primary=True)
    webhook = create_webhook(by=alice, url="https://example.org/hook", events=["version.published"])
    make_base_model()
    grid = ask_for_grid(version=published, by=alice)
    cancel_grid(grid=grid, by=alice)
    signature = address_of_bytes(primary).split("/")[2]
    return {
        "network_id": [published.network_id, draft.network_id],
        "version_id": [published.pk, draft.pk],
        "upload_id": [str(upload.pk)],
        "webhook_id": [webhook.pk],
        "delivery_id": [ping(webhook=webhook, by=alice).pk],
        "grid_id": [grid.pk],
        "job_id": [str(grid.job_id)],
        "digest": [primary.sha256, primary.autov2.upper()],
        "signature": [signature],
        "creator": ["alice"],
        "slug": [published.network.slug],
        "revision": ["main", published.name],
        "name": [primary.name],
    }


@pytest.fixture
def key(alice: User) -> str:
    return create_api_key(user=alice, name="all", scopes=list(Scope), expires_at=None)[1]


@pytest.mark.parametrize("caller", ["anonymous", "alice"])
@schema.parametrize()
@settings(
    max_examples=10,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
def test_nothing_undocumented(case: Any, caller: str, key: str, real: dict[str, list[Any]]) -> None:
    case.path_parameters = {
        name: _often_real(value, real.get(name, []))
        for name, value in (case.path_parameters or {}).items()
    }
    headers = {"Authorization": f"Bearer {key}"} if caller == "alice" else {}
    case.call_and_validate(checks=CHECKS, headers=headers)


def _often_real(value: Any, there: list[Any]) -> Any:
    """Mostly one of those that are there; which is told by what was generated, not by chance."""
    choice = sum(str(value).encode()) % (len(there) + 1)
    return there[choice] if choice < len(there) else value
