"""The style guide is for developers."""

from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.test import Client
from pytest_django import Settings

pytestmark = pytest.mark.django_db
COMPONENTS = Path(django_settings.BASE_DIR) / "templates" / "components"


def test_it_is_absent_in_service(client: Client) -> None:
    assert client.get("/styleguide").status_code == 404


def test_it_shows_every_component() -> None:
    guide = (COMPONENTS.parent / "styleguide.html").read_text()
    everything = guide + "".join(path.read_text() for path in COMPONENTS.glob("*.html"))
    names = {path.stem.replace("_", "-") for path in COMPONENTS.glob("*.html")}
    page_furniture = {"mark"}  # in the header of every page

    assert {name for name in names if f"<c-{name}" not in everything} == page_furniture


def test_nothing_in_it_is_written_inline(client: Client, settings: Settings) -> None:
    settings.DEBUG = True
    page = client.get("/styleguide").content.decode()

    assert " style=" not in page
    assert " onclick=" not in page
    assert "<style" not in page
    assert "<script>" not in page
