"""`jobs`: one's own work that outlasts a request: read with its progress, followed, cancelled.

Jobs are made by asking for what they do (a grid, an upload's check). To follow one, ask again with
`If-None-Match`, which mostly costs a 304, or open its stream of events.
"""

import json
import threading
import time
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.http import Http404, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework.request import Request
from rest_framework.response import Response

from registry.api.permissions import needs
from registry.api.reading import Paging, one_of, page_metadata
from registry.api.schema import jobs as doc
from registry.api.schema.operations import documented
from registry.api.shapes import JSON
from registry.api.view import ApiView
from registry.api.writing import OptionalReason, Writes, person, taken
from registry.errors import Conflict, Temporary
from registry.jobs import JobFinished, cancel_job, job_state
from registry.keyset import Order, keyset_page
from registry.models import Job, Scope

DEFAULT_JOBS: Final = 20
# A stream holds a thread of the web process: few at a time, and none for long. Clients connect
# again by themselves.
MOST_STREAMS: Final = 4
STREAM_SECONDS: Final = 55.0
LOOK_EVERY_SECONDS: Final = 1.0
RECONNECT_MILLISECONDS: Final = 2000
_streams = threading.BoundedSemaphore(MOST_STREAMS)


class JobEnded(Conflict, code="job-ended"):
    state: str
    sentence = gettext_lazy("This job has ended: there is nothing to cancel.")


class StreamsTaken(Temporary, code="streams-taken"):
    sentence = gettext_lazy("Too many streams are open here. Ask for the job itself meanwhile.")


class OwnJobs(ApiView):
    """For its owner's eyes; asked again and again, so an ETag spares the body."""

    permission_classes = (needs(Scope.READ),)

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        answer = super().finalize_response(request, response, *args, **kwargs)
        answer["Cache-Control"] = "private, no-cache"
        return answer


class JobList(OwnJobs):
    """Newest first."""

    @documented(doc.LIST_JOBS)
    def get(self, request: Request) -> Response:
        paging = Paging.of(request, default=DEFAULT_JOBS)
        state = one_of(request.query_params.get("state"), "state", ("", *Job.State.values))
        jobs = Job.objects.filter(owner=person(request))
        page = keyset_page(
            jobs.filter(state=state) if state else jobs,
            order=Order("created_at"),
            limit=paging.limit,
            cursor=paging.cursor,
            number=paging.page,
        )
        items = [job_state(job) for job in page.rows]
        return Response({"items": items, "metadata": page_metadata(request, paging, page)})


class JobDetail(OwnJobs):
    @documented(doc.READ_JOB)
    def get(self, request: Request, job_id: UUID) -> Response:
        return Response(job_state(own_job(request, job_id)))


class JobCancellation(Writes, OwnJobs):
    """A waiting job ends at once, a running one within moments."""

    @documented(doc.CANCEL_JOB)
    def post(self, request: Request, job_id: UUID) -> Response:
        job = own_job(request, job_id)
        reason = taken(request, OptionalReason).get("reason", "")
        try:
            job = cancel_job(job=job, by=person(request), reason=reason)
        except JobFinished as finished:
            raise JobEnded(state=finished.job.state) from None
        return Response(job_state(job), HTTPStatus.ACCEPTED)


class JobEvents(OwnJobs):
    """`text/event-stream`: an event "job" whenever something is new, until its end."""

    @documented(doc.FOLLOW_JOB)
    def get(self, request: Request, job_id: UUID) -> HttpResponseBase:
        job = own_job(request, job_id)
        if not _streams.acquire(blocking=False):
            raise StreamsTaken
        response = EventStream(job)
        response["X-Accel-Buffering"] = "no"
        return response


class EventStream(StreamingHttpResponse):
    """Gives its place back when it is closed, whether or not anybody has read it."""

    def __init__(self, job: Job) -> None:
        self._open = True
        super().__init__(events_of(job), content_type="text/event-stream")

    def close(self) -> None:
        super().close()
        if self._open:
            self._open = False
            _streams.release()


def events_of(job: Job) -> Iterator[str]:
    yield f"retry: {RECONNECT_MILLISECONDS}\n\n"
    shown: JSON | None = None
    until = time.monotonic() + STREAM_SECONDS
    while True:
        if (state := job_state(job)) != shown:
            shown = state
            yield f"event: job\ndata: {json.dumps(state)}\n\n"
        if job.is_finished or time.monotonic() > until:
            return
        connection.close()  # back to the pool, while this thread only waits
        time.sleep(LOOK_EVERY_SECONDS)
        yield ": still here\n\n"  # a client that has gone is noticed by writing to it
        job.refresh_from_db()


def own_job(request: Request, job_id: UUID) -> Job:
    """404 for others' jobs; moderators see everyone's."""
    jobs = Job.objects.all()
    if not person(request).is_moderator:
        jobs = jobs.filter(owner=person(request))
    job = jobs.filter(pk=job_id).first()
    if job is None:
        raise Http404(_("There is no such job of yours."))
    return job
