"""Grids by API: asked for, read as they grow, cancelled; prompts; base models."""

import pytest
from django.test import Client

from inference.models import BaseModel, PreviewGrid
from registry.models import User, Version
from tests.factories import CheckedVersionFactory, NetworkFactory
from tests.inference.conftest import Painted, make_base_model
from tests.jobs import run_waiting_jobs

pytestmark = pytest.mark.django_db(transaction=True)
JSON = "application/json"


@pytest.fixture
def version(alice: User) -> Version:
    checked: Version = CheckedVersionFactory(network=NetworkFactory(creator=alice))
    return checked


def address(version: Version, what: str) -> str:
    return f"/api/v1/model-versions/{version.pk}/{what}"


def test_from_asking_to_the_pictures(
    version: Version, base_model: BaseModel, painted: Painted, alice_client: Client
) -> None:
    asked = alice_client.post(address(version, "grids"), {}, JSON)
    assert asked.status_code == 202
    grid = asked.json()
    assert grid["status"] == "waiting"
    assert grid["progress"] == {"done": 0, "total": 24}
    assert {cell["state"] for cell in grid["cells"]} == {"waiting"}
    assert {cell["url"] for cell in grid["cells"]} == {None}
    place = asked["Location"]

    waiting = alice_client.get(place)
    again = alice_client.get(place, headers={"If-None-Match": waiting["ETag"]})
    assert again.status_code == 304
    run_waiting_jobs(queue="render")
    done = alice_client.get(place, headers={"If-None-Match": waiting["ETag"]})
    assert done.status_code == 200
    assert done.json()["status"] == "done"
    assert done["Cache-Control"] == "private, no-cache"
    picture = alice_client.get(done.json()["cells"][7]["url"])
    assert picture["Content-Type"] == "image/webp"

    assert alice_client.post(address(version, "grids"), {}, JSON).status_code == 200
    assert alice_client.post(address(version, "grids"), {"again": True}, JSON).status_code == 202
    listed = alice_client.get(address(version, "grids")).json()["items"]
    assert [each["status"] for each in listed] == ["waiting", "done"]


def test_cells_by_their_state(
    version: Version, base_model: BaseModel, painted: Painted, alice_client: Client
) -> None:
    grid = alice_client.post(address(version, "grids"), {}, JSON).json()["id"]
    cells = f"/api/v1/grids/{grid}/cells"
    assert len(alice_client.get(cells).json()["items"]) == 24
    assert alice_client.get(f"{cells}?state=done").json()["items"] == []
    assert alice_client.get(f"{cells}?state=lost").status_code == 400


def test_cancelled(version: Version, base_model: BaseModel, alice_client: Client) -> None:
    grid = alice_client.post(address(version, "grids"), {}, JSON).json()["id"]
    answer = alice_client.post(f"/api/v1/grids/{grid}/cancel", {}, JSON)
    assert (answer.status_code, answer.json()["status"]) == (202, "cancelled")
    assert alice_client.post(f"/api/v1/grids/{grid}/cancel", {}, JSON).status_code == 409


@pytest.mark.parametrize(
    ("body", "status"),
    [({"baseModelId": 10**9}, 404), ({"baseModelId": "x"}, 400), ({"speed": 1}, 400)],
)
def test_what_is_not_taken(
    body: dict[str, object],
    status: int,
    version: Version,
    base_model: BaseModel,
    alice_client: Client,
) -> None:
    assert alice_client.post(address(version, "grids"), body, JSON).status_code == status
    assert not PreviewGrid.objects.exists()


def test_no_base_model_is_a_sentence(version: Version, alice_client: Client) -> None:
    answer = alice_client.post(address(version, "grids"), {}, JSON)
    assert answer.status_code == 409
    assert answer.json()["code"] == "no-base-model"


def test_own_prompts(version: Version, base_model: BaseModel, alice_client: Client) -> None:
    place = address(version, "prompts")
    answer = alice_client.put(place, {"prompts": ["a fox", "two foxes"]}, JSON)
    assert answer.status_code == 200
    assert [each["text"] for each in answer.json()["items"]] == ["a fox", "two foxes"]
    assert alice_client.get(place).json() == answer.json()
    for wrong in (["a"] * 3, ["<lora:x:1>"], [""], ["x" * 301]):
        assert alice_client.put(place, {"prompts": wrong}, JSON).status_code == 400
    assert alice_client.get(place).json() == answer.json()


def test_base_models_without_their_paths(base_model: BaseModel, anonymous: Client) -> None:
    make_base_model(name="off", is_enabled=False)
    (shown,) = anonymous.get("/api/v1/base-models").json()["items"]
    assert shown["name"] == "Small SD"
    assert shown["settings"]["steps"] == 4
    assert len(shown["suites"]["style"]) == 4
    assert "/nowhere" not in str(shown)
