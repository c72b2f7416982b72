"""What the domain announces. `inference` asks for previews, webhooks and feeds tell the world.

All but `job_ending` are sent after the commit, so that a receiver finds what it is told about; an
error in one receiver is logged and stops neither the others nor the caller.
"""

from typing import Any

from django.db import transaction
from django.dispatch import Signal

# sender=one of those below, what=its arguments; within the transaction of the change, for rows that
# must be there if and only if it commits
announced = Signal()
# version=Version, by=User | None
version_published = Signal()
version_yanked = Signal()
version_unyanked = Signal()
version_taken_down = Signal()
version_restored = Signal()
# version=Version, whose whole preview grid is there
previews_finished = Signal()
# network=Network, by=User | None
network_created = Signal()
network_updated = Signal()  # and fields=[names of what changed]
network_deleted = Signal()
network_taken_down = Signal()
network_restored = Signal()
# upload=Upload, which has reached its end: ready, refused, quarantined, failed or cancelled
upload_checked = Signal()
# decision=Decision
case_decided = Signal()
# job=Job, within the transaction that ends it: for rows that must end with it
job_ending = Signal()
# job=Job
job_ended = Signal()


def announce(signal: Signal, **what: Any) -> None:
    """Send once the surrounding transaction has committed; `announced` at once."""
    announced.send_robust(sender=signal, what=what)
    transaction.on_commit(lambda: signal.send_robust(sender=None, **what), robust=True)
