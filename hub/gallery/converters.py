"""Parts of addresses that are people's names."""

from django.urls.converters import StringConverter

from registry.models.user import RESERVED_NAMES


class PublicNameConverter(StringConverter):
    """A name that somebody can have: the hub's own words are other addresses, or none."""

    regex = r"[A-Za-z0-9_-]{3,30}"

    def to_python(self, value: str) -> str:
        if value.lower() in RESERVED_NAMES:
            raise ValueError(value)
        return value
