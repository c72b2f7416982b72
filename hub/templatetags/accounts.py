"""What the templates of the account area need."""

from collections.abc import Iterable
from typing import Final

from django import template
from django.utils.translation import gettext as _

from registry.models import Scope

register = template.Library()

# The first word that a browser's own description contains; the order matters: all claim to be
# Mozilla, most to be Safari, and many to be Chrome.
BROWSERS: Final = {
    "Edg": "Edge",
    "OPR": "Opera",
    "SamsungBrowser": "Samsung Internet",
    "Firefox": "Firefox",
    "FxiOS": "Firefox",
    "CriOS": "Chrome",
    "Chrome": "Chrome",
    "Safari": "Safari",
}
SYSTEMS: Final = {
    "Windows": "Windows",
    "Android": "Android",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Mac OS": "macOS",
    "CrOS": "ChromeOS",
    "Linux": "Linux",
}


@register.filter
def scope_names(scopes: Iterable[str]) -> list[str]:
    """["upload"] -> ["upload and edit your networks"], in the order of the scopes."""
    wanted = set(scopes)
    return [str(scope.label) for scope in Scope if scope in wanted]


@register.filter
def browser_name(user_agent: str) -> str:
    """As people say it, "Firefox, Windows", from a User-Agent; its beginning where unknown."""
    browser = next((name for sign, name in BROWSERS.items() if sign in user_agent), "")
    system = next((name for sign, name in SYSTEMS.items() if sign in user_agent), "")
    known = ", ".join(filter(None, (browser, system)))
    return known or user_agent[:60] or _("An unknown program")
