"""Side by side: what can be compared is, and why the rest cannot is said."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from inference.models import BaseModel
from registry.models import ContentLevel, User, Version
from tests.factories import VersionFactory
from tests.grids import grid_of
from tests.hub.gallery.networks import published
from tests.inference.conftest import make_base_model

pytestmark = pytest.mark.django_db


@pytest.fixture
def base_model(db: None) -> BaseModel:
    return make_base_model()


def page_of(client: Client, *versions: Version, **query: str | int) -> str:
    keys = ",".join(str(version.pk) for version in versions)
    response = client.get("/compare", {"v": keys, **query})
    assert response.status_code == 200
    return response.content.decode()


def shown(page: str) -> list[str]:
    """Alternative texts of the pictures that stand at the chosen strength."""
    parts = page.split('class="compare-shot shown"')[1:]
    return [part.split('alt="')[1].split('"')[0] for part in parts if "<img" not in part[:4]]


def test_same_prompt_seed_and_strength(
    anonymous: Client, alice: User, base_model: BaseModel
) -> None:
    first, second = published(alice, "Ink"), published(alice, "Gouache")
    for version in (first, second):
        grid_of(version, base_model=base_model, prompts=["a fox", "a house"], seed=7)
    page = page_of(anonymous, first, second, prompt=1, strength="0.5")

    assert shown(page) == ["a house, at strength 0.5"] * 2
    assert "seed (7)" in page
    assert base_model.name in page


def test_the_order_is_that_of_the_address(anonymous: Client, alice: User) -> None:
    first, second = published(alice, "Ink"), published(alice, "Gouache")
    page = page_of(anonymous, second, first)

    assert page.index("<bdi>Gouache</bdi>") < page.index("<bdi>Ink</bdi>")


def test_what_has_no_pictures_says_so(
    anonymous: Client, alice: User, base_model: BaseModel
) -> None:
    first, second = published(alice, "Ink"), published(alice, "Gouache")
    grid_of(first, base_model=base_model)

    assert "its previews are not rendered yet" in page_of(anonymous, first, second)


def test_another_base_model_says_so(anonymous: Client, alice: User, base_model: BaseModel) -> None:
    other = make_base_model(name="Other SD", stands_for=["SD 2.1"])
    versions = [published(alice, name) for name in ("Ink", "Gouache", "Etching")]
    for version, base in zip(versions, (base_model, base_model, other), strict=True):
        grid_of(version, base_model=base)
    page = page_of(anonymous, *versions)

    assert len(shown(page)) == 2
    assert "Rendered on “Other SD”" in page


def test_other_prompts_say_so(anonymous: Client, alice: User, base_model: BaseModel) -> None:
    first, second = published(alice, "Ink"), published(alice, "Gouache")
    grid_of(first, base_model=base_model, prompts=["a fox"])
    grid_of(second, base_model=base_model, prompts=["a person"])
    page = page_of(anonymous, first, second)

    assert len(shown(page)) == 1
    assert "Rendered with other prompts" in page


def test_only_the_prompts_that_all_have(
    anonymous: Client, alice: User, base_model: BaseModel
) -> None:
    first, second = published(alice, "Ink"), published(alice, "Gouache")
    grid_of(first, base_model=base_model, prompts=["a fox", "my own prompt"])
    grid_of(second, base_model=base_model, prompts=["a house", "a fox"])
    page = page_of(anonymous, first, second)

    assert "a fox" in page
    assert "my own prompt" not in page


def test_the_nearest_strength_is_shown(
    anonymous: Client, alice: User, base_model: BaseModel
) -> None:
    version = published(alice, "Ink")
    grid_of(version, base_model=base_model, prompts=["a fox"])

    assert shown(page_of(anonymous, version, strength="0.6")) == ["a fox, at strength 0.5"]
    assert shown(page_of(anonymous, version, strength="nonsense")) == ["a fox, at strength 1"]


def test_what_the_viewer_may_not_see(anonymous: Client, alice: User) -> None:
    draft = VersionFactory(network=published(alice, "Ink").network)
    page = page_of(anonymous, draft)

    assert "One of them is not here" in page


def test_pictures_above_the_viewers_level_are_covered(
    anonymous: Client, alice: User, base_model: BaseModel
) -> None:
    version = published(alice, "Night", content_level=ContentLevel.EXPLICIT)
    grid_of(version, base_model=base_model, level=ContentLevel.EXPLICIT)
    page = page_of(anonymous, version)

    assert "Explicit" in page
    assert not shown(page)


@pytest.mark.parametrize(
    "address", ["alice/ink", "https://hub.example/alice/ink?x=1", "/Alice/ink/"]
)
def test_one_more_by_its_address(anonymous: Client, alice: User, address: str) -> None:
    version = published(alice, "Ink")
    response = anonymous.get("/compare", {"v": "99", "add": address})

    assert response.headers["Location"] == f"/compare?v=99,{version.pk}"


@pytest.mark.parametrize("address", ["nonsense", "alice/nothing", "\0"])
def test_an_address_that_leads_nowhere_is_said(
    anonymous: Client, alice: User, address: str
) -> None:
    assert "No network has this address" in page_of(anonymous, add=address)


@pytest.mark.parametrize("keys", ["", "x", "1,,2", "-1", "9" * 30, "²"])
def test_strange_numbers_are_no_error(anonymous: Client, keys: str) -> None:
    assert anonymous.get("/compare", {"v": keys}).status_code == 200


def test_more_than_hang_side_by_side(anonymous: Client) -> None:
    page = anonymous.get("/compare", {"v": "1,2,3,4,5,6,7"}).content.decode()

    assert "At most 6 hang side by side" in page


def test_more_versions_take_no_more_queries(
    anonymous: Client, alice: User, base_model: BaseModel
) -> None:
    versions = [published(alice, f"Ink {number}") for number in range(5)]
    for version in versions:
        grid_of(version, base_model=base_model)

    def queries(*shown: Version) -> int:
        with CaptureQueriesContext(connection) as captured:
            page_of(anonymous, *shown)
        return len(captured)

    few = queries(*versions[:2])
    assert queries(*versions) == few <= 12
