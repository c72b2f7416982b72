from collections.abc import Iterator

import pytest
from pytest_django.fixtures import Settings

from registry.models import Webhook, WebhookDelivery
from tests.receiver import Receiver, receiver


@pytest.fixture
def hook(settings: Settings) -> Iterator[Receiver]:
    """A receiver on this machine, which the hub is allowed to call."""
    settings.WEBHOOKS_TO_PRIVATE_NETWORKS = True
    with receiver() as it:
        yield it


def only_delivery(webhook: Webhook) -> WebhookDelivery:
    return webhook.deliveries.get()
