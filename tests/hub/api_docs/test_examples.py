"""Examples that work when they are pasted, made from an operation's description."""

import ast
import json
import shlex
from typing import Any

import pytest

from hub.api_docs.examples import Call
from registry.api.schema.document import document

ORIGIN = "https://hub.example"


def operations() -> list[Any]:
    return [
        pytest.param(method, path, operation, id=operation["operationId"])
        for path, item in document().schema["paths"].items()
        for method, operation in item.items()
    ]


def call(name: str) -> Call:
    [found] = [each.values for each in operations() if each.id == name]
    method, path, operation = found
    return Call.of(method, path, operation, origin=ORIGIN)


@pytest.mark.parametrize(("method", "path", "operation"), operations())
def test_every_operation_has_both(method: str, path: str, operation: dict[str, Any]) -> None:
    made = Call.of(method, path, operation, origin=ORIGIN)
    words = shlex.split(made.curl())
    assert words[0] == "curl"
    assert words[-1].startswith(f"{ORIGIN}/") and "{" not in words[-1]
    tree = ast.parse(made.python())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    assert any(ast.unparse(node.func) == f"requests.{method}" for node in calls)
    assert ("HYPERHUB_KEY" in made.curl()) == ({} not in operation["security"])
    assert ("HYPERHUB_KEY" in made.python()) == ({} not in operation["security"])


def test_a_search() -> None:
    words = shlex.split(call("listModels").curl())
    assert "--get" in words
    assert "sort=Most Downloaded" in words or "kind=style" in words


def test_a_body() -> None:
    words = shlex.split(call("createModel").curl())
    assert json.loads(words[words.index("--data") + 1])["kind"] == "style"
    assert "json={'name': 'Ink wash'" in call("createModel").python()


def test_a_file_is_followed_to_its_bytes_and_kept() -> None:
    words = shlex.split(call("downloadVersion").curl())
    assert {"--location", "--remote-name", "--remote-header-name"} <= set(words)
    assert "file.write(answer.content)" in call("downloadVersion").python()


def test_a_form_brings_a_file() -> None:
    assert "--form file=@ink-wash.pt" in call("createUpload").curl()
    assert "files={" in call("createUpload").python()


def test_a_part_of_a_file_by_tus() -> None:
    words = shlex.split(call("appendToUpload").curl())
    assert "Tus-Resumable: 1.0.0" in words
    assert "@ink-wash.pt" in words
