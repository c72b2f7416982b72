"""The name of a served file without its ending: what people write into a prompt.

`<hypernet:STEM:0.6>` in A1111, a file name on every system, and an ASCII `filename="…"` in a
header: so the uploader's own, as far as all three allow.
"""

import re
from pathlib import PurePosixPath, PureWindowsPath
from typing import Final

from registry.slugs import ascii_of

MAX_STEM: Final = 100
# Not in file names on Windows, not in a prompt's tag, not in a quoted string of a header.
_FORBIDDEN: Final = re.compile(r"[^A-Za-z0-9 ._()\[\]+=@~!#$^&'-]+")
_DEVICES: Final = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?\Z", re.I)
_SUFFIXES: Final = (".pt", ".safetensors", ".pth", ".ckpt", ".bin")


def stem_of(name: str, *, fallback: str) -> str:
    """The stem of an uploaded file's name; `fallback` where nothing of it can be kept."""
    stem = PureWindowsPath(PurePosixPath(name).name).name
    for suffix in _SUFFIXES:
        if stem.lower().endswith(suffix):
            stem = stem[: -len(suffix)]
            break
    stem = _FORBIDDEN.sub("_", ascii_of(stem)).strip(" .")[:MAX_STEM].strip(" .")
    if not re.search(r"[A-Za-z0-9]", stem) or _DEVICES.match(stem):
        return f"{stem}_" if _DEVICES.match(stem) else fallback
    return stem


def suffix_of(name: str) -> str:
    """Its ending as A1111 looks at it, ".pt"; "" without one."""
    return PurePosixPath(PureWindowsPath(name).name).suffix
