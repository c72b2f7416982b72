"""Reading everything that is stored, and comparing it with what the rows promise."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from django.utils import timezone

from registry import storage
from registry.errors import StorageTrouble
from registry.models import Blob


class Verdict(StrEnum):
    SOUND = "sound"
    MISSING = "missing"
    DAMAGED = "damaged"
    UNREADABLE = "unreadable"
    # Bytes without a row: no harm, and the sweep's.
    ORPHAN = "orphan"


@dataclass(frozen=True)
class Checked:
    """One key, what was found, and in which files of which versions it is served."""

    key: str
    verdict: Verdict
    size: int
    detail: str = ""


def verify_storage() -> Iterator[Checked]:
    """Every blob, re-hashed, and then every key that is no blob's. Sound ones are noted as such."""
    for blob in Blob.objects.order_by("pk").iterator():
        checked = _verify(blob)
        if checked.verdict is Verdict.SOUND:
            Blob.objects.filter(pk=blob.pk).update(verified_at=timezone.now())
        elif not Blob.objects.filter(pk=blob.pk).exists():
            continue  # freed while it was read
        yield checked
    yield from _orphans()


def _verify(blob: Blob) -> Checked:
    try:
        found = storage.sha256_of(blob.key)
    except StorageTrouble as trouble:
        return Checked(blob.key, Verdict.UNREADABLE, 0, trouble.reason)
    if found is None:
        return Checked(blob.key, Verdict.MISSING, 0, _served_as(blob))
    if found != (blob.sha256, blob.size):
        detail = f"{found[1]} bytes, SHA256 {found[0]}; {_served_as(blob)}"
        return Checked(blob.key, Verdict.DAMAGED, found[1], detail)
    return Checked(blob.key, Verdict.SOUND, blob.size)


def _served_as(blob: Blob) -> str:
    """Whose downloads are broken: "version 17: ink.pt"."""
    files = blob.files.values_list("version_id", "name")[:5]
    return "; ".join(f"version {version}: {name}" for version, name in files) or "no file"


def _orphans() -> Iterator[Checked]:
    for stored in storage.keys("blobs"):
        name = stored.key.rpartition("/")[2]
        being_written = name.startswith(storage.TEMPORARY)
        if not being_written and not Blob.objects.filter(pk=name).exists():
            yield Checked(stored.key, Verdict.ORPHAN, stored.size)
