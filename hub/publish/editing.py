"""A form of details, opened and sent: what of it is saved, what is not and why, what others did."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from hub.accounts.people import signed_in
from hub.publish.drafts import Saved, begin_previews, save_words
from hub.publish.forms import DetailsForm
from hub.publish.merging import digests, seen_in
from hub.publish.own import address_of
from hub.publish.signed_out import is_automatic, what_was_kept
from hub.publish.states import draft_state
from hub.publish.words import LABELS, words_of
from registry.errors import HubError
from registry.models import Network, User, Version


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
        kept = None if request.method == "POST" else what_was_kept(request)
        data = request.POST if request.method == "POST" else kept
        form = DetailsForm(
            data, words=stored, network=network if with_network else None, version=version
        )
        by = signed_in(request)
        return cls(request, by, network, version, form, stored, template, kept=kept is not None)

    def answer(self) -> HttpResponse | None:
        """The form, or what of it was not taken. None: all that it says is saved."""
        if self.request.method != "POST":
            return self.page()
        if is_automatic(self.request):
            return self.save_by_itself()
        saved = self.save()
        return None if saved is not None and saved.is_whole else self.page(saved)

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
