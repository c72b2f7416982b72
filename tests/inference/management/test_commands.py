"""`render_grid` and `base_models`, as an admin types them."""

import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from PIL import Image
from pytest_django import Settings

from tests.inference.bases import tiny_base
from tests.uploads import FIXTURES

FILE = FIXTURES / "linear_default.pt"
SMALL = ("--size", "64", "--steps", "2", "--prompt", "a red house", "--multipliers", "0,1")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("base") / "tiny")


class TestRenderGrid:
    def test_a_contact_sheet_and_its_cells(self, base: Path, tmp_path: Path) -> None:
        sheet, cells, said = tmp_path / "sheet.png", tmp_path / "cells", io.StringIO()
        places = ("--out", str(sheet), "--cells", str(cells))
        call_command("render_grid", str(FILE), "--base", str(base), *SMALL, *places, stdout=said)
        assert Image.open(sheet).width > 2 * 128
        assert sorted(each.name for each in cells.iterdir()) == ["00-0.png", "00-1.png"]
        text = Image.open(cells / "00-1.png").info["parameters"]
        assert text.startswith("a red house <hypernet:linear_default:1>")
        assert "2 pictures" in said.getvalue()

    def test_what_is_wrong_is_a_sentence(self, base: Path, tmp_path: Path) -> None:
        for arguments, sentence in (
            ((str(FILE), "--base", "/gone"), "There is no base model at /gone"),
            ((str(FIXTURES / "sd2_softsign.pt"), "--base", str(base)), "sd2_softsign"),
            ((str(FILE), "--base", str(base), "--sampler", "none"), "There is no sampler"),
        ):
            with pytest.raises(CommandError, match=sentence):
                call_command("render_grid", *arguments, *SMALL, stdout=io.StringIO())


@pytest.mark.django_db
def test_base_models_are_registered_listed_and_tried(
    base: Path, tmp_path: Path, settings: Settings
) -> None:
    settings.DEMO_BASE = tmp_path / "none"
    settings.BASE_MODELS = [
        {"name": "tiny", "family": "sd1", "path": str(base)},
        {"name": "gone", "family": "sd1", "path": "/gone"},
        {"name": "wrong", "family": "sd2", "path": str(base)},
    ]
    said, wrong = io.StringIO(), io.StringIO()
    call_command("base_models", "--load", stdout=said, stderr=wrong)
    assert "gone: There is nothing at /gone." in wrong.getvalue()
    lines = said.getvalue().splitlines()
    assert any(line.startswith("tiny  sd1") and "loads: " in line for line in lines)
    assert any("does not load" in line and "registered as SD 2.x" in line for line in lines)
