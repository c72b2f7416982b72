"""Faces: any upload becomes a square WebP of our own encoding, named by its SHA256."""

import base64
import hashlib
import io
from contextlib import closing
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Final

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils.translation import gettext as _
from PIL import Image

from registry import audit
from registry.abnormal_ends import OutOfMemory
from registry.confinement import Limits
from registry.models import User
from registry.sandbox import Sandbox

MAX_BYTES: Final = 20 * 2**20
SIDE: Final = 320
# Four times the most pixels that are taken: decoders and conversions hold them more than once.
LIMITS: Final = Limits(wall_seconds=40, cpu_seconds=20, memory=768 << 20, file_size=0)


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
    clean = Image.frombytes("RGBA", (SIDE, SIDE), _pixels_of(upload))
    encoded = io.BytesIO()
    clean.save(encoded, "WEBP", quality=86, method=4)
    return encoded.getvalue()


def _pixels_of(upload: IO[bytes]) -> bytes:
    """RGBA; the upload's own bytes are decoded by a child that can do nothing else."""
    data = upload.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise UnusablePicture(_("The picture is larger than 20 MB. Choose a smaller one."))
    # One for each picture: faces change rarely, and a process that waits for the next takes memory.
    sandbox = Sandbox("registry.faces", LIMITS)
    with closing(sandbox), NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        outcome = sandbox.run(
            "square", parameters={"side": SIDE}, sources={"picture": Path(file.name)}
        )
    if outcome.refusal is not None and outcome.refusal.rule == OutOfMemory.rule:
        raise UnusablePicture(_("The picture takes too much memory. Choose a smaller one."))
    said = outcome.value if isinstance(outcome.value, dict) else {}
    if said.get("problem") == "too-many-pixels":
        raise UnusablePicture(
            _("The picture has more than 40 million pixels. Choose a smaller one.")
        )
    try:
        pixels = base64.b64decode(said["pixels"], validate=True)
    except (KeyError, TypeError, ValueError):
        pixels = b""
    if len(pixels) != SIDE * SIDE * 4:
        raise UnusablePicture(
            _("This file cannot be read as a picture. Choose a PNG, JPEG, WebP or AVIF file.")
        )
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
