"""What all views of the API have in common: limits, and one form of answer whatever is accepted."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import BaseParser, JSONParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from structlog.contextvars import get_contextvars

from registry import limits
from registry.api.errors import TooFast
from registry.errors import BodyTooLarge
from registry.limits import Window
from registry.models import User

READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class AlwaysTheSame(DefaultContentNegotiation):
    """An endpoint answers in one form; `Accept: application/octet-stream` must not cost a 406."""

    def select_renderer(
        self,
        request: Request,
        renderers: Iterable[BaseRenderer],
        format_suffix: str | None = None,
    ) -> tuple[BaseRenderer, str]:
        only = next(iter(renderers))
        return only, str(only.media_type)


class SmallJSON(JSONParser):
    """Not more than Django keeps of a form in memory: it is read whole."""

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        announced = int(parser_context["request"].META.get("CONTENT_LENGTH") or 0)
        if most is not None and announced > most:
            raise BodyTooLarge(most=most)
        return super().parse(stream, media_type, parser_context)


class ApiView(APIView):
    """The base of every view of the API. `limit_of` says which window a request counts in."""

    content_negotiation_class = AlwaysTheSame
    parser_classes: Sequence[type[BaseParser]] = (SmallJSON,)

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        response = super().finalize_response(request, response, *args, **kwargs)
        if isinstance(response, Response):  # a view may answer by a stream or a redirect too
            response.add_post_render_callback(_without_its_data)
        return response

    def limit_of(self, request: Request) -> str:
        """A key of `settings.API_LIMITS`."""
        return "read" if request.method in READING else "write"

    def perform_authentication(self, request: Request) -> None:
        """Counted before anything is looked up, and refusals too: guessing keys is asking."""
        try:
            super().perform_authentication(request)
        finally:
            # A browser without its CSRF token is refused here: nobody, from then on.
            window = _counted(self.limit_of(request), request)
            vars(request._request)["rate_limit_window"] = window
        if window is not None and window.exceeded:
            raise TooFast(window.reset)


def _without_its_data(response: Response) -> None:
    """A view and its answer refer to each other: what was said would wait for a collection, and
    hundreds of said pages would stop a later request for 50 ms."""
    response.data = None
    vars(response)["renderer_context"] = {}


def address_of(request: Request) -> str:
    """The visitor's own address, not the proxy's: as the log has it."""
    return str(get_contextvars().get("ip") or request.META.get("REMOTE_ADDR", ""))


def _counted(kind: str, request: Request) -> Window | None:
    if isinstance(request.user, User):
        return limits.take(kind, who=limits.person(request.user), known=True)
    return limits.take(kind, who=limits.address(address_of(request)), known=False)


class RateLimitHeaders:
    """Middleware: what is left of the window, as draft-ietf-httpapi-ratelimit-headers-06 says it.

    Outside of the one that makes 304 of an answer, which drops headers that it does not know.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self._get_response(request)
        window: Window | None = vars(request).get("rate_limit_window")
        if window is not None:
            response["RateLimit-Limit"] = str(window.limit)
            response["RateLimit-Remaining"] = str(window.remaining)
            response["RateLimit-Reset"] = str(window.reset)
            response["RateLimit-Policy"] = f"{window.limit};w={limits.WINDOW_SECONDS}"
        return response
