"""Faces: any upload becomes a square WebP of our own encoding, named by its SHA256."""

import hashlib
import io
import warnings
from typing import IO, Final

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils.translation import gettext as _
from PIL import Image, ImageOps, UnidentifiedImageError

from registry import audit
from registry.models import User

FORMATS: Final = ("PNG", "JPEG", "WEBP", "AVIF")
MAX_BYTES: Final = 20 * 2**20
MAX_PIXELS: Final = 40_000_000
SIDE: Final = 320


class UnusablePicture(Exception):
    """The upload is no picture that we take; `sentence` says why, and what would be."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


def change_avatar(*, user: User, upload: IO[bytes]) -> None:
    """Take a new face; raises UnusablePicture."""
    encoded = encode_avatar(upload)
    name = f"avatars/{hashlib.sha256(encoded).hexdigest()}.webp"
    if not default_storage.exists(name):
        default_storage.save(name, ContentFile(encoded))
    _keep(user, name)


def remove_avatar(*, user: User) -> None:
    if user.avatar:
        _keep(user, "")


def encode_avatar(upload: IO[bytes]) -> bytes:
    """WebP bytes of SIDE x SIDE pixels: upright, cut to the middle, without anything but pixels."""
    data = upload.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise UnusablePicture(_("The picture is larger than 20 MB. Choose a smaller one."))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return _encode(io.BytesIO(data))
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError) as error:
        raise UnusablePicture(
            _("This file cannot be read as a picture. Choose a PNG, JPEG, WebP or AVIF file.")
        ) from error
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise _too_many_pixels() from error


def _encode(file: IO[bytes]) -> bytes:
    with Image.open(file, formats=FORMATS) as opened:
        if opened.width * opened.height > MAX_PIXELS:
            raise _too_many_pixels()
        opened.draft("RGB", (SIDE * 2, SIDE * 2))  # a JPEG is read at the size that is needed
        opened.seek(0)
        pixels = ImageOps.exif_transpose(opened).convert("RGBA")
    square = ImageOps.fit(pixels, (SIDE, SIDE), method=Image.Resampling.LANCZOS)
    clean = Image.frombytes("RGBA", square.size, square.tobytes())
    encoded = io.BytesIO()
    clean.save(encoded, "WEBP", quality=86, method=4)
    return encoded.getvalue()


def _too_many_pixels() -> UnusablePicture:
    return UnusablePicture(_("The picture has more than 40 million pixels. Choose a smaller one."))


@transaction.atomic
def _keep(user: User, name: str) -> None:
    former = User.objects.select_for_update().get(pk=user.pk).avatar
    user.avatar = name
    user.save(update_fields=["avatar"])
    if former != name:
        audit.record("profile.changed", by=user, on=user, data={"fields": ["avatar"]})
        transaction.on_commit(lambda: _drop(former))


def _drop(name: str) -> None:
    """Remove a face that nobody wears any more; two people may have had the same."""
    if name and not User.objects.filter(avatar=name).exists():
        default_storage.delete(name)
