"""The Celery app: four queues, each with its own workers, and how a worker lives and ends.

How to start one is in `hub.embedded.services` and in docker-compose.yml. TERM makes a worker give
its job back and leave within a second or two; KILL costs that job an attempt. Any idle worker also
does the housekeeping. Killing beat, or running two, does no harm.

Imported before Django's apps are ready, so what knows models is imported inside the functions.
"""

import os
import warnings
from typing import Any

import structlog
from celery import Celery, bootsteps
from celery.signals import setup_logging, worker_ready, worker_shutdown, worker_shutting_down

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hub.settings")

app = Celery("hyperhub")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["registry", "inference", "hub"])

# Its worry about root is about pickled messages; ours are JSON.
warnings.filterwarnings("ignore", "You're running the worker with superuser")
logger = structlog.get_logger(__name__)


@setup_logging.connect
def leave_logging_to_django(**_: Any) -> None:
    """Celery configures no logging of its own once someone listens to this signal."""


@worker_ready.connect
def show_presence(sender: Any, **_: Any) -> None:
    from registry.jobs.presence import PresenceThread

    queues = [name for name in app.amqp.queues.consume_from if name != "housekeeping"]
    sender.controller.presence = PresenceThread(queues)
    sender.controller.presence.start()


@worker_shutting_down.connect
def give_the_job_back(**_: Any) -> None:
    """Runs in the signal handler of TERM; the job notices at its next checkpoint."""
    from registry.jobs.process import this_process

    this_process.stopping = True


@worker_shutdown.connect
def say_goodbye(sender: Any, **_: Any) -> None:
    if presence := getattr(sender, "presence", None):  # none before its first connection
        presence.stop()


class AnnounceWaiting(bootsteps.StartStopStep):
    """Each time the broker is (back) within reach: messages may have been lost meanwhile."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def start(self, consumer: Any) -> None:
        from registry.jobs.messages import announce_waiting

        try:
            announce_waiting()
        except Exception as error:  # the reaper does the same, seconds later
            logger.warning("waiting jobs not announced", error=type(error).__name__)


app.steps["consumer"].add(AnnounceWaiting)
