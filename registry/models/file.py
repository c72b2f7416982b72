"""Bytes: blobs by their SHA256, the files of a version that we wrote, and what was uploaded."""

from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from registry.models.user import User
from registry.models.version import Version


class Blob(models.Model):
    """Stored bytes, once for all versions that share them; freed when no file refers to them."""

    sha256 = models.CharField(max_length=64, primary_key=True)
    size = models.PositiveBigIntegerField()
    stored_at = models.DateTimeField(auto_now_add=True)
    # When the bytes were last read whole and found right (`manage.py verify_storage`).
    verified_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(sha256__regex=r"^[0-9a-f]{64}$"), name="blob_key_is_sha256"
            )
        ]

    def __str__(self) -> str:
        return self.sha256

    @property
    def key(self) -> str:
        """Where the storage keeps it."""
        return f"blobs/{self.sha256[:2]}/{self.sha256[2:4]}/{self.sha256}"


class Hashed(models.Model):
    """The hashes that clients look files up by, lower-case hex. AutoV2 is `sha256[:10]`."""

    sha256 = models.CharField(max_length=64)
    blake3 = models.CharField(max_length=64)
    crc32 = models.CharField(max_length=8)
    autov1 = models.CharField(max_length=8, blank=True)
    autov3 = models.CharField(max_length=12, blank=True)
    size = models.PositiveBigIntegerField()

    class Meta:
        abstract = True
        indexes = [
            # C order, so that AutoV2 is a prefix look-up in the same index.
            models.Index(
                fields=["sha256"], name="%(class)s_sha256", opclasses=["text_pattern_ops"]
            ),
            models.Index(fields=["blake3"], name="%(class)s_blake3"),
            models.Index(fields=["crc32"], name="%(class)s_crc32"),
            models.Index(
                fields=["autov1"], condition=~models.Q(autov1=""), name="%(class)s_autov1"
            ),
            models.Index(
                fields=["autov3"], condition=~models.Q(autov3=""), name="%(class)s_autov3"
            ),
        ]

    @property
    def autov2(self) -> str:
        return self.sha256[:10]


class FileQuerySet(models.QuerySet["File"]):
    def of_version(self, version: Version) -> Self:
        return self.filter(version=version)


class File(Hashed):
    """A file that we wrote from the checked tensors, and serve. Immutable."""

    class Format(models.TextChoices):
        PICKLE = "PickleTensor", ".pt"
        SAFETENSORS = "SafeTensor", ".safetensors"

    class Flavour(models.TextChoices):
        PORTABLE = "portable", _("portable")
        TRAINING = "training", _("for further training in A1111")

    version = models.ForeignKey(Version, on_delete=models.CASCADE, related_name="files")
    blob = models.ForeignKey(
        Blob, null=True, on_delete=models.PROTECT, related_name="files"
    )  # null: a tombstone's file, bytes gone
    name = models.CharField(max_length=140)
    format = models.CharField(max_length=12, choices=Format.choices)
    flavour = models.CharField(max_length=10, choices=Flavour.choices, default=Flavour.PORTABLE)
    is_primary = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = FileQuerySet.as_manager()

    class Meta(Hashed.Meta):
        ordering = ["-is_primary", "id"]
        constraints = [
            models.UniqueConstraint(fields=["version", "name"], name="file_name_unique_in_version"),
            models.UniqueConstraint(
                fields=["version"], condition=models.Q(is_primary=True), name="file_primary_once"
            ),
            models.UniqueConstraint(
                fields=["version", "format", "flavour"], name="file_flavour_once"
            ),
            models.CheckConstraint(
                condition=models.Q(blob=None) | models.Q(blob=models.F("sha256")),
                name="file_blob_is_its_own",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Original(Hashed):
    """What was uploaded for a version: hashes and the scan's report. The bytes are not kept."""

    version = models.OneToOneField(Version, on_delete=models.CASCADE, related_name="original")
    name = models.CharField(max_length=200)
    # torch-zip, legacy-stream or safetensors
    container = models.CharField(max_length=20)
    scanned_at = models.DateTimeField()
    # Second opinions, each {"scanner", "version", "verdict", "message"}; "not scanned by X" too.
    opinions = models.JSONField(default=list)

    class Meta(Hashed.Meta):
        pass

    def __str__(self) -> str:
        return self.name


class Upload(models.Model):
    """A file on its way in: bytes so far, then what the check made of it."""

    class State(models.TextChoices):
        RECEIVING = "receiving", _("being uploaded")
        RECEIVED = "received", _("waiting to be checked")
        CHECKING = "checking", _("being checked")
        READY = "ready", _("checked")
        REFUSED = "refused", _("refused")
        QUARANTINED = "quarantined", _("held by the moderators")
        FAILED = "failed", _("could not be checked")
        CANCELLED = "cancelled", _("cancelled")

    id = models.UUIDField(primary_key=True, editable=False)
    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="uploads")
    version = models.ForeignKey(
        Version, null=True, blank=True, on_delete=models.SET_NULL, related_name="uploads"
    )
    name = models.CharField(max_length=200)
    size = models.PositiveBigIntegerField()
    offset = models.PositiveBigIntegerField(default=0)
    state = models.CharField(max_length=12, choices=State.choices, default=State.RECEIVING)
    # The last finished step of the ingest: where a resumed one goes on.
    step = models.CharField(max_length=20, blank=True)
    reason = models.TextField(blank=True)
    # What the steps found: hashes, spec, compatibility, files written.
    report = models.JSONField(default=dict, blank=True)
    # Stored for this upload and not yet files of a version: the sweep must leave them alone.
    held_blobs = models.ManyToManyField(Blob, related_name="held_for", blank=True)
    job = models.ForeignKey(
        "Job", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(offset__lte=models.F("size")), name="upload_offset_within_size"
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["receiving", "cancelled", "failed"])
                | models.Q(offset=models.F("size")),
                name="upload_checked_when_whole",
            ),
        ]
        indexes = [models.Index(fields=["expires_at"], name="upload_expiry")]

    def __str__(self) -> str:
        return f"{self.name} ({self.state})"


class Finding(models.Model):
    """One thing that the check found, in plain words and in data."""

    upload = models.ForeignKey(Upload, null=True, on_delete=models.CASCADE, related_name="findings")
    original = models.ForeignKey(
        Original, null=True, on_delete=models.CASCADE, related_name="findings"
    )
    rule = models.CharField(max_length=60)
    severity = models.CharField(max_length=12)
    message = models.TextField()
    data = models.JSONField(default=dict)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(upload__isnull=False) | models.Q(original__isnull=False),
                name="finding_about_something",
            )
        ]

    def __str__(self) -> str:
        return f"{self.severity}: {self.rule}"
