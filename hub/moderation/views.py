"""`/moderation`: what waits, what was decided, one case. For moderators; others find nothing."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from hub.accounts.people import signed_in
from hub.moderation.case import case_of
from hub.moderation.forms import DecisionForm
from hub.moderation.queue import decided, held_uploads, open_cases, page_number, waiting
from registry.errors import HubError
from registry.models import User
from registry.moderating import Seen, decide
from registry.subjects import Subject

View = Callable[..., HttpResponse]


def moderators_only(view: View) -> View:
    """404 for everyone else: that there is a queue is nobody's business."""

    @wraps(view)
    @never_cache
    def decorated(request: HttpRequest, **parts: Any) -> HttpResponse:
        if not (isinstance(request.user, User) and request.user.is_moderator):
            raise Http404(_("There is no such page."))
        return view(request, **parts)

    return decorated


@moderators_only
@require_safe
def reports(request: HttpRequest) -> HttpResponse:
    return _list(request, "reports", open_cases(page_number(request.GET.get("page", ""))))


@moderators_only
@require_safe
def quarantine(request: HttpRequest) -> HttpResponse:
    return _list(request, "quarantine", held_uploads(page_number(request.GET.get("page", ""))))


@moderators_only
@require_safe
def decisions(request: HttpRequest) -> HttpResponse:
    return _list(request, "decisions", decided(page_number(request.GET.get("page", ""))))


def _list(request: HttpRequest, tab: str, page: Any) -> HttpResponse:
    context = {"tab": tab, "page": page, "waiting": waiting()}
    return render(request, f"moderation/{tab}.html", context)


@moderators_only
@require_http_methods(["GET", "HEAD", "POST"])
def case(request: HttpRequest, kind: str, key: str) -> HttpResponse:
    try:
        subject = Subject.spelt(kind, key)
    except ValueError:
        raise Http404(_("There is no such case.")) from None
    if request.method != "POST":
        return _case(request, subject)
    return _decide(request, subject)


def _decide(request: HttpRequest, subject: Subject) -> HttpResponse:
    form = DecisionForm(request.POST)
    if form.is_valid():
        try:
            decide(subject=subject, by=signed_in(request), seen=_seen(request), **form.cleaned_data)
        except HubError as objection:
            form.add_error(None, objection.message)
        except ValidationError as objection:
            form.add_error(None, objection)
        else:
            messages.success(request, _("Decided. Why, is kept with it."))
            return redirect("moderation_quarantine" if subject.kind == "upload" else "moderation")
    return _case(request, subject, form)


def _seen(request: HttpRequest) -> Seen:
    """What was on the page that the form was on."""
    try:
        return Seen.spelt(request.POST.get("seen", ""))
    except ValueError:
        return Seen()


def _case(
    request: HttpRequest, subject: Subject, refused: DecisionForm | None = None
) -> HttpResponse:
    """As it is now, whatever has become of it since the form was opened."""
    context = case_of(subject, viewer=signed_in(request), show="show" in request.GET)
    if context is None:
        raise Http404(_("There is no such case."))
    form = refused or DecisionForm()
    form.offer(context["measures"])
    status = 400 if refused else 200
    return render(request, "moderation/case.html", {**context, "form": form}, status=status)
