"""Pictures that people show with a network: read in the sandbox, kept as our own encoding.

What a picture says of itself links it to every published version that it names: by the hash, else
by the stem where just one creator's network has it.
"""

import io
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, Final

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from registry import audit, pictures
from registry.catalogue import versions_by_hash
from registry.confinement import Limits
from registry.errors import TooMuch, WrongStatus
from registry.infotext import Infotext, UsedNetwork, read_infotext
from registry.models import ContentLevel, Network, Picture, User, Version
from registry.permissions import Action, require
from registry.picture_uploads import UnusablePicture, decoded_by_child
from registry.pictures import free_pictures_after_commit

# Longer ones are made smaller.
SIDE: Final = 2048
MOST_OF_ONE_PERSON: Final = 40
LIMITS: Final = Limits(
    wall_seconds=40, cpu_seconds=20, memory=768 << 20, file_size=SIDE * SIDE * 3 + 4096
)
OUT: Final = (Version.Status.PUBLISHED, Version.Status.YANKED)


class TooManyPictures(TooMuch, code="too-many-pictures"):
    most: int
    sentence = _("You show {most} pictures with this network already. Remove one first.")


def show_picture(
    *, version: Version, by: User, upload: IO[bytes], content_level: str = ContentLevel.GENERAL
) -> Picture:
    """Show it with this version, and with those that it names. The same picture again is the same.

    It is never of a milder level than the network. Raises Forbidden, WrongStatus, TooManyPictures,
    UnusablePicture.
    """
    network = version.network
    require(Action.SHOW_PICTURE, by=by)
    if version.status not in OUT or network.status != Network.Status.PUBLISHED:
        raise WrongStatus(status=version.get_status_display(), needed=[Version.Status.PUBLISHED])
    _require_room(network, by)
    png, said = read_upload(upload)
    level = ContentLevel(content_level)
    if level.is_milder_than(network.content_level):
        level = ContentLevel(network.content_level)
    with pictures.stored(png) as stored, transaction.atomic():
        shown = Picture.objects.filter(owner=by, sha256=stored.sha256, is_preview=False).first()
        if shown is None:
            shown = Picture.objects.create(
                **vars(stored), owner=by, content_level=level, meta=said.as_meta()
            )
        linked = [version, *named_versions(said.networks)]
        shown.versions.add(*linked)
        for each in {each.network for each in linked}:
            pictures.recount(each)
        data = {"picture": shown.pk, "versions": sorted({each.pk for each in linked})}
        audit.record("picture.shown", by=by, on=version, data=data)
    return shown


def remove_picture(*, picture: Picture, by: User | None) -> None:
    """One's own, for good; `by` None: the hub, for who leaves. Raises Forbidden."""
    require(Action.DELETE, by=by, creator=picture.owner)
    with transaction.atomic():
        networks = _networks_of(picture)
        audit.record("picture.removed", by=by, on=picture)
        free_pictures_after_commit([picture.sha256])
        picture.delete()
        for network in networks:
            pictures.recount(network)


def hide_picture(*, picture: Picture, network: Network, by: User, reason: str = "") -> None:
    """From everyone: a moderator's decision, or that of the network's creator. Raises Forbidden."""
    require(Action.HIDE_PICTURE, by=by, creator=network.creator)
    with transaction.atomic():
        if not by.is_moderator and _is_shown_elsewhere(picture, network):
            # A creator decides for his own networks.
            picture.versions.remove(*picture.versions.filter(network=network))
        else:
            Picture.objects.filter(pk=picture.pk).update(hidden_at=timezone.now())
        audit.record("picture.hidden", by=by, on=picture, reason=reason)
        for each in {*_networks_of(picture), network}:
            pictures.recount(each)


def set_picture_level(*, picture: Picture, level: ContentLevel, by: User, reason: str) -> None:
    """Moderators: how grown-up a picture is that somebody shows. Raises Forbidden."""
    require(Action.MODERATE, by=by)
    with transaction.atomic():
        Picture.objects.filter(pk=picture.pk).update(content_level=level)
        data = {"from": picture.content_level, "to": level}
        audit.record("picture.level_set", by=by, on=picture, reason=reason, data=data)


def named_versions(networks: Iterable[UsedNetwork]) -> list[Version]:
    """The listed versions that a picture names, one for each that is recognised."""
    found = []
    for used in networks:
        listed = Version.objects.listed().filter(network__is_listed=True).select_related("network")
        by_hash = listed.filter(pk__in=versions_by_hash(used.hash).values("pk"))
        same = list(by_hash.order_by("published_at", "pk")[:1]) or _only_of_its_name(
            listed.filter(stem=used.name).order_by("-published_at", "-pk")
        )
        found += same
    return found


def _only_of_its_name(versions: Iterable[Version]) -> list[Version]:
    named = list(versions)
    return named[:1] if len({each.network_id for each in named}) == 1 else []


def _require_room(network: Network, by: User) -> None:
    own = Picture.objects.filter(owner=by, is_preview=False, versions__network=network)
    if own.distinct().count() >= MOST_OF_ONE_PERSON:
        raise TooManyPictures(most=MOST_OF_ONE_PERSON)


def _networks_of(picture: Picture) -> set[Network]:
    return set(Network.objects.filter(versions__pictures=picture).defer("search"))


def _is_shown_elsewhere(picture: Picture, network: Network) -> bool:
    return picture.versions.exclude(network=network).exists()


# --- Reading --------------------------------------------------------------------------------------


def read_upload(upload: IO[bytes]) -> tuple[bytes, Infotext]:
    """A PNG of ours with the infotext in it, and what that says. Raises UnusablePicture."""
    with TemporaryDirectory() as folder:
        pixels = Path(folder, "pixels")
        said = decoded_by_child(
            upload,
            module="registry.canvas",
            verb="painting",
            side=SIDE,
            limits=LIMITS,
            outputs={"pixels": pixels},
        )
        image = _image_of(said, pixels)
    infotext = read_infotext(str(said.get("parameters", "")))
    return _as_png(image, infotext.text), infotext


def _image_of(said: dict[str, Any], pixels: Path) -> Image.Image:
    """The child's words are checked: it read hostile bytes."""
    try:
        width, height = int(said["width"]), int(said["height"])
        if not (0 < width <= SIDE and 0 < height <= SIDE):
            raise ValueError
        return Image.frombytes("RGB", (width, height), pixels.read_bytes())
    except (KeyError, TypeError, ValueError, OSError):
        raise UnusablePicture from None


def _as_png(image: Image.Image, parameters: str) -> bytes:
    text = PngInfo()
    if parameters:
        text.add_itxt("parameters", parameters)
    out = io.BytesIO()
    image.save(out, "PNG", pnginfo=text)
    return out.getvalue()
