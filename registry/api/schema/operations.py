"""How an endpoint is described: `@documented(Operation(...))` on the method of its view.

    LIST_TAGS = Operation(
        "listTags", "Tags in use, the most used first", group="Catalogue",
        parameters=(query("query", "Part of a name"),),
        answers={200: Answer("A page of tags", TAG_PAGE)},
        errors=(400,),
    )

    class TagList(NumberedList):
        @documented(LIST_TAGS)
        def get(self, request): ...

What every endpoint may answer is added here: 401 and 403 where a key is read, 429, 503, and the
`RateLimit-*` headers. A view without a description fails the tests.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from drf_spectacular.drainage import warn
from drf_spectacular.openapi import AutoSchema
from rest_framework.serializers import Serializer

from registry.api.schema.words import COUNT, TEXT, Schema, array, component, shape, text
from registry.models import Scope

Method = TypeVar("Method", bound=Callable[..., Any])
Body = Schema | type[Serializer[Any]]
JSON_TYPE: Final = "application/json"
FORM_TYPE: Final = "multipart/form-data"

ISSUE: Final = component(
    "Issue",
    shape(
        {"code": TEXT, "path": array(TEXT, minItems=1, maxItems=1), "message": TEXT},
        optional={"values": array(TEXT), "options": array(TEXT)},
        description=(
            "One parameter or field that is not taken. `options` (and `values`, the same list) are "
            "those that are."
        ),
    ),
)
ISSUES: Final = component(
    "Issues", shape({"error": shape({"issues": array(ISSUE)})}, description="What is not taken.")
)
ERROR: Final = component(
    "Error",
    shape(
        {"error": TEXT},
        optional={"code": text(examples=["wrong-status"]), "message": TEXT},
        description="A sentence for people; where there is a `code`, it is a name for programs.",
    ),
)
BAD_REQUEST: Final = component("BadRequest", {"anyOf": [ISSUES, ERROR]})

# What each error says, unless an operation says it better.
MEANINGS: Final[Mapping[int, str]] = {
    400: "A parameter or a field is not taken; the answer says which, and what would be.",
    401: "A key is needed, and there is no good one: `Unauthorized`.",
    403: "The key lacks the scope (`insufficient_scope`), or this person may not do that.",
    404: "There is no such thing, as far as this person may know.",
    405: "The method that is asked for instead is none of this address.",
    409: "The thing is not in a state in which that can be done.",
    410: "It was here, and is gone for good; `error` says why.",
    412: "Another version of tus than 1.0.0.",
    413: "More than may be sent at once, or than fits into one's space.",
    415: "A body of another type than the one that is read here.",
    416: "No byte of the file is in the range that was asked for.",
    423: "Another connection is sending this very file.",
    429: "Too many requests; `Retry-After` says for how long to wait.",
    460: "The part was damaged on its way, and dropped: send it again.",
    503: "The hub is overloaded or a part of it is away. Nothing is wrong with the request.",
}
RATE_LIMIT: Final[Mapping[str, str]] = {
    "RateLimit-Limit": "How many requests of this kind may be made in a window of time.",
    "RateLimit-Remaining": "How many of them are left.",
    "RateLimit-Reset": "In how many seconds the window ends.",
}


def said(description: str, schema: Schema = TEXT, *, required: bool = False) -> Schema:
    """A header of an answer."""
    return {"description": description, "schema": schema, "required": required}


@dataclass(frozen=True)
class Answer:
    """What an endpoint answers; no `schema` is no body."""

    description: str
    schema: Schema | None = None
    content_type: str = JSON_TYPE
    headers: Mapping[str, Schema] = field(default_factory=dict)

    def as_response(self) -> Schema:
        limits = {name: {"$ref": f"#/components/headers/{name}"} for name in RATE_LIMIT}
        response: Schema = {
            "description": self.description,
            "headers": {**self.headers, **limits},
        }
        if self.schema is not None:
            response["content"] = {self.content_type: {"schema": self.schema}}
        return response


@dataclass(frozen=True)
class Operation:
    """One method of one address.

    `scope` is what a key must have; None is open to everyone, and a key that is sent must have
    `read`. `body` maps content types to schemas, or to the serializers that read them. `errors`
    are the statuses beyond those that all have. `example` fills path, query and body in the
    examples of the documentation.
    """

    name: str
    summary: str
    group: str
    description: str = ""
    scope: Scope | None = None
    keyless: bool = False
    parameters: tuple[Schema, ...] = ()
    body: Mapping[str, Body] = field(default_factory=dict)
    body_required: bool = True
    answers: Mapping[int, Answer] = field(default_factory=dict)
    errors: tuple[int, ...] = ()
    example: Mapping[str, Any] = field(default_factory=dict)

    @property
    def all_errors(self) -> list[int]:
        of_keys = () if self.keyless else (401, 403) if self.scope else (403,)
        of_bodies = (413, 415) if self.body else ()
        return sorted({*self.errors, *of_keys, *of_bodies, 429, 503} - set(self.answers))

    @property
    def security(self) -> list[Schema]:
        if self.keyless:
            return [{}]
        scopes = [str(self.scope or Scope.READ)]
        keys: list[Schema] = [{"key": scopes}, {"keyInAddress": scopes}]
        return keys if self.scope else [{}, *keys]


def documented(operation: Operation) -> Callable[[Method], Method]:
    """Attach its description to a view's method."""

    def attach(method: Method) -> Method:
        vars(method)["operation"] = operation
        return method

    return attach


