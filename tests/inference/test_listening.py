"""What the end of a grid's job sets off."""

import pytest
from django.db import transaction

from inference.models import BaseModel
from inference.previews import ask_for_grid
from registry.jobs.ending import end
from registry.models import Job, User
from registry.webhooks import create_webhook, deliveries
from registry.webhooks.deliveries import Outcome
from tests.factories import CheckedVersionFactory, NetworkFactory
from tests.jobs import run_waiting_jobs

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    ("state", "events"),
    [
        (Job.State.DONE, {"previews.finished", "job.ended"}),
        (Job.State.CANCELLED, {"job.ended"}),
    ],
)
def test_webhooks_hear_of_finished_previews(
    state: Job.State,
    events: set[str],
    alice: User,
    base_model: BaseModel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(deliveries, "_called", lambda _: Outcome(200, "", "", 1))
    version = CheckedVersionFactory(network=NetworkFactory(creator=alice))
    grid = ask_for_grid(version=version, by=alice)
    subscribed = ["previews.finished", "job.ended"]
    webhook = create_webhook(by=alice, url="https://hooks.example/", events=subscribed)
    assert grid.job is not None
    with transaction.atomic():
        end(Job.objects.select_for_update().get(pk=grid.job.pk), state)
    run_waiting_jobs(queue="notify")

    assert {delivery.event for delivery in webhook.deliveries.all()} == events
