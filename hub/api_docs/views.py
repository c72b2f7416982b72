"""`/api/docs`: the API as people read it, made from the same description as `/api/v1/schema`."""

from functools import cache

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from hub.api_docs.page import reading
from registry.models import Scope


@cache
def endpoints(language: str) -> SafeString:
    """The long part of the page, which is the same for everyone who reads that language."""
    return render_to_string("api_docs/endpoints.html", {"api": reading(settings.SITE_URL)})


@require_safe
def api_docs(request: HttpRequest) -> HttpResponse:
    context = {
        "api": reading(settings.SITE_URL),
        "endpoints": endpoints(get_language()),
        "origin": settings.SITE_URL,
        "scopes": Scope.choices,
        "limits": [
            (name, words, *(settings.API_LIMITS[name]))
            for name, words in {
                "read": _("Reading"),
                "search": _("Searching: whatever has words to look for"),
                "download": _("Downloads"),
                "bytes": _("The addresses that downloads lead to, whole or in parts"),
                "write": _("Changing things"),
                "upload": _("Beginning an upload"),
                "part": _("Sending a part of an upload, and asking how far it is"),
            }.items()
        ],
    }
    return render(request, "api_docs/page.html", context)
