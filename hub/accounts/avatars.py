"""Faces: any upload becomes a square WebP of our own encoding, named by its SHA256."""

import base64
import hashlib
import io
from typing import IO, Final

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from PIL import Image

from registry import audit
from registry.confinement import Limits
from registry.models import User
from registry.picture_uploads import UnusablePicture, decoded_by_child

SIDE: Final = 320
# Four times the most pixels that are taken: decoders and conversions hold them more than once.
LIMITS: Final = Limits(wall_seconds=40, cpu_seconds=20, memory=768 << 20, file_size=0)


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
    clean = Image.frombytes("RGBA", (SIDE, SIDE), _pixels_of(upload))
    encoded = io.BytesIO()
    clean.save(encoded, "WEBP", quality=86, method=4)
    return encoded.getvalue()


def _pixels_of(upload: IO[bytes]) -> bytes:
    """RGBA; the upload's own bytes are decoded by a child that can do nothing else."""
    said = decoded_by_child(
        upload, module="registry.faces", verb="square", side=SIDE, limits=LIMITS
    )
    try:
        pixels = base64.b64decode(said["pixels"], validate=True)
    except (KeyError, TypeError, ValueError):
        pixels = b""
    if len(pixels) != SIDE * SIDE * 4:
        raise UnusablePicture
    return pixels


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
