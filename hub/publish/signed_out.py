"""A session that has ended while someone wrote: what they sent is there after signing in."""

from typing import Final

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

# Kept with the session, until the same browser signs in.
KEPT: Final = "publish_unsaved"
# Characters: the longest description, the longest changelog, and all the rest.
MOST_KEPT: Final = 40_000
NOT_KEPT: Final = "csrfmiddlewaretoken"


def sign_in_first(request: HttpRequest) -> HttpResponse:
    """Whoever is not signed in any more loses nothing: what was sent is there after signing in."""
    here = request.path
    if request.method != "POST":
        return redirect_to_login(here)
    if is_automatic(request):
        context = {"sign_in": f"{reverse('account_login')}?next={here}"}
        return render(request, "publish/signed_out.html", context)
    fields = {name: values for name, values in request.POST.lists() if name != NOT_KEPT}
    if sum(len(value) for values in fields.values() for value in values) <= MOST_KEPT:
        request.session[KEPT] = {"path": here, "fields": fields}
        sentence = _("You were signed out meanwhile. What you wrote is put back once you sign in.")
        messages.info(request, sentence)
    return redirect_to_login(here)


def what_was_kept(request: HttpRequest) -> QueryDict | None:
    kept = request.session.get(KEPT)
    if not isinstance(kept, dict) or kept.get("path") != request.path:
        return None
    del request.session[KEPT]
    data = QueryDict(mutable=True)
    for name, values in kept["fields"].items():
        data.setlist(name, values)
    return data


def is_automatic(request: HttpRequest) -> bool:
    """Sent by the page itself while someone types."""
    return bool(request.htmx)  # type: ignore[attr-defined]
