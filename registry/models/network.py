"""A network: the published thing, with its creator, its words, its tags and its permissions.

What lists filter and sort by is kept on this row (`base_models`, `works_with`, counts, …), written
by `registry.publishing` whenever a version changes, so that a page of the catalogue is one indexed
query however many versions there are.
"""

from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from registry.models.content_level import ContentLevel
from registry.models.rendered import RenderedField
from registry.models.tag import Tag
from registry.models.user import User

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

slug_validator = RegexValidator(
    r"\A[a-z0-9]+(?:-[a-z0-9]+)*\Z", _("Small letters, digits and single “-” only.")
)


class Licence(models.TextChoices):
    CC0 = "CC0-1.0", "CC0 1.0"
    CC_BY = "CC-BY-4.0", "CC BY 4.0"
    CC_BY_SA = "CC-BY-SA-4.0", "CC BY-SA 4.0"
    CC_BY_NC = "CC-BY-NC-4.0", "CC BY-NC 4.0"
    CC_BY_NC_SA = "CC-BY-NC-SA-4.0", "CC BY-NC-SA 4.0"
    OPENRAIL_M = "CreativeML-OpenRAIL-M", "CreativeML OpenRAIL-M"
    OTHER = "other", _("other, see the description")


class CommercialUse(models.TextChoices):
    """What others may earn money with; the words of the API that clients speak."""

    IMAGE = "Image", _("sell pictures made with it")
    RENT = "Rent", _("run it on a paid service")
    SELL = "Sell", _("sell it or merges of it")


class NetworkQuerySet(models.QuerySet["Network"]):
    def visible_to(self, viewer: "User | AnonymousUser") -> Self:
        """What this viewer may open by its address; the one place that decides it.

        Everyone: published networks and the tombstones of deleted or taken down ones, of creators
        who are not blocked. Creators: their own besides, drafts too. Moderators: everything.
        """
        if isinstance(viewer, User) and viewer.is_moderator:
            return self
        public = models.Q(
            status__in=[
                Network.Status.PUBLISHED,
                Network.Status.ARCHIVED,
                Network.Status.TAKEN_DOWN,
            ],
            creator__blocked_at=None,
        )
        if isinstance(viewer, User) and viewer.may_write:
            return self.filter(public | models.Q(creator=viewer))
        return self.filter(public)

    def listed(self, *, up_to: ContentLevel) -> Self:
        """What lists and searches show to everyone: out, and not above the asked level."""
        return self.filter(is_listed=True, content_level__in=ContentLevel.up_to(up_to))


