"""What the domain refuses, as types that carry data and one sentence for the person who asked.

The base class says what kind of trouble it is: `registry.api.errors` maps kinds to HTTP and
`hub.errors` to pages, so neither has to know every error. `code` is a stable name for machines.
Fields that are not taken are Django's `ValidationError`, which forms and the API know already.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, dataclass_transform

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Sentence = str | Promise


@dataclass_transform(eq_default=False, frozen_default=False)
class HubError(Exception):
    """Base of all of them. Subclasses annotate their data; the sentence may name it."""

    code: ClassVar[str] = "error"
    sentence: ClassVar[Sentence] = _("That did not work.")

    def __init_subclass__(cls, *, code: str = "") -> None:
        dataclass(eq=False, repr=False)(cls)
        cls.code = code or cls.code

    def __str__(self) -> str:
        return self.message

    def data(self) -> dict[str, Any]:
        """The error's fields."""
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}  # type: ignore[arg-type]

    @property
    def message(self) -> str:
        """What is wrong and what to do, in the reader's language."""
        return str(self.sentence).format(**self.data())


# --- Kinds ----------------------------------------------------------------------------------------


class Forbidden(HubError, code="forbidden"):
    """This person may not do that (403)."""


class Conflict(HubError, code="conflict"):
    """The thing is not in a state in which that can be done (409)."""


class Gone(HubError, code="gone"):
    """It was here, and was removed for good (410)."""


class TooMuch(HubError, code="too-much"):
    """A quota or a size is used up (413)."""


class Temporary(HubError, code="temporary"):
    """Nothing wrong with the request: try again (503)."""


# --- Who may what ---------------------------------------------------------------------------------


class NotAllowed(Forbidden, code="not-allowed"):
    """`action` is a `registry.permissions.Action`."""

    action: str
    sentence = _("Only its creator may do this.")


class ModeratorsOnly(Forbidden, code="moderators-only"):
    action: str
    sentence = _("Only moderators may do this.")


class AccountBlocked(Forbidden, code="account-blocked"):
    reason: str
    sentence = _("Your account is blocked: {reason} You can read, but not change anything.")


# --- Networks and versions ------------------------------------------------------------------------


class LevelHeld(Forbidden, code="content-level-held"):
    """`level` is the one that the moderators set, `reason` what they said of it."""

    level: str
    reason: str
    sentence = _(
        "The moderators set the content level to “{level}”: it can be raised, not lowered. {reason}"
    )

    @property
    def message(self) -> str:
        return super().message.strip()


class VersionIsPublished(Conflict, code="version-published"):
    """`fields` are those that someone tried to change."""

    fields: Sequence[str]
    sentence = _(
        "A published version never changes. Make a new version with what is different; "
        "the recommended strength can be set at any time."
    )


class WrongStatus(Conflict, code="wrong-status"):
    """`status` is what it has, `needed` those in which this can be done."""

    status: str
    needed: Sequence[str]
    sentence = _("This cannot be done to something that is “{status}”.")


class NoFile(Conflict, code="no-file"):
    sentence = _("This version has no checked file yet. Upload one and wait for the check.")


class HasFile(Conflict, code="has-file"):
    stem: str
    sentence = _(
        "This version already has its file, “{stem}”. Files never change: make a new version, "
        "or remove the file while the version is a draft."
    )


class BaseModelMissing(Conflict, code="base-model-missing"):
    sentence = _("Say which base model this network was made for.")


class BaseModelMismatch(Conflict, code="base-model-mismatch"):
    """`family` is sd1 or sd2, by the widths of the file's layers; `expected` the base models."""

    base_model: str
    family: str
    expected: Sequence[str]
    sentence = _(
        "The file's layers fit {listed}, but the base model given is {base_model}. "
        "Choose one that fits, or upload the right file."
    )

    @property
    def message(self) -> str:
        listed = ", ".join(self.expected)
        return str(self.sentence).format(listed=listed, base_model=self.base_model)


class TimeIsPast(Conflict, code="time-is-past"):
    at: datetime
    sentence = _("That time is past. Choose one in the future, or publish now.")


class BytesGone(Gone, code="bytes-gone"):
    sentence = _("Its files were erased. The creator can upload them again as a new version.")


