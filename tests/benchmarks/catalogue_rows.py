"""Rows of an invented catalogue, as text for COPY: the same for the same numbers.

Shaped as such places are: a few tags, words and creators are everywhere and most are rare; a few
networks have most of the downloads. The files' bytes do not exist. `facts` has what the API shows
of it, not the whole report.
"""

import json
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Final

from registry.formats.compatibility import served
from registry.formats.flavors import Flavor
from registry.formats.hypernetwork import HypernetworkSpec
from registry.markdown import to_html
from registry.models import BaseModelName, Network, Version
from registry.publishing import works_with

SEED: Final = 20221114
FIRST_DAY: Final = datetime(2022, 11, 14, tzinfo=UTC)
LAST_DAY: Final = datetime(2026, 11, 14, tzinfo=UTC)
# fmt: off
ADJECTIVES: Final = (
    "soft", "dark", "vivid", "wet", "gentle", "grainy", "neon", "pale", "bold", "misty", "golden",
    "rough", "quiet", "electric", "dusty", "crisp", "faded", "lush", "stark", "warm",
)
MATTERS: Final = (
    "watercolour", "ink", "anime", "portrait", "oil", "pastel", "charcoal", "gouache", "pixel",
    "photo", "comic", "poster", "engraving", "line", "landscape", "collage", "fresco", "woodcut",
    "sketch", "stained", "clay", "paper", "chrome", "velvet", "ceramic", "moss", "marble", "glitch",
)
SYLLABLES: Final = (
    "ka", "ri", "mo", "te", "shi", "lan", "dor", "vel", "mi", "ra", "zu", "ne", "bar", "tol", "is",
    "an", "eth", "ul", "gra", "pho", "sel", "wyn", "ost", "hel", "qui", "fen", "jor", "da", "lu",
)
SENTENCES: Final = (
    "Trained on **forty scans** of my own sketchbooks at 512 px.",
    "More than `0.9` burns the picture; between 0.5 and 0.7 it keeps the prompt.",
    "Works best with short prompts and a plain background.",
    "Ask for *morning light* or *heavy rain*, and leave the rest to it.",
    "The first version had trouble with hands, this one has less.",
    "Faces come out calm, colours a little warmer than those of the base model.",
    "Thanks to everyone who sent pictures and told me what was wrong with the last one.",
)
# fmt: on
CHANGES: Final = ("First release.", "Better hands, less noise.", "Trained for *longer*.", "")
BASES: Final = tuple(BaseModelName.values)
FORMATS: Final = ((".pt", "PickleTensor"), (".safetensors", "SafeTensor"))
ACTIVATIONS: Final = ("linear", "relu", "leakyrelu", "elu", "swish", "tanh", "sigmoid")
# A table and a line for it.
Line = tuple[str, str]