class HubSchema(AutoSchema):
    """DRF's DEFAULT_SCHEMA_CLASS: an operation is what its view's method was documented with."""

    def get_operation(
        self, path: str, path_regex: str, path_prefix: str, method: str, registry: Any
    ) -> Schema | None:
        handler = getattr(self.view, method.lower())
        operation: Operation | None = getattr(handler, "operation", None)
        if operation is None:
            warn(f"{method} {path} is not documented: see registry.api.schema.operations")
            return None
        self.registry, self.method = registry, method.upper()
        self.path, self.path_regex, self.path_prefix = path, path_regex, path_prefix
        return {
            "operationId": operation.name,
            "summary": operation.summary,
            "tags": [operation.group],
            **({"description": operation.description} if operation.description else {}),
            "parameters": [*self._of_path(operation), *_with_examples(operation)],
            **self._request(operation),
            "responses": _responses(operation),
            "security": operation.security,
        }

    def _of_path(self, operation: Operation) -> list[Schema]:
        names = self.uri_template_variables(self.path)
        found: list[Schema] = self._resolve_path_parameters(names)  # type: ignore[no-untyped-call]
        examples = operation.example
        for parameter in found:
            if (name := parameter["name"]) in examples:
                parameter["example"] = examples[name]
        return found

    @staticmethod
    def uri_template_variables(path: str) -> list[str]:
        return [part.partition("}")[0] for part in path.split("{")[1:]]

    def _request(self, operation: Operation) -> Schema:
        if not operation.body:
            return {}
        content = {}
        for content_type, body in operation.body.items():
            schema = body if isinstance(body, dict) else self._of_serializer(body)
            content[content_type] = {"schema": schema}
            place = "form" if content_type == FORM_TYPE else "body"
            if place in operation.example and content_type in (JSON_TYPE, FORM_TYPE):
                content[content_type]["example"] = operation.example[place]
        return {"requestBody": {"content": content, "required": operation.body_required}}

    def _of_serializer(self, serializer: type[Serializer[Any]]) -> Schema:
        body = serializer(partial=self.method == "PATCH")
        schema: Schema = self.resolve_serializer(body, "request").ref
        return schema


def _with_examples(operation: Operation) -> list[Schema]:
    given = operation.example.get("query", {})
    return [
        each | {"example": given[each["name"]]} if each["name"] in given else each
        for each in operation.parameters
    ]


def _responses(operation: Operation) -> Schema:
    found = {str(status): answer.as_response() for status, answer in operation.answers.items()}
    for status in operation.all_errors:
        schema = BAD_REQUEST if status == 400 else ERROR
        waits = {"Retry-After": said("In how many seconds to try again.", COUNT)}
        headers = waits if status in (429, 503) else {}
        found[str(status)] = Answer(MEANINGS[status], schema, headers=headers).as_response()
    return found
