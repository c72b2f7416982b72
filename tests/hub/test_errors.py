"""Everything that can go wrong ends in a page of ours, or in JSON under /api/."""

from collections.abc import Iterator

import pytest
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import path
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_POST

from hub import errors, urls
from registry.errors import BytesGone, NotAllowed, StorageTrouble


def explode(request: HttpRequest, how: str) -> HttpResponse:
    raise {
        "suspicious": SuspiciousOperation("path outside the folder"),
        "too-big": RequestDataTooBig("body over the limit"),
        "denied": PermissionDenied("Ask <Alice> first."),
        "absent": Http404("secret model name"),
        "bug": RuntimeError("secret detail"),
        "not-allowed": NotAllowed(action="edit"),
        "gone": BytesGone(),
        "trouble": StorageTrouble(key="k", reason="disk"),
    }[how]


def bare(request: HttpRequest, status: int) -> HttpResponse:
    return HttpResponse(status=status, headers={"Retry-After": "30"})


urlpatterns = [
    path("explode/<str:how>", explode),
    path("api/explode/<str:how>", explode),
    path("bare/<int:status>", bare),
    path("api/bare/<int:status>", bare),
    path("written", lambda request: HttpResponse("the file is 3 GB", status=413)),
    path("only-post", require_POST(explode)),
    path("api/only-post", require_POST(explode)),
    path("guarded", csrf_protect(lambda request: HttpResponse("ok"))),
    *urls.urlpatterns,
]
handler400, handler403, handler404 = urls.handler400, urls.handler403, urls.handler404
handler429, handler500 = urls.handler429, urls.handler500


@pytest.fixture
def browser() -> Iterator[Client]:
    """Sees the answer, not the exception, as a browser does."""
    with override_settings(ROOT_URLCONF=__name__):
        yield Client(raise_request_exception=False)


@pytest.mark.parametrize(
    ("address", "status", "words"),
    [
        ("/explode/suspicious", 400, "could not read that"),
        ("/explode/too-big", 413, "too big"),
        ("/explode/denied", 403, "Ask &lt;Alice&gt; first."),
        ("/explode/absent", 404, "Nothing hangs here"),
        ("/explode/bug", 500, "Something broke on our side"),
        ("/explode/not-allowed", 403, "Only its creator may do this."),
        ("/explode/gone", 410, "Its files were erased."),
        ("/explode/trouble", 503, "The storage did not take a file."),
        ("/only-post", 405, "not how this page works"),
        ("/bare/413", 413, "too big"),
        ("/bare/429", 429, "Too fast"),
    ],
)
def test_a_page_says_what_is_wrong(browser: Client, address: str, status: int, words: str) -> None:
    response = browser.get(address)

    assert response.status_code == status
    assert response["Content-Type"].startswith("text/html")
    text = response.content.decode()
    assert words in text
    assert "secret" not in text
    assert "css/tokens.css" in text
    assert "style=" not in text


@pytest.mark.parametrize(
    ("address", "status", "error"),
    [
        ("/api/explode/suspicious", 400, "Bad request"),
        ("/api/explode/denied", 403, "Ask <Alice> first."),
        ("/api/explode/absent", 404, "Not found"),
        ("/alice/ink-wash/resolve/main/%0A", 404, "Not found"),
        ("/api/explode/bug", 500, "Internal error"),
        ("/api/only-post", 405, "Method not allowed"),
        ("/api/bare/413", 413, "Too large"),
        ("/api/bare/429", 429, "Too many requests"),
    ],
)
def test_programs_get_json(browser: Client, address: str, status: int, error: str) -> None:
    response = browser.get(address)

    assert response.status_code == status
    assert response.json() == {"error": error}


def test_an_answer_keeps_the_headers_that_say_what_to_do(browser: Client) -> None:
    assert browser.get("/only-post")["Allow"] == "POST"
    assert browser.get("/bare/429")["Retry-After"] == "30"


def test_a_body_that_the_view_wrote_is_left_alone(browser: Client) -> None:
    assert browser.get("/written").content == b"the file is 3 GB"


def test_a_form_without_its_token_is_told_about_cookies_and_age() -> None:
    with override_settings(ROOT_URLCONF=__name__):
        response = Client(enforce_csrf_checks=True).post("/guarded")

    assert response.status_code == 403
    assert "This form was open for too long" in response.content.decode()


def test_a_person_who_tries_too_often_is_told_to_wait() -> None:
    response = errors.too_many_requests(HttpRequest())

    assert response.status_code == 429
    assert response["Retry-After"] == "60"


def test_pages_are_in_the_visitors_theme(browser: Client) -> None:
    browser.cookies["theme"] = "light"

    for address in ("/explode/absent", "/explode/bug"):
        assert 'data-theme="light"' in browser.get(address).content.decode()


def test_pages_need_no_database(browser: Client) -> None:
    """pytest-django forbids the database here: a query would be an error of its own."""
    browser.cookies["sessionid"] = "someone"

    assert "Nothing hangs here" in browser.get("/explode/absent").content.decode()
    assert "on our side" in browser.get("/explode/bug").content.decode()


def test_the_last_page_stands_when_its_template_breaks(
    browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: object) -> str:
        raise OSError("no template")

    monkeypatch.setattr(errors, "render_to_string", broken)
    response = browser.get("/explode/bug")

    assert response.status_code == 500
    assert response.content.decode() == errors.LAST_RESORT


def test_what_broke_has_a_number_to_tell_us(browser: Client) -> None:
    response = browser.get("/explode/bug", headers={"x-request-id": "request-17"})

    assert "<code>request-17</code>" in response.content.decode()
