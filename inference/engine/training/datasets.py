"""The pictures of a training and their captions, read from a folder as A1111 reads it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from inference.engine.training.errors import (
    CaptionMissing,
    FolderIsFile,
    FolderMissing,
    NoPictures,
    TooFewForValidation,
    UnreadableCaption,
    UnreadablePicture,
)

SUFFIXES: Final = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
_NUMBER_AT_START: Final = re.compile(r"^[-\d]+\s*")
_SHARE_FOR_VALIDATION: Final = 10  # one picture in ten
_LEAST_TO_SHARE: Final = 4


@dataclass(frozen=True)
class Example:
    """A picture's file and what it shows: from the text beside it, else from its name."""

    file: Path
    caption: str


@dataclass(frozen=True)
class Dataset:
    """What is trained on, and what is only looked at to measure."""

    training: tuple[Example, ...]
    validation: tuple[Example, ...]


def read_dataset(
    folder: Path, *, needs_captions: bool, validation_images: int | None = None
) -> Dataset:
    """The pictures below ``folder``, in the order of their names.

    None keeps back one picture in ten, and none where there are fewer than four.
    """
    if not folder.exists():
        raise FolderMissing(folder=folder)
    if not folder.is_dir():
        raise FolderIsFile(folder=folder)
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not files:
        raise NoPictures(folder=folder, suffixes=", ".join(SUFFIXES))
    return divided([_example(file, needs_captions) for file in files], validation_images)


def divided(examples: Sequence[Example], validation_images: int | None) -> Dataset:
    """Keep back pictures at even distances, so that every part of an ordered set is looked at."""
    count = len(examples)
    kept = validation_images
    if kept is None:
        kept = max(1, count // _SHARE_FOR_VALIDATION) if count >= _LEAST_TO_SHARE else 0
    if kept >= count:
        raise TooFewForValidation(wanted=kept, found=count)
    back = {(2 * i + 1) * count // (2 * kept) for i in range(kept)}
    return Dataset(
        training=tuple(example for i, example in enumerate(examples) if i not in back),
        validation=tuple(example for i, example in enumerate(examples) if i in back),
    )


def _example(file: Path, needs_caption: bool) -> Example:
    beside = file.with_suffix(".txt")
    if beside.is_file():
        try:
            caption = beside.read_text(encoding="utf-8").strip()
        except UnicodeDecodeError:
            raise UnreadableCaption(file=beside) from None
    else:
        caption = _NUMBER_AT_START.sub("", file.stem)
    if needs_caption and not caption:
        raise CaptionMissing(file=file, text_file=beside.name)
    return Example(file, caption)


def read_picture(file: Path, width: int, height: int) -> tuple[Tensor, Tensor]:
    """RGB, 3 × height × width from -1 to 1, and its opacity, height × width from 0 to 1.

    The picture is scaled until it covers the size, and what hangs over is cut off evenly.
    """
    try:
        with Image.open(file) as opened:
            picture = ImageOps.exif_transpose(opened).convert("RGBA")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        problem = "it is damaged or cut off." if isinstance(error, OSError) else f"{error}."
        raise UnreadablePicture(file=file, problem=problem) from error
    fitted = ImageOps.fit(picture, (width, height), method=Image.Resampling.BICUBIC)
    pixels = torch.from_numpy(np.array(fitted)).permute(2, 0, 1).float()
    return pixels[:3] / 127.5 - 1, pixels[3] / 255
