"""`/compare?v=1,2,3`: several versions, same prompt, seed and strength, one slider for all."""

from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from hub.gallery.cards import USUAL_STRENGTH, Viewer
from hub.gallery.side_by_side import MOST, Side, compare
from registry.keyset import LARGEST_KEY
from registry.models import Network


@require_safe
def comparison(request: HttpRequest) -> HttpResponse:
    """`v` with commas or repeated; `add` is the address of one more, as people paste it."""
    keys = _keys(request)
    problem = ""
    if add := request.GET.get("add", "").strip():
        added = _version_at(add, request.user)
        if added is not None:
            return HttpResponseRedirect(address([*keys, added]))
        problem = _("No network has this address: %(address)s") % {"address": add[:200]}
    compared = compare(
        keys[:MOST],
        viewer=request.user,
        prompt=_number(request.GET.get("prompt"), 0),
        strength=_float(request.GET.get("strength"), USUAL_STRENGTH),
    )
    context = {
        "comparison": compared,
        "problem": problem,
        "missing": len(keys[:MOST]) - len(compared.sides),
        "left_out": len(keys) - len(keys[:MOST]),
        "most": MOST,
        "keys": ",".join(str(side.version.pk) for side in compared.sides),
        "without": [(side, address(_others(compared.sides, side))) for side in compared.sides],
    }
    return render(request, "gallery/compare.html", context)


def address(keys: list[int]) -> str:
    """Of a comparison of these versions."""
    page = reverse("compare")
    return f"{page}?v={','.join(map(str, keys))}" if keys else page


def _others(sides: list[Side], side: Side) -> list[int]:
    return [each.version.pk for each in sides if each is not side]


def _keys(request: HttpRequest) -> list[int]:
    """Once each, in order; what is no number is left out."""
    texts = [text for part in request.GET.getlist("v") for text in part.split(",")]
    keys = [int(text) for text in texts if text.isascii() and text.isdigit() and len(text) < 20]
    return list(dict.fromkeys(key for key in keys if key <= LARGEST_KEY))


def _version_at(text: str, viewer: Viewer) -> int | None:
    """The latest version of the network whose address ends so: `…/alice/ink-wash`."""
    parts = [part for part in urlsplit(text.replace("\0", "")).path.split("/") if part]
    if len(parts) < 2:
        return None
    creator, slug = parts[0], parts[1]
    network = (
        Network.objects.visible_to(viewer)
        .filter(creator__username__iexact=creator, slug=slug, latest_version__isnull=False)
        .only("latest_version")
        .first()
    )
    return network.latest_version_id if network else None


def _number(text: str | None, default: int) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 4 else default


def _float(text: str | None, default: float) -> float:
    try:
        return float(text or default)
    except ValueError:
        return default
