"""Who may download what, and where its bytes are fetched.

An address for the bytes is signed and short-lived: it needs no key, so that a client's redirect,
a download manager or the object store can use it.
"""

import hmac
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core import signing
from django.core.files.storage import FileSystemStorage, default_storage
from django.utils.translation import gettext as _

from registry.errors import Gone
from registry.models import File, Network, User, Version

SIGNED_FOR_SECONDS: Final = 600
CONTENT_TYPE: Final = "application/octet-stream"
_SIGNER: Final = signing.TimestampSigner(salt="registry.downloads")


class NotThere(Exception):
    """No such version or file, as far as this person may know."""


class NotServed(Gone, code="not-served"):
    """It was there; its bytes are not served any more."""

    reason: str
    sentence = "{reason}"


@dataclass(frozen=True)
class Choice:
    """Which of a version's files a client asks for; nothing asked is the primary file."""

    file_id: int | None = None
    format: str | None = None
    flavour: str | None = None
    dtype: str | None = None


def file_to_download(*, version_id: int, choice: Choice, by: "User | AnonymousUser") -> File:
    """The file to serve. Raises NotThere or NotServed.

    Withdrawn (yanked) versions are still served to who asks for them directly; deleted and taken
    down ones are not, to anyone.
    """
    version = Version.objects.visible_to(by).select_related("network").filter(pk=version_id).first()
    if version is None:
        raise NotThere
    _refuse_gone(version)
    file = _chosen(version, choice)
    if file is None:
        raise NotThere
    if file.blob_id is None:
        raise NotServed(reason=_("The bytes of this file are not kept any more."))
    return file


def _refuse_gone(version: Version) -> None:
    network = version.network
    if network.status == Network.Status.ARCHIVED:
        raise NotServed(reason=network.status_reason or _("Its creator has deleted it."))
    if network.status == Network.Status.TAKEN_DOWN:
        raise NotServed(reason=network.status_reason or _("The moderators took it down."))
    if version.status == Version.Status.TAKEN_DOWN:
        raise NotServed(reason=version.status_reason or _("The moderators took it down."))


def _chosen(version: Version, choice: Choice) -> File | None:
    files = version.files.order_by("-is_primary", "id")
    if choice.file_id is not None:
        files = files.filter(pk=choice.file_id)
    if choice.format is not None:
        files = files.filter(format=choice.format)
    if choice.flavour is not None:
        files = files.filter(flavour=choice.flavour)
    if choice.dtype is not None and choice.dtype != version.dtype:
        return None
    return files.first()


def address_of_bytes(file: File) -> str:
    """Where the bytes are for the next ten minutes: at the object store, or on this host."""
    if isinstance(default_storage, FileSystemStorage):
        return f"/files/{_SIGNER.sign(str(file.pk))}/{file.name}"
    assert file.blob is not None  # noqa: S101  # file_to_download has seen to it
    return str(
        default_storage.url(  # type: ignore[call-arg]  # S3's own arguments
            file.blob.key,
            parameters={
                "ResponseContentDisposition": disposition(file),
                "ResponseContentType": CONTENT_TYPE,
            },
            expire=SIGNED_FOR_SECONDS,
        )
    )


def file_of_signature(signature: str) -> File:
    """The file that a signed path stands for. Raises NotThere where it is forged or too old."""
    try:
        key = _SIGNER.unsign(signature, max_age=SIGNED_FOR_SECONDS)
    except signing.BadSignature:
        raise NotThere from None
    file = File.objects.select_related("blob").filter(pk=key, blob__isnull=False).first()
    if file is None:
        raise NotThere
    return file


def disposition(file: File) -> str:
    """One plain ASCII `filename`: clients break on `filename*`, and stems are safe already."""
    return f'attachment; filename="{file.name}"'


def client_digest(*, address: str, user: "User | AnonymousUser") -> str:
    """Who downloads, as a keyed hash that says nothing without the hub's own key."""
    who = f"user:{user.pk}" if user.is_authenticated else f"address:{address}"
    return hmac.digest(settings.SECRET_KEY.encode(), who.encode(), "sha256").hex()[:24]
