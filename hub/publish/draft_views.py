"""`/publish/17`: a draft's details. Saved by itself while one types, and by its button; published
now or at a time. `network_views` has the same form for a network that is published.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, Final

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from hub.accounts.people import posted_from, signed_in
from hub.publish.drafts import Saved, begin_previews, save_words, throw_away
from hub.publish.forms import DetailsForm
from hub.publish.merging import digests, seen_in
from hub.publish.own import address_of, own_draft, own_version
from hub.publish.states import draft_state
from hub.publish.words import LABELS, words_of
from inference.previews import ask_for_grid
from registry.base_models import suggested
from registry.errors import HubError
from registry.markdown import to_html
from registry.models import Network, User, Version
from registry.publishing import publish_version, schedule_version, unschedule_version
from registry.tagging import suggest_tags
from registry.versions import UNPUBLISHED

# What was sent when the session had ended, until the same browser signs in again.
KEPT: Final = "publish_unsaved"
MOST_KEPT: Final = 64 << 10
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
    if request.method != "POST":
        return editing.page()
    if is_automatic(request):
        return editing.save_by_itself()
    saved = editing.save()
    if saved is None or not saved.is_whole:
        return editing.page(saved)
    return _go_on(request, editing, version)


def _go_on(request: HttpRequest, editing: "Editing", version: Version) -> HttpResponse:
    """Everything is saved: do what the pressed button says."""
    user, do = signed_in(request), request.POST.get("do", "")
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


# --- Saving ---------------------------------------------------------------------------------------


@dataclass
class Editing:
    """One form, sent or not: of a draft, or of a network alone."""

    request: HttpRequest
    by: User
    network: Network
    version: Version | None
    form: DetailsForm
    stored: Mapping[str, Any]
    template: str
    trouble: str = ""
    # Put back after signing in; or nothing could be saved: what the form had seen still counts.
    kept: bool = False
    unsaved: bool = False

    @classmethod
    def of(
        cls,
        request: HttpRequest,
        network: Network,
        version: Version | None,
        template: str = "publish/draft.html",
    ) -> "Editing":
        """A version of a network that is out already has no words of the network in its form."""
        with_network = version is None or network.published_at is None
        stored = words_of(network if with_network else None, version)
        kept = None if request.method == "POST" else _what_was_kept(request)
        data = request.POST if request.method == "POST" else kept
        form = DetailsForm(
            data, words=stored, network=network if with_network else None, version=version
        )
        by = signed_in(request)
        return cls(request, by, network, version, form, stored, template, kept=kept is not None)

    def save(self) -> Saved | None:
        """Every field that can be. None: it is so wrong that there is nothing to save."""
        self.form.is_valid()
        try:
            saved = save_words(
                network=self.network,
                version=self.version,
                by=self.by,
                said=self.form.said,
                seen=seen_in(self.request.POST.get("seen", "")),
            )
        except HubError as objection:
            self.trouble, self.unsaved = objection.message, True
            return None
        self.form.object_to(saved.errors)
        saved.errors |= {name: list(map(str, each)) for name, each in self.form.errors.items()}
        if self.version is not None:
            begin_previews(version=self.version, by=self.by)
        return saved

    def save_by_itself(self) -> HttpResponse:
        """For the form that stays as it is: what is saved, what is not and why."""
        saved = self.save()
        context: dict[str, Any] = {"trouble": self.trouble, "said": self._in_words(saved)}
        if saved is not None:
            now = self._stored_now()
            ours = {name: value for name, value in self.form.said.items() if now[name] == value}
            # A field that was changed elsewhere still shows what it showed.
            before = seen_in(self.request.POST.get("seen", ""))
            context["seen"] = json.dumps(before | digests(ours))
            context["network"] = self.network
        return render(self.request, "publish/saved.html", context)

    def page(self, saved: Saved | None = None) -> HttpResponse:
        """With what is typed in its fields, and what is stored elsewhere shown beside it."""
        now = self._stored_now() if self.request.method == "POST" else self.stored
        if saved is not None:
            self.form.show_instead(saved.merge.elsewhere)
        # After a conflict ours is in the field: to save again is to have read theirs.
        seen = json.dumps(digests(now))
        if self.kept or self.unsaved:
            seen = str(self.form.data.get("seen", ""))
        context = {
            "form": self.form,
            "network": self.network,
            "version": self.version,
            "saved": saved,
            "said": self._in_words(saved),
            "trouble": self.trouble,
            "kept": self.kept,
            "seen": seen,
            "network_address": address_of(self.network),
            "state": draft_state(self.version) if self.version else None,
            # The file has said which base model it is for, and nobody has saved that yet.
            "fill": self.version and self.version.dims and not self.version.base_model,
        }
        return render(self.request, self.template, context, status=self._status_of(saved))

    def _status_of(self, saved: Saved | None) -> HTTPStatus:
        if self.request.method != "POST":
            return HTTPStatus.OK
        conflict = self.trouble or (saved is not None and saved.merge.conflicts)
        return HTTPStatus.CONFLICT if conflict else HTTPStatus.BAD_REQUEST

    def _stored_now(self) -> dict[str, Any]:
        """What others read, after this form was saved."""
        networks = Network.objects.select_related("creator").defer("search")
        self.network = networks.get(pk=self.network.pk)
        if self.version is not None:
            self.version = Version.objects.get(pk=self.version.pk)
            self.version.network = self.network
        return words_of(self.network if self.form.has_network else None, self.version)

    def _in_words(self, saved: Saved | None) -> dict[str, Any]:
        """Fields by the names that the page gives them."""
        if saved is None:
            return {}
        merge = saved.merge
        return {
            "conflicts": [(LABELS[n], in_words(v)) for n, v in merge.conflicts.items()],
            "elsewhere": [(LABELS[n], in_words(v)) for n, v in merge.elsewhere.items()],
            "errors": [(_label(self.form, n), each) for n, each in saved.errors.items()],
        }


def _label(form: DetailsForm, name: str) -> Any:
    if name in form.fields:
        return form.fields[name].label
    return LABELS.get(name, "")


def in_words(value: Any) -> str:
    """A stored value as a person would write it."""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list):
        return ", ".join(str(each) for each in value if each is not None) or _("nothing")
    return str(value) or _("nothing")


def is_automatic(request: HttpRequest) -> bool:
    """Sent by the page itself while someone types."""
    return bool(request.htmx)  # type: ignore[attr-defined]


# --- A session that has ended ---------------------------------------------------------------------


def sign_in_first(request: HttpRequest) -> HttpResponse:
    """Whoever is not signed in any more loses nothing: what was sent is there after signing in."""
    here = request.path
    if request.method != "POST":
        return redirect_to_login(here)
    if is_automatic(request):
        context = {"sign_in": f"{reverse('account_login')}?next={here}"}
        return render(request, "publish/signed_out.html", context)
    text = request.POST.urlencode()
    if len(text) <= MOST_KEPT:
        request.session[KEPT] = {"path": here, "text": text}
    messages.info(
        request, _("You were signed out meanwhile. What you wrote is put back once you sign in.")
    )
    return redirect_to_login(here)


def _what_was_kept(request: HttpRequest) -> QueryDict | None:
    kept = request.session.get(KEPT)
    if not isinstance(kept, dict) or kept.get("path") != request.path:
        return None
    del request.session[KEPT]
    return QueryDict(kept["text"])


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
