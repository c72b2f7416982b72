"""Jobs: read, followed, cancelled."""

from typing import Final

from registry.api.schema.operations import JSON_TYPE, Answer, Operation
from registry.api.schema.shapes import PAGE_BY_CURSOR
from registry.api.schema.words import (
    ANYTHING,
    BOOLEAN,
    COUNT,
    MOMENT,
    TEXT,
    UUID,
    array,
    choice,
    component,
    described,
    nullable,
    query,
    shape,
)
from registry.api.writing import OptionalReason
from registry.models import Job, Scope

GROUP: Final = "Previews"
ONE_JOB: Final = {"job_id": "0198a5f2-8f3b-7c10-9d7e-5b0f3c9a1e42"}
JOB: Final = component(
    "Job",
    shape(
        {
            "id": UUID,
            "kind": described(TEXT, "", example="inference.render_grid"),
            "queue": choice(Job.Queue.values),
            "state": choice(Job.State.values),
            "finished": BOOLEAN,
            "attempt": COUNT,
            "maxAttempts": COUNT,
            "progress": shape({"done": COUNT, "total": COUNT, "percent": COUNT, "label": TEXT}),
            "cancelRequested": BOOLEAN,
            "reason": described(TEXT, "Why it ended as it did: a sentence."),
            "result": ANYTHING,
            "createdAt": MOMENT,
            "startedAt": nullable(MOMENT),
            "endedAt": nullable(MOMENT),
        },
        description="Work that outlasts a request.",
    ),
)
JOBS: Final = component("Jobs", shape({"items": array(JOB), "metadata": PAGE_BY_CURSOR}))

LIST_JOBS: Final = Operation(
    "listJobs",
    "One's own jobs, newest first",
    group=GROUP,
    scope=Scope.READ,
    parameters=(
        query("state", "Only those in this state.", choice(["", *Job.State.values])),
        query("limit", "How many.", COUNT | {"maximum": 100}),
        query("cursor", "Where to go on: `nextCursor` of the page before."),
        query("page", "Or the number of a page.", COUNT | {"minimum": 1}),
    ),
    answers={200: Answer("A page of jobs.", JOBS)},
    errors=(400, 429),
)
READ_JOB: Final = Operation(
    "readJob",
    "A job with its progress",
    group=GROUP,
    description="Its ETag changes when there is something new to show: ask with `If-None-Match`.",
    scope=Scope.READ,
    answers={200: Answer("The job.", JOB)},
    errors=(404,),
    example=ONE_JOB,
)
CANCEL_JOB: Final = Operation(
    "cancelJob",
    "Cancel a job",
    group=GROUP,
    scope=Scope.UPLOAD,
    body={JSON_TYPE: OptionalReason},
    body_required=False,
    answers={202: Answer("The job: ended, or asked to end at its next step.", JOB)},
    errors=(400, 404, 409),
    example=ONE_JOB | {"body": {}},
)
EVENT: Final = shape(
    {"data": described(TEXT, "The job as JSON.")},
    optional={"event": TEXT, "id": TEXT, "retry": COUNT},
)
FOLLOW_JOB: Final = Operation(
    "followJob",
    "A job's progress as server-sent events",
    group=GROUP,
    description=(
        "An event `job` with the job as JSON whenever something is new; the stream ends with the "
        "job, or after a minute, when clients connect again by themselves. Few streams are open at "
        "a time: 503 says to ask for the job itself."
    ),
    scope=Scope.READ,
    answers={200: Answer("The stream.", EVENT, content_type="text/event-stream")},
    errors=(404,),
    example=ONE_JOB,
)
