"""Answers as JSON: a page of a hundred networks is most of a megabyte."""

import json
from collections.abc import Mapping
from typing import Any

import orjson
from django.utils.functional import Promise
from rest_framework.renderers import JSONRenderer
from rest_framework.utils.encoders import JSONEncoder


class FastJSONRenderer(JSONRenderer):
    """The same as DRF's."""

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        if data is None:
            return b""
        try:
            return orjson.dumps(data, default=_plain, option=orjson.OPT_NON_STR_KEYS)
        except TypeError:
            # Half of a surrogate pair, sent in a body and repeated in an error.
            return json.dumps(data, cls=JSONEncoder).encode()


def _plain(value: Any) -> str:
    if isinstance(value, Promise):
        return str(value)
    raise TypeError
