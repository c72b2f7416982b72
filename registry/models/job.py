"""Work that outlasts a request. The row is the truth; a message only says "look at job N".

A worker holds a running job by a lease that it renews with its heartbeat. `lease` is a fencing
token: who has lost it can no longer write to the job, so a job ends exactly once.
"""

import uuid_utils.compat as uuid_utils
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from registry.models.user import User


class JobQuerySet(models.QuerySet["Job"]):
    def unfinished(self) -> "JobQuerySet":
        return self.filter(state__in=(Job.State.QUEUED, Job.State.RUNNING))

    def due(self) -> "JobQuerySet":
        """Waiting and allowed to start now, whose turn it is first."""
        return self.filter(
            models.Q(run_after=None) | models.Q(run_after__lte=Now()), state=Job.State.QUEUED
        ).order_by("turn_at", "id")

    def held_by(self, claimed: "Job") -> "JobQuerySet":
        """The row while the lease it was claimed with still holds: the fence around every write."""
        return self.filter(pk=claimed.pk, state=Job.State.RUNNING, lease=claimed.lease)

    def abandoned(self) -> "JobQuerySet":
        """Running, but nobody renewed the lease in time."""
        return self.filter(state=Job.State.RUNNING, lease_expires_at__lt=Now())


class Job(models.Model):
    class Queue(models.TextChoices):
        INGEST = "ingest"
        RENDER = "render"
        TRAIN = "train"
        # Calls to the outside, which may be slow to answer.
        NOTIFY = "notify"

    class State(models.TextChoices):
        QUEUED = "queued", _("waiting")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    id = models.UUIDField(primary_key=True, default=uuid_utils.uuid7, editable=False)
    queue = models.CharField(max_length=10, choices=Queue.choices)
    # The name under which a handler is registered, "ingest.upload".
    kind = models.CharField(max_length=60)
    payload = models.JSONField(default=dict, blank=True)
    # At most one unfinished job has a given key ("" is no key): asking twice is one job.
    key = models.CharField(max_length=120, blank=True)
    owner = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.SET_NULL, related_name="jobs"
    )
    # Lower goes first: each point is one minute further back in the line.
    priority = models.SmallIntegerField(default=100)
    # The place in the line, never changed, so that nobody waits for ever: see `turn_of`.
    turn_at = models.DateTimeField(default=timezone.now, editable=False)
    request_id = models.CharField(max_length=64, blank=True)

    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    attempt = models.PositiveSmallIntegerField(default=0)
    max_attempts = models.PositiveSmallIntegerField(default=3)
    run_after = models.DateTimeField(null=True, blank=True)
    lease = models.UUIDField(null=True, blank=True)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    worker = models.CharField(max_length=120, blank=True)

    progress_done = models.PositiveIntegerField(default=0)
    progress_total = models.PositiveIntegerField(default=0)
    progress_label = models.CharField(max_length=120, blank=True)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    # Why it ended as it did, or why it is back in the queue: a sentence for its owner.
    reason = models.TextField(blank=True)
    result = models.JSONField(default=dict, blank=True)

    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["key"],
                condition=~models.Q(key="") & models.Q(state__in=["queued", "running"]),
                name="job_key_unfinished_once",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    state="running", lease__isnull=False, lease_expires_at__isnull=False
                )
                | (~models.Q(state="running") & models.Q(lease=None, lease_expires_at=None)),
                name="job_leased_while_running",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=["queued", "running"], ended_at=None)
                | models.Q(state__in=["done", "failed", "cancelled"], ended_at__isnull=False),
                name="job_ended_at_its_end",
            ),
        ]
        indexes = [
            models.Index(
                fields=["queue", "turn_at", "id"],
                condition=models.Q(state="queued"),
                name="job_waiting",
            ),
            models.Index(
                fields=["owner", "queue"],
                condition=models.Q(state__in=["queued", "running"]),
                name="job_unfinished_of_owner",
            ),
            models.Index(
                fields=["lease_expires_at"], condition=models.Q(state="running"), name="job_leases"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id} ({self.state})"

    @property
    def is_finished(self) -> bool:
        return self.state not in (self.State.QUEUED, self.State.RUNNING)
