"""What people report, and what moderators decide about it.

What it is about is kept as text, as the audit trail keeps it ("registry.network:17"): a report and
a decision outlive the thing, and one list holds those about networks, pictures and people alike.
"""

from typing import Self

from django.core.validators import MaxLengthValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from registry.models.content_level import ContentLevel
from registry.models.network import Network
from registry.models.user import User

# Characters, of what is written about a case.
LONGEST = 2000


class DecisionQuerySet(models.QuerySet["Decision"]):
    def told_to(self, creator: User) -> Self:
        """What its creator reads, newest first: what was done, and nothing of idle reports."""
        return (
            self.filter(creator=creator).exclude(measure=Decision.Measure.DISMISS).order_by("-id")
        )


class Decision(models.Model):
    """What a moderator did about a thing, and why. Never changed: another one follows it."""

    class Measure(models.TextChoices):
        DISMISS = "dismiss", _("leave it as it is")
        SET_LEVEL = "set_level", _("set its content level")
        REMOVE_PICTURE = "remove_picture", _("remove the picture")
        TAKE_DOWN_VERSION = "take_down_version", _("take the version down")
        TAKE_DOWN_NETWORK = "take_down_network", _("take the network down")
        RESTORE = "restore", _("restore it")
        END_QUARANTINE = "end_quarantine", _("end the quarantine and erase the file")
        BLOCK_CREATOR = "block_creator", _("block the account")
        UNBLOCK_CREATOR = "unblock_creator", _("lift the block of the account")

    subject = models.CharField(max_length=100)
    # What it was called then.
    title = models.CharField(max_length=200)
    measure = models.CharField(max_length=20, choices=Measure.choices)
    # Of SET_LEVEL: what it was set to.
    level = models.CharField(max_length=10, choices=ContentLevel.choices, blank=True)
    # Shown to the creator.
    reason = models.TextField(max_length=LONGEST, validators=[MaxLengthValidator(LONGEST)])
    # Whose thing it is; null for people who deleted their account.
    creator = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    # On whose page the creator reads it; null for what is of no network.
    network = models.ForeignKey(
        Network, null=True, blank=True, on_delete=models.SET_NULL, related_name="decisions"
    )
    by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField(auto_now_add=True)

    objects = DecisionQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=~models.Q(reason=""), name="decision_has_a_reason"),
        ]
        indexes = [models.Index(fields=["subject", "-id"], name="decision_of_subject")]

    def __str__(self) -> str:
        return f"{self.measure} {self.subject}"


class ReportQuerySet(models.QuerySet["Report"]):
    def open(self) -> Self:
        """Those that nobody has decided."""
        return self.filter(decision=None)

    def about(self, subject: str) -> Self:
        return self.filter(subject=subject)


class Report(models.Model):
    """Somebody says that something is wrong with a thing. Open until a decision closes it."""

    class Reason(models.TextChoices):
        """In the order in which they are looked at."""

        MINORS = "minors", _("Sexual content involving minors")
        MALICIOUS = "malicious", _("A malicious file")
        HARASSMENT = "harassment", _("Harassment, or of a person who did not agree")
        STOLEN = "stolen", _("Stolen, or against a copyright")
        LEVEL = "level", _("The wrong content level")
        SPAM = "spam", _("Spam")
        OTHER = "other", _("Something else")

    subject = models.CharField(max_length=100)
    reason = models.CharField(max_length=12, choices=Reason.choices)
    text = models.TextField(
        max_length=LONGEST, blank=True, validators=[MaxLengthValidator(LONGEST)]
    )
    # Null for people who deleted their account.
    reporter = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.SET_NULL, related_name="reports_made"
    )
    decision = models.ForeignKey(
        Decision, null=True, blank=True, on_delete=models.PROTECT, related_name="reports"
    )
    made_at = models.DateTimeField(auto_now_add=True)

    objects = ReportQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["reporter", "subject"],
                condition=models.Q(decision=None),
                name="report_open_once",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    reason__in=[
                        *("minors", "malicious", "harassment", "stolen", "level", "spam", "other")
                    ]
                ),
                name="report_reason_known",
            ),
        ]
        indexes = [
            models.Index(
                fields=["subject"], condition=models.Q(decision=None), name="report_open_subject"
            ),
            models.Index(fields=["reporter", "-made_at"], name="report_of_reporter"),
        ]

    def __str__(self) -> str:
        return f"{self.reason}: {self.subject}"
