"""What waits for the moderators: reports by what they are about, files in quarantine; and what was
decided. Each page in a fixed number of queries."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Generic, TypeVar

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Case as Sorted
from django.db.models import Count, IntegerField, Max, Min, QuerySet, When

from hub.moderation.words import KINDS, case_address
from registry.models import Decision, Finding, Report, Upload
from registry.subjects import Subject, Thing, creator_of, find_all, title_of

PER_PAGE: Final = 25
MOST_PAGES: Final = 400
_REASONS: Final = list(Report.Reason)
# The first two do not wait.
URGENT: Final = 2
_URGENCY: Final = Sorted(
    *(When(reason=reason, then=place) for place, reason in enumerate(_REASONS)),
    output_field=IntegerField(),
)
Row = TypeVar("Row")


@dataclass(frozen=True)
class Page(Generic[Row]):
    rows: Sequence[Row]
    number: int
    has_next: bool

    @property
    def previous(self) -> int:
        """0 for none."""
        return self.number - 1

    @property
    def next(self) -> int:
        return self.number + 1 if self.has_next else 0


@dataclass(frozen=True)
class OpenCase:
    """`thing` is None when it is no more."""

    subject: Subject
    thing: Thing | None
    count: int
    reasons: Sequence[str]
    newest: datetime
    is_urgent: bool

    @property
    def kind(self) -> str:
        return str(KINDS[self.subject.kind])

    @property
    def title(self) -> str:
        return title_of(self.thing) if self.thing else ""

    @property
    def creator(self) -> Any:
        return creator_of(self.thing) if self.thing else None

    @property
    def address(self) -> str:
        return case_address(self.subject)


def open_cases(number: int) -> Page[OpenCase]:
    """The most urgent first, then those that were reported last."""
    grouped = Report.objects.open().values("subject")
    counted = grouped.annotate(
        count=Count("pk"),
        newest=Max("made_at"),
        worst=Min(_URGENCY),
        reasons=ArrayAgg("reason", distinct=True),
    )
    page = _page(counted.order_by("worst", "-newest"), number)
    subjects = {row["subject"]: Subject.named(row["subject"]) for row in page.rows}
    things = find_all(subjects.values())
    cases = [_case(row, subjects[row["subject"]], things) for row in page.rows]
    return Page(cases, page.number, page.has_next)


def _case(row: Mapping[str, Any], subject: Subject, things: Mapping[Subject, Thing]) -> OpenCase:
    return OpenCase(
        subject=subject,
        thing=things.get(subject),
        count=row["count"],
        reasons=labels(row["reasons"]),
        newest=row["newest"],
        is_urgent=row["worst"] < URGENT,
    )


def labels(reasons: Iterable[str]) -> list[str]:
    """Each once, the worst first."""
    return [str(each.label) for each in _REASONS if each in set(reasons)]


@dataclass(frozen=True)
class Held:
    """A file in quarantine: what was found, and by what it is known. Its bytes are nobody's."""

    upload: Upload

    @property
    def address(self) -> str:
        return case_address(Subject.of(self.upload))

    @property
    def findings(self) -> list[Finding]:
        return list(self.upload.findings.all())

    @property
    def hashes(self) -> list[tuple[str, str]]:
        """What clients and other hubs know such a file by."""
        known = {**self.upload.report.get("reading", {}).get("hashes", {})}
        known.setdefault("sha256", self.upload.report.get("sha256"))
        names = {"sha256": "SHA256", "blake3": "BLAKE3", "crc32": "CRC32"}
        return [(label, str(known[name])) for name, label in names.items() if known.get(name)]

    @property
    def opinions(self) -> list[str]:
        """What other scanners said of it."""
        said = self.upload.report.get("opinions", [])
        return [str(each["message"]) for each in said if each.get("message")]


def held_uploads(number: int) -> Page[Held]:
    held = Upload.objects.filter(state=Upload.State.QUARANTINED).select_related("owner")
    page = _page(held.prefetch_related("findings").order_by("-updated_at", "-pk"), number)
    return Page([Held(upload) for upload in page.rows], page.number, page.has_next)


def decided(number: int) -> Page[Decision]:
    return _page(Decision.objects.select_related("by", "creator").order_by("-pk"), number)


def waiting() -> dict[str, int]:
    """How many cases and held files there are."""
    cases = Report.objects.open().aggregate(count=Count("subject", distinct=True))["count"]
    held = Upload.objects.filter(state=Upload.State.QUARANTINED).count()
    return {"reports": cases, "quarantine": held}


def page_number(asked: str) -> int:
    """From the address; the first for what is no number of a page."""
    number = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 6 else 1
    return min(max(1, number), MOST_PAGES)


def _page(rows: QuerySet[Any, Any], number: int) -> Page[Any]:
    start = (number - 1) * PER_PAGE
    found = list(rows[start : start + PER_PAGE + 1])
    return Page(found[:PER_PAGE], number, len(found) > PER_PAGE)
