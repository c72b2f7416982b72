import json

import pytest

from registry.jobs import Run, cancel_job, enqueue, job_etag, job_state
from registry.models import Job
from tests.jobs import run_waiting_jobs
from tests.registry.jobs.conftest import Register


@pytest.fixture
def job(db: None) -> Job:
    return enqueue(kind="selfcheck.train", payload={"secret": "prompt"}, owner=None)


def test_is_json_and_says_what_a_page_needs(job: Job) -> None:
    state = json.loads(json.dumps(job_state(job)))
    assert (state["id"], state["state"], state["finished"]) == (str(job.pk), "queued", False)
    assert state["progress"] == {"done": 0, "total": 0, "percent": 0, "label": ""}
    assert (state["startedAt"], state["endedAt"]) == (None, None)


def test_keeps_the_payload_and_the_worker_to_itself(job: Job) -> None:
    assert "prompt" not in json.dumps(job_state(job))
    assert "worker" not in job_state(job)


def test_percent_of_the_way(job: Job) -> None:
    job.progress_done, job.progress_total = 2, 3
    assert job_state(job)["progress"]["percent"] == 66
    job.progress_done = 7
    assert job_state(job)["progress"]["percent"] == 100


def test_a_job_that_never_reported_is_complete_when_done(does: Register, db: None) -> None:
    enqueue(kind=does(lambda run: None), payload={}, owner=None)
    assert job_state(run_waiting_jobs()[0])["progress"]["percent"] == 100


def test_the_etag_changes_with_the_news_and_not_with_the_heartbeat(job: Job) -> None:
    before = job_etag(job)
    Run(job).job.heartbeat_at = job.created_at
    assert job_etag(job) == before
    assert job_etag(cancel_job(job=job, by=None)) != before
