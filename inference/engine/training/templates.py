"""The sentences around a caption: A1111's template files by name, or a file of the user's own.

``[name]`` stands for the network's name, ``[filewords]`` for the picture's caption.
"""

import random
from pathlib import Path
from typing import Final

from inference.engine.training.errors import TemplateEmpty, TemplateMissing, UnreadableCaption

NAME: Final = "[name]"
FILEWORDS: Final = "[filewords]"

_KINDS: Final = (
    "a painting of {}", "a picture of {}", "a rendering of {}", "an illustration of {}",
    "a bright picture of {}", "a dark picture of {}", "a cropped picture of {}",
    "a close-up of {}", "a good picture of {}", "a drawing of {}",
)  # fmt: skip
BUILT_IN: Final[dict[str, tuple[str, ...]]] = {
    "style_filewords.txt": tuple(f"{k.format(FILEWORDS)}, art by {NAME}" for k in _KINDS),
    "style.txt": tuple(f"{k.format('a scene')}, art by {NAME}" for k in _KINDS),
    "subject_filewords.txt": tuple(f"{k.format(f'a {NAME}')}, {FILEWORDS}" for k in _KINDS),
    "subject.txt": tuple(k.format(f"a {NAME}") for k in _KINDS),
    "hypernetwork.txt": tuple(k.format(FILEWORDS) for k in _KINDS),
    "filewords.txt": (FILEWORDS,),
    "none.txt": ("picture",),
}


def read_templates(name: str) -> tuple[str, ...]:
    """The lines of a built-in template, or of the text file at that path."""
    if name in BUILT_IN:
        return BUILT_IN[name]
    path = Path(name)
    if not path.is_file():
        raise TemplateMissing(found=name, choices=", ".join(BUILT_IN))
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise UnreadableCaption(file=path) from None
    filled = tuple(line.strip() for line in lines if line.strip())
    if not filled:
        raise TemplateEmpty(file=path)
    return filled


def fill(template: str, *, name: str, caption: str) -> str:
    return template.replace(NAME, name).replace(FILEWORDS, caption)


def varied(caption: str, *, shuffle: bool, drop_out: float, chance: random.Random) -> str:
    """The caption's tags, which stand between commas, in another order or without some."""
    if not shuffle and not drop_out:
        return caption
    tags = [tag.strip() for tag in caption.split(",") if chance.random() >= drop_out]
    if shuffle:
        chance.shuffle(tags)
    return ", ".join(tags)
