"""The one place where errors become HTTP answers of the API.

Bodies are what Civitai's clients know: `{"error": "sentence"}`, and for values that are not taken
`{"error": {"issues": [{"path", "message", "values", "options"}]}}` — clients send a wrong value on
purpose to read the right ones.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import structlog
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from django.core.exceptions import ValidationError as ModelValidationError
from django.db import OperationalError
from django.http import Http404
from django.utils.translation import gettext as _
from redis import RedisError
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import exception_handler, set_rollback

from registry.errors import Conflict, Forbidden, Gone, HubError, PartAway, Temporary, TooMuch
from registry.keyset import BadCursor, TooManyPages

logger = structlog.get_logger(__name__)
STATUS_OF_KIND: Final[Mapping[type, int]] = {
    Forbidden: status.HTTP_403_FORBIDDEN,
    Conflict: status.HTTP_409_CONFLICT,
    Gone: status.HTTP_410_GONE,
    TooMuch: status.HTTP_413_REQUEST_ENTITY_TOO_LARGE,
    Temporary: status.HTTP_503_SERVICE_UNAVAILABLE,
    HubError: status.HTTP_400_BAD_REQUEST,
}
RETRY_AFTER_SECONDS: Final = "10"


class Issues(exceptions.APIException):
    """400: one or more parameters or fields are not taken, each with its reason."""

    status_code = status.HTTP_400_BAD_REQUEST

    def __init__(self, issues: Iterable[dict[str, Any]]) -> None:
        super().__init__()
        self.issues = list(issues)


class Unauthorized(exceptions.AuthenticationFailed):
    """401 in the words that clients look for."""

    default_detail = "Unauthorized"


class TooFast(exceptions.Throttled):
    """429: a window of the limits is used up."""

    def __init__(self, seconds: int) -> None:
        super().__init__(wait=seconds)
        sentence = _("Too many requests. Try again in %(seconds)d seconds.")
        self.detail = exceptions.ErrorDetail(sentence % {"seconds": seconds}, code="throttled")


def issue(
    path: str, message: str, *, options: Sequence[str] = (), code: str = "invalid_value"
) -> dict[str, Any]:
    """One thing that is wrong; `values` and `options` are the same list under both known names."""
    answer: dict[str, Any] = {"code": code, "path": [path], "message": message}
    if options:
        answer |= {"values": list(options), "options": list(options)}
    return answer


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's EXCEPTION_HANDLER."""
    if isinstance(error, OperationalError | RedisError):
        logger.error("part_away", error=repr(error))
        error = PartAway()
    if isinstance(error, HubError):
        return _of_the_hub(error)
    if isinstance(error, BadCursor):
        error = Issues([issue("cursor", "None of our pages gave this cursor out. Start without.")])
    if isinstance(error, TooManyPages):
        error = exceptions.Throttled(
            detail="You've requested too many pages, please use cursors instead"
        )
    if isinstance(error, ModelValidationError):
        error = Issues(_issues_of_model(error))
    if isinstance(error, exceptions.ValidationError):
        error = Issues(issues_of_fields(error.detail))
    if isinstance(error, Http404):
        # get_object_or_404 names Django models ("No Network matches …"): not the clients' words.
        error = exceptions.NotFound(str(error) if error.args and _is_ours(error) else None)
    elif isinstance(error, ObjectDoesNotExist):
        # Deleted between being looked up and being locked.
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    response = exception_handler(error, context)
    if response is None:
        return None
    set_rollback()
    response.data = {"error": _body(error)}
    return response


def _of_the_hub(error: HubError) -> Response:
    """What the domain refuses: the sentence for people, the code for programs."""
    set_rollback()
    kind = next(each for each in type(error).__mro__ if each in STATUS_OF_KIND)
    headers = {"Retry-After": RETRY_AFTER_SECONDS} if kind is Temporary else None
    body = {"error": error.message, "code": error.code}
    return Response(body, status=STATUS_OF_KIND[kind], headers=headers)


def _is_ours(error: Http404) -> bool:
    return not str(error).startswith("No ")


def _body(error: Exception) -> Any:
    match error:
        case Issues():
            return {"issues": error.issues}
        case exceptions.MethodNotAllowed():
            return "Method not allowed"
        case exceptions.NotAuthenticated() | exceptions.AuthenticationFailed():
            return "Unauthorized"
        case exceptions.APIException():
            return str(error.detail)
        case _:
            return "Error"


def _issues_of_model(error: ModelValidationError) -> Iterable[dict[str, Any]]:
    if hasattr(error, "error_dict"):
        for path, messages in error.message_dict.items():
            for message in messages:
                yield issue("" if path == "__all__" else path, message)
    else:
        for message in error.messages:
            yield issue("", message)


def issues_of_fields(detail: Any, path: str = "") -> Iterable[dict[str, Any]]:
    """Each of a serializer's objections, at whatever depth, with its path."""
    if isinstance(detail, Mapping):
        for key, value in detail.items():
            name = "" if key == "non_field_errors" else str(key)
            yield from issues_of_fields(value, f"{path}.{name}".strip("."))
    elif isinstance(detail, list):
        for position, value in enumerate(detail):
            nested = f"{path}[{position}]" if isinstance(value, Mapping) else path
            yield from issues_of_fields(value, nested)
    else:
        yield issue(path, str(detail), code=getattr(detail, "code", "invalid"))
