"""How an operation is called, in a terminal and in Python: made from its description."""

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

Schema = dict[str, Any]
JSON_TYPE: Final = "application/json"
FORM_TYPE: Final = "multipart/form-data"
A_FILE: Final = "ink-wash.pt"
# What a header that an operation cannot do without may say.
OF_HEADERS: Final = {"Tus-Resumable": "1.0.0", "Upload-Offset": "0"}
KEY_IN_PYTHON: Final = "f\"Bearer {os.environ['HYPERHUB_KEY']}\""


@dataclass(frozen=True)
class Call:
    """An operation with something in each of its places."""

    method: str
    address: str
    query: dict[str, Any]
    headers: dict[str, str]
    content_type: str
    body: Any
    needs_key: bool
    leads_to_file: bool

    @classmethod
    def of(cls, method: str, path: str, operation: Schema, *, origin: str) -> "Call":
        parameters = operation["parameters"]
        for each in parameters:
            if each["in"] == "path":
                path = path.replace(f"{{{each['name']}}}", str(each.get("example", each["name"])))
        content = operation.get("requestBody", {}).get("content", {})
        content_type = next(iter(content), "")
        return cls(
            method=method.upper(),
            address=f"{origin}{path}",
            query={
                each["name"]: each["example"]
                for each in parameters
                if each["in"] == "query" and "example" in each
            },
            headers={
                each["name"]: OF_HEADERS[each["name"]]
                for each in parameters
                if each["in"] == "header" and each["required"]
            },
            content_type=content_type,
            body=content.get(content_type, {}).get("example"),
            needs_key={} not in operation["security"],
            leads_to_file=_leads_to_file(operation),
        )

    def curl(self) -> str:
        """Line by line, to be pasted into a shell."""
        return " \\\n  ".join(["curl --fail", *self._curl_words(), shlex.quote(self.address)])

    def python(self) -> str:
        """With `requests`, which most people have."""
        imports = ["import os", ""] if self.needs_key else []
        call = "".join(f"    {line},\n" for line in self._python_words())
        verb = self.method.lower()
        lines = [*imports, "import requests", "", f"answer = requests.{verb}(", f"{call})"]
        return "\n".join([*lines, "answer.raise_for_status()", *self._python_end()])

    def _curl_words(self) -> Iterator[str]:
        if self.leads_to_file:
            yield "--location --remote-name --remote-header-name"
        if self.method == "HEAD":
            yield "--head"
        elif self.method != "GET" and (self.method != "POST" or not self.content_type):
            yield f"--request {self.method}"
        if self.needs_key:
            yield '--header "Authorization: Bearer $HYPERHUB_KEY"'
        for name, value in self.headers.items():
            yield f"--header {shlex.quote(f'{name}: {value}')}"
        if self.content_type == FORM_TYPE:
            yield from (f"--form {name}={value}" for name, value in self._form())
        elif self.content_type == JSON_TYPE:
            yield f"--header 'Content-Type: {JSON_TYPE}'"
            yield f"--data {shlex.quote(json.dumps(self.body, ensure_ascii=False))}"
        elif self.content_type:
            yield f"--header 'Content-Type: {self.content_type}'"
            yield f"--data-binary @{A_FILE}"
        if self.query:
            yield "--get"
            for name, value in self.query.items():
                yield f"--data-urlencode {shlex.quote(f'{name}={value}')}"

    def _python_words(self) -> Iterator[str]:
        yield json.dumps(self.address)
        if self.query:
            yield f"params={self.query!r}"
        headers = [f"{json.dumps(n)}: {json.dumps(v)}" for n, v in self.headers.items()]
        if self.needs_key:
            headers.insert(0, f'"Authorization": {KEY_IN_PYTHON}')
        if self.content_type not in ("", JSON_TYPE, FORM_TYPE):
            headers.append(f'"Content-Type": "{self.content_type}"')
        if headers:
            yield f"headers={{{', '.join(headers)}}}"
        if self.content_type == FORM_TYPE:
            yield f'files={{"file": open("{A_FILE}", "rb")}}'
            fields = {name: value for name, value in self._form() if name != "file"}
            yield f"data={fields!r}"
        elif self.content_type == JSON_TYPE:
            yield f"json={self.body!r}"
        elif self.content_type:
            yield f'data=open("{A_FILE}", "rb")'
        yield "timeout=60"

    def _python_end(self) -> list[str]:
        if self.leads_to_file:
            return [f'with open("{A_FILE}", "wb") as file:', "    file.write(answer.content)"]
        if self.method in ("HEAD", "DELETE") or self.headers:
            return ["print(answer.status_code, dict(answer.headers))"]
        return ["print(answer.json())"]

    def _form(self) -> list[tuple[str, str]]:
        return [
            (name, f"@{value}" if name == "file" else str(value))
            for name, value in (self.body or {}).items()
        ]


def _leads_to_file(operation: Schema) -> bool:
    """Whether its answer is a file to keep, or the way to one."""
    answers = operation["responses"]
    types = answers.get("200", {}).get("content", {})
    return "307" in answers or any(not name.endswith("json") for name in types)
