"""Everything that changes state leaves one line here. Lines are added, never changed."""

from typing import Any

from django.db import models

from registry.models.user import User


class AuditEvent(models.Model):
    at = models.DateTimeField(auto_now_add=True, db_index=True)
    # Null for the hub itself (a reaper, a sweep) and for people who deleted their account.
    actor = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    # verb.object in the past tense: "network.published", "key.revoked", "login.failed"
    action = models.CharField(max_length=60, db_index=True)
    # What it was done to: "registry.version:17". Text, since it outlives the row.
    target = models.CharField(max_length=100, blank=True, db_index=True)
    reason = models.TextField(blank=True)
    data = models.JSONField(default=dict, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    address = models.GenericIPAddressField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.action} {self.target}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise ValueError("An audit event is never changed.")
        super().save(*args, **kwargs)