# --- Uploads and files ----------------------------------------------------------------------------


class UploadNotReady(Conflict, code="upload-not-ready"):
    state: str
    sentence = _("This upload cannot be used: it is “{state}”.")


class EmptyUpload(HubError, code="empty-upload"):
    sentence = _("The file is empty. Choose the hypernetwork's file itself.")


class BadFileName(HubError, code="bad-file-name"):
    sentence = _(
        "The file needs a name of 1 to 200 characters, without control characters: "
        "“ink-wash.pt”. It becomes the name of the network in prompts."
    )


class UploadTooLarge(TooMuch, code="upload-too-large"):
    """Sizes in bytes."""

    size: int
    most: int
    sentence = _("A file may have at most {most_mib} MiB; this one has {size_mib} MiB.")

    @property
    def message(self) -> str:
        size_mib = -(-self.size // (1 << 20))
        return str(self.sentence).format(most_mib=self.most >> 20, size_mib=size_mib)


class UploadTooLong(TooMuch, code="upload-too-long"):
    """More bytes came than the upload was announced with; what was too much is not kept."""

    size: int
    sentence = _("More bytes were sent than the {size} that were announced. Start a new upload.")


class TooManyUploads(TooMuch, code="too-many-uploads"):
    most: int
    sentence = _("You have {most} unfinished uploads. Finish or cancel one of them first.")


class UploadQuotaUsedUp(TooMuch, code="upload-quota"):
    """Bytes: of unfinished uploads, or of everything stored for this person."""

    used: int
    wanted: int
    most: int
    sentence = _(
        "This file does not fit into your space any more: {used_mib} of {most_mib} MiB are used, "
        "uploads under way included. Delete a network, or cancel an upload."
    )

    @property
    def message(self) -> str:
        return str(self.sentence).format(used_mib=self.used >> 20, most_mib=self.most >> 20)


class DiskFull(Temporary, code="disk-full"):
    sentence = _("The hub has no room for this file at the moment. Try again later.")


class WrongOffset(Conflict, code="wrong-offset"):
    """`expected` is how many bytes are here: where to go on."""

    given: int
    expected: int
    sentence = _("The hub has {expected} bytes of this file, so it goes on there, not at {given}.")


class UploadBusy(Conflict, code="upload-busy"):
    sentence = _("Another connection is sending this very file. Wait for it to end, or cancel it.")


class WrongChecksum(HubError, code="wrong-checksum"):
    """The chunk was dropped: the upload goes on where it began."""

    algorithm: str
    sentence = _("This part of the file was damaged on its way, and was dropped. Send it again.")


class UploadExpired(Gone, code="upload-expired"):
    sentence = _("This upload was cancelled, or not gone on with for too long. Start it again.")


class PartAway(Temporary, code="part-away"):
    """The database or the cache does not answer, or has too much to do."""

    sentence = _("A part of the hub does not answer at the moment. Try again in a few seconds.")


class BodyTooLarge(TooMuch, code="body-too-large"):
    """Bytes."""

    most: int
    sentence = _("The body of a request may have {most} bytes at most.")


class StorageTrouble(Temporary, code="storage-trouble"):
    """`key` is what was to be written or read; `reason` for the log."""

    key: str
    reason: str
    sentence = _("The storage did not take a file. The hub tries again by itself.")


# --- Accounts -------------------------------------------------------------------------------------


class LastAdmin(Conflict, code="last-admin"):
    sentence = _(
        "You are the only administrator: without you nobody could look after this hub. Make "
        "somebody else one first."
    )


# --- Collections and follows ----------------------------------------------------------------------


class TooManyCollections(TooMuch, code="too-many-collections"):
    most: int
    sentence = _("You have {most} collections, which is the most. Delete one that you do not need.")


class CollectionFull(TooMuch, code="collection-full"):
    name: str
    most: int
    sentence = _(
        "“{name}” holds {most} networks, which is the most. Take one out, or start another "
        "collection."
    )


class TooManyFollows(TooMuch, code="too-many-follows"):
    most: int
    sentence = _("You follow {most} creators, which is the most. Stop following one of them first.")


class FollowedOneself(Conflict, code="followed-oneself"):
    sentence = _("This is you: what you publish is in “My networks”.")
