"""Webhooks: the hub calls its members' programs, signed, with retries and a log."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from registry.models.user import User


class Webhook(models.Model):
    class Event(models.TextChoices):
        VERSION_PUBLISHED = "version.published"
        VERSION_YANKED = "version.yanked"
        NETWORK_TAKEN_DOWN = "network.taken_down"
        UPLOAD_CHECKED = "upload.checked"
        JOB_ENDED = "job.ended"

    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="webhooks")
    url = models.URLField(_("address"), max_length=500)
    # Signs each call; shown to its owner at creation only, kept since signing needs it.
    secret = models.CharField(max_length=64)
    events = ArrayField(models.CharField(max_length=30, choices=Event.choices))
    created_at = models.DateTimeField(auto_now_add=True)
    # Switched off by its owner, or by the hub after too many failures, with the reason.
    disabled_at = models.DateTimeField(null=True, blank=True)
    disabled_reason = models.CharField(max_length=200, blank=True)

    def __str__(self) -> str:
        return self.url


class WebhookDelivery(models.Model):
    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    event = models.CharField(max_length=30, choices=Webhook.Event.choices)
    body = models.JSONField()
    attempt = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    status_code = models.PositiveSmallIntegerField(null=True, blank=True)
    error = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "webhook deliveries"

    def __str__(self) -> str:
        return f"{self.event} to {self.webhook_id}"
