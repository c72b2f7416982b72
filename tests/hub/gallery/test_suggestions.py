"""What the list under the search field offers."""

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from registry.models import ContentLevel, User
from tests.factories import NetworkFactory
from tests.hub.gallery.networks import published

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _networks(alice: User, bob: User) -> None:
    alice.display_name = "Alice A."
    alice.save()
    published(alice, "Ink wash", tags=["ink", "ink wash"])
    published(alice, "Night", tags=["nocturne"], content_level=ContentLevel.EXPLICIT)
    NetworkFactory(creator=bob, name="Ink draft", tags=["inkblot"])


def addresses(client: Client, query: str) -> list[str]:
    page = client.get("/search/suggestions", {"q": query}).content.decode()
    return [part.split('"')[0].replace("&amp;", "&") for part in page.split('" href="')[1:]]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", []),
        ("   ", []),
        ("ink", ["/alice/ink-wash", "/tags/ink", "/tags/ink%20wash"]),
        ("ali", ["/alice"]),
        ("Alice", ["/alice"]),
        ("bob", []),
        ("tag:ink", ["/?q=tag%3Aink", "/?q=tag%3A%22ink+wash%22"]),
        ("night -tag:in", ["/?q=night+-tag%3Aink", "/?q=night+-tag%3A%22ink+wash%22"]),
        ("ink user:a", ["/?q=ink+user%3Aalice"]),
        ("kind:s", ["/?q=kind%3Astyle", "/?q=kind%3Asubject"]),
        ("ink kin", ["/?q=ink+kind%3Astyle", "/?q=ink+kind%3Asubject"]),
        ('tag:"', []),
        ("\0", []),
    ],
)
def test_only_the_last_term_is_completed(anonymous: Client, query: str, found: list[str]) -> None:
    assert addresses(anonymous, query) == found


def test_networks_above_the_viewers_level_are_not_named(anonymous: Client) -> None:
    assert "/alice/night" not in addresses(anonymous, "night")


def test_names_are_text(anonymous: Client, alice: User) -> None:
    published(alice, "<b>bold</b>", slug="bold")
    page = anonymous.get("/search/suggestions", {"q": "bold"}).content.decode()

    assert "&lt;b&gt;bold&lt;/b&gt;" in page


def test_it_is_cheap(
    anonymous: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_max_num_queries(5):
        addresses(anonymous, "ink")
