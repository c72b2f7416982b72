"""The verbs: webhooks made, changed, switched off and on, tried, deleted."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from pytest_django.fixtures import Settings

from registry.errors import AccountBlocked, NotAllowed
from registry.models import AuditEvent, User, Webhook
from registry.webhooks import (
    SUBSCRIBABLE,
    TooManyWebhooks,
    WebhookIsOff,
    create_webhook,
    delete_webhook,
    ping,
    redeliver,
    renew_secret,
    update_webhook,
)

pytestmark = pytest.mark.django_db
URL = "https://hooks.example/hub"


@pytest.fixture
def webhook(alice: User) -> Webhook:
    return create_webhook(by=alice, url=URL, events=["version.published"])


def test_a_webhook_has_a_secret_and_is_on(webhook: Webhook, alice: User) -> None:
    assert (webhook.owner, webhook.about, webhook.disabled_at) == (alice, "own", None)
    assert webhook.secret.startswith("whsec_")
    assert AuditEvent.objects.get().action == "webhook.created"
    assert webhook.secret not in str(AuditEvent.objects.values())


def test_events_are_kept_once_and_in_one_order(alice: User) -> None:
    events = ["version.yanked", "version.published", "version.yanked"]
    webhook = create_webhook(by=alice, url=URL, events=events)

    assert webhook.events == ["version.published", "version.yanked"]


@pytest.mark.parametrize("events", [[], ["nothing.known"], ["ping"]])
def test_a_webhook_needs_an_event_that_there_is(events: list[str], alice: User) -> None:
    with pytest.raises(ValidationError) as refused:
        create_webhook(by=alice, url=URL, events=events)
    assert "events" in refused.value.message_dict


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks.example",
        "ftp://hooks.example/",
        "javascript:alert(1)",
        "https://user:pass@hooks.example/",
        "http://127.0.0.1/",
        "http://localhost/",
        "http://LOCALHOST:8000/",
        "http://[::1]/",
        "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.8:6379/",
        "https://hooks.example/" + "x" * 500,
    ],
)
def test_addresses_that_are_not_taken(url: str, alice: User) -> None:
    with pytest.raises(ValidationError) as refused:
        create_webhook(by=alice, url=url, events=["version.published"])
    assert set(refused.value.message_dict) == {"url"}


def test_the_database_refuses_other_schemes_too(webhook: Webhook) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Webhook.objects.update(url="gopher://hooks.example")


def test_this_machine_is_called_where_the_settings_say_so(alice: User, settings: Settings) -> None:
    settings.WEBHOOKS_TO_PRIVATE_NETWORKS = True
    url = "http://localhost:9000/hook"

    assert create_webhook(by=alice, url=url, events=SUBSCRIBABLE).url == url


def test_there_are_only_so_many(alice: User, settings: Settings) -> None:
    settings.WEBHOOKS_PER_USER = 2
    for _ in range(2):
        create_webhook(by=alice, url=URL, events=["version.published"])
    with pytest.raises(TooManyWebhooks, match="You have 2 webhooks"):
        create_webhook(by=alice, url=URL, events=["version.published"])


def test_what_it_says_can_be_changed(webhook: Webhook, alice: User) -> None:
    changed = update_webhook(
        webhook=webhook, by=alice, url=URL + "/2", events=["job.ended"], about="all"
    )
    assert (changed.url, changed.events, changed.about) == (URL + "/2", ["job.ended"], "all")
    assert changed.secret == webhook.secret


def test_switched_off_it_gives_up_what_waits(webhook: Webhook, alice: User) -> None:
    delivery = ping(webhook=webhook, by=alice)
    off = update_webhook(webhook=webhook, by=alice, enabled=False)
    delivery.refresh_from_db()

    assert off.disabled_at
    assert off.disabled_reason == "Its owner switched it off."
    assert delivery.state == "given-up"
    with pytest.raises(WebhookIsOff):
        ping(webhook=webhook, by=alice)
    with pytest.raises(WebhookIsOff):
        redeliver(delivery=delivery, by=alice)


def test_switched_on_it_starts_afresh(webhook: Webhook, alice: User) -> None:
    Webhook.objects.update(
        disabled_at=timezone.now(),
        disabled_reason="No call got through.",
        failing_since=timezone.now() - timedelta(days=9),
    )
    on = update_webhook(webhook=webhook, by=alice, enabled=True)

    assert (on.disabled_at, on.disabled_reason, on.failing_since) == (None, "", None)


def test_another_secret(webhook: Webhook, alice: User) -> None:
    assert renew_secret(webhook=webhook, by=alice).secret != webhook.secret


def test_deleted_with_its_log(webhook: Webhook, alice: User) -> None:
    ping(webhook=webhook, by=alice)
    delete_webhook(webhook=webhook, by=alice)

    assert not Webhook.objects.exists()


def test_nobody_but_its_owner(webhook: Webhook, alice: User, bob: User, mod: User) -> None:
    delivery = ping(webhook=webhook, by=alice)
    for person in (bob, mod):
        for verb in (update_webhook, renew_secret, delete_webhook, ping):
            with pytest.raises(NotAllowed):
                verb(webhook=webhook, by=person)
        with pytest.raises(NotAllowed):
            redeliver(delivery=delivery, by=person)


def test_the_blocked_make_none(alice: User) -> None:
    alice.blocked_at, alice.blocked_reason = timezone.now(), "Spam."
    with pytest.raises(AccountBlocked):
        create_webhook(by=alice, url=URL, events=["version.published"])
