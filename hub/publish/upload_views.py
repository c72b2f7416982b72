"""`/publish`: files come in, and what is found in them is told while they are checked.

The bytes travel by tus, from `static/js/uploads.js` to `/api/v1/uploads/…`; a browser without
scripts sends the same form whole.
"""

from collections.abc import Callable
from http import HTTPStatus
from typing import Final
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from hub.accounts.people import posted_from, signed_in
from hub.publish.drafts import begin_again, begin_draft
from hub.publish.own import own_draft, own_network, own_upload
from hub.publish.receiving import files_in, takes_files
from hub.publish.states import FileState, file_state
from registry import limits
from registry.errors import HubError
from registry.ingest import start_ingest
from registry.models import Network, Upload, User, Version
from registry.permissions import Action, require
from registry.uploads import cancel_upload, receive_file

Begin = Callable[[str, int], Upload]
SHOWN_DRAFTS: Final = 10
# Of the answer to `begin`: where the bytes go.
TARGET: Final = "X-Upload"


@never_cache
@takes_files
def publish(request: HttpRequest) -> HttpResponse:
    """Drop files; below, those that are on their way."""
    if request.method == "POST":
        return _take_files(request)
    return _page(request)


@never_cache
@takes_files
def new_version(request: HttpRequest, network_id: int) -> HttpResponse:
    """The next version of a network begins with its file."""
    network = own_network(request, network_id)
    require(Action.UPLOAD, by=signed_in(request), creator=network.creator)
    if request.method == "POST":
        return _take_files(request, network)
    return _page(request, network)


@takes_files
def draft_file(request: HttpRequest, version_id: int) -> HttpResponse:
    """Another file for a draft, from a plain form."""
    version = own_draft(request, version_id)
    if request.method == "POST":
        _receive(request, lambda name, size: _again(request, version, name, size))
    return redirect("draft", version_id)


@login_required
@require_POST
def begin(request: HttpRequest) -> HttpResponse:
    """A file will come by tus: the row that shows it, and in a header where its bytes go.

    422 with a row that says why it is not taken.
    """
    user, name = signed_in(request), request.POST.get("name", "")
    size = request.POST.get("size", "")
    if not (size.isascii() and size.isdigit() and len(size) < 16):
        return HttpResponse(status=HTTPStatus.BAD_REQUEST)
    window = limits.take("upload", who=limits.person(user), known=True)
    try:
        if window is not None and window.exceeded:
            sentence = _("That were many files in a minute. Try again in %(seconds)d seconds.")
            return _not_taken(request, name, sentence % {"seconds": window.reset})
        upload = _begin(request, user, name, int(size))
    except HubError as objection:
        return _not_taken(request, name, objection.message)
    response = _row(request, upload)
    response.status_code = HTTPStatus.CREATED
    response[TARGET] = reverse("api-upload", args=[upload.pk])
    return response


def _begin(request: HttpRequest, user: User, name: str, size: int) -> Upload:
    """For a new network; or as the form says for another version, or for a draft."""
    if draft := request.POST.get("draft", ""):
        return begin_again(
            version=own_draft(request, _number(draft)), by=user, name=name, size=size
        )
    network = request.POST.get("network", "")
    return begin_draft(
        by=user,
        name=name,
        size=size,
        network=own_network(request, _number(network)) if network else None,
    )


@login_required
@require_safe
@never_cache
def upload_row(request: HttpRequest, upload_id: UUID) -> HttpResponse:
    """One file, for the list that watches it; 204 while it looks as it did."""
    upload = own_upload(request, upload_id)
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect("draft", upload.version_id) if upload.version_id else redirect("publish")
    state = file_state(upload)
    if request.GET.get("seen") == _seen(state):
        return HttpResponse(status=HTTPStatus.NO_CONTENT)
    return _row(request, upload, state)


@posted_from("publish_upload")
@login_required
def cancel(request: HttpRequest, upload_id: UUID) -> HttpResponse:
    """The draft stays: another file can come into it."""
    upload = own_upload(request, upload_id)
    cancel_upload(upload=upload, by=signed_in(request))
    messages.info(request, _("“%(name)s” is not uploaded any more.") % {"name": upload.name})
    return _back(upload)


@posted_from("publish_upload")
@login_required
def check_again(request: HttpRequest, upload_id: UUID) -> HttpResponse:
    """After a failure that was ours."""
    upload = own_upload(request, upload_id)
    require(Action.UPLOAD, by=signed_in(request), creator=upload.owner)
    start_ingest(upload=upload)
    return _back(upload)


# --- The plain form -------------------------------------------------------------------------------


def _take_files(request: HttpRequest, network: Network | None = None) -> HttpResponse:
    """Each becomes a draft; the one file leads to its page, several to the list."""
    user = signed_in(request)
    taken = _receive(
        request, lambda name, size: begin_draft(by=user, name=name, size=size, network=network)
    )
    if len(taken) == 1 and taken[0].version_id:
        return redirect("draft", taken[0].version_id)
    if taken:
        text = ngettext("%d file is here.", "%d files are here.", len(taken)) % len(taken)
        messages.success(request, text)
    return HttpResponseRedirect(request.path)


def _receive(request: HttpRequest, begin: Begin) -> list[Upload]:
    """Those that are taken; of each other one a message says why not."""
    taken = []
    files = files_in(request)
    if not files:
        messages.error(request, _("Choose a file first."))
    for name, size, path in files:
        try:
            taken.append(receive_file(upload=begin(name, size), path=path))
        except HubError as objection:
            messages.error(request, f"{name}: {objection.message}")
    return taken


def _again(request: HttpRequest, version: Version, name: str, size: int) -> Upload:
    return begin_again(version=version, by=signed_in(request), name=name, size=size)


# --- Answers --------------------------------------------------------------------------------------


def _page(request: HttpRequest, network: Network | None = None) -> HttpResponse:
    drafts = Version.objects.filter(
        network__creator=signed_in(request),
        status__in=[Version.Status.DRAFT, Version.Status.PROCESSING],
    )
    if network is not None:
        drafts = drafts.filter(network=network)
    newest = list(drafts.order_by("-pk").values_list("pk", flat=True)[:SHOWN_DRAFTS])
    context = {"network": network, "rows": _rows(newest)}
    return render(request, "publish/publish.html", context)


def _rows(drafts: list[int]) -> list[dict[str, object]]:
    """The newest upload of each of these drafts, newest first, in a fixed number of queries."""
    uploads = Upload.objects.filter(version__in=drafts).exclude(state=Upload.State.CANCELLED)
    newest = uploads.order_by("version_id", "-pk").distinct("version_id")
    related = newest.select_related("job", "version__network").defer("version__network__search")
    states = [file_state(each) for each in related.prefetch_related("findings")]
    states.sort(key=lambda state: state.upload.pk, reverse=True)
    return [_row_context(state) for state in states]


def _row(request: HttpRequest, upload: Upload, state: FileState | None = None) -> HttpResponse:
    context = _row_context(state or file_state(upload))
    return render(request, "publish/upload_row.html", context)


def _row_context(state: FileState) -> dict[str, object]:
    return {"file": state, "upload": state.upload, "seen": _seen(state)}


def _seen(state: FileState) -> str:
    return f"{state.upload.state}-{state.percent}-{state.upload.step}"


def _not_taken(request: HttpRequest, name: str, sentence: str) -> HttpResponse:
    context = {"name": name, "sentence": sentence}
    return render(request, "publish/not_taken.html", context, status=422)


def _back(upload: Upload) -> HttpResponse:
    return redirect("draft", upload.version_id) if upload.version_id else redirect("publish")


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0
