"""What grids show: a fixed suite of prompts per base model and kind, and a creator's own two."""

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from inference.models.base_model import BaseModel
from registry.models import Network, Version

MOST_SEED = 2**32 - 1


class SuitePrompt(models.Model):
    """One row of every grid of this kind on this base model, from the same noise each time."""

    base_model = models.ForeignKey(BaseModel, on_delete=models.CASCADE, related_name="suite")
    kind = models.CharField(_("kind"), max_length=10, choices=Network.Kind.choices)
    position = models.PositiveSmallIntegerField(_("position"))
    text = models.CharField(_("prompt"), max_length=300)
    seed = models.BigIntegerField(_("seed"))

    class Meta:
        ordering = ["kind", "position"]
        constraints = [
            models.UniqueConstraint(
                fields=["base_model", "kind", "position"], name="suite_position_once"
            ),
            models.UniqueConstraint(
                fields=["base_model", "kind", "text", "seed"], name="suite_prompt_once"
            ),
            models.CheckConstraint(
                condition=models.Q(seed__gte=0, seed__lte=MOST_SEED), name="suite_seed_range"
            ),
            models.CheckConstraint(
                condition=~models.Q(text=""), name="suite_prompt_says_something"
            ),
        ]

    def __str__(self) -> str:
        return self.text


class OwnPrompt(models.Model):
    """A creator's prompt for one version: at most two."""

    MOST = 2

    version = models.ForeignKey(Version, on_delete=models.CASCADE, related_name="own_prompts")
    position = models.PositiveSmallIntegerField()
    text = models.CharField(_("prompt"), max_length=300)
    seed = models.BigIntegerField(_("seed"))

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["version", "position"], name="own_prompt_once"),
            models.CheckConstraint(
                condition=models.Q(position__lt=2), name="own_prompts_at_most_two"
            ),
            models.CheckConstraint(
                condition=models.Q(seed__gte=0, seed__lte=MOST_SEED), name="own_prompt_seed_range"
            ),
            models.CheckConstraint(condition=~models.Q(text=""), name="own_prompt_says_something"),
        ]

    def __str__(self) -> str:
        return self.text

    def clean(self) -> None:
        """A1111's markup loads networks: a prompt of a grid has just the one."""
        if "<" in self.text or ">" in self.text:
            raise ValidationError({"text": _("A prompt without < and >: the grid sets strengths.")})
