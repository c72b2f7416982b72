"""The few forms that end on another site, which the content policy must name beforehand.

A browser holds `form-action` against the redirects after a form too: going on with another account,
and letting a web page in, would end in an error that nobody sees.
"""

from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase


class FormTargets:
    """Middleware, below the one that writes the policy."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if targets := _targets_of(request, response):
            response._csp_update = {"form-action": targets}  # type: ignore[attr-defined]
        return response


def _targets_of(request: HttpRequest, response: HttpResponseBase) -> list[str]:
    page = request.resolver_match.view_name if request.resolver_match else ""
    asks_for_consent = "client" in (getattr(response, "context_data", None) or {})
    if page == "idp:oidc:authorization" and asks_for_consent:
        # allauth has found it among the client's own addresses, or there would be no form.
        back = urlsplit(request.GET.get("redirect_uri", ""))
        return [f"{back.scheme}://{back.netloc}"] if back.netloc else []
    if page in {f"{name}_login" for name in settings.SOCIAL_PROVIDERS}:
        return ["https:"]
    return []
