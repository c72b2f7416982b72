"""`/publish/17`: a draft's details. Saved by itself while one types, and by its button; published
now or at a time. `network_views` has the same form for a network that is published.
"""

from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Final

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from hub.accounts.people import posted_from, signed_in
from hub.publish.drafts import throw_away
from hub.publish.editing import Editing
from hub.publish.own import address_of, own_draft, own_version
from hub.publish.signed_out import sign_in_first
from hub.publish.states import draft_state
from inference.previews import ask_for_grid
from registry.base_models import suggested
from registry.errors import HubError
from registry.markdown import to_html
from registry.models import Version
from registry.publishing import publish_version, schedule_version, unschedule_version
from registry.tagging import suggest_tags
from registry.versions import UNPUBLISHED

LONGEST_PREVIEW: Final = 20_000


# --- The page -------------------------------------------------------------------------------------


@never_cache
def draft(request: HttpRequest, version_id: int) -> HttpResponse:
    if not request.user.is_authenticated:
        return sign_in_first(request)
    version = own_version(request, version_id)
    if version.status not in UNPUBLISHED:
        return redirect(address_of(version.network) or "my_networks")
    editing = Editing.of(request, version.network, version)
    return editing.answer() or _go_on(request, editing, version)


def _go_on(request: HttpRequest, editing: Editing, version: Version) -> HttpResponse:
    """Everything is saved: do what the pressed button says."""
    user, do = signed_in(request), request.POST.get("do", "")
    if do in ("publish", "schedule") and version.status == Version.Status.PROCESSING:
        editing.trouble = _(
            "Its file is still being checked. Everything is saved: publish it when that is over."
        )
        return editing.page()
    try:
        if do == "publish":
            publish_version(version=version, by=user)
            messages.success(request, _("Published."))
            return redirect(address_of(version.network) or "my_networks")
        if do == "schedule":
            at = moment_in(request.POST)
            if at is None:
                editing.trouble = _("Say the day and the time at which it is to be published.")
                return editing.page()
            schedule_version(version=version, at=at, by=user)
            messages.success(request, _("It will be published by itself at that time."))
        elif do == "unschedule":
            unschedule_version(version=version, by=user)
            messages.success(request, _("It waits for you again."))
        else:
            messages.success(request, _("Saved."))
    except HubError as objection:
        editing.trouble = objection.message
        return editing.page()
    return redirect("draft", version.pk)


@login_required
@require_safe
@never_cache
def state(request: HttpRequest, version_id: int) -> HttpResponse:
    """What the page watches: its file and its previews; 204 while nothing moved."""
    version = own_version(request, version_id)
    shown = draft_state(version)
    if request.GET.get("seen") == shown.seen:
        return HttpResponse(status=HTTPStatus.NO_CONTENT)
    context = {"version": version, "state": shown, "suggested": suggested(version.dims)}
    # For the form beside it, once there is a file: none of a draft that has none.
    if not version.weights_hash:
        del context["suggested"]
    return render(request, "publish/draft_state.html", context)


@posted_from("draft")
@login_required
def previews(request: HttpRequest, version_id: int) -> HttpResponse:
    """Render again, with the prompts and the kind as they are now."""
    try:
        version = own_draft(request, version_id)
        ask_for_grid(version=version, by=signed_in(request))
    except HubError as objection:
        messages.error(request, objection.message)
    return redirect("draft", version_id)


@login_required
def delete_draft(request: HttpRequest, version_id: int) -> HttpResponse:
    """Asks first."""
    version = own_draft(request, version_id)
    if request.method != "POST":
        return render(request, "publish/delete_draft.html", {"version": version})
    throw_away(version=version, by=signed_in(request))
    messages.success(request, _("The draft is gone."))
    return redirect("my_networks")


# --- A time to come -------------------------------------------------------------------------------


def moment_in(data: QueryDict) -> datetime | None:
    """The day and time of the form: the browser's, where it said how far that is from UTC."""
    try:
        moment = parse_datetime(data.get("at", ""))
        offset = timedelta(minutes=int(data.get("utc_offset") or 0))
        return moment and (moment.replace(tzinfo=UTC) - offset)
    except (ValueError, OverflowError):
        return None


# --- Help while one types -------------------------------------------------------------------------


@login_required
@require_POST
def markdown(request: HttpRequest) -> HttpResponse:
    """What Markdown will look like: of the field that `of` names."""
    text = request.POST.get(request.POST.get("of", ""), "")[:LONGEST_PREVIEW]
    return render(request, "publish/markdown.html", {"html": to_html(text)})


@login_required
@require_safe
def tags(request: HttpRequest) -> HttpResponse:
    """Tags for the last of those typed; an alias suggests the tag that it stands for."""
    typed = request.GET.get("tags", "").rpartition(",")[2].strip()[:60]
    found = suggest_tags(typed) if typed else []
    return render(request, "publish/tags.html", {"tags": found, "typed": typed})
