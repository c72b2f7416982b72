"""What reports and decisions are about, by the name that the audit trail gives it.

Subject.of(network).name            "registry.network:17"
Subject.named("registry.network:17")
find_all(subjects)                  the rows, a query for each kind
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from django.db.models import Prefetch, QuerySet
from django.utils.translation import gettext as _

from registry.models import Network, Picture, Upload, User, Version

Thing = Network | Version | Picture | User | Upload


class Kind(StrEnum):
    """As addresses spell it."""

    NETWORK = "network"
    VERSION = "version"
    PICTURE = "picture"
    CREATOR = "creator"
    UPLOAD = "upload"


_MODELS: Final[Mapping[Kind, type[Thing]]] = {
    Kind.NETWORK: Network,
    Kind.VERSION: Version,
    Kind.PICTURE: Picture,
    Kind.CREATOR: User,
    Kind.UPLOAD: Upload,
}
_KINDS: Final = {model._meta.label_lower: kind for kind, model in _MODELS.items()}


@dataclass(frozen=True)
class Subject:
    kind: Kind
    key: int | UUID

    @classmethod
    def of(cls, thing: Thing) -> "Subject":
        return cls(_KINDS[thing._meta.label_lower], thing.pk)

    @classmethod
    def spelt(cls, kind: str, key: str) -> "Subject":
        """As addresses do. Raises ValueError for what is none."""
        known = Kind(kind)
        if known is Kind.UPLOAD:
            return cls(known, UUID(key))
        if not (key.isascii() and key.isdigit() and len(key) <= 18):
            raise ValueError(key)
        return cls(known, int(key))

    @classmethod
    def named(cls, name: str) -> "Subject":
        """As the audit trail does. Raises ValueError."""
        label, _colon, key = name.partition(":")
        if label not in _KINDS:
            raise ValueError(name)
        return cls.spelt(_KINDS[label], key)

    @property
    def name(self) -> str:
        return f"{_MODELS[self.kind]._meta.label_lower}:{self.key}"


# --- Rows -----------------------------------------------------------------------------------------


def find(subject: Subject) -> Thing | None:
    """None for what is no more."""
    return find_all([subject]).get(subject)


def find_all(subjects: Iterable[Subject]) -> dict[Subject, Thing]:
    """Those that are still there, with whose they are."""
    keys: dict[Kind, list[Any]] = defaultdict(list)
    for subject in subjects:
        keys[subject.kind].append(subject.key)
    return {
        Subject(kind, row.pk): row for kind in keys for row in _rows(kind).filter(pk__in=keys[kind])
    }


def _rows(kind: Kind) -> QuerySet[Any]:
    match kind:
        case Kind.NETWORK:
            return Network.objects.select_related("creator").defer("search")
        case Kind.VERSION:
            heavy = ("facts", "network__search")
            return Version.objects.select_related("network__creator").defer(*heavy)
        case Kind.PICTURE:
            shown_with = _rows(Kind.VERSION).order_by("pk")
            related = Picture.objects.select_related("owner")
            return related.prefetch_related(Prefetch("versions", shown_with))
        case Kind.CREATOR:
            return User.objects.all()
        case Kind.UPLOAD:
            return Upload.objects.select_related("owner").prefetch_related("findings")


# --- What a row says of itself --------------------------------------------------------------------


def creator_of(thing: Thing) -> User | None:
    """Whose it is; None for pictures that belong to nobody."""
    match thing:
        case Network():
            return thing.creator
        case Version():
            return thing.network.creator
        case Picture() | Upload():
            return thing.owner
        case User():
            return thing


def network_of(thing: Thing) -> Network | None:
    """The one on whose page it is; of a picture the first that it is shown with."""
    match thing:
        case Network():
            return thing
        case Version():
            return thing.network
        case Picture():
            return next((version.network for version in thing.versions.all()), None)
        case _:
            return None


def title_of(thing: Thing) -> str:
    """What people call it."""
    match thing:
        case Network():
            return thing.name
        case Version():
            return f"{thing.network.name} · {thing.name}"
        case Picture():
            owner = thing.owner.name if thing.owner else "–"
            return _("A picture by %(name)s") % {"name": owner}
        case User() | Upload():
            return thing.name