class Network(models.Model):
    class Kind(models.TextChoices):
        STYLE = "style", _("style")
        SUBJECT = "subject", _("subject")

    class Status(models.TextChoices):
        DRAFT = "draft", _("draft")
        PUBLISHED = "published", _("published")
        # Deleted by its creator: metadata and hashes stay, the bytes go.
        ARCHIVED = "archived", _("deleted")
        TAKEN_DOWN = "taken_down", _("taken down")

    creator = models.ForeignKey(User, on_delete=models.PROTECT, related_name="networks")
    slug = models.CharField(max_length=80, validators=[slug_validator])
    name = models.CharField(_("name"), max_length=60)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    description = models.TextField(
        _("description"), max_length=20_000, blank=True, help_text=_("Markdown.")
    )
    description_html = RenderedField(of="description")
    tags = models.ManyToManyField(Tag, related_name="networks", blank=True)
    content_level = models.CharField(
        _("content level"),
        max_length=10,
        choices=ContentLevel.choices,
        default=ContentLevel.GENERAL,
    )
    # What the moderators said that it is, and why: its creator may not go below.
    least_content_level = models.CharField(
        max_length=10,
        choices=ContentLevel.choices,
        default=ContentLevel.GENERAL,
        db_default=ContentLevel.GENERAL,
        editable=False,
    )
    level_reason = models.TextField(blank=True, default="", db_default="", editable=False)
    licence = models.CharField(
        _("licence"), max_length=30, choices=Licence.choices, default=Licence.OPENRAIL_M
    )
    allow_no_credit = models.BooleanField(_("no credit needed"), default=False)
    allow_commercial_use = ArrayField(
        models.CharField(max_length=10, choices=CommercialUse.choices), default=list, blank=True
    )
    allow_derivatives = models.BooleanField(_("merges and further training allowed"), default=True)
    allow_different_licence = models.BooleanField(default=False)

    status = models.CharField(max_length=10, choices=Status.choices, default=Status.DRAFT)
    # Why it was deleted or taken down: shown on the tombstone.
    status_reason = models.TextField(blank=True)
    # The bytes of what was taken down are kept, unserved, while the creator may appeal.
    taken_down_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    # Of the first version.
    published_at: "models.DateTimeField[datetime | None, datetime | None]" = models.DateTimeField(
        null=True, blank=True
    )

    # --- Kept by registry.publishing from the versions, for lists ------------------------------
    # Published, of a creator who is not blocked, with at least one published version.
    is_listed = models.BooleanField(default=False, editable=False)
    latest_version = models.ForeignKey(
        "Version",
        null=True,
        blank=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    last_version_at = models.DateTimeField(null=True, blank=True, editable=False)
    base_models = ArrayField(models.CharField(max_length=30), default=list, editable=False)
    activations = ArrayField(models.CharField(max_length=30), default=list, editable=False)
    works_with = ArrayField(models.CharField(max_length=30), default=list, editable=False)
    tag_ids = ArrayField(models.BigIntegerField(), default=list, editable=False)
    trigger_words = models.TextField(blank=True, editable=False)
    tag_words = models.TextField(blank=True, editable=False)
    # Of the latest version's primary file, in bytes.
    file_size = models.BigIntegerField(default=0, editable=False)

    # --- Counts, for sorting -------------------------------------------------------------------
    download_count = models.PositiveBigIntegerField(default=0, editable=False)
    like_count = models.PositiveIntegerField(default=0, editable=False)
    comment_count = models.PositiveIntegerField(default=0, editable=False)
    collected_count = models.PositiveIntegerField(default=0, editable=False)
    picture_count = models.PositiveIntegerField(default=0, editable=False)

    search = models.GeneratedField(
        expression=(
            SearchVector("name", config="simple", weight="A")
            + SearchVector("trigger_words", config="simple", weight="A")
            + SearchVector("tag_words", config="simple", weight="B")
            + SearchVector("description", config="english", weight="C")
        ),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    objects = NetworkQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "creator",
                "slug",
                name="network_address_unique",
                violation_error_message=_("You already have a network at this address."),
            ),
            models.CheckConstraint(
                condition=models.Q(slug__regex=r"^[a-z0-9]+(-[a-z0-9]+)*$"),
                name="network_slug_form",
            ),
            models.CheckConstraint(
                condition=~models.Q(is_listed=True)
                | models.Q(
                    status="published", latest_version__isnull=False, published_at__isnull=False
                ),
                name="network_listed_when_published",
            ),
        ]
        indexes = [
            GinIndex(fields=["search"], name="network_search"),
            GinIndex(OpClass(Lower("name"), "gin_trgm_ops"), name="network_name_trigrams"),
            # One index for any of them together: each alone leaves too many rows to look at.
            GinIndex(
                fields=["tag_ids", "base_models", "activations", "works_with"],
                name="network_labels",
            ),
            # One per sort order of the catalogue; the id makes each order total, for cursors. With
            # what is filtered by most: a page reads the index, not the rows between those it shows.
            *(
                models.Index(
                    fields=[f"-{field}", "-id"],
                    include=["kind", "content_level", "base_models", "tag_ids"],
                    condition=models.Q(is_listed=True),
                    name=f"network_list_by_{name}",
                )
                for field, name in (
                    ("last_version_at", "newest"),
                    ("download_count", "downloads"),
                    ("like_count", "likes"),
                    ("comment_count", "comments"),
                    ("collected_count", "collected"),
                    ("picture_count", "pictures"),
                )
            ),
        ]

    def __str__(self) -> str:
        return f"{self.creator_id}/{self.slug}"

    def get_absolute_url(self) -> str:
        return f"/{self.creator.username}/{self.slug}"
