"""What the templates of the gallery need."""

from functools import cache
from typing import Final

from django import template
from django.templatetags.static import static
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from hub.gallery.cards import figure

register = template.Library()
DRAWINGS: Final = 6


@register.filter
def compact(number: int) -> str:
    """Short enough for a card: 999, 1k, 1.2k, 34k, 5.6M."""
    if number < 1000:
        return str(number)
    thousands = number < 999_500
    value = number / (1000 if thousands else 1_000_000)
    value = round(value, 0 if value >= 9.95 else 1)
    text = number_format(value, 0 if value == round(value) else 1)
    return (_("%(number)sk") if thousands else _("%(number)sM")) % {"number": text}


@register.filter
def step(key: int) -> int:
    """Which of the drawings stands in for a picture: always the same one for a network."""
    return key % DRAWINGS


@register.filter
def strength(value: float) -> str:
    """As people write it into a prompt, in any language: "0.6"."""
    return figure(value)


@register.simple_tag
def icon(name: str) -> SafeString:
    """As the component of that name draws it; a wall has hundreds, and components take longer."""
    return _icon(name)


@cache
def _icon(name: str) -> SafeString:
    sprite = static("vendor/lucide/sprite.svg")
    mark = '<svg class="icon" aria-hidden="true"><use href="{}#{}"/></svg>'
    return format_html(mark, sprite, name)
