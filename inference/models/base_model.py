"""Base models that this hub can render and train on: their weights are on its workers' disks."""

from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator, StepValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from registry.models import BaseModelName, Version

# Shorter ones say nothing: A1111 shortens a hash to ten digits.
SHORTEST_HASH = 8


class BaseModelQuerySet(models.QuerySet["BaseModel"]):
    def usable(self) -> Self:
        return self.filter(is_enabled=True)

    def fitting(self, version: Version) -> Self:
        """Those that a version was made for, the best first: trained on this very model, then
        named by its creator."""
        trained_on = version.trained_on_hash.lower()
        same = models.Q(pk=None)
        if len(trained_on) >= SHORTEST_HASH:
            same = models.Q(hash__startswith=trained_on)
        named = models.Q(stands_for__contains=[version.base_model])
        return (
            self.usable()
            .filter(same | named)
            .annotate(
                is_same=models.Case(
                    models.When(same, then=1), default=0, output_field=models.IntegerField()
                )
            )
            .order_by("-is_same", "is_demo", "id")
        )


class BaseModel(models.Model):
    class Family(models.TextChoices):
        SD1 = "sd1", "SD 1.x"
        SD2 = "sd2", "SD 2.x"

    class Prediction(models.TextChoices):
        AS_THE_MODEL_SAYS = "", _("as the model says")
        EPSILON = "epsilon", _("noise (epsilon)")
        VELOCITY = "v_prediction", _("velocity (v)")

    class Precision(models.TextChoices):
        FP32 = "fp32", "fp32"
        FP16 = "fp16", "fp16"
        BF16 = "bf16", "bf16"

    class Origin(models.TextChoices):
        ADMIN = "admin", _("entered here")
        SETTINGS = "settings", _("from BASE_MODELS")
        PROJECT = "project", _("ships with the hub")

    name = models.CharField(_("name"), max_length=80, unique=True)
    family = models.CharField(_("family"), max_length=3, choices=Family.choices)
    # On the render workers' disks: a diffusers folder, or one .safetensors.
    path = models.CharField(_("path"), max_length=500)
    # SHA256 of the file, or of the folder's files.
    hash = models.CharField(max_length=64, editable=False)
    prediction_type = models.CharField(
        _("prediction"), max_length=12, choices=Prediction.choices, blank=True
    )
    clip_skip = models.PositiveSmallIntegerField(
        _("clip skip"), default=1, validators=[MinValueValidator(1), MaxValueValidator(12)]
    )
    vae_path = models.CharField(_("path of another VAE"), max_length=500, blank=True)
    precision = models.CharField(
        _("precision"), max_length=4, choices=Precision.choices, default=Precision.FP32
    )
    # A folder of a CLIP model that measures strength and fidelity; "" measures nothing.
    encoder_path = models.CharField(_("path of the image encoder"), max_length=500, blank=True)
    # A1111's name of the sampler.
    scheduler = models.CharField(
        _("sampler"),
        max_length=40,
        default="DPM++ 2M",
        choices=[(name, name) for name in ("DPM++ 2M", "Euler", "Euler a", "DDIM")],
    )
    steps = models.PositiveSmallIntegerField(
        _("steps"), default=20, validators=[MinValueValidator(1), MaxValueValidator(150)]
    )
    cfg_scale = models.FloatField(
        _("guidance"), default=7.0, validators=[MinValueValidator(1.0), MaxValueValidator(30.0)]
    )
    width = models.PositiveSmallIntegerField(
        _("width"), default=512, validators=[StepValueValidator(8)]
    )
    height = models.PositiveSmallIntegerField(
        _("height"), default=512, validators=[StepValueValidator(8)]
    )
    negative_prompt = models.CharField(_("negative prompt"), max_length=500, blank=True)
    # Networks made for these are rendered here, besides those trained on this very model.
    stands_for = ArrayField(
        models.CharField(max_length=30, choices=BaseModelName.choices),
        verbose_name=_("stands for"),
        default=list,
        blank=True,
    )
    is_demo = models.BooleanField(default=False, editable=False)
    is_enabled = models.BooleanField(_("in use"), default=True)
    origin = models.CharField(
        max_length=8, choices=Origin.choices, default=Origin.ADMIN, editable=False
    )
    about = models.TextField(_("about"), max_length=5000, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = BaseModelQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(hash__regex=r"^[0-9a-f]{64}$"), name="base_model_hash_is_sha256"
            ),
            models.CheckConstraint(
                condition=models.Q(clip_skip__gte=1, steps__gte=1), name="base_model_counts_from_1"
            ),
            models.CheckConstraint(
                condition=models.Q(
                    width__gte=64, height__gte=64, width__lte=2048, height__lte=2048
                ),
                name="base_model_picture_size",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def short_hash(self) -> str:
        """As A1111 shows it."""
        return self.hash[:10]
