"""The API's description as people read it: groups of endpoints, and the shapes they speak of."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import slugify

from hub.api_docs.examples import Call, Schema
from registry.api.schema.document import document

REFERENCE: Final = "#/components/schemas/"
# More values than these are told in the list of the endpoint `enums`.
MOST_VALUES: Final = 16


@dataclass(frozen=True)
class Field:
    """A parameter, or a property of a shape; `link` is the shape that it has."""

    name: str
    type: str
    link: str
    values: list[str]
    required: bool
    description: SafeString
    place: str = ""


@dataclass(frozen=True)
class Body:
    content_type: str
    type: str
    link: str
    fields: list[Field]


@dataclass(frozen=True)
class Reply:
    status: str
    description: SafeString
    type: str
    link: str
    headers: list[str]

    @property
    def is_good(self) -> bool:
        return self.status < "400"


@dataclass(frozen=True)
class Endpoint:
    id: str
    method: str
    path: str
    summary: SafeString
    description: SafeString
    needs: str
    parameters: list[Field]
    bodies: list[Body]
    replies: list[Reply]
    refusals: list[Reply]
    curl: str
    python: str


@dataclass(frozen=True)
class Group:
    id: str
    name: str
    description: str
    endpoints: list[Endpoint]


@dataclass(frozen=True)
class Shape:
    name: str
    description: SafeString
    fields: list[Field]


@dataclass(frozen=True)
class Reading:
    groups: list[Group]
    shapes: list[Shape]


@cache
def reading(origin: str) -> Reading:
    """The page's content; `origin` is the host in its examples."""
    schema = document().schema
    endpoints: dict[str, list[Endpoint]] = {}
    for path, item in schema["paths"].items():
        for method, operation in item.items():
            endpoint = _endpoint(path, method, operation, origin)
            endpoints.setdefault(operation["tags"][0], []).append(endpoint)
    groups = [
        Group(slugify(tag["name"]), tag["name"], tag["description"], endpoints[tag["name"]])
        for tag in schema["tags"]
    ]
    shapes = [
        Shape(name, inline(shape.get("description", "")), list(_properties(shape)))
        for name, shape in schema["components"]["schemas"].items()
        if "properties" in shape
    ]
    return Reading(groups, shapes)


def _endpoint(path: str, method: str, operation: Schema, origin: str) -> Endpoint:
    call = Call.of(method, path, operation, origin=origin)
    content = operation.get("requestBody", {}).get("content", {})
    replies = [_reply(status, answer) for status, answer in operation["responses"].items()]
    return Endpoint(
        id=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=inline(operation["summary"]),
        description=inline(operation.get("description", "")),
        needs=_needs(operation["security"]),
        parameters=[_parameter(each) for each in operation["parameters"]],
        bodies=[_body(content_type, each["schema"]) for content_type, each in content.items()],
        replies=[each for each in replies if each.is_good],
        refusals=[each for each in replies if not each.is_good],
        curl=call.curl(),
        python=call.python(),
    )


def _needs(security: list[Schema]) -> str:
    """The scope of the key that is needed; "" where none is."""
    return "" if {} in security else str(security[0]["key"][0])


def _parameter(parameter: Schema) -> Field:
    field = _field(parameter["name"], parameter["schema"], required=parameter.get("required"))
    words = inline(parameter.get("description", ""))
    return Field(**{**vars(field), "description": words, "place": parameter["in"]})


def _body(content_type: str, schema: Schema) -> Body:
    shape = resolved(schema)
    fields = list(_properties(shape)) if "properties" in shape else []
    return Body(content_type, type_of(schema), link_of(schema), fields)


def _reply(status: str, answer: Schema) -> Reply:
    content = answer.get("content", {})
    schema: Schema = next((each["schema"] for each in content.values()), {})
    headers = [
        name for name in answer.get("headers", {}) if not name.startswith(("RateLimit", "Retry"))
    ]
    content_type = next(iter(content), "")
    kind = type_of(schema) if content_type.endswith("json") else content_type
    return Reply(status, inline(answer["description"]), kind, link_of(schema), headers)


def _properties(shape: Schema) -> Iterator[Field]:
    """With those of shapes inside it that have no name of their own, by their paths."""
    required = shape.get("required", [])
    for name, schema in shape.get("properties", {}).items():
        yield _field(name, schema, required=name in required)
        inner, mark = schema, ""
        if schema.get("type") == "array":
            inner, mark = schema["items"], "[]"
        for field in _properties(inner):
            yield Field(**{**vars(field), "name": f"{name}{mark}.{field.name}"})


def _field(name: str, schema: Schema, *, required: object) -> Field:
    values = _values(schema)
    return Field(
        name=name,
        type=type_of(schema),
        link=link_of(schema),
        values=values if len(values) <= MOST_VALUES else [*values[:MOST_VALUES], "…"],
        required=bool(required),
        description=inline(schema.get("description", "")),
    )


def _values(schema: Schema) -> list[str]:
    inner = schema.get("items", schema)
    for each in (inner, *inner.get("anyOf", ())):
        if "enum" in each:
            return [str(value) for value in each["enum"] if value != ""]
    return []


def type_of(schema: Schema) -> str:
    """In a few words: “list of File”, “whole number or null”."""
    if not schema:
        return ""
    if "$ref" in schema:
        return link_of(schema)
    if options := schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf"):
        return " or ".join(dict.fromkeys(type_of(option) for option in options))
    types = schema.get("type", "anything")
    return " or ".join(
        _one_type(each, schema) for each in (types if isinstance(types, list) else [types])
    )


_TYPES: Final[Mapping[str, str]] = {
    "integer": "whole number",
    "boolean": "true or false",
    "string": "text",
    "object": "object",
}
_FORMATS: Final[Mapping[str, str]] = {
    "date-time": "time",
    "uri": "address",
    "uuid": "UUID",
    "binary": "bytes",
}


def _one_type(name: str, schema: Schema) -> str:
    if name == "array":
        return f"list of {type_of(schema['items'])}"
    if name == "string":
        return _FORMATS.get(schema.get("format", ""), "text")
    return _TYPES.get(name, name)


def link_of(schema: Schema) -> str:
    """The name of the shape that a schema refers to, in a list or beside null too."""
    reference: str = schema.get("$ref", "")
    if reference:
        return reference.removeprefix(REFERENCE)
    inner = [*schema.get("anyOf", ()), *([schema["items"]] if "items" in schema else [])]
    return next(filter(None, map(link_of, inner)), "")


def resolved(schema: Schema) -> Any:
    if "$ref" not in schema:
        return schema
    return document().schema["components"]["schemas"][link_of(schema)]


def inline(text: str) -> SafeString:
    """Escaped, with `words` in backquotes as code."""
    return mark_safe(re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text)))  # noqa: S308
