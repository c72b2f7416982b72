"""Everything that the hub knows of a person, as one archive for that person alone.

A job writes a ZIP of JSON files to `exports/{job}.zip`, where it stays for a week. Secrets are not
in it, nor are bytes of networks and pictures: those are named by hash and by where they are.
"""

import json
import tempfile
import uuid
import zipfile
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core import signing
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from registry import audit, storage
from registry.audit import name_of
from registry.jobs import Failed, Run, enqueue, handler
from registry.models import (
    AuditEvent,
    CollectionEntry,
    File,
    Follow,
    Job,
    Like,
    Network,
    Picture,
    Upload,
    User,
    Version,
)

KIND: Final = "account.export"
FOLDER: Final = "exports"
KEPT_FOR: Final = timedelta(days=7)
_SIGNER: Final = signing.TimestampSigner(salt="registry.exporting")
JSON = dict[str, Any]
Row = Mapping[str, object]

README: Final = """This is what the hub knows of you. Each file is JSON, and its name says what of.

Network files and pictures are not copied: they are named by SHA256 and by where they are.
Passwords, keys and the secrets of second factors are not here; nobody can read them.
"""


def ask_for_export(*, by: User) -> Job:
    """Asking again while one is under way is the same one."""
    job = enqueue(kind=KIND, payload={}, owner=by, key=f"{KIND}:{by.pk}")
    audit.record("export.asked", by=by, on=by)
    return job


def exports_of(user: User) -> QuerySet[Job]:
    """Newest first."""
    return Job.objects.filter(owner=user, kind=KIND).order_by("-pk")


def kept_until(job: Job) -> datetime | None:
    """Until when it can be fetched; None for one that is not there, or no more."""
    if job.state != Job.State.DONE or job.ended_at is None:
        return None
    until = job.ended_at + KEPT_FOR
    return until if until > timezone.now() else None


def key_of(job_id: uuid.UUID) -> str:
    return f"{FOLDER}/{job_id}.zip"


def signature_of(job: Job) -> str:
    """For the link: besides it, only its owner may use it."""
    return _SIGNER.sign(f"{job.pk}")


def export_of_signature(signature: str, *, by: User) -> Job | None:
    """None for a forged or old signature, another person's export, or one that is gone."""
    try:
        key = _SIGNER.unsign(signature, max_age=KEPT_FOR)
    except signing.BadSignature:
        return None
    job = exports_of(by).filter(pk=key).first()
    return job if job and kept_until(job) else None


def old_exports() -> int:
    """Archives whose week is over, or whose person is gone."""
    removed = 0
    since = timezone.now() - KEPT_FOR
    wanted = {
        key_of(pk)
        for pk in Job.objects.filter(kind=KIND, owner__isnull=False)
        .filter(Q(ended_at=None) | Q(ended_at__gte=since))
        .values_list("pk", flat=True)
    }
    for stored in storage.keys(FOLDER):
        if stored.key not in wanted:
            storage.remove(stored.key)
            removed += 1
    return removed


@handler(KIND, queue=Job.Queue.INGEST)
def export(run: Run) -> JSON:
    person = run.job.owner
    if person is None:
        raise Failed(_("This account is no more."))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "export.zip")
        _write(path, person, run)
        with run.fenced():
            storage.put(key_of(run.job.pk), path)
            audit.record("export.made", by=None, on=person)
        return {"size": path.stat().st_size}


def _write(path: Path, person: User, run: Run) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.txt", README)
        for done, (name, rows) in enumerate(PARTS.items()):
            run.checkpoint()
            run.progress(done, len(PARTS), _("Gathering"))
            found = rows(person)
            content: Any = found if isinstance(found, Mapping) else list(found)
            text = json.dumps(content, cls=DjangoJSONEncoder, ensure_ascii=False, indent=2)
            archive.writestr(f"{name}.json", text)


# --- What is in it --------------------------------------------------------------------------------


def _profile(person: User) -> JSON:
    names = ("username", "display_name", "email", "bio", "role", "content_level", "date_joined")
    return {name: getattr(person, name) for name in names} | {
        "avatar": f"{settings.SITE_URL}{person.avatar_url}" if person.avatar else ""
    }


