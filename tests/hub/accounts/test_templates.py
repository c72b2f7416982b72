"""Whatever page allauth has, now or after an update, is in our look: none begins with its own."""

import re
from pathlib import Path

import allauth
import pytest
from django.conf import settings
from django.template.loader import get_template

THEIRS = Path(allauth.__file__).parent / "templates"
OURS = settings.BASE_DIR / "templates"
PAGES = sorted(
    str(path.relative_to(THEIRS))
    for folder in ("account", "idp", "mfa", "socialaccount", "usersessions")
    for path in (THEIRS / folder).rglob("*.html")
    if path.parent.name not in ("snippets", "email")
)
ELEMENTS = sorted(str(path.relative_to(THEIRS)) for path in (THEIRS / "allauth").rglob("*.html"))


def ancestor(name: str) -> str:
    """The last template that a page extends."""
    path = Path(get_template(name).template.origin.name)  # type: ignore[attr-defined]
    extended = re.search(r'{% extends "([^"]+)" %}', path.read_text())
    return ancestor(extended.group(1)) if extended else name


@pytest.mark.parametrize("name", PAGES)
def test_every_page_hangs_in_our_frame(name: str) -> None:
    assert ancestor(name) == "base.html"


@pytest.mark.parametrize("name", ELEMENTS)
def test_every_element_is_ours(name: str) -> None:
    assert (OURS / name).is_file()


@pytest.mark.parametrize("path", sorted(THEIRS.rglob("*.html")), ids=lambda path: path.name)
def test_no_style_or_script_stands_inline_in_what_we_did_not_write_again(path: Path) -> None:
    name = str(path.relative_to(THEIRS))
    if (OURS / name).is_file() or name.startswith("openid/"):
        return
    text = path.read_text()
    allowed_elsewhere = name in {"account/phone_change.html"}  # no phones here
    assert allowed_elsewhere or not re.search(r"\sstyle=|<style|\son\w+=|<script>", text)
