"""All that a moderator needs to judge one thing, on one page."""

from collections.abc import Sequence
from typing import Any, Final

from django.db.models import Q
from django.utils.translation import gettext as _

from hub.gallery.cards import picture_address
from hub.moderation.queue import Held
from hub.moderation.words import KINDS, address_of
from registry.models import (
    ContentLevel,
    Decision,
    File,
    Network,
    Picture,
    Report,
    Upload,
    User,
    Version,
)
from registry.moderating import Seen, measures_for, trail_of
from registry.subjects import Subject, Thing, creator_of, find, title_of

PICTURES_SHOWN: Final = 8
REPORTS_SHOWN: Final = 50
DECISIONS_SHOWN: Final = 10
EVENTS_SHOWN: Final = 20
# Whoever reports these says that the level given is no guide.
_COVERED: Final = (Report.Reason.MINORS, Report.Reason.LEVEL)


def case_of(subject: Subject, *, viewer: User, show: bool) -> dict[str, Any] | None:
    """None where there is nothing, and never was. `show` uncovers the pictures."""
    seen = Seen.of(subject)
    thing = find(subject)
    reports = list(
        Report.objects.open().about(subject.name).select_related("reporter")[:REPORTS_SHOWN]
    )
    creator = creator_of(thing) if thing else None
    decisions = _earlier(subject, creator)
    if not (reports or seen.decision or _is_their_business(thing)):
        return None
    pictures = _pictures(thing)
    return {
        "subject": subject,
        "kind": KINDS[subject.kind],
        "thing": thing,
        "title": title_of(thing) if thing else _("Something that is gone"),
        "address": address_of(thing) if thing else "",
        "creator": creator,
        "is_own": creator == viewer,
        "facts": facts_of(thing),
        "held": Held(thing) if isinstance(thing, Upload) else None,
        "reports": reports,
        "decisions": decisions,
        "events": trail_of(subject, most=EVENTS_SHOWN),
        "pictures": [
            (each, picture_address(each, width=320), picture_address(each, width=1024))
            for each in pictures
        ],
        "covered": not show and _is_to_be_covered(pictures, thing, reports, viewer),
        "measures": measures_for(thing, reported=bool(reports)),
        "seen": seen,
    }


def _is_their_business(thing: Thing | None) -> bool:
    """What moderators may look at unasked: all that can be published, and what is in quarantine."""
    if isinstance(thing, Upload):
        return thing.state == Upload.State.QUARANTINED
    return thing is not None


def _earlier(subject: Subject, creator: User | None) -> list[Decision]:
    """About this very thing, and about whatever else its creator brought."""
    about = Q(subject=subject.name)
    if creator is not None:
        about |= Q(creator=creator)
    return list(Decision.objects.filter(about).select_related("by")[:DECISIONS_SHOWN])


def _pictures(thing: Thing | None) -> list[Picture]:
    """What it looks like: covers and the newest, whoever made them."""
    shown = Picture.objects.filter(hidden_at=None).order_by("-is_cover", "-pk")
    match thing:
        case Picture():
            return [thing]
        case Version():
            shown = shown.filter(versions=thing)
        case Network():
            shown = shown.filter(versions__network=thing).distinct()
        case User():
            shown = shown.filter(owner=thing, is_preview=False)
        case _:
            return []
    return list(shown[:PICTURES_SHOWN])


def _is_to_be_covered(
    pictures: Sequence[Picture], thing: Thing | None, reports: Sequence[Report], viewer: User
) -> bool:
    """Above what the moderator wants to see without asking, or said to be worse than its level."""
    if any(report.reason in _COVERED for report in reports):
        return True
    levels = {picture.content_level for picture in pictures}
    match thing:
        case Network():
            levels.add(thing.content_level)
        case Version():
            levels.add(thing.network.content_level)
    return not levels <= set(ContentLevel.up_to(viewer.content_level))


# --- What it is -----------------------------------------------------------------------------------


def facts_of(thing: Thing | None) -> list[tuple[str, str]]:
    """Names and values, in reading order; what is not known is left out."""
    match thing:
        case Network():
            facts = _of_network(thing)
        case Version():
            files = File.objects.filter(version=thing)
            hashes = [(file.name, f"SHA256 {file.sha256}") for file in files]
            facts = [(_("Version"), thing.get_status_display()), *_of_network(thing.network)]
            facts += hashes
        case Picture():
            facts = [
                (_("Content level"), thing.get_content_level_display()),
                (_("State"), _("removed") if thing.hidden_at else _("shown")),
                (_("Parameters"), str(thing.meta.get("parameters", ""))),
            ]
        case User():
            blocked = thing.blocked_at
            facts = [
                (_("Public name"), thing.username),
                (_("Role"), thing.get_role_display()),
                (_("Here since"), f"{thing.date_joined:%Y-%m-%d}"),
                (_("Blocked"), f"{blocked:%Y-%m-%d}: {thing.blocked_reason}" if blocked else ""),
                (_("About themselves"), thing.bio),
            ]
        case Upload():
            facts = [
                (_("State"), thing.get_state_display()),
                (_("Size"), f"{thing.size:,}"),
                (_("Received"), f"{thing.created_at:%Y-%m-%d %H:%M} UTC"),
            ]
        case _:
            facts = []
    return [(name, value) for name, value in facts if value]


def _of_network(network: Network) -> list[tuple[str, str]]:
    return [
        (_("Network"), network.get_status_display()),
        (_("Why"), network.status_reason),
        (_("Content level"), network.get_content_level_display()),
        (_("Licence"), network.get_licence_display()),
        (_("Downloads"), f"{network.download_count:,}"),
        (_("Description"), network.description),
    ]
