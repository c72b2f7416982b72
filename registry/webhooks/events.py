"""What happens here, as webhooks tell it.

Heard in the transaction of the change: if somebody listens, a job is written beside it that will
write a delivery for each webhook. Whose networks it is about, and whether everyone may know, is
decided at that moment.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.db.models import Q, QuerySet
from django.dispatch import Signal, receiver

from registry import signals
from registry.jobs import Run, enqueue, handler
from registry.models import Job, Network, Upload, Version, Webhook
from registry.webhooks.deliveries import start_delivery

Event = Webhook.Event
JSON = dict[str, Any]


@dataclass(frozen=True)
class Happening:
    """`owner` is the key of the person whose thing it is about."""

    event: str
    owner: int
    # Whether those hear of it who listen to everything.
    public: bool
    data: JSON


@receiver(signals.announced, dispatch_uid="webhooks")
def on_announced(sender: Signal, *, what: Mapping[str, Any], **_: Any) -> None:
    """Never in the way of the change itself: what fails here leaves that transaction whole."""
    if (teller := TELLERS.get(sender)) is None:
        return
    with transaction.atomic():
        event, tell = teller
        if not Webhook.objects.in_service().filter(events__contains=[event]).exists():
            return
        happening = tell(event, what)
        if happening is not None and listeners(happening).exists():
            enqueue(kind="webhooks.announce", payload=asdict(happening), owner=None)


@handler("webhooks.announce", queue=Job.Queue.NOTIFY)
def announce(run: Run) -> dict[str, Any]:
    """A delivery for each listener, all or none of them."""
    happening = Happening(**run.payload)
    with run.fenced():
        webhooks = list(listeners(happening).select_related("owner"))
        for webhook in webhooks:
            start_delivery(webhook=webhook, event=Event(happening.event), data=happening.data)
    return {"webhooks": len(webhooks)}


def listeners(happening: Happening) -> QuerySet[Webhook]:
    whose = Q(owner=happening.owner)
    if happening.public:
        whose |= Q(about=Webhook.About.ALL)
    return Webhook.objects.in_service().filter(whose, events__contains=[happening.event])


# --- What there is to tell ------------------------------------------------------------------------


def _of_network(event: str, what: Mapping[str, Any]) -> Happening:
    network: Network = what["network"]
    data: JSON = {"model": model(network)}
    if fields := what.get("fields"):
        data["changed"] = list(fields)
    return Happening(event, network.creator_id, _is_public(network), data)


def _of_version(event: str, what: Mapping[str, Any]) -> Happening:
    version: Version = what["version"]
    network = version.network
    public = _is_public(network) and _is_public(version)
    data = {"model": model(network), "version": version_of(version)}
    return Happening(event, network.creator_id, public, data)


def _of_upload(event: str, what: Mapping[str, Any]) -> Happening:
    upload: Upload = what["upload"]
    data = {
        "id": str(upload.pk),
        "name": upload.name,
        "state": upload.state,
        "reason": upload.reason,
        "versionId": upload.version_id,
        "url": f"{settings.SITE_URL}/api/v1/uploads/{upload.pk}",
    }
    return Happening(event, upload.owner_id, False, {"upload": data})


def _of_job(event: str, what: Mapping[str, Any]) -> Happening | None:
    """Rendering and training; checks have an event of their own, housekeeping concerns nobody."""
    job: Job = what["job"]
    if job.owner_id is None or job.queue not in (Job.Queue.RENDER, Job.Queue.TRAIN):
        return None
    data = {"id": str(job.pk), "kind": job.kind, "state": job.state, "reason": job.reason}
    return Happening(event, job.owner_id, False, {"job": data})


Teller = Callable[[str, Mapping[str, Any]], Happening | None]
TELLERS: Final[Mapping[Signal, tuple[Event, Teller]]] = {
    signals.network_created: (Event.NETWORK_CREATED, _of_network),
    signals.network_updated: (Event.NETWORK_UPDATED, _of_network),
    signals.network_deleted: (Event.NETWORK_DELETED, _of_network),
    signals.network_taken_down: (Event.NETWORK_TAKEN_DOWN, _of_network),
    signals.network_restored: (Event.NETWORK_RESTORED, _of_network),
    signals.version_published: (Event.VERSION_PUBLISHED, _of_version),
    signals.version_yanked: (Event.VERSION_YANKED, _of_version),
    signals.version_unyanked: (Event.VERSION_UNYANKED, _of_version),
    signals.version_taken_down: (Event.VERSION_TAKEN_DOWN, _of_version),
    signals.version_restored: (Event.VERSION_RESTORED, _of_version),
    signals.previews_finished: (Event.PREVIEWS_FINISHED, _of_version),
    signals.upload_checked: (Event.UPLOAD_CHECKED, _of_upload),
    signals.job_ended: (Event.JOB_ENDED, _of_job),
}


# --- Shapes: little, and where to read the rest ---------------------------------------------------


def model(network: Network) -> JSON:
    return {
        "id": network.pk,
        "name": network.name,
        "kind": network.kind,
        "contentLevel": network.content_level,
        "status": network.status,
        "reason": network.status_reason,
        "creator": network.creator.username,
        "address": f"{settings.SITE_URL}{network.get_absolute_url()}",
        "url": f"{settings.SITE_URL}/api/v1/models/{network.pk}",
    }


def version_of(version: Version) -> JSON:
    primary = version.files.filter(is_primary=True).first()
    return {
        "id": version.pk,
        "name": version.name,
        "status": version.status,
        "reason": version.status_reason,
        "baseModel": version.base_model,
        "trainedWords": version.trigger_words,
        "publishedAt": version.published_at.isoformat() if version.published_at else None,
        "sha256": primary.sha256.upper() if primary else None,
        "fileName": primary.name if primary else None,
        "url": f"{settings.SITE_URL}/api/v1/model-versions/{version.pk}",
        "downloadUrl": f"{settings.SITE_URL}/api/download/models/{version.pk}",
    }


def _is_public(row: Network | Version) -> bool:
    """Whether anyone may know of it; a draft that was taken down was never anyone's to know."""
    if row.published_at is None:
        return False
    visible = type(row).objects.visible_to(AnonymousUser())
    return bool(visible.filter(pk=row.pk).exists())
