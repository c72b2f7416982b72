"""What the tests of publishing share."""

import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from registry.models import Version
from tests.uploads import FIXTURES

PLAIN = FIXTURES / "swish_dropout.pt"


@pytest.fixture(autouse=True)
def _own_files(tmp_path: Path, settings: LazySettings) -> None:
    """An empty storage that no other test writes to."""
    settings.MEDIA_ROOT = str(tmp_path / "files")
    settings.INCOMING_ROOT = str(tmp_path / "files" / "incoming")


def send(client: Client, *files: tuple[str, bytes], to: str = "") -> Any:
    """The plain form, as a browser without scripts sends it."""
    uploaded = [SimpleUploadedFile(name, content) for name, content in files]
    return client.post(to or reverse("publish"), {"file": uploaded}, follow=True)


def text_of(answer: Any) -> str:
    """What a person reads, more or less: no tags, single spaces."""
    content = re.sub(r"<(script|style).*?</\1>", "", answer.content.decode(), flags=re.S)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", content)).split())


def address(version: Version) -> str:
    return reverse("draft", args=[version.pk])


def form_on(answer: Any) -> dict[str, Any]:
    """The draft's form as a browser would send it: of what it shows."""
    form = answer.context["form"]
    fields = {"seen": answer.context["seen"]}
    for bound in form:
        value = bound.value()
        if isinstance(value, bool):
            value = "on" if value else None
        if value not in (None, "", []):
            fields[bound.html_name] = bound.field.prepare_value(value)
    return fields


def save(client: Client, version: Version, **changes: Any) -> Any:
    """Open the draft, change these fields, press “Save” (or another button: `do`)."""
    form = form_on(client.get(address(version))) | changes
    return client.post(address(version), {k: v for k, v in form.items() if v is not None})


def seen_in(answer: Any) -> dict[str, str]:
    """The digests that a form which saved itself goes on with."""
    found = re.search(r'id="seen" value="([^"]*)"', answer.content.decode())
    assert found, answer.content.decode()
    seen: dict[str, str] = json.loads(unescape(found.group(1)))
    return seen
