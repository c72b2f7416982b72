import json
import os
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from pytest_django import Settings


@pytest.fixture
def static(settings: Settings, tmp_path: Path) -> Path:
    source = tmp_path / "source"
    source.mkdir()
    (source / "a.css").write_text("a { color: red }")
    settings.STATICFILES_DIRS = [source]
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    settings.STATIC_ROOT = tmp_path / "static"
    return source


def prepare() -> dict[str, str]:
    out = StringIO()
    call_command("prepare", stdout=out)
    said: dict[str, str] = json.loads(out.getvalue())
    return said


@pytest.mark.django_db
def test_static_files_are_collected_once_and_again_when_they_change(
    static: Path, settings: Settings
) -> None:
    collected = Path(settings.STATIC_ROOT) / "a.css"
    prepare()
    assert collected.read_text() == "a { color: red }"

    collected.write_text("touched")
    prepare()
    assert collected.read_text() == "touched"

    (static / "a.css").write_text("a { color: blue }")
    os.utime(static / "a.css", ns=(1, 1))
    prepare()
    assert collected.read_text() == "a { color: blue }"


@pytest.mark.django_db
def test_it_tells_the_first_administrators_link(static: Path) -> None:
    assert prepare()["admin_link"].startswith("http://testserver/account/first-admin/")
