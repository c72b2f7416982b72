"""Tags: what a network is about. Each has a namespace; an alias leads to the tag that is meant."""

from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

tag_name_validator = RegexValidator(
    r"\A[\w][\w .'+&-]{0,48}[\w.]?\Z",
    _("A tag has 1 to 50 letters, digits, spaces, or . ' + & -"),
)


class Tag(models.Model):
    class Namespace(models.TextChoices):
        STYLE = "style", _("style")
        SUBJECT = "subject", _("subject")
        GENERAL = "general", _("general")

    # Lower case, single spaces: what people type and see, "line art".
    name = models.CharField(max_length=50, unique=True, validators=[tag_name_validator])
    namespace = models.CharField(
        max_length=10, choices=Namespace.choices, default=Namespace.GENERAL
    )
    alias_of = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.CASCADE, related_name="aliases"
    )
    # Published networks that carry it; kept by registry.publishing.
    network_count = models.PositiveIntegerField(default=0, editable=False)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(alias_of=models.F("id")), name="tag_not_alias_of_itself"
            ),
        ]
        indexes = [models.Index(fields=["-network_count", "name"], name="tag_most_used")]

    def __str__(self) -> str:
        return self.name
