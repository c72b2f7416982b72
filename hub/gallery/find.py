"""Which networks made this picture: a PNG's infotext, and what of it hangs here."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.db.models import QuerySet
from django.db.models.functions import Lower
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from hub.gallery.cards import Card, Viewer, cards_of, for_cards
from registry.catalogue import versions_by_hash
from registry.infotext import Infotext, UsedNetwork, read_infotext
from registry.models import Network, Version
from registry.png_text import NotAPng, parameters_of

# Of one name, as many as can have made it.
MOST_OF_A_NAME: Final = 6


@dataclass(frozen=True)
class Found:
    """A network that the picture names, and the cards of those that it can be; none is unknown."""

    used: UsedNetwork
    cards: Sequence[Card] = ()
    # Its hash is that of a file here; a name alone may be somebody else's.
    by_hash: bool = False


class NothingToRead(Exception):
    """`sentence` says what is wrong with what was given, and what would do."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


# Nothing is changed here, and without a token a picture can be dropped on any page.
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def find(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return render(request, "gallery/find.html")
    text = request.POST.get("text", "")
    try:
        infotext = _said(request)
    except NothingToRead as wrong:
        said = {"problem": wrong.sentence, "text": text}
        return render(request, "gallery/find.html", said, status=400)
    found = networks_used(infotext, viewer=request.user)
    return render(
        request, "gallery/find.html", {"infotext": infotext, "found": found, "text": text}
    )


def _said(request: HttpRequest) -> Infotext:
    picture = request.FILES.get("picture")
    if picture is None:
        text = request.POST.get("text", "").strip()
        if not text:
            raise NothingToRead(_("Choose a picture, or paste its parameters."))
        return read_infotext(text)
    try:
        text = parameters_of(picture)
    except NotAPng:
        raise NothingToRead(
            _("This is no PNG. Choose the file that the WebUI saved, as it saved it.")
        ) from None
    if not text:
        raise NothingToRead(
            _(
                "This PNG says nothing of how it was made: it was saved anew by a program or a "
                "site that leaves that out. Choose the file that the WebUI itself saved."
            )
        )
    return read_infotext(text)


def networks_used(infotext: Infotext, *, viewer: Viewer) -> list[Found]:
    """Each network that is named, by its hash, else by its stem in any case."""
    visible = Version.objects.visible_to(viewer).filter(network__is_listed=True)
    by_hash = {used: _of_hash(visible, used.hash) for used in infotext.networks}
    by_name = _of_names(visible, [used.name for used in infotext.networks if not by_hash[used]])
    keys = {
        used: by_hash[used] or by_name.get(used.name.lower(), [])[:MOST_OF_A_NAME]
        for used in infotext.networks
    }
    rows = Network.objects.filter(pk__in={key for each in keys.values() for key in each})
    cards = {card.network.pk: card for card in cards_of(for_cards(rows), viewer=viewer)}
    return [
        Found(used, [cards[key] for key in keys[used] if key in cards], bool(by_hash[used]))
        for used in infotext.networks
    ]


def _of_hash(versions: QuerySet[Version], value: str) -> list[int]:
    if not value:
        return []
    same = versions.filter(pk__in=versions_by_hash(value).values("pk"))
    return list(dict.fromkeys(same.order_by("published_at").values_list("network_id", flat=True)))


def _of_names(versions: QuerySet[Version], names: list[str]) -> dict[str, list[int]]:
    """Networks by the lower-case stem of any of their versions, the most downloaded first."""
    if not names:
        return {}
    rows = (
        versions.annotate(lowered=Lower("stem"))
        .filter(lowered__in={name.lower() for name in names})
        .order_by("-network__download_count", "network_id")
        .values_list("lowered", "network_id")
    )
    found: dict[str, list[int]] = {}
    for stem, network in rows:
        if network not in found.setdefault(stem, []):
            found[stem].append(network)
    return found
