"""What every template knows."""

from django.conf import settings
from django.http import HttpRequest

THEMES = ("dark", "light")


def site(request: HttpRequest) -> dict[str, object]:
    theme = request.COOKIES.get("theme")
    return {
        "theme": theme if theme in THEMES else "dark",
        "site_url": settings.SITE_URL,
        "debug": settings.DEBUG,
    }
