"""Waking the workers. A message is a hint: it may be lost, doubled or late, and nothing breaks."""

from typing import Any

import structlog
from celery import current_app
from django.db.models import Count

from registry.jobs.handlers import known_kinds
from registry.models import Job

logger = structlog.get_logger(__name__)

RUN_JOB = "jobs.run"
# Enough for any backlog: the next round, seconds later, sends the rest.
MOST_MESSAGES_AT_ONCE = 1000


def announce(job: Job) -> None:
    """Say "look at job N" on its queue. The job is safe in its row, so trouble is only logged."""
    try:
        current_app.send_task(
            RUN_JOB, args=[job.queue, str(job.pk), job.request_id], queue=job.queue
        )
    except Exception as error:  # whatever the broker's client raises, the caller must go on
        logger.warning("message not sent", job=str(job.pk), error=type(error).__name__)


def announce_waiting() -> int:
    """Give every queue as many messages as it has jobs that could start now; returns how many.

    Makes up for lost messages, and starts what waited for a later time.
    """
    due = Job.objects.due().filter(kind__in=known_kinds())
    sent = 0
    for queue, waiting in due.order_by("queue").values_list("queue").annotate(Count("pk")):
        missing = min(waiting - messages_in(queue), MOST_MESSAGES_AT_ONCE)
        for job in due.filter(queue=queue)[: max(missing, 0)]:
            announce(job)
            sent += 1
    return sent


def messages_in(queue: str) -> int:
    """How many messages wait there. Raises what the broker's client raises."""
    connection: Any
    with current_app.pool.acquire(block=True, timeout=2) as connection:
        declared: Any = current_app.amqp.queues[queue](connection.default_channel).queue_declare()
    return int(declared.message_count)
