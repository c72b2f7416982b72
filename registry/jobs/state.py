"""A job as pages and the API show it."""

import hashlib
import json
from datetime import datetime
from typing import Any

from registry.models import Job


def job_state(job: Job) -> dict[str, Any]:
    """JSON-ready, and the same as long as there is nothing new to show (no heartbeat in it)."""
    return {
        "id": str(job.pk),
        "kind": job.kind,
        "queue": job.queue,
        "state": job.state,
        "finished": job.is_finished,
        "attempt": job.attempt,
        "maxAttempts": job.max_attempts,
        "progress": {
            "done": job.progress_done,
            "total": job.progress_total,
            "percent": _percent(job),
            "label": job.progress_label,
        },
        "cancelRequested": job.cancel_requested_at is not None,
        "reason": job.reason,
        "result": job.result,
        "createdAt": _iso(job.created_at),
        "startedAt": _iso(job.started_at),
        "endedAt": _iso(job.ended_at),
    }


def job_etag(job: Job) -> str:
    """A strong ETag of `job_state`, so that polling a job mostly costs a 304."""
    state = json.dumps(job_state(job), sort_keys=True, default=str)
    return f'"{hashlib.sha256(state.encode()).hexdigest()[:32]}"'


def _percent(job: Job) -> int:
    if job.state == Job.State.DONE:
        return 100
    if not job.progress_total:
        return 0
    return min(100, 100 * job.progress_done // job.progress_total)


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
