"""What is told to whom: each event, from the verb that makes it happen."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from registry.jobs import cancel_job, enqueue, handler
from registry.models import Job, Network, User, Version, Webhook, WebhookDelivery
from registry.networks import (
    create_network,
    delete_network,
    restore_network,
    take_down_network,
    update_network,
)
from registry.outbound import Answer
from registry.publishing import publish_version, unyank_version, yank_version
from registry.signals import announce, announced, previews_finished
from registry.versions import restore_version, take_down_version
from registry.webhooks import SUBSCRIBABLE, create_webhook, deliveries, events
from tests.factories import CheckedVersionFactory, NetworkFactory, PublishedVersionFactory
from tests.jobs import run_waiting_jobs
from tests.uploads import ingested

pytestmark = pytest.mark.django_db


def webhook_of(owner: User, *, about: str = "own", events: Any = SUBSCRIBABLE) -> Webhook:
    return create_webhook(by=owner, url="https://hooks.example/", events=events, about=about)


@pytest.fixture(autouse=True)
def _nobody_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliveries, "post", lambda *_, **__: Answer(200, "", 1))


def told(webhook: Webhook) -> list[WebhookDelivery]:
    """What it is told, the oldest first."""
    run_waiting_jobs(queue="notify")
    return list(webhook.deliveries.order_by("id"))


def kinds(webhook: Webhook) -> list[str]:
    return [delivery.event for delivery in told(webhook)]


@pytest.fixture
def version(alice: User) -> Version:
    version: Version = PublishedVersionFactory(network=NetworkFactory(creator=alice))
    return version


def test_a_network_from_its_draft_to_its_end(alice: User) -> None:
    webhook = webhook_of(alice)
    network = create_network(by=alice, name="Ink", kind="style")
    update_network(network=network, by=alice, name="Ink wash")
    publish_version(version=CheckedVersionFactory(network=network), by=alice)
    delete_network(network=network, by=alice, reason="Mistake.")

    assert kinds(webhook) == [
        "network.created",
        "network.updated",
        "version.published",
        "network.deleted",
    ]
    created, updated, _, deleted = told(webhook)
    assert created.body["data"]["model"]["name"] == "Ink"
    assert updated.body["data"]["changed"] == ["name"]
    assert updated.body["data"]["model"]["name"] == "Ink wash"
    assert deleted.body["data"]["model"]["reason"] == "Mistake."


def test_an_update_that_changes_nothing_is_not_told(version: Version, alice: User) -> None:
    webhook = webhook_of(alice)
    update_network(network=version.network, by=alice, name=version.network.name)

    assert kinds(webhook) == []


def test_a_version_withdrawn_and_back(version: Version, alice: User) -> None:
    webhook = webhook_of(alice)
    yank_version(version=version, by=alice, reason="Too strong.")
    unyank_version(version=version, by=alice)
    yanked, unyanked = told(webhook)

    assert (yanked.event, unyanked.event) == ("version.yanked", "version.unyanked")
    assert yanked.body["data"]["version"]["reason"] == "Too strong."
    assert yanked.body["data"]["version"]["status"] == "yanked"
    assert unyanked.body["data"]["version"]["status"] == "published"


def test_what_moderators_do(version: Version, alice: User, mod: User) -> None:
    webhook = webhook_of(alice)
    take_down_version(version=version, reason="Stolen.", by=mod)
    restore_version(version=version, by=mod)
    take_down_network(network=version.network, reason="Stolen.", by=mod)
    restore_network(network=version.network, by=mod)

    assert kinds(webhook) == [
        "version.taken_down",
        "version.restored",
        "network.taken_down",
        "network.restored",
    ]


def test_the_end_of_a_check(alice: User, own_files: object) -> None:
    webhook = webhook_of(alice)
    upload = ingested(b"no hypernetwork at all", owner=alice)
    [delivery] = told(webhook)

    assert delivery.event == "upload.checked"
    assert delivery.body["data"]["upload"]["id"] == str(upload.pk)
    assert delivery.body["data"]["upload"]["state"] == "refused"


def test_the_end_of_rendering_and_training_but_of_no_other_job(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    from registry.jobs import handlers

    monkeypatch.setattr(handlers, "_handlers", dict(handlers._handlers))
    handler("test.render", queue=Job.Queue.RENDER)(lambda run: None)
    handler("test.ingest", queue=Job.Queue.INGEST)(lambda run: None)
    webhook = webhook_of(alice)
    for kind in ("test.render", "test.ingest"):
        for owner in (alice, None):
            cancel_job(job=enqueue(kind=kind, payload={}, owner=owner), by=owner)
    [delivery] = told(webhook)

    assert delivery.event == "job.ended"
    assert delivery.body["data"]["job"]["kind"] == "test.render"
    assert delivery.body["data"]["job"]["state"] == "cancelled"


def test_finished_previews(version: Version, alice: User) -> None:
    webhook = webhook_of(alice)
    announce(previews_finished, version=version)

    assert kinds(webhook) == ["previews.finished"]


def test_the_body_says_where_to_read_the_rest(version: Version, alice: User) -> None:
    webhook = webhook_of(alice)
    yank_version(version=version, by=alice, reason="Too strong.")
    [delivery] = told(webhook)
    network, primary = version.network, version.files.get(is_primary=True)

    assert delivery.body["type"] == "version.yanked"
    assert delivery.body["data"]["model"]["address"] == f"http://testserver/alice/{network.slug}"
    assert delivery.body["data"]["model"]["url"] == f"http://testserver/api/v1/models/{network.pk}"
    assert delivery.body["data"]["version"]["sha256"] == primary.sha256.upper()
    assert delivery.body["data"]["version"]["downloadUrl"].endswith(f"/models/{version.pk}")


# --- To whom --------------------------------------------------------------------------------------


def test_others_hear_nothing_of_it_unless_they_listen_to_everything(
    version: Version, alice: User, bob: User
) -> None:
    own, everything = webhook_of(bob), webhook_of(bob, about="all")
    update_network(network=version.network, by=alice, name="Ink wash")

    assert kinds(own) == []
    assert kinds(everything) == ["network.updated"]


def test_drafts_uploads_and_jobs_are_their_owners_alone(
    alice: User, bob: User, own_files: object
) -> None:
    everything = webhook_of(bob, about="all")
    network = create_network(by=alice, name="Secret", kind="style")
    update_network(network=network, by=alice, name="Secret still")
    ingested(b"no hypernetwork at all", owner=alice)

    assert kinds(everything) == []


def test_a_draft_that_is_taken_down_is_nobodys_news(alice: User, bob: User, mod: User) -> None:
    everything, own = webhook_of(bob, about="all"), webhook_of(alice)
    take_down_network(network=NetworkFactory(creator=alice), reason="No.", by=mod)

    assert kinds(everything) == []
    assert kinds(own) == ["network.taken_down"]


def test_of_the_blocked_nobody_hears(version: Version, alice: User, bob: User, mod: User) -> None:
    everything, own = webhook_of(bob, about="all"), webhook_of(alice)
    User.objects.filter(pk=alice.pk).update(blocked_at=timezone.now())
    take_down_network(network=version.network, reason="Spam.", by=mod)

    assert kinds(everything) == []
    assert kinds(own) == []


def test_only_what_was_asked_for(version: Version, alice: User) -> None:
    webhook = webhook_of(alice, events=["version.yanked"])
    update_network(network=version.network, by=alice, name="Ink wash")
    yank_version(version=version, by=alice, reason="Too strong.")

    assert kinds(webhook) == ["version.yanked"]


def test_a_webhook_that_is_off_hears_nothing(version: Version, alice: User) -> None:
    webhook = webhook_of(alice)
    Webhook.objects.update(disabled_at=timezone.now())
    yank_version(version=version, by=alice, reason="Too strong.")

    assert kinds(webhook) == []


# --- With the change, or not at all ---------------------------------------------------------------


def test_a_change_that_is_taken_back_is_not_told(version: Version, alice: User) -> None:
    webhook = webhook_of(alice)
    with transaction.atomic():
        yank_version(version=version, by=alice, reason="Too strong.")
        transaction.set_rollback(True)

    assert kinds(webhook) == []


def test_the_job_is_there_when_the_change_commits(version: Version, alice: User) -> None:
    """Not a moment later, when the process may have been killed."""
    webhook_of(alice)
    waiting: list[int] = []
    with transaction.atomic():
        transaction.on_commit(
            lambda: waiting.append(Job.objects.filter(kind="webhooks.announce").count())
        )
        yank_version(version=version, by=alice, reason="Too strong.")
        assert Job.objects.filter(kind="webhooks.announce").count() == 1


def test_trouble_with_webhooks_does_not_stop_the_change(
    version: Version, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        Network.objects.raw("SELECT nonsense")[0]

    webhook_of(alice)
    monkeypatch.setattr(
        events, "TELLERS", dict.fromkeys(events.TELLERS, ("version.yanked", broken))
    )
    yank_version(version=version, by=alice, reason="Too strong.")

    version.refresh_from_db()
    assert version.status == "yanked"


def test_where_nobody_listens_nothing_is_written(
    version: Version, alice: User, django_assert_num_queries: Callable[[int], Any]
) -> None:
    with django_assert_num_queries(3):  # of which two are the savepoint
        announced.send(
            sender=previews_finished,
            what={"version": version},
        )
    assert not Job.objects.exists()


def test_every_event_that_can_be_subscribed_to_is_told() -> None:
    assert {event for event, _ in events.TELLERS.values()} == set(SUBSCRIBABLE)
