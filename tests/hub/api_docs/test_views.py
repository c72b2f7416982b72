"""`/api/docs`: everything that the schema has, on one page."""

import re

import pytest
from django.conf import settings
from django.test import Client

from registry.api.schema.document import document

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(anonymous: Client) -> str:
    answer = anonymous.get("/api/docs")
    assert answer.status_code == 200
    return answer.content.decode()


def test_every_operation_and_shape_is_there_once(page: str) -> None:
    schema = document().schema
    operations = [each for item in schema["paths"].values() for each in item.values()]
    named = [each["operationId"] for each in operations]
    shapes = [
        name for name, each in schema["components"]["schemas"].items() if "properties" in each
    ]
    for anchor in [*named, *(f"shape-{name}" for name in shapes)]:
        assert page.count(f'id="{anchor}"') == 1, anchor


def test_its_links_lead_somewhere(page: str) -> None:
    targets = set(re.findall(r'href="#([^"]+)"', page))
    assert targets - set(re.findall(r'id="([^"]+)"', page)) == set()


def test_the_limits_are_those_of_the_settings(page: str) -> None:
    for pair in settings.API_LIMITS.values():
        for number in pair:
            assert f'<td class="number">{number}</td>' in page


def test_nothing_inline_for_the_content_security_policy(page: str) -> None:
    assert not re.search(r"<[^>]+\s(style|on\w+)=", page)
    assert not re.search(r"<script(?![^>]+src=)", page)


def test_it_is_found_from_every_page(anonymous: Client) -> None:
    assert 'href="/api/docs"' in anonymous.get("/").content.decode()
