"""The words that the API's description is written in: JSON Schema (2020-12), as OpenAPI 3.1 has it.

`component("File", shape({...}))` gives a schema a name in the document and returns the reference
to it, for use in other schemas.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

Schema = dict[str, Any]

COMPONENTS: Final[dict[str, Schema]] = {}


def component(name: str, schema: Schema) -> Schema:
    """Keep a schema under a name of its own in the document; the answer refers to it."""
    assert name not in COMPONENTS, name  # noqa: S101  # two modules chose one name
    COMPONENTS[name] = schema
    return {"$ref": f"#/components/schemas/{name}"}


def shape(
    required: Mapping[str, Schema],
    *,
    optional: Mapping[str, Schema] | None = None,
    description: str = "",
) -> Schema:
    """An object; `optional` are the properties that may be absent."""
    schema: Schema = {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
    }
    return schema | ({"description": description} if description else {})


def extended(base: Mapping[str, Any], more: Mapping[str, Schema]) -> Schema:
    """A shape with more properties, all required; one of the same name is replaced."""
    properties = {**base["properties"], **more}
    # In one order always: the document has an ETag.
    return {
        **base,
        "properties": properties,
        "required": [*dict.fromkeys([*base["required"], *more])],
    }


def array(items: Schema, **limits: Any) -> Schema:
    return {"type": "array", "items": items, **limits}


def choice(values: Iterable[Any], **more: Any) -> Schema:
    return {"type": "string", "enum": [str(value) for value in values], **more}


def nullable(schema: Schema) -> Schema:
    if isinstance(schema.get("type"), str) and "enum" not in schema:
        return schema | {"type": [schema["type"], "null"]}
    return {"anyOf": [schema, {"type": "null"}]}


def described(schema: Schema, description: str, *, example: Any = None) -> Schema:
    """The same with a sentence, and an example of a value."""
    words = {"description": description} if description else {}
    return schema | words | ({} if example is None else {"examples": [example]})


def text(**limits: Any) -> Schema:
    return {"type": "string", **limits}


def hexadecimal(digits: int) -> Schema:
    return text(pattern=f"^[0-9A-F]{{{digits}}}$")


def query(name: str, description: str, schema: Schema | None = None) -> Schema:
    """A parameter of the address; where it is absent or empty its default holds."""
    parameter = {"name": name, "in": "query", "required": False}
    return parameter | {"description": description, "schema": schema or TEXT}


def header(name: str, description: str, schema: Schema, *, required: bool = False) -> Schema:
    """A header of the request."""
    parameter = {"name": name, "in": "header", "required": required}
    return parameter | {"description": description, "schema": schema}


TEXT: Final[Schema] = text()
BOOLEAN: Final[Schema] = {"type": "boolean"}
INTEGER: Final[Schema] = {"type": "integer"}
COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
NUMBER: Final[Schema] = {"type": "number"}
KEY: Final[Schema] = {"type": "integer", "minimum": 0, "maximum": 2**63 - 1}
MOMENT: Final[Schema] = text(format="date-time", examples=["2026-11-24T09:30:00.000Z"])
ADDRESS: Final[Schema] = text(format="uri")
ANYTHING: Final[Schema] = {"type": "object", "additionalProperties": True}
NOTHING: Final[Schema] = {"type": "object", "maxProperties": 0}
BYTES: Final[Schema] = text(format="binary")
SHA256: Final[Schema] = text(pattern="^[0-9a-fA-F]{64}$")
UUID: Final[Schema] = text(format="uuid")
