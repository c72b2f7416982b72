"""Networks: made, described, deleted, taken down. The verbs; reading is on the QuerySets."""

from collections.abc import Iterable
from typing import Final, TypedDict, Unpack

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from registry import audit
from registry.blobs import free_after_commit
from registry.errors import BytesGone, LevelHeld, WrongStatus
from registry.models import ContentLevel, File, Network, User
from registry.permissions import Action, require
from registry.publishing import lock_network, refresh_listing
from registry.signals import (
    announce,
    network_created,
    network_deleted,
    network_restored,
    network_taken_down,
    network_updated,
)
from registry.slugs import RESERVED_SLUGS, numbered, slug_of
from registry.tagging import resolve_tags
from registry.versions import delete_drafts

ADDRESS_ATTEMPTS: Final = 100
TAKEDOWN_FIELDS: Final = ("status", "status_reason", "taken_down_at", "updated_at")


class NetworkWords(TypedDict, total=False):
    """What its creator says of a network; each as on the model."""

    name: str
    kind: str
    description: str
    content_level: str
    licence: str
    allow_no_credit: bool
    allow_commercial_use: list[str]
    allow_derivatives: bool
    allow_different_licence: bool


def create_network(
    *, by: User, slug: str = "", tags: Iterable[str] = (), **words: Unpack[NetworkWords]
) -> Network:
    """A draft, at an address made from its name unless `slug` says another.

    Raises Forbidden, or ValidationError: for what is not taken, and for an address that is.
    """
    require(Action.CREATE, by=by, creator=by)
    _refuse_reserved(slug)
    network = Network(creator=by, slug=slug, **words)
    network.full_clean(exclude=["slug"] if not slug else [])
    with transaction.atomic():
        if slug:
            _save_at(network)
        else:
            _save_at_free_address(network)
        _set_tags(network, tags)
        audit.record("network.created", by=by, on=network, data={"slug": network.slug})
        announce(network_created, network=network, by=by)
    return network


def update_network(
    *,
    network: Network,
    by: User | None,
    tags: Iterable[str] | None = None,
    reason: str = "",
    **words: Unpack[NetworkWords],
) -> Network:
    """Change its words, and its tags if given. Moderators may set tags and the content level.

    Below the level that they set its creator may not go; `reason` is theirs, and shown then.
    Raises Forbidden, WrongStatus for a tombstone, ValidationError.
    """
    with transaction.atomic():
        network = lock_network(network)
        for action in _actions(words, tags):
            require(action, by=by, creator=network.creator)
        _require_status(network, Network.Status.DRAFT, Network.Status.PUBLISHED)
        said = {**words, **_level_of_moderators(network, words, by=by, reason=reason)}
        changed = {k: v for k, v in said.items() if getattr(network, k) != v}
        for field, value in changed.items():
            setattr(network, field, value)
        network.full_clean(exclude=["slug"])
        if tags is not None:
            _set_tags(network, tags)
        refresh_listing(network, changed=[*changed, "description_html", "updated_at"])
        fields = [*(k for k in changed if k in words), *(["tags"] if tags is not None else [])]
        audit.record("network.changed", by=by, on=network, reason=reason, data={"fields": fields})
        if fields:
            announce(network_updated, network=network, by=by, fields=fields)
    return network


def move_draft(*, network: Network, slug: str, by: User | None) -> Network:
    """Give a draft another address: `slug`, or for "" a free one made from its name.

    Once published an address stays: pages and clients link to it. Raises Forbidden, WrongStatus,
    and ValidationError for what is no address, or is taken.
    """
    _refuse_reserved(slug)
    with transaction.atomic():
        network = lock_network(network)
        require(Action.EDIT, by=by, creator=network.creator)
        _require_status(network, Network.Status.DRAFT)
        before, network.slug = network.slug, slug or free_address(network)
        network.full_clean()
        network.save(update_fields=["slug", "updated_at"])
        data = {"from": before, "to": network.slug}
        audit.record("network.moved", by=by, on=network, data=data)
    return network


def free_address(network: Network, *, like: str = "") -> str:
    """The first free one for it among its creator's: its own counts as free.

    Made from `like`, a slug, or else from its name.
    """
    slug = like or slug_of(network.name, fallback=network.kind)
    others = Network.objects.filter(creator=network.creator).exclude(pk=network.pk)
    taken = set(others.filter(slug__startswith=slug[:60]).values_list("slug", flat=True))
    numbers = range(1, len(taken) + 2)
    return next(each for n in numbers if (each := numbered(slug, n)) not in taken)


