"""What all reading endpoints share: parameters, caching, pages."""

from dataclasses import dataclass
from typing import Any, Final

from django import forms
from django.utils.cache import patch_vary_headers
from django.utils.http import urlencode
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from registry.api.errors import Issues, issue
from registry.api.permissions import MayReadInPublic
from registry.api.view import ApiView
from registry.keyset import Page
from registry.models import ContentLevel

MAX_LIMIT: Final = 100
MAX_IMAGES: Final = 200
MAX_HASHES: Final = 100
MAX_HASHES_FOR_IDS: Final = 10_000
IMAGE_SORTS: Final = ("Newest", "Oldest")
# What clients say beside true and false when they ask for pictures.
IMAGE_LEVELS: Final = {
    "None": ContentLevel.GENERAL,
    "Soft": ContentLevel.GENERAL,
    "Mature": ContentLevel.MATURE,
    "X": ContentLevel.EXPLICIT,
}


class PublicRead(ApiView):
    """Open to everyone. What anonymous people see may be kept by caches, the rest by nobody."""

    permission_classes: tuple[type[BasePermission], ...] = (MayReadInPublic,)
    max_age = 300
    stale = 150

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        answer = super().finalize_response(request, response, *args, **kwargs)
        if request.user.is_authenticated:
            answer["Cache-Control"] = "private, no-store"
        elif answer.status_code == 200:
            answer["Cache-Control"] = (
                f"public, s-maxage={self.max_age}, stale-while-revalidate={self.stale}"
            )
        patch_vary_headers(answer, ["Authorization", "Cookie"])
        return answer


@dataclass(frozen=True)
class Paging:
    """`limit`, and where to begin: `cursor` or `page`, not both."""

    limit: int
    page: int | None
    cursor: str | None

    @classmethod
    def of(cls, request: Request, *, default: int = MAX_LIMIT, most: int = MAX_LIMIT) -> "Paging":
        parameters = request.query_params
        limit = whole_number(parameters.get("limit"), "limit", least=0, most=most)
        page = whole_number(parameters.get("page"), "page", least=1, most=10**6)
        cursor = parameters.get("cursor") or None
        if page and cursor:
            raise Issues([issue("page", "Give either a page or a cursor.")])
        return cls(default if limit is None else limit, page, cursor)


def whole_number(text: str | None, name: str, *, least: int, most: int) -> int | None:
    """A parameter's number, None where it is absent or empty; else Issues."""
    if not text:
        return None
    if not (text.isascii() and text.lstrip("-").isdigit()) or not least <= int(text[:20]) <= most:
        raise Issues([issue(name, f"A whole number from {least} to {most}.")])
    return int(text)


def one_of(text: str | None, name: str, options: tuple[str, ...]) -> str:
    """A parameter's value, the first option where it is absent; else Issues with the options."""
    if not text:
        return options[0]
    if text not in options:
        raise Issues([issue(name, f"“{text}” is none of the values.", options=options)])
    return text


def words_of(request: Request, name: str) -> str:
    """A parameter that is looked up as text, "" where it is absent. Postgres takes no NUL."""
    return request.query_params.get(name, "").replace("\0", "")


def boolean(text: str | None, name: str) -> bool | None:
    if not text:
        return None
    known = {"true": True, "1": True, "false": False, "0": False}
    if text.lower() not in known:
        raise Issues([issue(name, "Either true or false.", options=("true", "false"))])
    return known[text.lower()]


def issues_of_form(form: forms.Form) -> Issues:
    """A filter form's errors, with the values that a choice would take."""
    return Issues(
        issue(
            name,
            " ".join(map(str, messages)),
            options=[str(value) for value, _ in getattr(form.fields[name], "choices", ()) if value],
        )
        for name, messages in form.errors.items()
    )


def page_metadata(request: Request, paging: Paging, page: Page[Any]) -> dict[str, Any]:
    """What a list says of itself; at its end there is no next at all, not a null one."""
    metadata: dict[str, Any] = {}
    if page.next_cursor:
        by_number = {"page": paging.page + 1} if paging.page else {"cursor": page.next_cursor}
        metadata["nextCursor"] = page.next_cursor
        metadata["nextPage"] = address_with(request, **by_number)
    if paging.page:
        metadata |= {"currentPage": paging.page, "pageSize": paging.limit}
    return metadata


def address_with(request: Request, **changes: object) -> str:
    """This request's absolute address with other parameters, percent-encoded."""
    parameters = request.query_params.copy()
    # A key in an address must not come back in a body that may be kept or shared.
    parameters.pop("token", None)
    for name, value in changes.items():
        parameters.pop(name, None)
        if value is not None:
            parameters[name] = str(value)
    query = urlencode(list(parameters.lists()), doseq=True)
    return request.build_absolute_uri(f"{request.path}?{query}")


def origin_of(request: Request) -> str:
    """The scheme and host that the client used: "https://hub.example"."""
    return request.build_absolute_uri("/").rstrip("/")
