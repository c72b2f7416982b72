"""A version: an immutable release. Facts come from the file, words from the creator."""

from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from registry.models.network import Network
from registry.models.rendered import RenderedField
from registry.models.user import User

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

# A name is a revision in addresses of the Hugging Face client: no slash, and none of its own words.
version_name_validators = [
    RegexValidator(r"\A[^/\\\x00-\x1f]+\Z", _("No slashes in the name of a version.")),
    RegexValidator(
        r"\A(?!(main|latest|[0-9a-f]{40})\Z)",
        _("This name has a meaning of its own in addresses. Choose another."),
    ),
]
strength_validators = [MinValueValidator(-4.0), MaxValueValidator(4.0)]


class BaseModelName(models.TextChoices):
    """The base models that hypernetworks are made for; the API's own spelling."""

    SD_1_4 = "SD 1.4"
    SD_1_5 = "SD 1.5"
    SD_2_0 = "SD 2.0"
    SD_2_0_768 = "SD 2.0 768"
    SD_2_1 = "SD 2.1"
    SD_2_1_768 = "SD 2.1 768"
    OTHER = "Other"


class VersionQuerySet(models.QuerySet["Version"]):
    def visible_to(self, viewer: "User | AnonymousUser") -> Self:
        """Versions that this viewer may open: of visible networks, and out (or the viewer's own).

        Yanked and taken down versions stay visible with their reason; whether their bytes are
        served is `registry.downloads`' decision.
        """
        if isinstance(viewer, User) and viewer.is_moderator:
            return self
        out = models.Q(
            status__in=[Version.Status.PUBLISHED, Version.Status.YANKED, Version.Status.TAKEN_DOWN]
        )
        if isinstance(viewer, User) and viewer.may_write:
            out |= models.Q(network__creator=viewer)
        return self.filter(out, network__in=Network.objects.visible_to(viewer))

    def listed(self) -> Self:
        return self.filter(status=Version.Status.PUBLISHED)

    def of_followed(self, follower: User) -> Self:
        """Of networks of creators whom this person follows."""
        return self.filter(network__creator__followers__follower=follower)

    def with_weights(self, weights_hash: str) -> Self:
        """The same network, however it was packed; none for a version without a file."""
        return self.filter(weights_hash=weights_hash) if weights_hash else self.none()


class Version(models.Model):
    class Status(models.TextChoices):
        DRAFT = "draft", _("draft")
        PROCESSING = "processing", _("being checked")
        SCHEDULED = "scheduled", _("scheduled")
        PUBLISHED = "published", _("published")
        YANKED = "yanked", _("withdrawn")
        TAKEN_DOWN = "taken_down", _("taken down")

    network = models.ForeignKey(Network, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    name = models.CharField(_("name"), max_length=60, validators=version_name_validators)
    changelog = models.TextField(_("what changed"), max_length=10_000, blank=True)
    changelog_html = RenderedField(of="changelog")
    trigger_words = ArrayField(models.CharField(max_length=120), default=list, blank=True, size=30)
    base_model = models.CharField(
        _("base model"), max_length=30, choices=BaseModelName.choices, blank=True
    )

    status = models.CharField(max_length=10, choices=Status.choices, default=Status.DRAFT)
    status_reason = models.TextField(blank=True)
    publish_at = models.DateTimeField(null=True, blank=True)
    published_at: "models.DateTimeField[datetime | None, datetime | None]" = models.DateTimeField(
        null=True, blank=True
    )
    # Set while it is withdrawn or taken down; a restored version goes back to what it was.
    yanked_at = models.DateTimeField(null=True, blank=True)
    taken_down_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    # --- Strength (A1111: multiplier); null is "not measured" ----------------------------------
    class StrengthSource(models.TextChoices):
        MEASURED = "measured", _("measured from the preview grid")
        CREATOR = "creator", _("chosen by the creator")

    recommended_strength = models.FloatField(null=True, blank=True, validators=strength_validators)
    min_strength = models.FloatField(null=True, blank=True, validators=strength_validators)
    max_strength = models.FloatField(null=True, blank=True, validators=strength_validators)
    strength_source = models.CharField(max_length=10, choices=StrengthSource.choices, blank=True)

    # The grid as the API shows it, written by `inference`; null while there is none.
    preview_grid = models.JSONField(null=True, blank=True, editable=False)

    # --- Facts, written once by registry.ingest from the checked file --------------------------
    # The file's stem: the prompt token in `<hypernet:STEM:m>`.
    stem = models.CharField(max_length=120, blank=True, editable=False)
    layer_structure = ArrayField(models.FloatField(), default=list, editable=False)
    activation = models.CharField(max_length=30, blank=True, editable=False)
    is_layer_norm = models.BooleanField(default=False, editable=False)
    # The structure as uploaded; the portable file has none.
    dropout_structure = ArrayField(models.FloatField(), default=list, editable=False)
    dims = ArrayField(models.PositiveIntegerField(), default=list, editable=False)
    dtype = models.CharField(max_length=4, blank=True, editable=False)
    parameters = models.PositiveBigIntegerField(default=0, editable=False)
    step = models.PositiveBigIntegerField(default=0, editable=False)
    trained_on_name = models.CharField(max_length=200, blank=True, editable=False)
    trained_on_hash = models.CharField(max_length=64, blank=True, editable=False)
    weights_hash = models.CharField(max_length=64, blank=True, editable=False, db_index=True)
    # The whole report: A1111's keys, gains per module, compatibility as served and as uploaded.
    facts = models.JSONField(default=dict, editable=False)

    download_count = models.PositiveBigIntegerField(default=0, editable=False)

    objects = VersionQuerySet.as_manager()

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["network", "number"], name="version_number_unique"),
            models.UniqueConstraint(
                fields=["network", "name"],
                name="version_name_unique",
                violation_error_message=_("This network already has a version of that name."),
            ),
            models.CheckConstraint(
                condition=~models.Q(status__in=["published", "yanked"])
                | (models.Q(published_at__isnull=False) & ~models.Q(weights_hash="")),
                name="version_published_when_checked",
            ),
            models.CheckConstraint(
                condition=~models.Q(status__in=["draft", "processing", "scheduled"])
                | models.Q(published_at=None),
                name="version_published_for_good",
            ),
            models.CheckConstraint(
                condition=~models.Q(status="scheduled") | models.Q(publish_at__isnull=False),
                name="version_scheduled_for_a_time",
            ),
            models.CheckConstraint(
                condition=models.Q(min_strength=None)
                | models.Q(max_strength=None)
                | models.Q(min_strength__lte=models.F("max_strength")),
                name="version_strength_range_in_order",
            ),
        ]
        indexes = [
            models.Index(
                fields=["publish_at"], condition=models.Q(status="scheduled"), name="version_due"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.network} {self.name}"
