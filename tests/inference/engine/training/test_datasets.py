"""Pictures and captions as A1111 reads them, and what is said of a folder that does not work."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from inference.engine.training.datasets import Example, divided, read_dataset, read_picture
from inference.engine.training.errors import TrainingError


def a_picture(file: Path, size: tuple[int, int] = (64, 64)) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (200, 10, 10)).save(file)
    return file


@pytest.mark.parametrize(
    ("name", "caption"),
    [
        ("red house.png", "red house"),
        ("0012-a red house.png", "a red house"),
        ("00003-1-red house.png", "red house"),
        ("7.png", ""),
    ],
)
def test_a_caption_is_the_file_name_without_its_number(
    tmp_path: Path, name: str, caption: str
) -> None:
    a_picture(tmp_path / name)
    assert read_dataset(tmp_path, needs_captions=False).training[0].caption == caption


def test_a_text_beside_the_picture_counts_more_than_its_name(tmp_path: Path) -> None:
    a_picture(tmp_path / "red house.png")
    (tmp_path / "red house.txt").write_text(" a blue boat, at sea \n", encoding="utf-8")
    dataset = read_dataset(tmp_path, needs_captions=True)
    assert dataset.training[0].caption == "a blue boat, at sea"


def test_pictures_are_found_below_the_folder_and_other_files_are_left_alone(
    tmp_path: Path,
) -> None:
    a_picture(tmp_path / "b.jpg")
    a_picture(tmp_path / "deep" / "a.PNG")
    (tmp_path / "notes.md").write_text("no picture")
    found = [e.file.name for e in read_dataset(tmp_path, needs_captions=True).training]
    assert sorted(found) == ["a.PNG", "b.jpg"]


@pytest.mark.parametrize(("count", "kept"), [(1, 0), (3, 0), (4, 1), (19, 1), (20, 2), (240, 24)])
def test_one_picture_in_ten_is_kept_back(count: int, kept: int) -> None:
    examples = [Example(Path(f"{i}.png"), str(i)) for i in range(count)]
    dataset = divided(examples, None)
    assert len(dataset.validation) == kept
    assert sorted((*dataset.training, *dataset.validation), key=examples.index) == examples


def test_nothing_or_another_number_may_be_kept_back() -> None:
    examples = [Example(Path(f"{i}.png"), str(i)) for i in range(6)]
    assert divided(examples, 0).validation == ()
    assert len(divided(examples, 5).validation) == 5
    with pytest.raises(TrainingError, match="6 of 6 pictures cannot be kept back"):
        divided(examples, 6)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="There is no folder .*nowhere"):
        read_dataset(tmp_path / "nowhere", needs_captions=False)


def test_a_file_instead_of_a_folder(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="is a file. Give the folder"):
        read_dataset(a_picture(tmp_path / "x.png"), needs_captions=False)


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="There are no pictures in"):
        read_dataset(tmp_path, needs_captions=False)


def test_a_missing_caption_matters_only_where_it_is_used(tmp_path: Path) -> None:
    a_picture(tmp_path / "001.png")
    with pytest.raises(TrainingError, match=r"001\.png has no caption: .* 001\.txt beside it"):
        read_dataset(tmp_path, needs_captions=True)
    assert len(read_dataset(tmp_path, needs_captions=False).training) == 1


def test_a_caption_that_is_no_text(tmp_path: Path) -> None:
    a_picture(tmp_path / "a.png")
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe\x00caption")
    with pytest.raises(TrainingError, match=r"a\.txt is not text in UTF-8"):
        read_dataset(tmp_path, needs_captions=True)


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b"GIF?"])
def test_a_damaged_picture_is_named(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    file = a_picture(tmp_path / "broken.png", (256, 256))
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(TrainingError, match=r"broken\.png cannot be read: .* Replace it"):
        read_picture(file, 64, 64)


def test_a_picture_covers_the_size_and_what_hangs_over_is_cut_off(tmp_path: Path) -> None:
    wide = Image.new("RGB", (192, 64), (0, 0, 0))
    wide.paste((255, 255, 255), (64, 0, 128, 64))
    wide.save(tmp_path / "wide.png")
    pixels, opacity = read_picture(tmp_path / "wide.png", 64, 64)
    assert pixels.shape == (3, 64, 64)
    assert torch.equal(pixels[:, :, 8:-8], torch.ones(3, 64, 48))
    assert torch.equal(opacity, torch.ones(64, 64))
