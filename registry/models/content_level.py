from django.db import models
from django.utils.translation import gettext_lazy as _


class ContentLevel(models.TextChoices):
    """How grown-up pictures are, from mild to strong; the order matters."""

    GENERAL = "general", _("general")
    MATURE = "mature", _("mature")
    EXPLICIT = "explicit", _("explicit")

    def is_milder_than(self, other: "ContentLevel | str") -> bool:
        levels = list(ContentLevel)
        return levels.index(self) < levels.index(ContentLevel(other))

    @classmethod
    def up_to(cls, level: "ContentLevel | str") -> list["ContentLevel"]:
        """This level and the milder ones."""
        levels = list(cls)
        return levels[: levels.index(cls(level)) + 1]