def delete_network(*, network: Network, by: User | None, reason: str = "") -> Network | None:
    """A draft is gone for good (None); of a published one the tombstone stays, without bytes."""
    with transaction.atomic():
        network = lock_network(network)
        require(Action.DELETE, by=by, creator=network.creator)
        _require_status(network, Network.Status.DRAFT, Network.Status.PUBLISHED)
        delete_drafts(network)
        audit.record(
            "network.deleted", by=by, on=network, reason=reason, data={"slug": network.slug}
        )
        if not network.versions.exists():
            network.delete()
            return None
        network.status, network.status_reason = Network.Status.ARCHIVED, reason
        refresh_listing(network, changed=["status", "status_reason", "updated_at"])
        free_bytes(network)
        announce(network_deleted, network=network, by=by)
    return network


def take_down_network(*, network: Network, reason: str, by: User | None) -> Network:
    """Moderators: nothing of it is served any more. The bytes wait for an appeal, then go."""
    with transaction.atomic():
        network = lock_network(network)
        require(Action.TAKE_DOWN, by=by)
        _require_status(network, Network.Status.DRAFT, Network.Status.PUBLISHED)
        network.status, network.status_reason = Network.Status.TAKEN_DOWN, reason
        network.taken_down_at = timezone.now()
        refresh_listing(network, changed=TAKEDOWN_FIELDS)
        audit.record("network.taken_down", by=by, on=network, reason=reason)
        announce(network_taken_down, network=network, by=by)
    return network


def restore_network(*, network: Network, by: User | None, reason: str = "") -> Network:
    """Moderators, after an appeal. Raises BytesGone when the files were erased meanwhile."""
    with transaction.atomic():
        network = lock_network(network)
        require(Action.RESTORE, by=by)
        _require_status(network, Network.Status.TAKEN_DOWN)
        if _files_of(network).filter(blob=None).exists():
            raise BytesGone
        published = network.published_at is not None
        network.status = Network.Status.PUBLISHED if published else Network.Status.DRAFT
        network.status_reason, network.taken_down_at = "", None
        refresh_listing(network, changed=TAKEDOWN_FIELDS)
        audit.record("network.restored", by=by, on=network, reason=reason)
        announce(network_restored, network=network, by=by)
    return network


def free_bytes(network: Network) -> None:
    """Let go of all its bytes; hashes and names stay. The caller holds the network's row."""
    files = _files_of(network).filter(blob__isnull=False)
    digests = list(files.values_list("blob_id", flat=True))
    files.update(blob=None)
    free_after_commit(digests)


def _files_of(network: Network) -> QuerySet[File]:
    return File.objects.filter(version__network=network)


def _refuse_reserved(slug: str) -> None:
    if slug in RESERVED_SLUGS:
        raise ValidationError({"slug": _("This is an address of the hub’s own. Choose another.")})


def _save_at(network: Network) -> None:
    """At the address that was chosen. Raises ValidationError where another was quicker."""
    try:
        with transaction.atomic():
            network.save(force_insert=True)
    except IntegrityError:
        network.validate_constraints()
        raise


def _save_at_free_address(network: Network) -> None:
    slug = slug_of(network.name, fallback=network.kind)
    for number in range(1, ADDRESS_ATTEMPTS):
        network.slug = numbered(slug, number)
        try:
            with transaction.atomic():
                network.save(force_insert=True)
            return
        except IntegrityError:
            if not Network.objects.filter(creator=network.creator, slug=network.slug).exists():
                raise
    network.validate_constraints()


def _set_tags(network: Network, tags: Iterable[str]) -> None:
    network.tags.set(resolve_tags(tags))


def _actions(words: NetworkWords, tags: Iterable[str] | None) -> set[Action]:
    """What is being done, by the fields that change."""
    actions = {Action.SET_CONTENT_LEVEL if k == "content_level" else Action.EDIT for k in words}
    return actions | ({Action.SET_TAGS} if tags is not None else set()) or {Action.EDIT}


def _level_of_moderators(
    network: Network, words: NetworkWords, *, by: User | None, reason: str
) -> dict[str, str]:
    """What is kept of a level that a moderator sets. Raises LevelHeld for who goes below it."""
    level = words.get("content_level")
    if level not in ContentLevel.values or by is None:
        return {}
    if by != network.creator:
        return {"least_content_level": level, "level_reason": reason}
    least = ContentLevel(network.least_content_level)
    if ContentLevel(level).is_milder_than(least):
        raise LevelHeld(level=str(least.label), reason=network.level_reason)
    return {}


def _require_status(network: Network, *needed: Network.Status) -> None:
    if network.status not in needed:
        raise WrongStatus(
            status=network.get_status_display(), needed=[str(each.label) for each in needed]
        )
