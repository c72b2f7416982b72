"""Moderation: members report, moderators decide, creators are told why.

A case is a thing with its open reports, or a file in quarantine; whatever a moderator does about it
is a `Decision`, done by the verbs that others use too. Two at once take turns, and the second one
is told what the first has decided.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from registry import audit
from registry.endings import discard_quarantined
from registry.errors import Conflict, Forbidden, TooMuch
from registry.locks import take_turn
from registry.models import (
    AuditEvent,
    ContentLevel,
    Decision,
    Network,
    Picture,
    Report,
    Upload,
    User,
    Version,
)
from registry.networks import restore_network, take_down_network, update_network
from registry.permissions import Action, require
from registry.publishing import refresh_listings_of
from registry.shown_pictures import hide_picture, set_picture_level
from registry.signals import announce, case_decided
from registry.subjects import Subject, Thing, creator_of, find, network_of, title_of
from registry.versions import restore_version, take_down_version

Measure = Decision.Measure
# Of one person, in a day.
MOST_REPORTS: Final = 30
CASES: Final = 0x43415345


class AlreadyReported(Conflict, code="already-reported"):
    sentence = _("You have reported this already. The moderators look at it; nothing is lost.")


class OwnThing(Conflict, code="own-thing"):
    sentence = _("This is yours. You can change it, withdraw it or delete it yourself.")


class TooManyReports(TooMuch, code="too-many-reports"):
    most: int
    sentence = _("You have made {most} reports within a day. Go on tomorrow.")


class OwnCase(Forbidden, code="own-case"):
    sentence = _("This case is about something of yours. Another moderator has to decide it.")


class AlreadyDecided(Conflict, code="already-decided"):
    """`who` and `measure` are of the decision that came first."""

    who: str
    measure: str
    sentence = _(
        "{who} has decided this meanwhile: {measure}. Nothing was done twice. Look at it again."
    )


class NotToBeDone(Conflict, code="not-to-be-done"):
    measure: str
    sentence = _("It cannot be done any more: {measure}. The case has changed; look at it again.")


class NotToBeBlocked(Conflict, code="not-to-be-blocked"):
    sentence = _("Only members who are not blocked yet can be blocked. Take a role away first.")


# --- Reporting ------------------------------------------------------------------------------------


def report(*, about: Thing, reason: str, text: str = "", by: User) -> Report:
    """Let the moderators know. The caller has made sure that `by` may see it.

    Raises Forbidden, OwnThing, AlreadyReported, TooManyReports, and ValidationError.
    """
    require(Action.REPORT, by=by)
    if creator_of(about) == by:
        raise OwnThing
    _require_few(by)
    made = Report(subject=Subject.of(about).name, reason=reason, text=text.strip(), reporter=by)
    made.clean_fields()
    try:
        with transaction.atomic():
            made.save(force_insert=True)
            audit.record("report.made", by=by, on=about, data={"report": made.pk, "reason": reason})
    except IntegrityError:
        raise AlreadyReported from None
    return made


def _require_few(by: User) -> None:
    since = timezone.now() - timedelta(days=1)
    if Report.objects.filter(reporter=by, made_at__gt=since).count() >= MOST_REPORTS:
        raise TooManyReports(most=MOST_REPORTS)


# --- Deciding -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Seen:
    """What was on the page of whoever decides: the last decision and the last report, 0 for none.

    A decision closes the reports that were seen; those that came later stay open.
    """

    decision: int = 0
    report: int = 0

    @classmethod
    def of(cls, subject: Subject) -> "Seen":
        last = Decision.objects.filter(subject=subject.name).order_by("-pk")
        open_ = Report.objects.open().about(subject.name).order_by("-pk")
        keys = [rows.values_list("pk", flat=True).first() or 0 for rows in (last, open_)]
        return cls(*keys)

    @classmethod
    def spelt(cls, text: str) -> "Seen":
        """As a form brings it back. Raises ValueError."""
        decision, report = text.split(".")
        return cls(int(decision), int(report))

    def __str__(self) -> str:
        return f"{self.decision}.{self.report}"


def decide(
    *, subject: Subject, measure: str, reason: str, by: User, seen: Seen, level: str = ""
) -> Decision:
    """Do it, close the reports that were seen, and tell the creator. `level` is SET_LEVEL's.

    Raises Forbidden, OwnCase, AlreadyDecided, NotToBeDone, what the measure's verb raises, and
    ValidationError for a missing reason or level.
    """
    require(Action.MODERATE, by=by)
    reason = _reason(reason)
    with transaction.atomic():
        take_turn(subject.name, space=CASES)
        thing = find(subject)
        creator = creator_of(thing) if thing else None
        if creator == by:
            raise OwnCase
        _require_news(subject, thing, measure, seen)
        decision = Decision(
            subject=subject.name,
            title=title_of(thing) if thing else _now("Something that is gone"),
            measure=measure,
            level=level if measure == Measure.SET_LEVEL else "",
            reason=reason,
            creator=creator,
            network=network_of(thing) if thing else None,
            by=by,
        )
        decision.clean_fields()
        if thing is not None:
            _carry_out(decision, thing, by)
        decision.save(force_insert=True)
        closed = _close_reports(decision, up_to=seen.report)
        data = {"measure": measure, "decision": decision.pk, "reports": closed}
        audit.record("case.decided", by=by, on=thing or decision, reason=reason, data=data)
        announce(case_decided, decision=decision)
    return decision


def measures_for(thing: Thing | None, *, reported: bool) -> list[Measure]:
    """What can be done about it as it is now, the mildest first."""
    measures = [Measure.DISMISS] if reported else []
    match thing:
        case Network():
            measures += _of_network(thing)
        case Version():
            measures += _of_version(thing)
        case Picture() if thing.hidden_at is None and network_of(thing):
            measures += [Measure.SET_LEVEL, Measure.REMOVE_PICTURE]
        case Upload() if thing.state == Upload.State.QUARANTINED:
            measures += [Measure.END_QUARANTINE]
    creator = creator_of(thing) if thing else None
    if creator is not None and creator.role == User.Role.MEMBER:
        blocked = creator.blocked_at is not None
        measures += [Measure.UNBLOCK_CREATOR if blocked else Measure.BLOCK_CREATOR]
    return measures


def _of_network(network: Network) -> list[Measure]:
    match network.status:
        case Network.Status.DRAFT | Network.Status.PUBLISHED:
            return [Measure.SET_LEVEL, Measure.TAKE_DOWN_NETWORK]
        case Network.Status.TAKEN_DOWN:
            return [Measure.RESTORE]
    return []


def _of_version(version: Version) -> list[Measure]:
    if version.status == Version.Status.TAKEN_DOWN:
        return [Measure.RESTORE, *_of_network(version.network)[1:]]
    measures = _of_network(version.network)
    if version.network.status == Network.Status.TAKEN_DOWN:
        return []  # that is the network's case
    if version.status in (Version.Status.PUBLISHED, Version.Status.YANKED):
        measures.insert(1, Measure.TAKE_DOWN_VERSION)
    return measures


def _reason(given: str) -> str:
    if not (reason := given.strip()):
        raise ValidationError({"reason": _now("Say why: the creator reads it.")})
    return reason


def _require_news(subject: Subject, thing: Thing | None, measure: str, seen: Seen) -> None:
    """That nobody decided since the page was made, and that this can be done."""
    last = Decision.objects.filter(subject=subject.name, pk__gt=seen.decision).first()
    if last is not None:
        who = last.by.name if last.by else _now("Someone")
        raise AlreadyDecided(who=who, measure=last.get_measure_display())
    reported = Report.objects.open().about(subject.name).exists()
    if measure not in measures_for(thing, reported=reported):
        known = measure in Measure.values
        raise NotToBeDone(measure=str(Measure(measure).label) if known else measure)


def _close_reports(decision: Decision, *, up_to: int) -> list[int]:
    read = Report.objects.open().about(decision.subject).filter(pk__lte=up_to)
    keys = list(read.select_for_update().values_list("pk", flat=True))
    Report.objects.filter(pk__in=keys).update(decision=decision)
    return keys


def _carry_out(decision: Decision, thing: Thing, by: User) -> None:
    reason = decision.reason
    match decision.measure, thing:
        case Measure.SET_LEVEL, Picture():
            set_picture_level(picture=thing, level=_level(decision), by=by, reason=reason)
        case Measure.SET_LEVEL, _:
            level = _level(decision)
            network = _network_of(thing)
            update_network(network=network, by=by, content_level=level, reason=reason)
        case Measure.REMOVE_PICTURE, Picture():
            hide_picture(picture=thing, network=_network_of(thing), by=by, reason=reason)
        case Measure.TAKE_DOWN_VERSION, Version():
            take_down_version(version=thing, by=by, reason=reason)
        case Measure.TAKE_DOWN_NETWORK, _:
            take_down_network(network=_network_of(thing), by=by, reason=reason)
        case Measure.RESTORE, Version():
            restore_version(version=thing, by=by, reason=reason)
        case Measure.RESTORE, Network():
            restore_network(network=thing, by=by, reason=reason)
        case Measure.END_QUARANTINE, Upload():
            discard_quarantined(upload=thing, by=by, reason=reason)
        case Measure.BLOCK_CREATOR, _:
            block_creator(creator=_creator_of(thing), by=by, reason=reason)
        case Measure.UNBLOCK_CREATOR, _:
            unblock_creator(creator=_creator_of(thing), by=by, reason=reason)


def _level(decision: Decision) -> ContentLevel:
    if decision.level not in ContentLevel.values:
        raise ValidationError({"level": _now("Say which level it is.")})
    return ContentLevel(decision.level)


def _network_of(thing: Thing) -> Network:
    network = network_of(thing)
    assert network is not None  # noqa: S101  # `measures_for` offers it for no other thing
    return network


def _creator_of(thing: Thing) -> User:
    creator = creator_of(thing)
    assert creator is not None  # noqa: S101  # likewise
    return creator


# --- People ---------------------------------------------------------------------------------------


def block_creator(*, creator: User, reason: str, by: User | None) -> User:
    """They read as anyone does, write nothing, and are listed nowhere. Raises Forbidden,
    NotToBeBlocked."""
    require(Action.BLOCK, by=by)
    with transaction.atomic():
        creator = User.objects.select_for_update(no_key=True).get(pk=creator.pk)
        if creator.role != User.Role.MEMBER or creator.blocked_at is not None:
            raise NotToBeBlocked
        creator.blocked_at, creator.blocked_reason = timezone.now(), reason
        creator.save(update_fields=["blocked_at", "blocked_reason"])
        refresh_listings_of(creator=creator)
        audit.record("user.blocked", by=by, on=creator, reason=reason)
    return creator


def unblock_creator(*, creator: User, reason: str, by: User | None) -> User:
    """As before; nothing is said of people who were not blocked. Raises Forbidden."""
    require(Action.BLOCK, by=by)
    with transaction.atomic():
        creator = User.objects.select_for_update(no_key=True).get(pk=creator.pk)
        if creator.blocked_at is not None:
            creator.blocked_at, creator.blocked_reason = None, ""
            creator.save(update_fields=["blocked_at", "blocked_reason"])
            refresh_listings_of(creator=creator)
            audit.record("user.unblocked", by=by, on=creator, reason=reason)
    return creator


def trail_of(subject: Subject, *, most: int) -> list[AuditEvent]:
    """What happened to it, newest first."""
    events = AuditEvent.objects.filter(target=subject.name).select_related("actor")
    return list(events.order_by("-id")[:most])
