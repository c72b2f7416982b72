"""What the network page shows: one dictionary for its templates, whole or in part."""

from dataclasses import replace
from typing import Any, Final

from django.http import HttpRequest
from django.template.exceptions import TemplateDoesNotExist
from django.template.loader import get_template
from django.utils.translation import gettext as _

from hub.network import words
from hub.network.curve import curve_of
from hub.network.reading import (
    Gate,
    gate_of,
    shown_by_people,
    versions_of,
    whole,
)
from hub.network.reading import chosen as chosen_version
from hub.network.viewer import Viewer, viewer_of
from inference.errors import NoBaseModel
from inference.models import BaseModel
from registry.models import Network, Version

# Of people's pictures, before there is a link to all of them.
PICTURES_SHOWN: Final = 8
# Of versions, before the older ones are folded away.
VERSIONS_SHOWN: Final = 5
# The pages of others, where they exist.
OWNER_ACTIONS: Final = "publish/owner_actions.html"


def page_of(request: HttpRequest, network: Network, number: int | None) -> dict[str, Any]:
    """Everything, for one version of a network that is there. Raises Http404."""
    versions = versions_of(network, viewer=request.user)
    picked = chosen_version(network, versions, number)
    gate = gate_of(network, viewer=request.user, asked="show" in request.GET)
    by_people = shown_by_people(network, viewer=request.user, up_to=gate.up_to)
    pictures = list(by_people[: PICTURES_SHOWN + 1])
    context: dict[str, Any] = {
        "network": network,
        "version": None,
        "versions": versions[:VERSIONS_SHOWN],
        "older_versions": versions[VERSIONS_SHOWN:],
        "version_count": len(versions),
        "latest_id": network.latest_version_id,
        "gate": gate,
        "pictures": pictures[:PICTURES_SHOWN],
        "more_pictures": len(pictures) > PICTURES_SHOWN,
        "permissions": words.permissions_of(network),
        "owner_actions": _if_there(OWNER_ACTIONS),
        "is_owner": request.user == network.creator,
    }
    if picked is not None:
        context |= _of_version(request, whole(picked), gate)
    return context


def _of_version(request: HttpRequest, version: Version, gate: Gate) -> dict[str, Any]:
    served = version.status != Version.Status.TAKEN_DOWN
    programs = words.programs_of(version)
    return {
        "version": version,
        "is_served": served,
        "downloads": words.downloads_of(version) if _may_download(version) else [],
        "bundle": f"{words.address_of(version)}/bundle",
        "all_files": list(version.files.all()),
        "programs": programs,
        "works_in": words.works_in(programs),
        "facts": words.facts_of(version),
        "scan": words.scan_of(version),
        "container": words.container_of(version),
        **grid_context(request, version, gate if served else replace(gate, closed=True)),
    }


def grid_context(request: HttpRequest, version: Version, gate: Gate) -> dict[str, Any]:
    """The viewer and the curve; while pictures are not to be seen, only what was measured."""
    viewer = viewer_of(version, request.GET.dict())
    measured = _measured(version, viewer)
    return {
        "viewer": None if gate.closed else viewer,
        "has_grid": viewer is not None,
        "gate_placeholder": _blurred(viewer) if gate.closed and not gate.needs_account else "",
        "why_no_grid": "" if viewer else _why_no_grid(version),
        "tag": tag_of(version, viewer),
        "measured": measured,
        "measured_on": _measured_on(version, viewer),
        "curve": curve_of(measured, version),
    }


def _blurred(viewer: Viewer | None) -> str:
    """Sixteen pixels of what the gate hides, as a data URI: its colours, and no more."""
    picture = viewer.square.picture if viewer else None
    return picture.placeholder if picture else ""


def tag_of(version: Version, viewer: Viewer | None) -> str:
    """What people write into a prompt, at the strength on the stage, else the recommended one."""
    if viewer is not None:
        strength = viewer.square.strength
    else:
        best = version.recommended_strength
        strength = "1" if best is None else f"{best:g}"
    return f"<hypernet:{version.stem}:{strength}>" if version.stem else ""


def _measured(version: Version, viewer: Viewer | None) -> dict[str, Any]:
    if viewer is not None:
        return dict(viewer.grid.measured)
    return dict((version.preview_grid or {}).get("measured") or {})


def _measured_on(version: Version, viewer: Viewer | None) -> str:
    """The base model whose pictures gave the version its strength."""
    kept = (version.preview_grid or {}).get("baseModel", {}).get("name")
    return str(kept or (viewer.grid.base_model.name if viewer else ""))


def _why_no_grid(version: Version) -> str:
    """A sentence: what has to happen before there are pictures."""
    if not version.weights_hash:
        return _("Pictures are rendered once its file is uploaded and checked.")
    if not BaseModel.objects.fitting(version).exists():
        return NoBaseModel(base_model=version.base_model or "–").message
    if version.status in (Version.Status.DRAFT, Version.Status.SCHEDULED):
        return _("Pictures are rendered when it is published, or when its creator asks for them.")
    return _("Nobody has asked for its pictures yet.")


def _may_download(version: Version) -> bool:
    """Downloads are the API's, and a draft has none."""
    out = (Version.Status.PUBLISHED, Version.Status.YANKED)
    return version.status in out and version.network.status == Network.Status.PUBLISHED


def _if_there(template: str) -> str:
    """Its name, to be included; "" where those pages are not."""
    try:
        get_template(template)
    except TemplateDoesNotExist:
        return ""
    return template
