"""Pictures' bytes: a PNG under its SHA256, its WebP renditions beside it, and what is known of it.

    pictures/{sha256}/original.png      the very bytes, with their infotext
    pictures/{sha256}/320.webp          and 640, 1024: no wider than the original

The renditions are stored first: where the original is, all of them are. Bytes are freed when no
row has their SHA256 any more.
"""

import base64
import hashlib
import io
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog
from django.db import transaction
from django.utils import timezone
from PIL import Image

from registry import storage
from registry.blobs import is_digest
from registry.blurhash import blurhash_of
from registry.errors import StorageTrouble
from registry.locks import locked
from registry.models import Network, Picture, Version

logger = structlog.get_logger(__name__)
WIDTHS: Final = (320, 640, 1024)
PLACEHOLDER_WIDTH: Final = 16
QUALITY: Final = 82
# The first half of the advisory lock's key; nothing else here uses it.
LOCK: Final = 0x50494354
SAFE_AGE: Final = timedelta(hours=1)


@dataclass(frozen=True)
class StoredPicture:
    """What a row says of the bytes; width and height in pixels."""

    sha256: str
    width: int
    height: int
    blurhash: str
    placeholder: str


def sha256_of_bytes(png: bytes) -> str:
    return hashlib.sha256(png).hexdigest()


@contextmanager
def stored(png: bytes) -> Iterator[StoredPicture]:
    """Store a PNG of ours with its renditions; the caller commits its row within. Idempotent.

    Nobody frees the bytes meanwhile. Raises StorageTrouble.
    """
    sha256 = sha256_of_bytes(png)
    with Image.open(io.BytesIO(png)) as opened:
        picture = opened.convert("RGB")
    with _locked(sha256):
        _remove_unfinished(sha256)
        for width in widths_of(picture.width):
            storage.put_bytes(key_of(sha256, width), _webp(picture, width))
        storage.put_bytes(key_of(sha256), png)
        yield StoredPicture(
            sha256, picture.width, picture.height, blurhash_of(picture), _placeholder(picture)
        )


def _remove_unfinished(sha256: str) -> None:
    """What a killed process left half-written; nobody else writes here now."""
    for each in storage.keys(f"pictures/{sha256}"):
        if storage.TEMPORARY in each.key:
            storage.remove(each.key)


def stored_png(sha256: str) -> bytes | None:
    """The original, if it is there and whole. Raises StorageTrouble."""
    png = storage.get_bytes(key_of(sha256))
    return png if png is not None and sha256_of_bytes(png) == sha256 else None


def key_of(sha256: str, width: int | None = None) -> str:
    """Where the storage keeps the original, or a rendition."""
    return f"pictures/{sha256}/{f'{width}.webp' if width else 'original.png'}"


def widths_of(width: int) -> tuple[int, ...]:
    """The renditions of a picture: nothing is enlarged, and a small one has its own size."""
    return tuple(each for each in WIDTHS if each < width) + (
        (width,) if width <= WIDTHS[-1] else ()
    )


def rendition_for(width: int, *, asked: int) -> int:
    """The smallest rendition that is as wide as asked, else the widest."""
    return next((each for each in widths_of(width) if each >= asked), widths_of(width)[-1])


def recount(network: Network) -> None:
    """How many pictures its versions have, for sorting."""
    count = Picture.objects.filter(versions__network=network, hidden_at=None).distinct().count()
    Network.objects.filter(pk=network.pk).update(picture_count=count)


# --- Freeing --------------------------------------------------------------------------------------


def free_pictures_after_commit(digests: Iterable[str]) -> None:
    """Once the surrounding transaction has let go of these, free those that no row has."""
    freed = sorted(set(filter(None, digests)))
    if freed:
        transaction.on_commit(lambda: free_unused(freed), robust=True)


def free_unused(digests: Iterable[str]) -> int:
    """Remove the bytes of pictures that no row refers to; how many pictures.

    What the storage does not remove now is the sweep's.
    """
    freed = 0
    for digest in digests:
        with _locked(digest):
            if Picture.objects.filter(sha256=digest).exists():
                continue
            freed += 1
            try:
                for stored in list(storage.keys(f"pictures/{digest}")):
                    storage.remove(stored.key)
            except StorageTrouble as trouble:
                logger.warning("picture not removed", key=trouble.key, reason=trouble.reason)
    return freed


def remove_unwanted() -> int:
    """For the sweep: pictures whose versions have no bytes any more, and bytes without a row."""
    alive = Version.objects.filter(files__blob__isnull=False)
    gone = Picture.objects.filter(is_preview=True, owner__isnull=False).exclude(versions__in=alive)
    gone.filter(created_at__lt=timezone.now() - SAFE_AGE).delete()
    stored = {each.key.split("/")[1] for each in storage.keys("pictures")}
    digests = {name for name in stored if is_digest(name)}
    known = Picture.objects.filter(sha256__in=digests).values_list("sha256", flat=True)
    return free_unused(digests - set(known))


def _locked(sha256: str) -> AbstractContextManager[None]:
    return locked(sha256, space=LOCK)


# --- Encoding -------------------------------------------------------------------------------------


def _webp(picture: Image.Image, width: int) -> bytes:
    height = max(1, round(picture.height * width / picture.width))
    small = picture.resize((width, height), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    small.save(out, "WEBP", quality=QUALITY, method=4)
    return out.getvalue()


def _placeholder(picture: Image.Image) -> str:
    """A data URI to be stretched until the picture is there."""
    content = base64.b64encode(_webp(picture, PLACEHOLDER_WIDTH)).decode()
    return f"data:image/webp;base64,{content}"
