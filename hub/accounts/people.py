"""Who is looking, and how sure we are of it."""

from collections.abc import Callable
from functools import wraps

from allauth.account.decorators import reauthentication_required
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse

from registry.models import User

View = Callable[..., HttpResponseBase]


def signed_in(request: HttpRequest) -> User:
    """The signed-in person; PermissionDenied for others, whom `login_required` keeps out before."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def surely_the_owner(view: View) -> View:
    """Signed in; and to change something, the password was given lately, or is asked for now."""
    decorated: View = login_required(reauthentication_required(view, allow_get=True))
    return decorated


def posted_from(page: str) -> Callable[[View], View]:
    """For views that only take forms: whoever comes otherwise is led to the page with the form.

    Signing in again after a session has ended leads back by GET; so does reloading.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def decorated(request: HttpRequest, **parts: int) -> HttpResponseBase:
            if request.method != "POST":
                return HttpResponseRedirect(reverse(page, kwargs=parts))
            return view(request, **parts)

        return decorated

    return decorate
