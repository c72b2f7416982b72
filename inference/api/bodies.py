"""What may be sent: see `registry.api.writing`."""

from rest_framework import serializers

from inference.models import OwnPrompt
from registry.api.writing import Body
from registry.keyset import LARGEST_KEY


class GridBody(Body):
    """Nothing said: the base model that it was made for, and no second time."""

    baseModelId = serializers.IntegerField(min_value=1, max_value=LARGEST_KEY, required=False)
    again = serializers.BooleanField(required=False)


class PromptsBody(Body):
    prompts = serializers.ListField(
        child=serializers.CharField(
            max_length=OwnPrompt._meta.get_field("text").max_length, trim_whitespace=True
        ),
        max_length=OwnPrompt.MOST,
    )
