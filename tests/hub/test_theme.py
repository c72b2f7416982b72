"""Dark or light is the visitor's choice, kept in a cookie."""

import pytest
from django.test import Client, RequestFactory

from hub.context import theme_of
from hub.theme import set_theme

pytestmark = pytest.mark.django_db


def test_dark_is_the_default_and_an_unknown_theme_is_dark(anonymous: Client) -> None:
    assert b'data-theme="dark"' in anonymous.get("/").content
    anonymous.cookies["theme"] = '"><script>'
    assert b'data-theme="dark"' in anonymous.get("/").content


def test_a_choice_is_kept_and_leads_back(anonymous: Client) -> None:
    response = anonymous.post("/theme", {"theme": "light", "next": "/?q=ink"})

    assert (response.status_code, response["Location"]) == (302, "/?q=ink")
    assert response.cookies["theme"]["samesite"] == "Lax"
    assert b'data-theme="light"' in anonymous.get("/").content


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", "javascript:x"])
def test_it_leads_nowhere_else(anonymous: Client, elsewhere: str) -> None:
    response = anonymous.post("/theme", {"theme": "light", "next": elsewhere})

    assert response["Location"] == "/"


def test_it_needs_no_token_so_that_public_pages_need_no_cookie() -> None:
    strict = Client(enforce_csrf_checks=True)

    assert strict.post("/theme", {"theme": "light"}).status_code == 302
    assert not strict.get("/").cookies


def test_an_unknown_choice_changes_nothing(rf: RequestFactory) -> None:
    request = rf.post("/theme", {"theme": "sepia"})
    request.COOKIES["theme"] = "light"

    assert not set_theme(request).cookies
    assert theme_of(request) == "light"
