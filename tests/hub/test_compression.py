"""What travels compressed, and what must not."""

import gzip

import pytest
from django.test import Client

from tests.factories import PublishedVersionFactory

pytestmark = pytest.mark.django_db
GZIP = {"Accept-Encoding": "gzip, deflate, br"}


def test_a_page_travels_compressed(anonymous: Client) -> None:
    page = anonymous.get("/", headers=GZIP)
    assert page["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in page["Vary"]
    assert gzip.decompress(page.content).endswith(b"</html>\n")
    assert len(page.content) < len(anonymous.get("/").content) / 2


def test_for_who_does_not_ask_it_goes_as_it_is(anonymous: Client) -> None:
    assert "Content-Encoding" not in anonymous.get("/")


def test_two_answers_of_one_page_differ_in_length(anonymous: Client) -> None:
    """Otherwise whoever can put words onto a page could guess the secrets that it carries."""
    lengths = {len(anonymous.get("/find", headers=GZIP).content) for _ in range(20)}
    assert len(lengths) > 1


@pytest.mark.parametrize("path", ["/api/v1/models", "/feed.atom"])
def test_programs_get_what_they_always_got(anonymous: Client, path: str) -> None:
    PublishedVersionFactory()
    assert "Content-Encoding" not in anonymous.get(path, headers=GZIP)
