"""The whole description as one OpenAPI 3.1 document, made once a process from the documented views.

Its groups are in the order of the page; its components are those that the operations refer to.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from drf_spectacular.generators import EndpointEnumerator, SchemaGenerator

from registry.api.schema.operations import RATE_LIMIT, said
from registry.api.schema.words import COMPONENTS, COUNT, Schema

GROUPS: Final = {
    "Catalogue": "Networks, their versions and pictures: what Civitai's clients read.",
    "Downloads": "A version's files, and what lies beside them on a disk.",
    "Publishing": "Networks and versions: made, described, published, withdrawn, deleted.",
    "Uploads": "Files on their way in: by a form, or by tus 1.0.0 with resuming at any byte.",
    "Previews": "Pictures at several strengths from one seed.",
    "Webhooks": "Calls to an address of yours, signed, when something happens.",
    "Hugging Face": "What `huggingface_hub` asks of a host, with `HF_ENDPOINT` set to this one.",
    "The API": "The API about itself.",
}
_REFERENCE: Final = "#/components/schemas/"


class Endpoints(EndpointEnumerator):
    """With HEAD where a view answers it otherwise than GET."""

    def get_allowed_methods(self, callback: Any) -> list[str]:
        methods: list[str] = super().get_allowed_methods(callback)  # type: ignore[no-untyped-call]
        return [*methods, "HEAD"] if hasattr(callback.cls, "head") else methods


class Generator(SchemaGenerator):
    endpoint_inspector_cls = Endpoints


@dataclass(frozen=True)
class Document:
    schema: Schema
    body: bytes
    etag: str


@cache
def document() -> Document:
    generator = Generator()  # type: ignore[no-untyped-call]
    schema: Schema = generator.get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    body = json.dumps(schema, ensure_ascii=False, separators=(",", ":")).encode()
    return Document(schema, body, hashlib.sha256(body).hexdigest()[:32])


def no_request(*_: Any, **__: Any) -> None:
    """drf-spectacular would make one up; nothing that we describe depends on one."""


def complete(result: Schema, **_: Any) -> Schema:
    """drf-spectacular's hook at the end: our components, those that are used, and the groups."""
    components = result.setdefault("components", {})
    # What serializers read refuses fields that it has not; what is answered may have more one day.
    for schema in (bodies := components.get("schemas", {})).values():
        schema["additionalProperties"] = False
        _drop(schema, "x-spec-enum-id")
    schemas = bodies | COMPONENTS
    used: set[str] = set()
    waiting = list(_references(result["paths"]))
    while waiting:
        if (name := waiting.pop()) not in used:
            used.add(name)
            waiting += _references(schemas[name])
    components["schemas"] = {name: schemas[name] for name in sorted(used)}
    components["headers"] = {name: said(words, COUNT) for name, words in RATE_LIMIT.items()}
    components["securitySchemes"] = {
        "key": {
            "type": "http",
            "scheme": "bearer",
            "description": "An API key of yours, or the token of a program that you connected.",
        },
        "keyInAddress": {
            "type": "apiKey",
            "in": "query",
            "name": "token",
            "description": "The same in the address, for clients that can send no header.",
        },
    }
    shown = {each["tags"][0] for item in result["paths"].values() for each in item.values()}
    result["tags"] = [
        {"name": name, "description": words} for name, words in GROUPS.items() if name in shown
    ]
    return result


def _drop(node: Any, key: str) -> None:
    """drf-spectacular's own marks."""
    for each in list(node.values()) if isinstance(node, dict) else node:
        if isinstance(each, dict | list):
            _drop(each, key)
    if isinstance(node, dict):
        node.pop(key, None)


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        reference = node.get("$ref")
        if isinstance(reference, str) and reference.startswith(_REFERENCE):
            yield reference.removeprefix(_REFERENCE)
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)
