"""Preview grids: prompts × multipliers of one version on one base model, each row from one seed."""

from typing import TYPE_CHECKING, Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from inference.models.base_model import BaseModel
from inference.models.prompt import MOST_SEED
from registry.models import Job, Picture, User, Version

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser


class PreviewGridQuerySet(models.QuerySet["PreviewGrid"]):
    def visible_to(self, viewer: "User | AnonymousUser") -> Self:
        """Whoever may open the version may see its grids."""
        return self.filter(version__in=Version.objects.visible_to(viewer))

    def unfinished(self) -> Self:
        return self.filter(status__in=PreviewGrid.UNFINISHED)


class PreviewGrid(models.Model):
    class Status(models.TextChoices):
        WAITING = "waiting", _("waiting")
        RENDERING = "rendering", _("being rendered")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    UNFINISHED = (Status.WAITING, Status.RENDERING)

    version = models.ForeignKey(Version, on_delete=models.CASCADE, related_name="preview_grids")
    base_model = models.ForeignKey(BaseModel, on_delete=models.PROTECT, related_name="grids")
    # Of the base model's weights when it was asked for: they may be replaced under their name.
    base_hash = models.CharField(max_length=64)
    # `inference.engine.sampling.Settings`, by its fields.
    settings = models.JSONField()
    multipliers = ArrayField(models.FloatField())
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.WAITING)
    # Why it failed or was cancelled: a sentence.
    reason = models.TextField(blank=True)
    job = models.ForeignKey(Job, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    asked_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    # The curve, the recommendation and its rule; {} while nothing is measured.
    measured = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = PreviewGridQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["version", "base_model"],
                condition=models.Q(status__in=["waiting", "rendering"]),
                name="grid_unfinished_once",
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=["waiting", "rendering"], finished_at=None)
                | models.Q(status__in=["done", "failed", "cancelled"], finished_at__isnull=False),
                name="grid_finished_at_its_end",
            ),
            models.CheckConstraint(
                condition=models.Q(multipliers__len__gte=1, multipliers__len__lte=12),
                name="grid_has_multipliers",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.version} on {self.base_model} ({self.status})"

    @property
    def is_finished(self) -> bool:
        return self.status not in self.UNFINISHED


class Cell(models.Model):
    """One picture of a grid. Its bytes are announced here before they are stored, so that whatever
    a killed worker leaves is known by its SHA256."""

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        # Rendered: the bytes of `sha256` are on their way into the storage, or there.
        STORING = "storing", _("being stored")
        DONE = "done", _("done")

    grid = models.ForeignKey(PreviewGrid, on_delete=models.CASCADE, related_name="cells")
    row = models.PositiveSmallIntegerField()
    column = models.PositiveSmallIntegerField()
    prompt = models.CharField(max_length=300)
    seed = models.BigIntegerField()
    multiplier = models.FloatField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    sha256 = models.CharField(max_length=64, blank=True)
    # Null although done: the picture was removed with its network.
    picture = models.ForeignKey(
        Picture, null=True, blank=True, on_delete=models.SET_NULL, related_name="cells"
    )
    # By the encoder of the base model, see inference.strength; null is "not measured".
    shift = models.FloatField(null=True, blank=True)
    fidelity = models.FloatField(null=True, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["row", "column"]
        constraints = [
            models.UniqueConstraint(fields=["grid", "row", "column"], name="cell_place_once"),
            models.UniqueConstraint(
                fields=["grid", "row", "multiplier"], name="cell_multiplier_once"
            ),
            models.CheckConstraint(
                condition=models.Q(state="waiting", sha256="", done_at=None)
                | models.Q(state="storing", done_at=None, sha256__regex=r"^[0-9a-f]{64}$")
                | models.Q(state="done", done_at__isnull=False, sha256__regex=r"^[0-9a-f]{64}$"),
                name="cell_done_with_picture",
            ),
            models.CheckConstraint(
                condition=models.Q(seed__gte=0, seed__lte=MOST_SEED), name="cell_seed_range"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.prompt} ×{self.multiplier:g}"


class BasePicture(models.Model):
    """What the base model paints alone: the cell at multiplier 0 of every network's grid.

    `fingerprint` is of everything that decides the picture: base, prompt, seed and settings.
    """

    fingerprint = models.CharField(max_length=64, primary_key=True)
    picture = models.OneToOneField(Picture, on_delete=models.CASCADE, related_name="base_picture")
    base_hash = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(fingerprint__regex=r"^[0-9a-f]{64}$"),
                name="base_picture_fingerprint",
            )
        ]

    def __str__(self) -> str:
        return self.fingerprint[:10]
