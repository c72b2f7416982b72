"""Publishing from a terminal: the same verbs as the pages and the API, one after the other.

The file is checked before anything is made of it, so that a refused one leaves nothing behind.
"""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import transaction

from registry import storage
from registry.base_models import require_fitting, suggested
from registry.ingest import attach_upload
from registry.jobs.worker import run_next
from registry.models import Job, Network, Upload, User, Version
from registry.networks import create_network
from registry.publishing import publish_version, schedule_version
from registry.uploads import create_upload, receive_file
from registry.versions import create_version

POLL_SECONDS = 0.1
WORKER = "terminal"


class Refused(Exception):
    """The upload did not become a file; its state, reason and findings say why."""

    def __init__(self, upload: Upload) -> None:
        super().__init__(upload.reason)
        self.upload = upload


@dataclass(frozen=True)
class Publication:
    """What to publish a file as. `slug` of an existing network of the creator makes it the next
    version there; otherwise the `network` words make a new one."""

    creator: User
    slug: str = ""
    network: dict[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    version: dict[str, Any] = field(default_factory=dict)
    publish_at: datetime | None = None
    as_draft: bool = False


def check_file(path: Path, *, by: User, follow: Callable[[Job], None]) -> Upload:
    """Upload and check it, here and now or by whichever worker is faster. Raises Refused."""
    upload = create_upload(by=by, name=path.name, size=path.stat().st_size)
    copy = storage.incoming(upload.pk) / "copy"
    shutil.copyfile(path, copy)
    return _followed(receive_file(upload=upload, path=copy), follow)


def publish_checked(
    upload: Upload, publication: Publication, *, follow: Callable[[Job], None]
) -> Version:
    """Make the checked upload a version, and publish it as asked. Raises what the verbs raise."""
    words = dict(publication.version)
    dims = upload.report["reading"]["dims"]
    words.setdefault("base_model", suggested(dims) or "")
    require_fitting(words["base_model"], dims=dims)
    by = publication.creator
    with transaction.atomic():
        version = create_version(network=_network(publication), by=by, **words)
        attach_upload(upload=upload, version=version, by=by)
    upload.refresh_from_db()
    _followed(upload, follow)
    if publication.as_draft:
        return version
    if publication.publish_at is not None:
        return schedule_version(version=version, at=publication.publish_at, by=by)
    return publish_version(version=version, by=by)


def _network(publication: Publication) -> Network:
    """The one named, or a new one. Raises Network.DoesNotExist."""
    creator = publication.creator
    if publication.slug and not publication.network:
        return Network.objects.get(creator=creator, slug=publication.slug)
    return create_network(
        by=creator, slug=publication.slug, tags=publication.tags, **publication.network
    )


def _followed(upload: Upload, follow: Callable[[Job], None]) -> Upload:
    """See its job to the end. Raises Refused."""
    if upload.job is not None:
        follow(upload.job)
    upload.refresh_from_db()
    if upload.state != Upload.State.READY:
        raise Refused(upload)
    return upload


def see_through(job: Job) -> None:
    """Be a worker of the job's queue until it has ended, here or in another worker."""
    while Job.objects.unfinished().filter(pk=job.pk).exists():
        if run_next(queue=job.queue, worker=WORKER) is None:
            time.sleep(POLL_SECONDS)
