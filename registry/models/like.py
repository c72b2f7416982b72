"""Likes: who likes which network. Triggers of the database keep the network's `like_count`."""

from django.db import models

from registry.models.network import Network
from registry.models.user import User


class Like(models.Model):
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="likes")
    network = models.ForeignKey(Network, on_delete=models.CASCADE, related_name="likes")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "network"], name="like_once")]

    def __str__(self) -> str:
        return f"{self.user_id} likes {self.network_id}"
