import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import structlog
from celery import current_app
from django.db import DatabaseError, transaction
from django.utils import timezone
from kombu.exceptions import OperationalError

from registry.jobs import JobFinished, UnknownKind, cancel_job, enqueue
from registry.models import AuditEvent, Job, User
from tests.jobs import run_waiting_jobs
from tests.registry.jobs.conftest import Register


def ask(kind: str = "selfcheck.ingest", **options: object) -> Job:
    return enqueue(**{"kind": kind, "payload": {}, "owner": None, **options})  # type: ignore[arg-type]


@pytest.mark.django_db
class TestEnqueue:
    def test_writes_a_waiting_row_in_the_handlers_queue(self, alice: User) -> None:
        job = ask("selfcheck.train", payload={"seconds": 1}, owner=alice)
        job.refresh_from_db()
        assert (job.queue, job.state, job.payload) == ("train", "queued", {"seconds": 1})
        assert job.owner == alice

    def test_refuses_a_kind_without_a_handler(self) -> None:
        with pytest.raises(UnknownKind) as refusal:
            ask("no.such")
        assert refusal.value.kind == "no.such"
        assert not Job.objects.exists()

    def test_asking_twice_with_one_key_is_one_job(self) -> None:
        assert ask(key="grid:7") == ask(key="grid:7")
        assert ask(key="grid:8") != ask(key="grid:7")

    def test_jobs_without_a_key_are_all_different(self) -> None:
        assert ask() != ask()

    def test_a_key_is_free_again_once_its_job_has_ended(self, does: Register) -> None:
        kind = does(lambda run: None)
        first = ask(kind, key="grid:7")
        run_waiting_jobs()
        assert ask(kind, key="grid:7") != first

    def test_the_id_of_the_request_goes_along(self) -> None:
        with structlog.contextvars.bound_contextvars(request_id="abc-123"):
            assert ask().request_id == "abc-123"
        assert ask().request_id == ""


@pytest.mark.django_db(transaction=True)
class TestTheMessage:
    def test_is_sent_when_the_transaction_has_committed(
        self, messages: Callable[[str], int]
    ) -> None:
        with transaction.atomic():
            ask()
            assert messages("ingest") == 0
        assert messages("ingest") == 1

    def test_is_not_sent_when_the_transaction_is_rolled_back(
        self, messages: Callable[[str], int]
    ) -> None:
        with pytest.raises(DatabaseError), transaction.atomic():
            ask()
            raise DatabaseError
        assert messages("ingest") == 0

    def test_goes_to_the_queue_of_the_job(self, messages: Callable[[str], int]) -> None:
        ask("selfcheck.render")
        assert (messages("ingest"), messages("render")) == (0, 1)

    def test_waits_for_a_job_that_is_to_start_later(self, messages: Callable[[str], int]) -> None:
        ask(run_after=timezone.now() + timedelta(hours=1))
        assert messages("ingest") == 0

    def test_lost_because_the_broker_is_away_the_job_is_kept(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def away(*_: object, **__: object) -> None:
            raise ConnectionError("the broker is away")

        monkeypatch.setattr("celery.current_app.send_task", away)
        assert Job.objects.get(pk=ask().pk).state == Job.State.QUEUED


class TestABrokerThatIsAway:
    def test_is_not_waited_for(self) -> None:
        """Kombu's own habit is to try for six seconds, which a visitor would sit through."""
        started = time.monotonic()
        nowhere: Any = current_app.connection_for_write("redis+socket:///nowhere.sock")
        with pytest.raises(OperationalError), nowhere as connection:
            connection.default_channel  # noqa: B018 - connects
        assert time.monotonic() - started < 2


@pytest.mark.django_db
class TestTheLine:
    def order(self) -> list[Job]:
        return list(Job.objects.due())

    def test_first_come_first_served(self) -> None:
        first, second = ask(), ask()
        assert self.order() == [first, second]

    def test_a_lower_priority_number_goes_first(self) -> None:
        later, usual, urgent = ask(priority=200), ask(), ask(priority=10)
        assert self.order() == [urgent, usual, later]

    def test_one_persons_many_jobs_let_others_in_between(self, alice: User, bob: User) -> None:
        hers = [ask(owner=alice) for _ in range(3)]
        his = ask(owner=bob)
        assert self.order() == [hers[0], his, hers[1], hers[2]]

    def test_nobody_waits_for_ever_behind_urgent_work(self) -> None:
        """A point of priority is worth a minute: after 91 minutes, 100 goes before a new 10."""
        patient = ask(priority=100)
        Job.objects.filter(pk=patient.pk).update(turn_at=patient.turn_at - timedelta(minutes=91))
        ask(priority=10)
        assert self.order()[0] == patient

    def test_a_job_for_later_is_not_in_it_yet(self) -> None:
        ask(run_after=timezone.now() + timedelta(minutes=1))
        assert self.order() == []


@pytest.mark.django_db
class TestCancel:
    def test_a_waiting_job_ends_at_once_with_a_reason_and_an_audit_line(self, alice: User) -> None:
        job = cancel_job(job=ask(owner=alice), by=alice, reason="Wrong file.")
        job.refresh_from_db()
        assert (job.state, job.reason) == ("cancelled", "Wrong file.")
        assert job.ended_at is not None
        line = AuditEvent.objects.get(target=f"registry.job:{job.pk}")
        assert (line.action, line.actor, line.reason) == ("job.cancelled", alice, "Wrong file.")
        assert run_waiting_jobs() == []

    def test_a_running_job_is_asked_to_stop(self, alice: User, mod: User) -> None:
        job = ask(owner=alice)
        Job.objects.filter(pk=job.pk).update(
            state="running", lease=job.pk, lease_expires_at=timezone.now() + timedelta(minutes=1)
        )
        cancel_job(job=job, by=mod, reason="Maintenance.")
        cancel_job(job=job, by=alice, reason="Me too.")
        job.refresh_from_db()
        assert (job.state, job.reason) == ("running", "Maintenance.")
        assert job.cancel_requested_at is not None
        line = AuditEvent.objects.get(target=f"registry.job:{job.pk}")
        assert (line.action, line.actor) == ("job.cancel_requested", mod)

    def test_a_job_that_has_ended_cannot_be_cancelled(self, does: Register) -> None:
        job = ask(does(lambda run: None))
        run_waiting_jobs()
        with pytest.raises(JobFinished) as refusal:
            cancel_job(job=job, by=None)
        assert refusal.value.job.state == Job.State.DONE
