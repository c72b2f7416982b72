"""`manage.py train_hypernetwork` on a terminal: all options, and sentences for what is wrong."""

from dataclasses import fields
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from inference.engine.training import TrainingOptions
from inference.management.commands.train_hypernetwork import OPTIONS
from registry.formats.reader import read
from tests.inference.bases import tiny_base
from tests.inference.engine.training.conftest import draw_pictures

FEW = (
    "--steps=2", "--batch-size=1", "--training-width=64", "--training-height=64",
    "--create-image-every=0", "--validation-times=1", "--layer-structure=1,0.5,1",
    "--enable-sizes=32,768", "--template-file=filewords.txt",
)  # fmt: skip


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("base"))


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    return draw_pictures(tmp_path / "pictures")


def run(*arguments: object) -> str:
    out = StringIO()
    call_command("train_hypernetwork", *map(str, arguments), stdout=out)
    return out.getvalue()


def test_every_option_of_a_training_can_be_given() -> None:
    assert set(OPTIONS) == {field.name for field in fields(TrainingOptions)} - {"name"}


def test_it_trains_says_what_came_of_it_and_goes_on(
    base: Path, pictures: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    said = run("ink", pictures, out, f"--base={base}", *FEW)
    assert "Done after 2 steps" in said
    assert "lowered by" in said
    spec = read(out / "ink.pt", stem="ink").hypernetwork.spec
    assert (spec.step, spec.layer_structure) == (2, (1, 0.5, 1))

    said = run("ink", pictures, out, f"--base={base}", *FEW, "--steps=3", "--resume")
    assert "Done after 3 steps" in said
    assert read(out / "ink.pt", stem="ink").hypernetwork.spec.step == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--learn-rate=fast",), "“fast” is not a number"),
        (("--template-file=mine.txt",), "no template file “mine.txt”"),
        (("--enable-sizes=1280",), "no attention of width 1280"),
        (("--base=nowhere",), "There is no base model at nowhere"),
        (("--start-from=nowhere.pt",), "There is no hypernetwork nowhere.pt"),
    ],
)
def test_what_is_wrong_is_one_sentence(
    base: Path, pictures: Path, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    with pytest.raises(CommandError) as refused:
        run("ink", pictures, tmp_path / "out", f"--base={base}", *FEW, *arguments)
    assert said in str(refused.value)


def test_a_folder_that_is_not_there(base: Path, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="There is no folder"):
        run("ink", tmp_path / "nowhere", tmp_path / "out", f"--base={base}", *FEW)


def test_a_damaged_picture_is_named(base: Path, pictures: Path, tmp_path: Path) -> None:
    (pictures / "3.png").write_bytes(b"no picture")
    with pytest.raises(CommandError, match=r"3\.png cannot be read"):
        run("ink", pictures, tmp_path / "out", f"--base={base}", *FEW)
