"""A version as A1111 wants it on disk: `STEM.pt`, `STEM.json` beside it, and `STEM.png`.

The zip is written as it is sent: members are stored as they are, and with their sizes and CRC32
known beforehand so is every byte but theirs; hence its length, too.
"""

import io
import json
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, BinaryIO, Final

from django.core.files.storage import default_storage

from registry.models import File, Picture, Version

BLOCK: Final = 1 << 20
UNIX: Final = 3 << 8
VERSION: Final = 20  # of the zip format: 2.0, folders and nothing newer
UTF8: Final = 0x0800
MODE: Final = 0o100644 << 16


# --- The sidecar ----------------------------------------------------------------------------------


def sidecar_of(version: Version, *, address: str) -> dict[str, Any]:
    """A1111's `STEM.json`. The weight is left out where nobody has measured or chosen one."""
    network = version.network
    sidecar: dict[str, Any] = {
        "description": network.description,
        "sd version": _sd_version(version),
        "activation text": ", ".join(version.trigger_words),
    }
    if version.recommended_strength is not None:
        sidecar["preferred weight"] = version.recommended_strength
    notes = [f"{network.name} {version.name} by {network.creator.username}", address]
    return sidecar | {"notes": "\n".join([*notes, *_about_strength(version)])}


def _sd_version(version: Version) -> str:
    """As A1111 writes it; by the layers where the creator says nothing of use."""
    family = "sd2" if version.base_model.startswith("SD 2") else "sd1"
    if version.base_model in ("", "Other"):
        family = str(version.facts.get("base_family") or "")
    return {"sd1": "SD1", "sd2": "SD2"}.get(family, "Unknown")


def _about_strength(version: Version) -> Iterator[str]:
    if version.min_strength is not None and version.max_strength is not None:
        yield f"Works from {version.min_strength:g} to {version.max_strength:g}"
    if version.recommended_strength is not None:
        yield f"Weight {version.get_strength_source_display() or 'given'}"


def as_bytes(sidecar: dict[str, Any]) -> bytes:
    return json.dumps(sidecar, ensure_ascii=False, indent=4).encode()


# --- The preview ----------------------------------------------------------------------------------


def preview_of(version: Version) -> str | None:
    """The storage key of the picture to lie beside the file, as PNG; None while there is none."""
    shown = version.pictures.filter(is_preview=True, hidden_at=None)
    previews: list[Picture] = list(shown.order_by("-is_cover", "id")[:1])
    key = f"pictures/{previews[0].sha256}/original.png" if previews else ""
    return key if key and default_storage.exists(key) else None


# --- The zip --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Member:
    """A file of a zip; sizes in bytes, less than 4 GiB each and together."""

    name: str
    size: int
    crc32: int
    open: Callable[[], BinaryIO]


def members_of(version: Version, file: File, *, sidecar: bytes) -> list[Member]:
    """The file, its picture if it has one, and what is to be known of it: all of one stem."""
    assert file.blob is not None  # noqa: S101  # file_to_download has seen to it
    stem, key = file.name.rpartition(".")[0], file.blob.key
    members = [Member(file.name, file.size, int(file.crc32, 16), lambda: _open(key))]
    if preview := preview_of(version):
        with _open(preview) as picture:
            content = picture.read()
        members.append(_in_memory(f"{stem}.png", content))
    return [*members, _in_memory(f"{stem}.json", sidecar)]


def zip_length(members: Sequence[Member]) -> int:
    """How many bytes `zip_of` will give."""
    frames = sum(30 + 46 + 2 * len(each.name.encode()) for each in members)
    return frames + sum(each.size for each in members) + 22


def zip_of(members: Sequence[Member], *, at: datetime) -> Iterator[bytes]:
    """A zip of these, block by block; `at` is when they were written. The same bytes each time.

    A member that is not of its promised size ends the stream: a download that is cut short is
    noticed, one that is wrong is not.
    """
    time, date = _dos_time(at)
    central, offset = b"", 0
    for member in members:
        name = member.name.encode()
        sums = (member.crc32, member.size, member.size)
        common = struct.pack("<HHHHHIIIHH", VERSION, UTF8, 0, time, date, *sums, len(name), 0)
        local = b"PK\3\4" + common + name
        central += b"PK\1\2" + struct.pack("<H", UNIX | VERSION) + common
        central += struct.pack("<HHHII", 0, 0, 0, MODE, offset) + name
        yield local
        yield from _blocks(member)
        offset += len(local) + member.size
    count = len(members)
    yield central
    yield b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, count, count, len(central), offset, 0)


def _blocks(member: Member) -> Iterator[bytes]:
    left = member.size
    with member.open() as file:
        while left and (block := file.read(min(BLOCK, left))):
            left -= len(block)
            yield block
    if left:
        raise OSError(f"{member.name} is {left} bytes short")


def _in_memory(name: str, content: bytes) -> Member:
    return Member(name, len(content), zlib.crc32(content), lambda: io.BytesIO(content))


def _open(key: str) -> BinaryIO:
    opened: Any = default_storage.open(key)
    return opened  # type: ignore[no-any-return]


def _dos_time(at: datetime) -> tuple[int, int]:
    """Time and date in two words, to two seconds; zips know no years before 1980."""
    at = max(at.astimezone(UTC), datetime(1980, 1, 1, tzinfo=UTC))
    time = at.hour << 11 | at.minute << 5 | at.second // 2
    return time, (at.year - 1980) << 9 | at.month << 5 | at.day
