"""People. The public name is part of every address of theirs: `/{creator}/{slug}`."""

from collections.abc import Callable
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from registry.models.content_level import ContentLevel

# First parts of the site's own addresses: a creator of that name would be unreachable.
# fmt: off
RESERVED_NAMES = frozenset({
    "about", "account", "accounts", "admin", "api", "assets", "atom", "blog", "collection",
    "collections", "compare", "creators", "dashboard", "download", "downloads", "feed",
    "feed.atom", "feeds", "find", "following", "gallery", "healthz", "help", "hub", "hyperhub",
    "identity", "images", "jobs", "login", "logout", "me", "media", "models", "moderation",
    "network", "networks", "new", "none", "notifications", "null", "oauth", "policy", "privacy",
    "publish", "readyz", "register", "report", "resolve", "robots", "root", "rules", "search",
    "security", "settings", "signin", "signup", "sitemap", "static", "status", "studio",
    "styleguide", "support", "system", "tag", "tags", "terms", "undefined", "upload", "uploads",
    "user", "users", "well-known", "www",
})
# fmt: on


def refuse_reserved_name(name: str) -> None:
    if name.lower() in RESERVED_NAMES:
        raise ValidationError(
            _("“%(name)s” is an address of the hub itself. Choose another name."),
            code="reserved",
            params={"name": name},
        )


username_validators: list[Callable[[str], None]] = [
    RegexValidator(
        r"\A[A-Za-z0-9_-]{3,30}\Z",
        _("A name has 3 to 30 letters, digits, “_” or “-”."),
        code="name_form",
    ),
    refuse_reserved_name,
]


class UserManager(BaseUserManager["User"]):
    def create_user(
        self, username: str, email: str, password: str | None = None, **fields: Any
    ) -> "User":
        user = self.model(username=username, email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.full_clean(exclude=["password"])
        user.save(using=self._db)
        return user

    def create_superuser(
        self, username: str, email: str, password: str | None = None, **fields: Any
    ) -> "User":
        return self.create_user(
            username,
            email,
            password,
            role=User.Role.ADMIN,
            is_superuser=True,
            **fields,
        )

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(username__iexact=username)


class User(AbstractBaseUser, PermissionsMixin):
    class Role(models.TextChoices):
        MEMBER = "member", _("member")
        MODERATOR = "moderator", _("moderator")
        ADMIN = "admin", _("admin")

    username = models.CharField(_("public name"), max_length=30, validators=username_validators)
    email = models.EmailField(_("e-mail address"))
    display_name = models.CharField(_("display name"), max_length=60, blank=True)
    bio = models.TextField(_("about you"), max_length=2000, blank=True)
    avatar = models.CharField(_("avatar"), max_length=200, blank=True, editable=False)
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.MEMBER)
    is_active = models.BooleanField(default=True)
    # Blocked by a moderator: may read as anyone does, writes nothing, and is listed nowhere.
    blocked_at = models.DateTimeField(null=True, blank=True, editable=False)
    blocked_reason = models.TextField(blank=True, editable=False)
    # The strongest pictures that this person wants to see without asking.
    content_level = models.CharField(
        _("show pictures up to"),
        max_length=10,
        choices=ContentLevel.choices,
        default=ContentLevel.GENERAL,
    )
    date_joined = models.DateTimeField(auto_now_add=True)

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["email"]

    objects = UserManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                Lower("username"),
                name="user_name_unique_in_any_case",
                violation_error_message=_("This name is taken."),
            ),
            models.UniqueConstraint(
                Lower("email"),
                name="user_email_unique_in_any_case",
                violation_error_message=_("This address belongs to another account."),
            ),
            models.CheckConstraint(
                condition=models.Q(username__regex=r"^[A-Za-z0-9_-]{3,30}$"), name="user_name_form"
            ),
            models.CheckConstraint(
                condition=models.Q(role__in=["member", "moderator", "admin"]),
                name="user_role_known",
            ),
        ]

    def __str__(self) -> str:
        return self.username

    @property
    def name(self) -> str:
        """What people read: the display name, else the public one."""
        return self.display_name or self.username

    @property
    def avatar_url(self) -> str:
        """Where the face is shown; empty for people without one."""
        return f"/media/{self.avatar}" if self.avatar else ""

    @property
    def may_write(self) -> bool:
        return self.is_active and self.blocked_at is None

    @property
    def is_moderator(self) -> bool:
        return self.may_write and self.role in (self.Role.MODERATOR, self.Role.ADMIN)

    @property
    def is_staff(self) -> bool:
        """Django's admin asks for this."""
        return self.may_write and self.role == self.Role.ADMIN
