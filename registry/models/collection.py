"""Collections: networks that somebody put together, in an order, under a name.

Triggers of the database keep `Network.collected_count`: how many people have it in any collection,
private ones too (the count names nobody); one who has it in three counts once.
"""

from typing import TYPE_CHECKING, Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from registry.models.content_level import ContentLevel
from registry.models.network import Network, slug_validator
from registry.models.rendered import RenderedField
from registry.models.user import User

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser


class CollectionQuerySet(models.QuerySet["Collection"]):
    def visible_to(self, viewer: "User | AnonymousUser") -> Self:
        """What this viewer may open by its address; the one place that decides it.

        Everyone: public ones of people who are not blocked. Owners: their own besides. Moderators:
        every public one, of blocked people too; what is private stays so.
        """
        shown = models.Q(is_public=True)
        if not (isinstance(viewer, User) and viewer.is_moderator):
            shown &= models.Q(owner__blocked_at=None, owner__is_active=True)
        if isinstance(viewer, User) and viewer.may_write:
            shown |= models.Q(owner=viewer)
        return self.filter(shown)

    def with_something_for(self, viewer: "User | AnonymousUser", *, up_to: ContentLevel) -> Self:
        """Those in which this viewer finds at least one network."""
        entries = CollectionEntry.objects.shown_to(viewer, up_to=up_to)
        return self.filter(models.Exists(entries.filter(collection=models.OuterRef("pk"))))


class CollectionEntryQuerySet(models.QuerySet["CollectionEntry"]):
    def shown_to(self, viewer: "User | AnonymousUser", *, up_to: ContentLevel) -> Self:
        """Of networks that are out, and not above the asked level."""
        return self.filter(network__in=Network.objects.visible_to(viewer).listed(up_to=up_to))


class Collection(models.Model):
    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="collections")
    # Stays when the name changes: people link to it.
    slug = models.CharField(max_length=80, validators=[slug_validator], editable=False)
    name = models.CharField(_("name"), max_length=60)
    description = models.TextField(
        _("description"), max_length=2000, blank=True, help_text=_("Markdown.")
    )
    description_html = RenderedField(of="description")
    is_public = models.BooleanField(_("public"), default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    # Of its words and of what is in it.
    updated_at = models.DateTimeField(auto_now=True)

    objects = CollectionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["owner", "slug"], name="collection_address_unique"),
            models.CheckConstraint(
                condition=models.Q(slug__regex=r"^[a-z0-9]+(-[a-z0-9]+)*$"),
                name="collection_slug_form",
            ),
            models.CheckConstraint(condition=~models.Q(name=""), name="collection_has_a_name"),
        ]
        indexes = [
            models.Index(
                fields=["-updated_at", "-id"],
                condition=models.Q(is_public=True),
                name="collection_public_by_newest",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.owner_id}/{self.slug}"

    def get_absolute_url(self) -> str:
        return f"/{self.owner.username}/collections/{self.slug}"


class CollectionEntry(models.Model):
    """A network in a collection. Positions give the order; there may be gaps between them."""

    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="entries")
    network = models.ForeignKey(
        Network, on_delete=models.CASCADE, related_name="collection_entries"
    )
    position = models.PositiveIntegerField()
    # What the owner says of it here; one line.
    note = models.CharField(_("note"), max_length=200, blank=True)
    # Chosen as the picture of the whole; where none is, the first one is.
    is_cover = models.BooleanField(default=False)
    added_at = models.DateTimeField(auto_now_add=True)

    objects = CollectionEntryQuerySet.as_manager()

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["collection", "network"], name="collection_entry_once"),
            # Deferred: two change places within a transaction.
            models.UniqueConstraint(
                fields=["collection", "position"],
                name="collection_entry_position_unique",
                deferrable=models.Deferrable.DEFERRED,
            ),
            models.UniqueConstraint(
                fields=["collection"],
                condition=models.Q(is_cover=True),
                name="collection_cover_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.network_id} in {self.collection_id}"
