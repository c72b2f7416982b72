"""Pictures made with networks: previews that the hub rendered, and what people show.

The stored bytes are always our own encoding of the pixels; `meta` is what the upload said of
itself (A1111's infotext), kept as untrusted text.
"""

from typing import TYPE_CHECKING, Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from registry.models.content_level import ContentLevel
from registry.models.network import Network
from registry.models.user import User
from registry.models.version import Version

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser


class PictureQuerySet(models.QuerySet["Picture"]):
    def visible_to(self, viewer: "User | AnonymousUser") -> Self:
        """Pictures of versions that the viewer may open, unless hidden from him."""
        if isinstance(viewer, User) and viewer.is_moderator:
            return self.exclude(owner=None)
        shown = self.filter(versions__in=Version.objects.visible_to(viewer)).distinct()
        return shown.filter(hidden_at=None, owner__blocked_at=None)

    def served_to(self, viewer: "User | AnonymousUser") -> Self:
        """Pictures whose bytes this viewer gets: what he sees but no tombstones, and what belongs
        to nobody, for whoever knows its address."""
        alive = Version.objects.visible_to(viewer).exclude(
            models.Q(status=Version.Status.TAKEN_DOWN)
            | models.Q(network__status__in=[Network.Status.ARCHIVED, Network.Status.TAKEN_DOWN])
        )
        seen = models.Q(pk__in=self.visible_to(viewer).values("pk"))
        if not (isinstance(viewer, User) and viewer.is_moderator):
            seen &= models.Q(versions__in=alive)
        return self.filter(seen | models.Q(owner=None, hidden_at=None)).distinct()


class Picture(models.Model):
    versions = models.ManyToManyField(Version, related_name="pictures")
    # Nobody's, and of no version: what a base model paints alone, shared by all grids.
    owner = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.CASCADE, related_name="pictures"
    )
    # The SHA256 of the stored original; renditions lie beside it.
    sha256 = models.CharField(max_length=64, db_index=True)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    blurhash = models.CharField(max_length=60)
    # A 16 px WebP as a data URI, shown until the picture is there.
    placeholder = models.CharField(max_length=1500, blank=True)
    content_level = models.CharField(
        _("content level"),
        max_length=10,
        choices=ContentLevel.choices,
        default=ContentLevel.GENERAL,
    )
    meta = models.JSONField(default=dict, blank=True)
    # Rendered by the hub's own workers, or brought by a person.
    is_preview = models.BooleanField(default=False)
    # The one that stands for its version: on cards, first in lists, beside the file.
    is_cover = models.BooleanField(default=False)
    hidden_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = PictureQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(width__gt=0, height__gt=0), name="picture_has_pixels"
            )
        ]

    def __str__(self) -> str:
        return f"{self.sha256[:10]} ({self.width}x{self.height})"
