"""Answers as JSON: the same as DRF's, for all that the API answers with."""

import json
from typing import Any

import pytest
from django.utils.translation import gettext_lazy as _
from rest_framework.renderers import JSONRenderer

from registry.api.rendering import FastJSONRenderer
from registry.models import ContentLevel


@pytest.mark.parametrize(
    "data",
    [
        {},
        [],
        {"text": "Öl “ink” </script> 墨", "number": 0.1, "none": None, "yes": True},
        {"level": ContentLevel.GENERAL, "lazy": _("general")},
        {7: "a key that is no text"},
    ],
)
def test_as_drf_writes_it(data: Any) -> None:
    assert json.loads(FastJSONRenderer().render(data)) == json.loads(JSONRenderer().render(data))


def test_half_a_surrogate_pair_is_repeated_as_it_was_sent() -> None:
    data = json.loads('{"error": "\\ud800"}')
    assert json.loads(FastJSONRenderer().render(data)) == data


def test_no_body_for_nothing() -> None:
    assert FastJSONRenderer().render(None) == b""
