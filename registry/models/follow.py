"""Follows: whose new versions somebody wants to see."""

from django.db import models

from registry.models.user import User


class Follow(models.Model):
    follower = models.ForeignKey(User, on_delete=models.CASCADE, related_name="follows")
    creator = models.ForeignKey(User, on_delete=models.CASCADE, related_name="followers")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["follower", "creator"], name="follow_once"),
            models.CheckConstraint(
                condition=~models.Q(follower=models.F("creator")), name="follow_others_only"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.follower_id} follows {self.creator_id}"