@dataclass(frozen=True)
class Sizes:
    """How many of each; everything else follows from the number of networks."""

    networks: int

    @property
    def creators(self) -> int:
        return max(10, self.networks // 20)

    @property
    def tags(self) -> int:
        return min(4000, max(50, self.networks // 10))

    @property
    def proper_names(self) -> int:
        return min(60_000, max(200, self.networks // 4))


class Fates:
    """Picks with Zipf's law: the n-th of a list is taken as often as 1/n says."""

    def __init__(self, chance: random.Random, count: int, *, flatness: float = 10) -> None:
        self._chance = chance
        self._count = range(count)
        self._weights = list(accumulate(1 / (n + flatness) for n in range(count)))

    def many(self, number: int) -> list[int]:
        return self._chance.choices(self._count, cum_weights=self._weights, k=number)


def copied(*values: object) -> str:
    """A line of COPY's text format, of values that need no escaping."""
    return "\t".join(map(str, values)) + "\n"


def escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")


def array(values: Iterable[object]) -> str:
    return "{" + ",".join(f'"{value}"' for value in values) + "}"


@dataclass(frozen=True)
class Kind:
    """Versions come in few kinds of facts: each is written out once."""

    activation: str
    facts: str
    works_with: str


def kinds() -> list[Kind]:
    return [_kind(activation) for activation in ACTIVATIONS]


def _kind(activation: str) -> Kind:
    spec = HypernetworkSpec(
        name="network", activation_func=activation, activate_output=False, step=20_000
    )
    cells = [cell.as_dict() for cell in served(spec, Flavor.PORTABLE, stem="network")]
    facts = {"spec": spec.as_dict(), "base_family": "sd1", "compatibility": cells}
    apps = works_with(Version(facts=facts))
    return Kind(activation, escaped(json.dumps(facts)), array(apps))


@dataclass(frozen=True)
class Catalogue:
    """The lines of all catalogue."""

    sizes: Sizes

    def users(self) -> Iterator[Line]:
        for key in range(1, self.sizes.creators + 1):
            name = f"painter-{key}"
            yield "registry_user", copied(key, name, f"{name}@example.org", FIRST_DAY)

    def tags(self) -> Iterator[Line]:
        for key, name in enumerate(self.tag_names(), start=1):
            yield "registry_tag", copied(key, name, ("style", "subject", "general")[key % 3])

    def tag_names(self) -> list[str]:
        plain = [*MATTERS, *(f"{a} {m}" for m in MATTERS for a in ADJECTIVES)]
        invented = (f"{each} style" for each in self.proper_names())
        return [*plain, *invented][: self.sizes.tags]

    def proper_names(self) -> list[str]:
        chance = random.Random(SEED)  # noqa: S311
        found: dict[str, None] = {}
        while len(found) < self.sizes.proper_names:
            found["".join(chance.choices(SYLLABLES, k=chance.choice((2, 3, 3, 4))))] = None
        return list(found)

    def networks(self) -> Iterator[Line]:
        """Networks with their versions, files, originals and pictures."""
        invention = _Invention(self)
        for key in range(1, self.sizes.networks + 1):
            yield from invention.network(key)


class _Invention:
    def __init__(self, catalogue: Catalogue) -> None:
        self.chance = chance = random.Random(SEED + 1)  # noqa: S311
        self.tag_names = catalogue.tag_names()
        self.proper_names = catalogue.proper_names()
        self.kinds = kinds()
        self.tags = Fates(chance, len(self.tag_names))
        self.names = Fates(chance, len(self.proper_names), flatness=100)
        self.creators = Fates(chance, catalogue.sizes.creators, flatness=50)
        # The last versions come two months after the first ones.
        self.seconds = int((LAST_DAY - FIRST_DAY - timedelta(days=60)).total_seconds())
        texts = [" ".join(chance.sample(SENTENCES, 3)) for _ in range(40)]
        texts += ["\n\n".join(chance.sample(SENTENCES, 4)) for _ in range(40)]
        self.texts = [(escaped(text), escaped(to_html(text))) for text in texts]
        self.changes = [(text, to_html(text).strip()) for text in CHANGES]
        self.versions = 0

    def network(self, key: int) -> Iterator[Line]:
        chance = self.chance
        proper = self.proper_names[self.names.many(1)[0]]
        name = f"{chance.choice(ADJECTIVES)} {chance.choice(MATTERS)} {proper}".capitalize()
        tags = sorted({each + 1 for each in self.tags.many(4)})
        kind = self.kinds[min(int(chance.expovariate(0.7)), len(self.kinds) - 1)]
        base = BASES[(0, 1, 1, 1, 1, 1, 2, 3, 4, 5, 6)[int(chance.random() * 11)]]
        first = FIRST_DAY + timedelta(seconds=int(self.seconds * chance.random()))
        count = (1, 2, 2, 3)[int(chance.random() * 4)]
        dates = [first + timedelta(days=30 * number) for number in range(count)]
        stem = f"{proper}-{key}"
        for number, at in enumerate(dates, start=1):
            yield from self._version(key, number, at, stem, kind, base)
        level = "general" if chance.random() < 0.8 else chance.choice(("mature", "explicit"))
        fame = min(chance.paretovariate(0.8), 1e7)
        text, html = chance.choice(self.texts)
        for tag in tags:
            yield "registry_network_tags", copied(key, tag)
        yield (
            "registry_network",
            copied(
                *(key, self.creators.many(1)[0] + 1, stem, name),
                *(Network.Kind.values[key % 2], text, html, level, first, first, first),
                *(self.versions, dates[-1], array([base]), array([kind.activation])),
                *(kind.works_with, "{" + ",".join(map(str, tags)) + "}", f"{proper} style"),
                *(" ".join(self.tag_names[each - 1] for each in tags), 87_843_021),
                *(int(fame * 100), int(fame * 3), int(fame / 9), int(fame / 5), int(fame / 2)),
            ),
        )

    def _version(
        self, network: int, number: int, at: datetime, stem: str, kind: Kind, base: str
    ) -> Iterator[Line]:
        self.versions += 1
        key = self.versions
        change, html = self.changes[number % len(self.changes)]
        digits = self.chance.randbytes(3 * 81).hex()
        yield (
            "registry_version",
            copied(
                *(key, network, number, f"v{number}", change, html, f"{{{stem},ink wash}}", base),
                *(at, at, at, stem, kind.activation, digits[:64], kind.facts),
            ),
        )
        hashes = [self._hashes(digits[start : start + 162]) for start in (0, 162, 324)]
        for file, (suffix, format_) in enumerate(FORMATS):
            primary = "f" if file else "t"
            words = (2 * key - 1 + file, key, stem + suffix, format_, primary, at)
            yield "registry_file", copied(*words, *hashes[file])
        yield "registry_original", copied(key, key, f"{stem}.pt", at, *hashes[2])
        yield "registry_picture", copied(key, digits[64:128], at)
        yield "registry_picture_versions", copied(key, key)

    @staticmethod
    def _hashes(digits: str) -> tuple[str, ...]:
        """sha256, blake3, crc32, autov1, autov3"""
        return digits[:64], digits[64:128], digits[128:136], digits[136:144], digits[144:156]
