"""Request logs without secrets, and the address a request came from."""

import re
from ipaddress import ip_address
from typing import Any, Final

import structlog
from django.conf import settings
from django.http import HttpRequest
from django_structlog.middlewares import RequestMiddleware

# Keys in queries (`?token=` of the API, `?code=` of a device), and in the links of mails.
SECRET_PARTS: Final = re.compile(
    r"(?P<before>[?&](?:token|code)=|/account/(?:confirm-email|password/reset/key)/)[^&/#]+", re.I
)


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


class RequestLog(RequestMiddleware):
    @classmethod
    def bind_ip(cls, request: HttpRequest) -> None:
        structlog.contextvars.bind_contextvars(ip=address_of(request))

    @staticmethod
    def format_request(request: HttpRequest) -> Any:
        address = SECRET_PARTS.sub(r"\g<before>…", request.get_full_path())
        return f"{request.method} {address}"
