"""The small files that browsers and crawlers ask for by name."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.templatetags.static import static
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

ROBOTS = """User-agent: *
Disallow: /account/
Disallow: /admin/
Disallow: /api/
"""


@require_safe
@cache_control(public=True, max_age=24 * 3600)
def robots(request: HttpRequest) -> HttpResponse:
    return HttpResponse(ROBOTS, content_type="text/plain; charset=utf-8")


@require_safe
@cache_control(public=True, max_age=24 * 3600)
def favicon(request: HttpRequest) -> HttpResponse:
    """Asked for by pages that name no icon: the admin's, and files shown as they are."""
    return HttpResponseRedirect(static("img/apple-touch-icon.png"))


@require_safe
@cache_control(public=True, max_age=24 * 3600)
def manifest(request: HttpRequest) -> HttpResponse:
    """For “add to home screen”; the icons' names change with their bytes."""
    icons = [
        {"src": static("img/favicon.svg"), "sizes": "any", "type": "image/svg+xml"},
        {"src": static("img/icon-512.png"), "sizes": "512x512", "type": "image/png"},
    ]
    return JsonResponse(
        {
            "name": "HyperHub",
            "short_name": "HyperHub",
            "description": _("Hypernetworks for Stable Diffusion, seen at every strength."),
            "start_url": "/",
            "display": "minimal-ui",
            "background_color": "#0e0d0b",
            "theme_color": "#0e0d0b",
            "icons": icons,
        },
        content_type="application/manifest+json",
    )
