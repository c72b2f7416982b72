"""The pages of webhooks: made with a secret that is shown once, tried, read in the log."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from registry.models import User, Webhook
from registry.webhooks import create_webhook, ping
from tests.hub.accounts.conftest import SignIn
from tests.jobs import run_waiting_jobs
from tests.receiver import Receiver, receiver

WEBHOOKS = reverse("account_webhooks")
FORM = {"url": "https://hooks.example/hub", "about": "own", "events": ["version.published"]}


@pytest.fixture
def hook(settings: Settings) -> Iterator[Receiver]:
    settings.WEBHOOKS_TO_PRIVATE_NETWORKS = True
    with receiver() as it:
        yield it


@pytest.fixture
def browser(sign_in: SignIn, alice: User) -> Client:
    return sign_in(alice)


@pytest.fixture
def webhook(alice: User) -> Webhook:
    return create_webhook(by=alice, url="https://hooks.example/", events=["version.published"])


def make(browser: Client, **changes: Any) -> str:
    """The page after the form was sent as it stood on the page before it."""
    ticket = re.search(r'name="ticket" value="([^"]+)"', browser.get(WEBHOOKS).content.decode())
    assert ticket
    return browser.post(WEBHOOKS, {"ticket": ticket.group(1), **FORM, **changes}).content.decode()


def address(name: str, *keys: int) -> str:
    return reverse(f"account_webhook{name}", args=keys)


def test_the_secret_is_shown_once(browser: Client) -> None:
    page = make(browser)
    webhook = Webhook.objects.get()

    assert webhook.secret in page
    assert webhook.url == FORM["url"]
    for later in (WEBHOOKS, address("", webhook.pk)):
        assert webhook.secret not in browser.get(later).content.decode()


def test_sending_the_form_twice_makes_one(browser: Client) -> None:
    ticket = re.search(r'name="ticket" value="([^"]+)"', browser.get(WEBHOOKS).content.decode())
    assert ticket
    form = FORM | {"ticket": ticket.group(1)}
    browser.post(WEBHOOKS, form)
    again = browser.post(WEBHOOKS, form, follow=True)

    assert Webhook.objects.count() == 1
    assert "Sent twice?" in again.content.decode()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"url": "http://10.0.0.1/"}, "calls public addresses only"),
        ({"url": "nonsense"}, "The address must be http:// or https://"),
        ({"events": []}, "Tick at least one event."),
    ],
)
def test_what_is_wrong_is_said(browser: Client, changes: dict[str, Any], sentence: str) -> None:
    assert sentence in make(browser, **changes)
    assert not Webhook.objects.exists()


def test_too_many_are_refused_with_a_sentence(browser: Client, settings: Settings) -> None:
    settings.WEBHOOKS_PER_USER = 0
    assert "You have 0 webhooks." in make(browser)


def test_changed(browser: Client, webhook: Webhook) -> None:
    form = FORM | {"about": "all", "events": ["job.ended"]}
    browser.post(address("", webhook.pk), form)
    webhook.refresh_from_db()

    assert (webhook.url, webhook.about, webhook.events) == (FORM["url"], "all", ["job.ended"])


def test_a_change_that_is_not_taken_changes_nothing(browser: Client, webhook: Webhook) -> None:
    answer = browser.post(address("", webhook.pk), FORM | {"url": "ftp://hooks.example/"})

    assert answer.status_code == 400
    assert Webhook.objects.get().url == webhook.url


def test_switched_off_and_on(browser: Client, webhook: Webhook) -> None:
    page = browser.post(address("_switch", webhook.pk), {"off": ""}, follow=True)
    assert "Its owner switched it off." in page.content.decode()
    page = browser.post(address("_try", webhook.pk), follow=True)
    assert "Switch it on first." in page.content.decode()

    browser.post(address("_switch", webhook.pk), {"on": ""})
    assert Webhook.objects.get().disabled_at is None


def test_another_secret_is_shown(browser: Client, webhook: Webhook) -> None:
    page = browser.post(address("_secret", webhook.pk)).content.decode()

    assert Webhook.objects.get().secret in page
    assert webhook.secret not in page


def test_tried_and_read_in_the_log(
    browser: Client, webhook: Webhook, hook: Receiver, alice: User
) -> None:
    Webhook.objects.update(url=hook.url)
    hook.answers = [lambda handler: handler.say(418, b"<b>teapot</b>")]
    page = browser.post(address("_try", webhook.pk), follow=True)
    assert "A trial call is on its way." in page.content.decode()
    run_waiting_jobs(queue="notify")

    delivery = webhook.deliveries.get()
    log = browser.get(address("_delivery", webhook.pk, delivery.pk)).content.decode()
    assert "It answered 418, which is not a success." in log
    assert "&lt;b&gt;teapot&lt;/b&gt;" in log
    assert "tried again later" in browser.get(address("", webhook.pk)).content.decode()
    assert "failing" in browser.get(WEBHOOKS).content.decode()


def test_sent_again(browser: Client, webhook: Webhook, hook: Receiver, alice: User) -> None:
    Webhook.objects.update(url=hook.url)
    delivery = ping(webhook=webhook, by=alice)
    run_waiting_jobs(queue="notify")
    page = browser.post(address("_delivery", webhook.pk, delivery.pk), follow=True)
    run_waiting_jobs(queue="notify")

    assert "It is sent once more." in page.content.decode()
    assert len(hook.received) == 2


def test_the_log_pages(browser: Client, webhook: Webhook, alice: User) -> None:
    for _ in range(21):
        ping(webhook=webhook, by=alice)
    page = browser.get(address("", webhook.pk)).content.decode()
    following = re.search(r'href="(\?cursor=[^"]+)"', page)
    assert following
    rest = browser.get(address("", webhook.pk) + following.group(1)).content.decode()

    assert page.count("/deliveries/") == 20
    assert rest.count("/deliveries/") == 1
    assert browser.get(address("", webhook.pk) + "?cursor=x").status_code == 200


def test_deleting_asks_first(browser: Client, webhook: Webhook) -> None:
    assert "Delete this webhook?" in browser.get(address("_delete", webhook.pk)).content.decode()
    assert Webhook.objects.exists()
    browser.post(address("_delete", webhook.pk))
    assert not Webhook.objects.exists()


def test_nobody_sees_or_touches_anothers(sign_in: SignIn, webhook: Webhook, bob: User) -> None:
    delivery = ping(webhook=webhook, by=webhook.owner)
    browser = sign_in(bob)
    for page in (
        address("", webhook.pk),
        address("_delete", webhook.pk),
        address("_delivery", webhook.pk, delivery.pk),
    ):
        assert browser.get(page).status_code == 404
        assert browser.post(page, FORM).status_code == 404
    for verb in ("_switch", "_try", "_secret"):
        assert browser.post(address(verb, webhook.pk)).status_code == 404


def test_webhooks_are_for_people_who_are_signed_in(anonymous: Client) -> None:
    assert anonymous.get(WEBHOOKS)["Location"].startswith(reverse("account_login"))


def test_making_one_needs_a_fresh_proof(alice_client: Client, alice: User) -> None:
    answer = alice_client.post(WEBHOOKS, FORM)

    assert answer["Location"].startswith(reverse("account_reauthenticate"))
    assert not Webhook.objects.exists()
