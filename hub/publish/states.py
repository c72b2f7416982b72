"""How far a draft is, in plain words: its file on the way in, what was found, its previews.

Reads only. A page shows these; one that watches asks again until nothing moves any more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from hub.publish.merging import digest
from inference.models import Cell, PreviewGrid
from registry.formats.errors import Severity
from registry.ingest import STEPS
from registry.models import Finding, Upload, User, Version
from registry.uploads import received_size

Text = str | Promise
CHECKING: Final = (Upload.State.RECEIVED, Upload.State.CHECKING)
TURNED_AWAY: Final = (Upload.State.REFUSED, Upload.State.QUARANTINED, Upload.State.FAILED)
# Where in a file, for people who want to know: the rest of a finding's data is in its sentence.
_NOT_SHOWN: Final = frozenset({"network_id", "version_id", "reason"})


@dataclass(frozen=True)
class Step:
    """`state` is done, now, waiting, or failed."""

    label: Text
    state: str


@dataclass(frozen=True)
class FileState:
    """An upload, for a page. `percent` is of what is under way now."""

    upload: Upload
    findings: Sequence[Finding]
    percent: int
    step: Text

    @property
    def is_arriving(self) -> bool:
        return self.upload.state == Upload.State.RECEIVING

    @property
    def is_checking(self) -> bool:
        return self.upload.state in CHECKING

    @property
    def is_ready(self) -> bool:
        return self.upload.state == Upload.State.READY

    @property
    def is_turned_away(self) -> bool:
        return self.upload.state in TURNED_AWAY

    @property
    def is_malicious(self) -> bool:
        return any(each.severity == Severity.MALICIOUS for each in self.findings)

    @property
    def may_check_again(self) -> bool:
        return self.upload.state == Upload.State.FAILED

    @property
    def steps(self) -> list[Step]:
        """Receiving it, then each step of the check."""
        names = [each.name for each in STEPS]
        done = names.index(self.upload.step) + 1 if self.upload.step in names else 0
        if self.is_ready:
            done = len(names)
        arrived = not self.is_arriving
        steps = [Step(_("Receiving"), "done" if arrived else "now")]
        for number, each in enumerate(STEPS):
            at = "done" if number < done else "waiting"
            if number == done and arrived:
                at = "failed" if self.is_turned_away else "now"
            steps.append(Step(each.label, at))
        return steps

    @property
    def said(self) -> list[tuple[Finding, list[tuple[str, Any]]]]:
        """Each finding, worst first, with where it was found."""
        order = list(Severity)
        worst_first = sorted(self.findings, key=lambda f: -order.index(Severity(f.severity)))
        return [(each, _where(each)) for each in worst_first]


def file_state(upload: Upload) -> FileState:
    label: Text = upload.get_state_display()
    percent = 100
    if upload.state == Upload.State.RECEIVING:
        percent = 100 * received_size(upload) // max(1, upload.size)
    elif upload.state in CHECKING:
        job = upload.job
        percent = 100 * job.progress_done // job.progress_total if job and job.progress_total else 0
        label = (job.progress_label if job else "") or label
    return FileState(upload, list(upload.findings.all()), percent, label)


def latest_upload(version: Version) -> Upload | None:
    """What its creator sees of its file; a cancelled one is forgotten."""
    uploads = version.uploads.exclude(state=Upload.State.CANCELLED).order_by("-pk")
    return uploads.select_related("job").first()


def _where(finding: Finding) -> list[tuple[str, Any]]:
    if finding.severity in (Severity.INFO, Severity.WARNING):
        return []
    return [
        (name.replace("_", " "), value)
        for name, value in finding.data.items()
        if name not in _NOT_SHOWN and not isinstance(value, dict) and value not in ("", None, [])
    ]


# --- Previews -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Previews:
    """The newest grid of a version, and the cells that are there."""

    grid: PreviewGrid
    done: int
    total: int
    cells: Sequence[Cell]

    @property
    def is_under_way(self) -> bool:
        return not self.grid.is_finished

    @property
    def percent(self) -> int:
        return 100 * self.done // max(1, self.total)


SHOWN_CELLS: Final = 6


def previews_of(version: Version) -> Previews | None:
    done = Count("cells", filter=Q(cells__state=Cell.State.DONE))
    counted = version.preview_grids.annotate(total=Count("cells"), done=done)
    grid: Any = counted.select_related("base_model").order_by("-pk").first()
    if grid is None:
        return None
    cells = grid.cells.filter(picture__isnull=False).select_related("picture").order_by("-done_at")
    return Previews(grid, grid.done, grid.total, list(cells[:SHOWN_CELLS]))


# --- A draft as a whole ---------------------------------------------------------------------------


@dataclass(frozen=True)
class DraftState:
    version: Version
    file: FileState | None
    previews: Previews | None

    @property
    def is_moving(self) -> bool:
        """Whether a page should ask again."""
        file = self.file
        return bool(
            (file and (file.is_arriving or file.is_checking))
            or (self.previews and self.previews.is_under_way)
        )

    @property
    def seen(self) -> str:
        """Changes when there is something else to show."""
        file, previews = self.file, self.previews
        return digest(
            [
                self.version.status,
                file and [str(file.upload.pk), file.upload.state, file.percent, str(file.step)],
                previews and [previews.grid.pk, previews.grid.status, previews.done],
            ]
        )


def draft_state(version: Version) -> DraftState:
    upload = latest_upload(version)
    return DraftState(version, file_state(upload) if upload else None, previews_of(version))


# --- All of one's own -----------------------------------------------------------------------------

# The name in the address, what it is called, and which versions it holds.
_LAST_STATE: Final = Subquery(
    Upload.objects.filter(version=OuterRef("pk"))
    .exclude(state=Upload.State.CANCELLED)
    .order_by("-pk")
    .values("state")[:1]
)
STATES: Final[dict[str, tuple[Text, Q]]] = {
    "drafts": (
        _("Drafts"),
        Q(status__in=[Version.Status.DRAFT, Version.Status.PROCESSING]),
    ),
    "checking": (
        _("Being checked"),
        Q(status=Version.Status.PROCESSING)
        | Q(status=Version.Status.DRAFT, last_upload=Upload.State.RECEIVING),
    ),
    "refused": (
        _("Refused"),
        Q(status=Version.Status.DRAFT, weights_hash="", last_upload__in=TURNED_AWAY),
    ),
    "scheduled": (_("Scheduled"), Q(status=Version.Status.SCHEDULED)),
    "published": (_("Published"), Q(status=Version.Status.PUBLISHED)),
    "withdrawn": (
        _("Withdrawn"),
        Q(status__in=[Version.Status.YANKED, Version.Status.TAKEN_DOWN]),
    ),
}


def versions_of_creator(creator: User, state: str = "") -> "QuerySet[Version]":
    """Theirs in this state, or in any; each with `last_upload`, the state of its newest file."""
    mine = Version.objects.filter(network__creator=creator).annotate(last_upload=_LAST_STATE)
    return mine.filter(STATES[state][1]) if state in STATES else mine


def counts_of_creator(creator: User) -> dict[str, int]:
    """How many there are in each state; they are one person's, so they are counted."""
    mine = versions_of_creator(creator)
    counts: dict[str, int] = mine.aggregate(
        **{name: Count("pk", filter=condition) for name, (_label, condition) in STATES.items()}
    )
    return counts
