"""Work that outlasts a request: ask for it with `enqueue`, do it in a `@handler`.

    @handler("ingest.upload", queue=Job.Queue.INGEST)
    def ingest_upload(run: Run) -> dict[str, object]:
        for done, part in enumerate(parts):
            run.progress(done, len(parts), _("Reading"))
            run.checkpoint()
            ...
        with run.fenced():
            publish(...)
        return {"version": version.pk}

    enqueue(kind="ingest.upload", payload={"upload": 17}, owner=request.user)

The row in Postgres is the truth. A message on the broker only wakes a worker, which then takes the
job whose turn it is; a lost or a doubled message changes nothing. While a job runs, its worker
holds it by a lease: whoever has lost that can no longer write to the job, so it ends exactly once.

A handler may run more than once (a worker was killed, an attempt failed): it must be idempotent.
"""

from registry.jobs.handlers import UnknownKind, handler
from registry.jobs.queueing import JobFinished, cancel_job, enqueue
from registry.jobs.run import Cancelled, Failed, Interrupted, LeaseLost, Run
from registry.jobs.state import job_etag, job_state

__all__ = [
    "Cancelled",
    "Failed",
    "Interrupted",
    "JobFinished",
    "LeaseLost",
    "Run",
    "UnknownKind",
    "cancel_job",
    "enqueue",
    "handler",
    "job_etag",
    "job_state",
]
