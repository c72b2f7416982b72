"""Webhooks: the hub calls its members' programs, signed, with retries and a log."""

import uuid_utils.compat as uuid_utils
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from registry.models.user import User


class WebhookQuerySet(models.QuerySet["Webhook"]):
    def in_service(self) -> "WebhookQuerySet":
        """Switched on, of people who may still do things here."""
        return self.filter(disabled_at=None, owner__is_active=True, owner__blocked_at=None)


class Webhook(models.Model):
    class Event(models.TextChoices):
        NETWORK_CREATED = "network.created", _("a network is made, as a draft")
        NETWORK_UPDATED = "network.updated", _("a network's words or tags change")
        NETWORK_DELETED = "network.deleted", _("a published network is deleted")
        NETWORK_TAKEN_DOWN = "network.taken_down", _("moderators take a network down")
        NETWORK_RESTORED = "network.restored", _("a network is back after an appeal")
        VERSION_PUBLISHED = "version.published", _("a version is published")
        VERSION_YANKED = "version.yanked", _("a version is withdrawn")
        VERSION_UNYANKED = "version.unyanked", _("a withdrawn version is back")
        VERSION_TAKEN_DOWN = "version.taken_down", _("moderators take a version down")
        VERSION_RESTORED = "version.restored", _("a version is back after an appeal")
        UPLOAD_CHECKED = "upload.checked", _("the check of your upload ends")
        PREVIEWS_FINISHED = "previews.finished", _("the previews of your version are rendered")
        JOB_ENDED = "job.ended", _("your rendering or training ends")
        # Sent when its owner asks for a trial; nobody subscribes to it.
        PING = "ping", _("a trial call")

    class About(models.TextChoices):
        OWN = "own", _("my own networks")
        ALL = "all", _("everything that is public on the hub")

    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="webhooks")
    url = models.URLField(_("address"), max_length=500)
    # Signs each call; shown to its owner when it is made, kept since signing needs it.
    secret = models.CharField(max_length=64, editable=False)
    events = ArrayField(models.CharField(max_length=30, choices=Event.choices))
    about = models.CharField(max_length=10, choices=About.choices, default=About.OWN)
    created_at = models.DateTimeField(auto_now_add=True)
    # Since when no call has got through; null while they do.
    failing_since = models.DateTimeField(null=True, blank=True)
    # Switched off by its owner, or by the hub after too many failures, with the reason.
    disabled_at = models.DateTimeField(null=True, blank=True)
    disabled_reason = models.CharField(max_length=300, blank=True)

    objects = WebhookQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(about__in=["own", "all"]), name="webhook_about_known"
            ),
            models.CheckConstraint(
                condition=models.Q(url__startswith="http://")
                | models.Q(url__startswith="https://"),
                name="webhook_address_is_http",
            ),
        ]

    def __str__(self) -> str:
        return self.url


class WebhookDelivery(models.Model):
    """One event for one webhook: waiting, delivered or given up."""

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    # What receivers know an event again by when it comes twice.
    message_id = models.UUIDField(default=uuid_utils.uuid7, unique=True, editable=False)
    event = models.CharField(max_length=30, choices=Webhook.Event.choices)
    body = models.JSONField()
    # How many times it was tried; what the last one gave is in the columns after.
    attempt = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    given_up_at = models.DateTimeField(null=True, blank=True)
    status_code = models.PositiveSmallIntegerField(null=True, blank=True)
    error = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "webhook deliveries"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(delivered_at=None) | models.Q(given_up_at=None),
                name="webhook_delivery_ends_once",
            ),
            models.CheckConstraint(
                condition=models.Q(next_attempt_at=None)
                | models.Q(delivered_at=None, given_up_at=None),
                name="webhook_delivery_ended_is_not_due",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                condition=models.Q(next_attempt_at__isnull=False),
                name="webhook_delivery_due",
            ),
            models.Index(fields=["created_at"], name="webhook_delivery_age"),
        ]

    def __str__(self) -> str:
        return f"{self.event} to {self.webhook_id}"

    @property
    def state(self) -> str:
        """ "delivered", "given-up" or "waiting"."""
        if self.delivered_at:
            return "delivered"
        return "given-up" if self.given_up_at else "waiting"


class WebhookAttempt(models.Model):
    """One call. Neither a status nor an error: the worker was stopped in the middle of it."""

    delivery = models.ForeignKey(WebhookDelivery, on_delete=models.CASCADE, related_name="attempts")
    number = models.PositiveSmallIntegerField()
    started_at = models.DateTimeField(auto_now_add=True)
    milliseconds = models.PositiveIntegerField(null=True, blank=True)
    status_code = models.PositiveSmallIntegerField(null=True, blank=True)
    error = models.CharField(max_length=300, blank=True)
    # The beginning of what was answered.
    answer = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["delivery", "number"], name="webhook_attempt_once")
        ]

    def __str__(self) -> str:
        return f"attempt {self.number} of {self.delivery_id}"
