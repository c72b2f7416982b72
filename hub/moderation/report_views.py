"""Telling the moderators that something is wrong with a thing that one sees."""

from typing import Final

from django.contrib import messages
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from hub.accounts.people import signed_in
from hub.moderation.forms import ReportForm
from hub.moderation.words import KINDS, address_of
from hub.publish.signed_out import sign_in_first, what_was_kept
from registry.errors import HubError
from registry.models import Network, Picture, User, Version
from registry.moderating import report as make_report
from registry.subjects import Kind, Subject, Thing, creator_of, find, title_of

REFUSED: Final = 400


@never_cache
def report(request: HttpRequest, kind: Kind, key: int) -> HttpResponse:
    """The form; what someone wrote while the session ended comes back after signing in."""
    if not request.user.is_authenticated:
        return sign_in_first(request)
    thing = _seen_thing(request, kind, key)
    if request.method != "POST":
        return _page(request, thing, kind, ReportForm(what_was_kept(request)))
    form = ReportForm(request.POST)
    if form.is_valid():
        try:
            make_report(about=thing, by=signed_in(request), **form.cleaned_data)
        except HubError as objection:
            form.add_error(None, objection.message)
        else:
            messages.success(request, _("Thank you. The moderators look at it."))
            return redirect(address_of(thing) or "gallery")
    return _page(request, thing, kind, form, status=REFUSED)


def _page(
    request: HttpRequest, thing: Thing, kind: Kind, form: ReportForm, status: int = 200
) -> HttpResponse:
    context = {
        "form": form,
        "kind": KINDS[kind],
        "name": title_of(thing),
        "address": address_of(thing),
        "is_own": creator_of(thing) == request.user,
    }
    return render(request, "moderation/report.html", context, status=status)


def _seen_thing(request: HttpRequest, kind: Kind, key: int) -> Thing:
    """What this person sees; 404 for the rest, which says nothing of what is there."""
    user = signed_in(request)
    visible: dict[Kind, QuerySet[Model]] = {
        Kind.NETWORK: Network.objects.visible_to(user),
        Kind.VERSION: Version.objects.visible_to(user),
        Kind.PICTURE: Picture.objects.visible_to(user).filter(is_preview=False),
        Kind.CREATOR: User.objects.filter(is_active=True, blocked_at=None),
    }
    thing = find(Subject(kind, key)) if visible[kind].filter(pk=key).exists() else None
    if thing is None:
        raise Http404(_("There is no such thing."))
    return thing
