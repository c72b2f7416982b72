"""What people say of themselves."""

from django.db import transaction

from registry import audit
from registry.models import User

FIELDS = ("display_name", "bio", "content_level")


@transaction.atomic
def change_profile(*, user: User, display_name: str, bio: str, content_level: str) -> None:
    """Write what differs; raises ValidationError. The audit line names fields, not their text."""
    wanted = {"display_name": display_name, "bio": bio, "content_level": content_level}
    stored = User.objects.select_for_update().get(pk=user.pk)
    changed = [name for name in FIELDS if getattr(stored, name) != wanted[name]]
    for name, value in wanted.items():
        setattr(user, name, value)
    user.clean_fields(exclude=["password", "username", "email"])
    if changed:
        user.save(update_fields=changed)
        audit.record("profile.changed", by=user, on=user, data={"fields": changed})
