"""A draft from its first byte on: begun with a file, given another one, saved, thrown away.

These join the registry's verbs for pages: a dropped file is a network, a version and an upload at
once; a form is words, tags, an address and prompts at once.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from hub.publish.merging import Merge, merge
from hub.publish.words import NETWORK_LABELS, words_of
from inference.models import PreviewGrid
from inference.previews import ask_for_grid, forget_grids, set_own_prompts
from registry.errors import BaseModelMismatch, HubError, LevelHeld, UploadNotReady
from registry.models import Network, Upload, User, Version
from registry.networks import create_network, delete_network, free_address, move_draft
from registry.networks import update_network as write_network
from registry.publishing import lock_network
from registry.uploads import cancel_upload, checked_name, create_upload
from registry.versions import (
    create_version,
    delete_version,
    record_measured_strength,
    remove_file,
    update_version,
)

Errors = dict[str, list[str]]
LONGEST_NAME: Final = 60
# What a new version begins with, from the one before it.
CARRIED_ON: Final = ("base_model", "trigger_words")


# --- Begun ----------------------------------------------------------------------------------------


@transaction.atomic
def begin_draft(*, by: User, name: str, size: int, network: Network | None = None) -> Upload:
    """A file of this name and size will come: its upload, into a draft of its own.

    Without a `network` one is made, named after the file. Nothing is left of it when the file is
    not taken. Raises what `create_upload` does, and WrongStatus for a tombstone.
    """
    name = checked_name(name)
    if network is None:
        title = _title_of(name)
        network = create_network(by=by, name=title, kind=Network.Kind.STYLE)
    last = network.versions.order_by("-number").first()
    words: Any = {each: getattr(last, each) for each in CARRIED_ON} if last else {}
    version = create_version(network=network, by=by, **words)
    version.network = network
    return create_upload(by=by, name=name, size=size, version=version)


@transaction.atomic
def begin_again(*, version: Version, by: User, name: str, size: int) -> Upload:
    """Another file for a draft, in the place of whatever it had. Raises likewise."""
    drop_uploads(version=version, by=by)
    forget_grids(version=version, by=by)
    version = remove_file(version=version, by=by)
    return create_upload(by=by, name=name, size=size, version=version)


def drop_uploads(*, version: Version, by: User) -> None:
    """Give up what is still on its way into this draft."""
    for upload in version.uploads.filter(state=Upload.State.RECEIVING):
        try:
            cancel_upload(upload=upload, by=by)
        except UploadNotReady:
            continue  # it has just come whole: `remove_file` stops the check


def _title_of(name: str) -> str:
    """ "ink_wash.pt" is "ink wash"."""
    stem = name.rpartition(".")[0] or name
    return " ".join(stem.replace("_", " ").split())[:LONGEST_NAME].strip() or name[:LONGEST_NAME]


def begin_previews(*, version: Version, by: User) -> None:
    """Once the file is checked and its base model said, its first grid; later ones are asked for.

    A network of a base model that nobody has here stays without pictures, and its page says so.
    """
    version.refresh_from_db()
    if version.weights_hash and version.base_model and not version.preview_grids.exists():
        with suppress(HubError):
            ask_for_grid(version=version, by=by)


# --- Thrown away ----------------------------------------------------------------------------------


@transaction.atomic
def throw_away(*, version: Version, by: User) -> None:
    """A draft, its file, and its network where nothing else of it was ever there."""
    drop_uploads(version=version, by=by)
    alone = not version.network.versions.exclude(pk=version.pk).exists()
    if alone and version.network.status == Network.Status.DRAFT:
        delete_network(network=version.network, by=by)
    else:
        delete_version(version=version, by=by)


# --- Saved ----------------------------------------------------------------------------------------


@dataclass
class Saved:
    """What became of a form: merged, and what the verbs objected to, by field."""

    merge: Merge
    errors: Errors = field(default_factory=dict)

    @property
    def is_whole(self) -> bool:
        return not (self.merge.conflicts or self.errors)

    @property
    def written(self) -> set[str]:
        return self.merge.write.keys() - self.errors.keys()


@transaction.atomic
def save_words(
    *,
    network: Network,
    version: Version | None,
    by: User,
    said: Mapping[str, Any],
    seen: Mapping[str, str],
) -> Saved:
    """Save what this form changed, each field that can be; `seen` are digests of what it showed.

    Without a `version` the network's words alone. Raises Forbidden, WrongStatus,
    VersionIsPublished. Two at once are one after the other.
    """
    # The verbs lock again, in the same order.
    network = lock_network(network)
    if version is not None:
        version = network.versions.get(pk=version.pk)
        version.network = network
    saved = Saved(merge(stored=words_of(network, version), said=said, seen=seen))
    of_network = {k: v for k, v in saved.merge.write.items() if k in NETWORK_LABELS}
    of_version = {k: v for k, v in saved.merge.write.items() if k not in NETWORK_LABELS}
    saved.errors |= _write_network(network, by, of_network)
    if version is not None:
        saved.errors |= _write_version(version, by, of_version)
    return saved


def _write_network(network: Network, by: User, words: Mapping[str, Any]) -> Errors:
    plain = {name: value for name, value in words.items() if name != "slug"}
    errors = _each_that_can(lambda **w: write_network(network=network, by=by, **w), plain)
    renamed = "name" in words and not words.get("slug") and "name" not in errors
    if "slug" in words or (renamed and _has_moved_with_its_name(network)):
        errors |= _move(network, by, words.get("slug", ""))
    return errors


def _has_moved_with_its_name(network: Network) -> bool:
    """`network` is as it was before it was renamed."""
    return network.status == Network.Status.DRAFT and words_of(network, None)["slug"] == ""


def _move(network: Network, by: User, slug: str) -> Errors:
    try:
        with transaction.atomic():
            move_draft(network=network, slug=slug, by=by)
    except ValidationError as error:
        free = free_address(network, like=slug)
        sentence = " ".join(error.messages)
        if NON_FIELD_ERRORS in error.message_dict:
            sentence += " " + _("“%(slug)s” is free.") % {"slug": free}
        return {"slug": [sentence]}
    return {}


def _write_version(version: Version, by: User, words: Mapping[str, Any]) -> Errors:
    names = {"version_name": "name"}
    taken: dict[str, Any] = {}
    for name, value in words.items():
        if name == "strength":
            taken |= dict(
                zip(("recommended_strength", "min_strength", "max_strength"), value, strict=True)
            )
        elif name != "prompts":
            taken[names.get(name, name)] = value
    found = _each_that_can(lambda **w: update_version(version=version, by=by, **w), taken)
    back = {"name": "version_name", "recommended_strength": "strength"}
    errors = {back.get(name, name): sentences for name, sentences in found.items()}
    if "version_name" in errors:
        errors["version_name"] += [_suggested_name(version)]
    if words.get("strength", [""])[0] is None and "strength" not in errors:
        _recall_measured(version)
    if "prompts" in words:
        try:
            with transaction.atomic():
                set_own_prompts(version=version, texts=words["prompts"], by=by)
        except ValidationError as error:
            errors["prompts"] = error.messages
    return errors


def _recall_measured(version: Version) -> None:
    """Its creator says no strength any more: what the previews measured counts again."""
    done = version.preview_grids.filter(status=PreviewGrid.Status.DONE).order_by("-pk").first()
    if done is not None and done.measured.get("recommended") is not None:
        record_measured_strength(
            version=version,
            recommended=done.measured["recommended"],
            least=done.measured["least"],
            most=done.measured["most"],
        )


def _suggested_name(version: Version) -> str:
    others = version.network.versions.exclude(pk=version.pk)
    taken = set(others.values_list("name", flat=True))
    free = next(n for k in range(version.number, 10_000) if (n := f"v{k}") not in taken)
    return _("“%(name)s” is free.") % {"name": free}


def _each_that_can(update: Callable[..., object], words: Mapping[str, Any]) -> Errors:
    """Write these, without those that are objected to: what is right is never lost for the rest."""
    words = dict(words)
    errors: Errors = {}
    while words:
        try:
            with transaction.atomic():
                update(**words)
            return errors
        except (ValidationError, LevelHeld, BaseModelMismatch) as objection:
            found = _by_field(objection, words)
        errors |= found
        words = {name: value for name, value in words.items() if name not in found}
    return errors


def _by_field(
    objection: ValidationError | LevelHeld | BaseModelMismatch, words: Iterable[str]
) -> Errors:
    """Which of the words is meant. An objection to none of them is the first one's."""
    if isinstance(objection, LevelHeld):
        return {"content_level": [objection.message]}
    if isinstance(objection, BaseModelMismatch):
        return {"base_model": [objection.message]}
    given = list(words)
    found: Errors = {}
    for name, sentences in objection.message_dict.items():
        # Constraints over several columns name none: a version's name, or a strength's range.
        place = name if name in given else "name" if "name" in given else given[0]
        found.setdefault(place, []).extend(sentences)
    return found
