"""`/help`: every page is there, costs no query, and leads nowhere that is not."""

import re

import pytest
from django.conf import settings
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from hub.help.topics import TOPICS, Topic, topic_after
from inference.previews import MULTIPLIERS
from registry.models.user import RESERVED_NAMES

pytestmark = pytest.mark.django_db
PAGES = ["/help", *(f"/help/{topic.slug}" for topic in TOPICS)]
EACH = pytest.mark.parametrize("topic", [pytest.param(each, id=each.slug) for each in TOPICS])


def page(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, address
    return answer.content.decode()


@pytest.mark.parametrize("address", PAGES)
def test_a_stranger_reads_it_without_a_query(
    address: str, anonymous: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        page(anonymous, address)


@pytest.mark.parametrize("address", PAGES)
def test_every_link_leads_somewhere(address: str, anonymous: Client) -> None:
    shown = page(anonymous, address)
    main = shown[shown.index("<main") : shown.index("</main>")]
    links = set(re.findall(r'<a [^>]*?href="([^"]+)"', main))
    assert links
    for link in links:
        if link.startswith("#"):
            assert f'id="{link[1:]}"' in main, link
        else:
            assert anonymous.get(link).status_code in (200, 302), link


@EACH
def test_its_sections_are_those_of_its_contents(topic: Topic, anonymous: Client) -> None:
    shown = page(anonymous, f"/help/{topic.slug}")
    sections = re.findall(r'<section id="(\w+)">\s*<h2>(.+?)</h2>', shown)
    assert sections == [(anchor, str(title)) for anchor, title in topic.sections.items()]
    assert f"<h1>{topic.title}</h1>" in shown


@EACH
def test_it_names_the_next_one(topic: Topic, anonymous: Client) -> None:
    after = topic_after(topic)
    shown = page(anonymous, f"/help/{topic.slug}")
    assert ("prose-after" in shown) == (after is not None)
    if after:
        assert f'href="/help/{after.slug}"' in shown[shown.index("prose-after") :]


def test_no_such_page(anonymous: Client) -> None:
    assert anonymous.get("/help/nonsense").status_code == 404
    assert anonymous.post("/help").status_code == 405


def test_figures_are_those_of_the_hub(anonymous: Client) -> None:
    assert ", ".join(f"{each:g}" for each in MULTIPLIERS) in page(anonymous, "/help/strength")
    assert f"{settings.QUARANTINE_DAYS} days" in page(anonymous, "/help/checks")


@pytest.mark.parametrize("address", PAGES)
def test_nothing_inline_for_the_content_security_policy(address: str, anonymous: Client) -> None:
    shown = page(anonymous, address)
    assert not re.search(r"<[^>]+\s(style|on\w+)=", shown)
    assert not re.search(r"<script(?![^>]+src=)", shown)


def test_it_is_found_from_every_page_and_nobody_can_be_called_so(anonymous: Client) -> None:
    assert 'href="/help"' in page(anonymous, "/")
    assert "help" in RESERVED_NAMES
