"""What every template knows."""

from django.conf import settings
from django.http import HttpRequest

THEMES = ("dark", "light")


def theme_of(request: HttpRequest) -> str:
    """The visitor's choice by cookie; dark where there is none."""
    theme = request.COOKIES.get("theme", "")
    return theme if theme in THEMES else "dark"


def site(request: HttpRequest) -> dict[str, object]:
    return {
        "theme": theme_of(request),
        "site_url": settings.SITE_URL,
        "debug": settings.DEBUG,
        "other_accounts": bool(settings.SOCIAL_PROVIDERS),
    }
