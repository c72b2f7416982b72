"""A job that only counts, one kind for each queue: shows that work flows, to people and tests."""

from typing import Any

from django.utils.translation import gettext as _

from registry.jobs.run import Run

DEFAULT_SECONDS = 2.0


def kind_for(queue: str) -> str:
    return f"selfcheck.{queue}"


def count(run: Run) -> dict[str, Any]:
    """Count to `steps` in `seconds`, as the payload says, with progress and checkpoints."""
    seconds = float(run.payload.get("seconds", DEFAULT_SECONDS))
    steps = int(run.payload.get("steps", 10))
    for step in range(steps):
        run.progress(step, steps, _("Counting"))
        run.sleep(seconds / steps)
    run.progress(steps, steps, _("Counted"))
    return {"counted": steps, "attempt": run.job.attempt, "worker": run.job.worker}
