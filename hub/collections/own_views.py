"""One's own collections: made, described, put in order, deleted; a network put into them."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from hub.accounts.people import signed_in
from hub.collections.forms import CollectionForm
from hub.collections.reading import all_entries
from registry import collecting
from registry.errors import HubError
from registry.models import Collection, Network

Verb = Callable[..., object]
# The buttons of a row, by name; each holds the number of its network. None is named like a method
# of its form (`remove`): it would hide it from htmx.
BUTTONS: Final[Mapping[str, Verb]] = {
    "first": partial(collecting.move_in_collection, steps=-collecting.MOST_ENTRIES),
    "earlier": partial(collecting.move_in_collection, steps=-1),
    "later": partial(collecting.move_in_collection, steps=1),
    "cover": collecting.choose_cover,
    "take_out": collecting.remove_from_collection,
}


@never_cache
@login_required
def new_collection(request: HttpRequest) -> HttpResponse:
    form = CollectionForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            made = collecting.create_collection(by=signed_in(request), **form.cleaned_data)
        except (HubError, ValidationError) as refused:
            _tell(form, refused)
        else:
            return redirect(made.get_absolute_url())
    status = 400 if request.method == "POST" else 200
    return render(request, "collections/new.html", {"form": form}, status=status)


@never_cache
@login_required
def edit_collection(request: HttpRequest, username: str, slug: str) -> HttpResponse:
    own = _own(request, username, slug)
    form = CollectionForm(request.POST) if request.method == "POST" else CollectionForm.of(own)
    if form.is_valid():
        by = signed_in(request)
        try:
            collecting.update_collection(collection=own, by=by, **form.cleaned_data)
        except (HubError, ValidationError) as refused:
            _tell(form, refused)
        else:
            messages.success(request, _("Saved."))
            return redirect(own.get_absolute_url())
    context = {"form": form, "collection": own}
    status = 400 if request.method == "POST" else 200
    return render(request, "collections/edit.html", context, status=status)


@never_cache
@login_required
def delete_collection(request: HttpRequest, username: str, slug: str) -> HttpResponse:
    """Asks first."""
    own = _own(request, username, slug)
    if request.method != "POST":
        return render(request, "collections/delete.html", {"collection": own})
    collecting.delete_collection(collection=own, by=signed_in(request))
    messages.success(request, _("“%(name)s” is deleted.") % {"name": own.name})
    return redirect("my_collections")


@never_cache
@login_required
def arrange_collection(request: HttpRequest, username: str, slug: str) -> HttpResponse:
    """Every button keeps the notes as they stand in the form: nothing that was written is lost."""
    own = _own(request, username, slug)
    if request.method != "POST":
        context = {"collection": own, "entries": all_entries(own, viewer=request.user)}
        return render(request, "collections/arrange.html", context)
    pressed = next((name for name in BUTTONS if name in request.POST), "")
    place = ""
    try:
        with transaction.atomic():
            _keep_notes(request, own)
            if pressed:
                network = _entered(own, request.POST[pressed])
                BUTTONS[pressed](collection=own, network=network, by=signed_in(request))
                place = f"#network-{network.pk}" if pressed != "take_out" else ""
    except ValidationError as refused:
        messages.error(request, " ".join(refused.messages))
    else:
        if not pressed:
            messages.success(request, _("Saved."))
    return redirect(f"{request.path}{place}")


@never_cache
@login_required
def collect(request: HttpRequest, network_id: int) -> HttpResponse:
    """A network into some of one's collections, and out of others: those that the form showed."""
    visible = Network.objects.visible_to(request.user).select_related("creator").defer("search")
    network = visible.filter(pk=network_id, status=Network.Status.PUBLISHED).first()
    if network is None:
        raise Http404(_("There is no such network."))
    problem, chosen = "", set(_in(request, network))
    if request.method == "POST":
        chosen = set(request.POST.getlist("in"))
        try:
            _collect(request, network, chosen)
        except ValidationError as refused:
            problem = " ".join(refused.messages)
        except HubError as refused:
            problem = refused.message
        else:
            messages.success(request, _("Saved in your collections."))
            return redirect(network.get_absolute_url())
    mine = signed_in(request).collections.order_by("-updated_at", "-pk")
    context = {
        "network": network,
        "choices": [(each, str(each.pk) in chosen) for each in mine],
        "new_name": request.POST.get("new", ""),
        "problem": problem,
    }
    return render(request, "collections/collect.html", context, status=400 if problem else 200)


def _collect(request: HttpRequest, network: Network, chosen: set[str]) -> None:
    by = signed_in(request)
    offered = set(request.POST.getlist("offered"))
    mine = [each for each in by.collections.all() if str(each.pk) in offered]
    into = [each for each in mine if str(each.pk) in chosen]
    out_of = [each for each in mine if str(each.pk) not in chosen]
    with transaction.atomic():
        if name := request.POST.get("new", "").strip():
            into.append(collecting.create_collection(by=by, name=name))
        collecting.collect_network(network=network, into=into, out_of=out_of, by=by)


def _in(request: HttpRequest, network: Network) -> list[str]:
    rows = signed_in(request).collections.filter(entries__network=network)
    return [str(key) for key in rows.values_list("pk", flat=True)]


def _own(request: HttpRequest, username: str, slug: str) -> Collection:
    mine = Collection.objects.visible_to(request.user).select_related("owner")
    return get_object_or_404(
        mine, owner=signed_in(request), owner__username__iexact=username, slug=slug
    )


def _entered(collection: Collection, key: str) -> Network:
    """One that is in it, whether it is out or not."""
    entries = collection.entries.select_related("network").defer("network__search")
    entry = entries.filter(network=int(key)).first() if key.isdecimal() else None
    if entry is None:
        raise Http404(_("It is not in this collection any more."))
    return entry.network


def _keep_notes(request: HttpRequest, collection: Collection) -> None:
    """Those that differ from what is stored. Raises ValidationError."""
    for entry in collection.entries.select_related("network").defer("network__search"):
        note = " ".join(request.POST.get(f"note-{entry.network_id}", entry.note).split())
        if note != entry.note:
            collecting.write_note(
                collection=collection, network=entry.network, note=note, by=signed_in(request)
            )


def _tell(form: CollectionForm, refused: HubError | ValidationError) -> None:
    form.add_error(None, refused.message if isinstance(refused, HubError) else refused)
