"""The API's own description: valid, whole, the same each time, and true of real answers."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from django.test import Client
from drf_spectacular.drainage import GENERATOR_STATS
from jsonschema_rs import Draft202012Validator
from openapi_spec_validator import validate

from registry.api.schema.document import document
from registry.models import User, Version
from registry.networks import delete_network
from tests.factories import NetworkFactory, PublishedVersionFactory
from tests.uploads import FIXTURES, ingested

pytestmark = pytest.mark.django_db
SCHEMA = "/api/v1/schema"


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document().schema["paths"].items():
        for method, operation in item.items():
            yield method, path, operation


def test_it_is_valid_openapi() -> None:
    assert document().schema["openapi"] == "3.1.0"
    validate(document().schema)


def test_every_view_is_documented() -> None:
    document.cache_clear()
    GENERATOR_STATS.reset()
    document()
    assert not GENERATOR_STATS._warn_cache
    assert not GENERATOR_STATS._error_cache


def test_each_operation_says_what_it_is_and_has_a_name_of_its_own() -> None:
    names = [operation["operationId"] for _, _, operation in operations()]
    assert len(names) == len(set(names))
    known = {tag["name"] for tag in document().schema["tags"]}
    for _, _, operation in operations():
        assert operation["summary"]
        assert operation["tags"][0] in known


def test_every_answer_says_what_is_left_of_the_window_and_refusals_when_to_come_back() -> None:
    for _, _, operation in operations():
        for status, answer in operation["responses"].items():
            assert {"RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"} <= set(
                answer["headers"]
            )
            assert ("Retry-After" in answer["headers"]) == (status in ("429", "503"))
        assert {"429", "503"} <= set(operation["responses"])


def test_what_needs_a_key_says_401_and_403() -> None:
    for _, _, operation in operations():
        if {} not in operation["security"]:
            assert {"401", "403"} <= set(operation["responses"])


def test_it_is_the_same_each_time() -> None:
    first = document()
    document.cache_clear()
    assert document().etag == first.etag


def test_it_is_served_to_everyone_and_not_sent_again(anonymous: Client) -> None:
    answer = anonymous.get(SCHEMA)
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/vnd.oai.openapi+json"
    assert answer.json() == document().schema
    again = anonymous.get(SCHEMA, headers={"If-None-Match": answer["ETag"]})
    assert again.status_code == 304


# --- True of real answers -------------------------------------------------------------------------


def closed(node: Any) -> Any:
    """The same where no object may have a property that is not described."""
    if isinstance(node, list):
        return [closed(each) for each in node]
    if not isinstance(node, dict):
        return node
    node = {key: closed(value) for key, value in node.items()}
    if isinstance(node.get("properties"), dict) and "type" in node:
        node.setdefault("additionalProperties", False)
    return node


def holds(shape: str, value: Any) -> None:
    schemas = closed(deepcopy(document().schema["components"]))
    validator = Draft202012Validator(
        {"$ref": f"#/components/schemas/{shape}", "components": schemas}
    )
    errors = [f"{error.instance_path}: {error.message}" for error in validator.iter_errors(value)]
    assert not errors, "\n".join(errors)


@pytest.fixture
def version(alice: User) -> Version:
    return PublishedVersionFactory(network=NetworkFactory(creator=alice, tags=["ink"]))


def test_the_shapes_of_the_catalogue(anonymous: Client, version: Version) -> None:
    digest = version.files.get(is_primary=True).sha256
    for address, shape in (
        ("models", "Models"),
        (f"models/{version.network_id}", "Model"),
        (f"model-versions/{version.pk}", "Version"),
        (f"model-versions/by-hash/{digest}", "Version"),
        (f"model-versions/mini/{version.pk}", "VersionMini"),
        ("images", "Images"),
        ("creators", "Creators"),
        ("tags", "Tags"),
    ):
        holds(shape, anonymous.get(f"/api/v1/{address}").json())


def test_the_shape_of_a_tombstone(anonymous: Client, version: Version, alice: User) -> None:
    delete_network(network=version.network, by=alice, reason="A better one.")
    model = anonymous.get(f"/api/v1/models/{version.network_id}").json()
    assert model["mode"] == "Archived"
    holds("Model", model)


def test_the_shapes_of_repositories(anonymous: Client, version: Version) -> None:
    address = f"/api/models/alice/{version.network.slug}"
    holds("Repository", anonymous.get(address).json())
    for entry in anonymous.get(f"{address}/tree/main").json():
        holds("TreeEntry", entry)
    for summary in anonymous.get("/api/models").json():
        holds("RepositorySummary", summary)


@pytest.mark.usefixtures("own_files")
def test_the_shape_of_an_upload_that_was_checked(alice_client: Client, alice: User) -> None:
    content = (FIXTURES / next(p.name for p in sorted(FIXTURES.glob("*.pt")))).read_bytes()
    for upload in (
        ingested(content, owner=alice, name="ink.pt"),
        ingested(b"nothing", owner=alice, name="no.pt"),
    ):
        holds("Upload", alice_client.get(f"/api/v1/uploads/{upload.pk}").json())
    holds("Uploads", alice_client.get("/api/v1/uploads").json())


def test_the_shapes_of_errors(anonymous: Client, alice_client: Client) -> None:
    holds("Error", anonymous.get("/api/v1/me").json())
    holds("BadRequest", anonymous.get("/api/v1/models?sort=Best").json())
    holds("Me", alice_client.get("/api/v1/me").json())