def _keys(person: User) -> Iterator[Row]:
    names = ("name", "prefix", "scopes", "created_at", "expires_at", "last_used_at", "revoked_at")
    yield from person.api_keys.values(*names)


def _webhooks(person: User) -> Iterator[Row]:
    yield from person.webhooks.values("url", "about", "events", "created_at")


def _networks(person: User) -> Iterator[Row]:
    names = (
        *("id", "name", "slug", "kind", "description", "content_level", "licence"),
        *("allow_no_credit", "allow_commercial_use", "allow_derivatives"),
        *("allow_different_licence", "status", "status_reason", "created_at", "published_at"),
        *("download_count", "like_count"),
    )
    networks = Network.objects.filter(creator=person).order_by("pk").prefetch_related("tags")
    for network in networks:
        yield {name: getattr(network, name) for name in names} | {
            "tags": sorted(tag.name for tag in network.tags.all()),
            "address": f"{settings.SITE_URL}/{person.username}/{network.slug}",
        }


def _versions(person: User) -> Iterator[Row]:
    yield from (
        Version.objects.filter(network__creator=person)
        .order_by("pk")
        .values(
            *("id", "network_id", "number", "name", "changelog", "trigger_words", "base_model"),
            *("status", "status_reason", "created_at", "published_at", "yanked_at"),
            *("recommended_strength", "min_strength", "max_strength", "strength_source"),
            *("stem", "layer_structure", "activation", "is_layer_norm", "dropout_structure"),
            *("dims", "dtype", "parameters", "step", "trained_on_name", "trained_on_hash"),
            *("weights_hash", "download_count"),
        )
    )


def _files(person: User) -> Iterator[Row]:
    files = File.objects.filter(version__network__creator=person).order_by("pk")
    names = ("id", "version_id", "name", "format", "flavour", "size", "sha256", "blake3", "crc32")
    for row in files.values(*names, "blob_id"):
        served = row.pop("blob_id") is not None
        address = f"{settings.SITE_URL}/api/download/models/{row['version_id']}?fileId={row['id']}"
        yield row | {"address": address if served else None}


def _uploads(person: User) -> Iterator[Row]:
    names = ("id", "name", "size", "state", "reason", "version_id", "created_at")
    yield from Upload.objects.filter(owner=person).order_by("pk").values(*names)


def _pictures(person: User) -> Iterator[Row]:
    pictures = Picture.objects.filter(owner=person).order_by("pk")
    names = ("id", "sha256", "width", "height", "content_level", "is_preview", "meta", "created_at")
    yield from pictures.values(*names)


def _likes(person: User) -> Iterator[Row]:
    names = ("network_id", "network__name", "network__creator__username", "created_at")
    yield from Like.objects.filter(user=person).order_by("pk").values(*names)


def _collections(person: User) -> Iterator[Row]:
    entries = CollectionEntry.objects.filter(collection__owner=person).order_by("position")
    by_collection: dict[int, list[JSON]] = {}
    kept = ("network_id", "network__name", "note", "added_at")
    for each in entries.values_list("collection_id", *kept):
        by_collection.setdefault(each[0], []).append(dict(zip(kept, each[1:], strict=True)))
    names = ("id", "slug", "name", "description", "is_public", "created_at", "updated_at")
    for row in person.collections.order_by("pk").values(*names):
        yield row | {"networks": by_collection.get(row["id"], [])}


def _follows(person: User) -> Iterator[Row]:
    follows = Follow.objects.filter(follower=person).order_by("pk")
    yield from follows.values("creator__username", "created_at")


def _events(person: User) -> Iterator[Row]:
    """What this person did, and what was done to the account; others are not named."""
    mine = AuditEvent.objects.filter(Q(actor=person) | Q(target=name_of(person))).order_by("pk")
    names = ("at", "action", "target", "reason", "data")
    for event in mine.values(*names, "address", "actor_id"):
        own = event.pop("actor_id") == person.pk
        yield event | {"by_you": own, "address": event["address"] if own else None}


PARTS: Final = {
    "profile": _profile,
    "api_keys": _keys,
    "webhooks": _webhooks,
    "networks": _networks,
    "versions": _versions,
    "files": _files,
    "uploads": _uploads,
    "pictures": _pictures,
    "likes": _likes,
    "collections": _collections,
    "follows": _follows,
    "events": _events,
}
