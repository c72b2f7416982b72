"""What went wrong, as a page in our look; under /api/ as JSON.

The pages need neither database nor session nor context processors: those may be what broke.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import structlog
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from redis import RedisError

from hub.context import theme_of
from registry.errors import Conflict, Forbidden, Gone, HubError, PartAway, Temporary, TooMuch

Text = str | Promise


@dataclass(frozen=True)
class Trouble:
    """What is wrong, what to do, and the same for programs."""

    title: Text
    sentence: Text
    api_error: str


TROUBLES: Final[Mapping[int, Trouble]] = {
    400: Trouble(
        _("The hub could not read that"),
        _("Something in the address or the form is not as it should be. Go back and try again."),
        "Bad request",
    ),
    403: Trouble(
        _("This is not open to you"),
        _("It belongs to someone else, or you are signed in as another person than you think."),
        "Forbidden",
    ),
    404: Trouble(
        _("Nothing hangs here"),
        _("The address is misspelt, or what was here has moved or is gone."),
        "Not found",
    ),
    405: Trouble(
        _("That is not how this page works"),
        _("It cannot be opened by that kind of request. Go back and use the page’s own buttons."),
        "Method not allowed",
    ),
    409: Trouble(
        _("That cannot be done now"),
        _("Something changed in the meantime. Reload the page and look again."),
        "Conflict",
    ),
    410: Trouble(
        _("This was taken down"),
        _("It was here once. It was removed for good."),
        "Gone",
    ),
    413: Trouble(
        _("That is too big"),
        _("The hub does not take this much at once. Send a smaller file, or less of it."),
        "Too large",
    ),
    429: Trouble(
        _("Too fast"),
        _("That was tried too many times in a row. Wait a little, then try again."),
        "Too many requests",
    ),
    500: Trouble(
        _("Something broke on our side"),
        _("It is not your doing, and it is in our log. Try again in a moment."),
        "Internal error",
    ),
    503: Trouble(
        _("The hub is busy"),
        _("Nothing is wrong with what you did. Try again in a moment."),
        "Temporarily unavailable",
    ),
}
CSRF: Final = Trouble(
    _("This form was open for too long"),
    _(
        "Go back, reload the page and send it again. If that does not help, allow this site’s "
        "cookies: without them the hub cannot tell that a form is yours."
    ),
    "Forbidden",
)
STATUS_OF_KIND: Final[Mapping[type[HubError], int]] = {
    Forbidden: 403,
    Conflict: 409,
    Gone: 410,
    TooMuch: 413,
    Temporary: 503,
}
# No template, no static files: what is left to say when even the error page breaks.
LAST_RESORT: Final = (
    "<!doctype html><html lang=en><meta charset=utf-8><title>HyperHub</title>"
    "<h1>Something broke on our side</h1><p>Try again in a moment.</p></html>"
)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return answer(request, 413 if isinstance(exception, RequestDataTooBig) else 400)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """The reason that our code gave to PermissionDenied is shown; it is written for people."""
    reason = str(exception) if isinstance(exception, PermissionDenied) else ""
    return answer(request, 403, sentence=reason)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Django's CSRF_FAILURE_VIEW; its technical reason is in the log already."""
    return answer(request, 403, trouble=CSRF)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return answer(request, 404)


def too_many_requests(
    request: HttpRequest, exception: Exception | None = None, retry_after: str = ""
) -> HttpResponse:
    """Also allauth's handler429, which says nothing of when."""
    response = answer(request, 429)
    response.headers["Retry-After"] = retry_after or "60"
    return response


def server_error(request: HttpRequest) -> HttpResponse:
    """Leans on nothing but its own template, and does without that if it must."""
    if for_program(request):
        return JsonResponse({"error": TROUBLES[500].api_error}, status=500)
    number = structlog.contextvars.get_contextvars().get("request_id", "")
    context = {"trouble": TROUBLES[500], "theme": theme_of(request), "number": number}
    try:
        return HttpResponse(render_to_string("errors/500.html", context), status=500)
    except Exception:
        structlog.get_logger(__name__).exception("error_page_broke")
        return HttpResponse(LAST_RESORT, status=500)


def answer(
    request: HttpRequest, status: int, *, sentence: str = "", trouble: Trouble | None = None
) -> HttpResponse:
    """`status` as a page, or as JSON under /api/; `sentence` says more than the usual words."""
    trouble = trouble or TROUBLES[status]
    if for_program(request):
        return JsonResponse({"error": sentence or trouble.api_error}, status=status)
    context = {
        "trouble": trouble,
        "sentence": sentence or trouble.sentence,
        "status": status,
        "theme": theme_of(request),
    }
    return HttpResponse(render_to_string("errors/page.html", context), status=status)


def for_program(request: HttpRequest) -> bool:
    """Those of the API, and of files as `huggingface_hub` addresses them."""
    return request.path.startswith("/api/") or request.path.split("/", 4)[3:4] == ["resolve"]


class ErrorPages:
    """Middleware: refusals of the domain, and bare 405, 413 and 429 answers, become pages."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if not isinstance(response, HttpResponse) or response.content:
            return response
        if request.method == "HEAD" or response.status_code not in (405, 413, 429):
            return response
        page = answer(request, response.status_code)
        for name in ("Allow", "Retry-After"):
            if name in response.headers:
                page.headers[name] = response.headers[name]
        page.cookies = response.cookies
        return page

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if isinstance(exception, RedisError):
            # Signing in counts its attempts there: better nobody than everybody who guesses.
            structlog.get_logger(__name__).error("part_away", error=repr(exception))
            exception = PartAway()
        if not isinstance(exception, HubError):
            return None
        status = next((s for kind, s in STATUS_OF_KIND.items() if isinstance(exception, kind)), 400)
        return answer(request, status, sentence=exception.message)
