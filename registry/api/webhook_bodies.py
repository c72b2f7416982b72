"""What is sent to make a webhook, and to change it."""

from rest_framework import serializers

from registry.api.writing import Body
from registry.models import Webhook
from registry.webhooks import SUBSCRIBABLE


class WebhookBody(Body):
    """`about`: one's `own` networks, or `all` that is public on the hub."""

    url = serializers.CharField(max_length=500)
    events = serializers.ListField(
        child=serializers.ChoiceField(choices=[(each.value, each.label) for each in SUBSCRIBABLE]),
        allow_empty=False,
    )
    about = serializers.ChoiceField(choices=Webhook.About.choices, required=False)


class WebhookChange(WebhookBody):
    """`enabled`: switched off or on; on again also where the hub has switched it off."""

    enabled = serializers.BooleanField(required=False)
