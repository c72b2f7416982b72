"""A line for every request, and the id that goes along: into jobs, audit lines and the answer."""

import logging
import re
import time
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any, Final
from uuid import uuid4

import structlog
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.functional import SimpleLazyObject

from hub.logging import HIDDEN

logger = structlog.get_logger(__name__)
WELL_FORMED: Final = re.compile(r"[A-Za-z0-9._-]{8,64}")
# Parts of addresses that let whoever reads them in, by their names in the URL patterns.
SECRET_PARTS: Final = ("key", "token", "signature", "code")


class RequestLog:
    """Binds `request_id` and `ip` for every line that is logged on the way, then logs the answer.

    A proxy's or a client's own well-formed X-Request-ID is kept; any other is replaced.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request_id = request_id_of(request)
        structlog.contextvars.clear_contextvars()
        with structlog.contextvars.bound_contextvars(request_id=request_id, ip=address_of(request)):
            started = time.perf_counter()
            response = self._get_response(request)
            logger.log(
                level_of(response.status_code),
                "request",
                method=request.method,
                path=loggable_path(request),
                status=response.status_code,
                ms=round((time.perf_counter() - started) * 1000, 1),
                user=known_user(request),
                agent=request.headers.get("User-Agent", "")[:200],
            )
        response["X-Request-ID"] = request_id
        return response


def request_id_of(request: HttpRequest) -> str:
    told = request.headers.get("X-Request-ID", "")
    return told if WELL_FORMED.fullmatch(told) else uuid4().hex


def address_of(request: HttpRequest) -> str | None:
    """The visitor's address, as told by the proxies that we trust and by nobody before them."""
    candidate = request.META.get("REMOTE_ADDR", "")
    forwarded = request.headers.get("X-Forwarded-For", "").split(",")
    if 0 < settings.TRUSTED_PROXIES <= len(forwarded) and any(forwarded):
        candidate = forwarded[-settings.TRUSTED_PROXIES]
    try:
        return str(ip_address(candidate.strip()))
    except ValueError:
        return None


def loggable_path(request: HttpRequest) -> str:
    """Without the query, where `?token=` and searches are, and without secret parts."""
    path = request.path
    match = request.resolver_match
    for name, value in (match.kwargs if match else {}).items():
        if name in SECRET_PARTS and isinstance(value, str):
            path = path.replace(value, HIDDEN)
    return path


def known_user(request: HttpRequest) -> Any:
    """Who it was, if answering needed to know: asking here would cost every request a query."""
    user = vars(request).get("user")
    if isinstance(user, SimpleLazyObject):
        user = vars(request).get("_cached_user")
    return getattr(user, "pk", None)


def level_of(status: int) -> int:
    return logging.ERROR if status >= 500 else logging.INFO
