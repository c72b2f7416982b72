"""Searching the catalogue: the language that people type, and the rows that it finds.

    watercolour -photo "soft light" tag:landscape -tag:night user:alice base:sd1 order:downloads

Bare words and quoted phrases are looked up in names, trigger words, tags and descriptions, `-word`
excludes. `tag:a,b` asks for either, two `tag:` for both; commas are "or" for `base:`, `kind:` and
`works:` too. A minus excludes, except before `order:` and `period:`. A term that makes no sense is
a Problem with a sentence; a prefix that is none of ours is searched as words, and remarked on.
"""

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from django.contrib.postgres.search import SearchQuery, TrigramSimilarity
from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Lower
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from registry.base_models import FAMILIES
from registry.formats.compatibility import App
from registry.models import BaseModelName, Network, Tag, User
from registry.statements import AnyOf, Statement

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

MAX_QUERY_CHARACTERS: Final = 200
# Below this many hits a page asks "did you mean".
FEW_HITS: Final = 5
SUGGESTIONS: Final = 3
# Trigram similarity, 0 to 1. There are many names, and they are longer than what people type.
CLOSE_NAME: Final = 0.5
CLOSE_TAG: Final = 0.3
# Of a text that somebody typed: a longer one is no name, and costs time.
MAX_NAME_CHARACTERS: Final = 60

SORT_WORDS: Final = {
    "downloads": "Most Downloaded",
    "likes": "Most Liked",
    "rating": "Highest Rated",
    "comments": "Most Discussed",
    "collected": "Most Collected",
    "pictures": "Most Images",
    "newest": "Newest",
    "new": "Newest",
    "oldest": "Oldest",
    "old": "Oldest",
}


def _plain(text: str) -> str:
    """ "SD 1.5", "sd1.5" and "SD15" are the same."""
    return re.sub(r"[^a-z0-9]", "", text.lower())


@dataclass(frozen=True)
class Prefix:
    """What a `prefix:` stands for: the filter's name, and the values of each word it takes."""

    filter: str
    # Empty: any word.
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    # Of several values, with commas or repeated, one is enough.
    is_list: bool = False
    may_exclude: bool = True


_BASES: Final = {
    **{_plain(name): (str(name),) for name in BaseModelName.values},
    **{family: tuple(map(str, names)) for family, names in FAMILIES.items()},
}
_USER: Final = Prefix("username")
_ORDER: Final = Prefix(
    "sort", {word: (sort,) for word, sort in SORT_WORDS.items()}, may_exclude=False
)
# `tag` has an algebra of its own.
PREFIXES: Final[Mapping[str, Prefix]] = {
    "user": _USER,
    "creator": _USER,
    "base": Prefix("baseModels", _BASES, is_list=True),
    "kind": Prefix("kind", {kind: (kind,) for kind in Network.Kind.values}, is_list=True),
    "works": Prefix("works_with", {_plain(a.slug): (a.slug,) for a in App}, is_list=True),
    "activation": Prefix("activation"),
    "order": _ORDER,
    "sort": _ORDER,
    "period": Prefix(
        "period",
        {word.lower(): (word,) for word in ("Day", "Week", "Month", "Year")},
        may_exclude=False,
    ),
}

_TERM = re.compile(
    r'(?P<minus>-?)(?:(?P<prefix>[a-z]+):)?(?:"(?P<phrase>[^"]*)"?|(?P<bare>\S+))', re.I
)


@dataclass(frozen=True)
class Problem:
    """A term that cannot be searched for, with what to write instead."""

    term: str
    sentence: str | Promise


@dataclass(frozen=True)
class ParsedQuery:
    """What somebody typed, taken apart."""

    # For websearch_to_tsquery: words, "phrases", -exclusions.
    words: str = ""
    # Each set is "one of these", and all sets must be met.
    tags: tuple[frozenset[str], ...] = ()
    excluded_tags: frozenset[str] = frozenset()
    # Filter name to values, as the API spells them.
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    excluded: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    # Searched, though perhaps not as it was meant.
    remarks: tuple[Problem, ...] = ()


def parse(text: str) -> ParsedQuery:
    """Take a query apart. Never fails: what is wrong is among its `problems`."""
    parser = _Parser()
    for term in _terms(text[:MAX_QUERY_CHARACTERS]):
        parser.take(term)
    return parser.result()


@dataclass(frozen=True)
class _Term:
    minus: str
    prefix: str
    value: str
    is_quoted: bool

    def __str__(self) -> str:
        return f"{self.minus}{self.prefix}:{self.value}"


class _Parser:
    def __init__(self) -> None:
        self.words: list[str] = []
        self.tags: list[frozenset[str]] = []
        self.excluded_tags: set[str] = set()
        self.filters: dict[str, tuple[str, ...]] = {}
        self.excluded: dict[str, tuple[str, ...]] = {}
        self.problems: list[Problem] = []
        self.remarks: list[Problem] = []

    def result(self) -> ParsedQuery:
        return ParsedQuery(
            " ".join(self.words),
            tuple(self.tags),
            frozenset(self.excluded_tags),
            self.filters,
            self.excluded,
            tuple(self.problems),
            tuple(self.remarks),
        )

    def take(self, term: _Term) -> None:
        if term.prefix == "tag":
            self._tag(term)
        elif prefix := PREFIXES.get(term.prefix):
            self._filter(term, prefix)
        else:
            self._word(term)

    def _tag(self, term: _Term) -> None:
        names = frozenset(filter(None, map(normal_tag, term.value.split(","))))
        if not names:
            self._empty(term)
        elif term.minus:
            self.excluded_tags |= names
        else:
            self.tags.append(names)

    def _filter(self, term: _Term, prefix: Prefix) -> None:
        if term.minus and not prefix.may_exclude:
            sentence = _("“{term}”: “{prefix}:” takes no minus.")
            return self._problem(term, sentence, prefix=term.prefix)
        words = [each.strip() for each in term.value.split(",")] if prefix.is_list else [term.value]
        values: list[str] = []
        for word in filter(None, words):
            known = prefix.words.get(_plain(word)) if prefix.words else (word,)
            if known is None:
                sentence = _("“{term}”: “{word}” is not known. Write one of {options}.")
                options = ", ".join(f"{term.prefix}:{each}" for each in prefix.words)
                return self._problem(term, sentence, word=word, options=options)
            values += known
        if not values:
            return self._empty(term)
        kept = self.excluded if term.minus else self.filters
        before = kept.get(prefix.filter, ())
        if before and not prefix.is_list and not term.minus and before != tuple(values):
            sentence = _("“{term}”: there can be one “{prefix}:” only.")
            return self._problem(term, sentence, prefix=term.prefix)
        kept[prefix.filter] = (*before, *(each for each in values if each not in before))

    def _word(self, term: _Term) -> None:
        if term.prefix:
            sentence = _(
                "“{prefix}:” is no filter, so “{term}” was searched as words. Filters: {filters}."
            )
            filters = ", ".join(f"{each}:" for each in ("tag", *PREFIXES))
            words = {"prefix": term.prefix, "filters": filters}
            self.remarks.append(Problem(str(term), format_lazy(sentence, term=str(term), **words)))
        word = f"{term.prefix} {term.value}" if term.prefix else term.value
        quoted = term.is_quoted or term.prefix
        self.words.append(f'{term.minus}"{word}"' if quoted else f"{term.minus}{word}")

    def _empty(self, term: _Term) -> None:
        self._problem(term, _("“{term}”: write after the colon what to look for."))

    def _problem(self, term: _Term, sentence: "_StrPromise", **words: str) -> None:
        self.problems.append(Problem(str(term), format_lazy(sentence, term=str(term), **words)))


def _terms(text: str) -> Iterator[_Term]:
    # Postgres takes no NUL; nothing that people search for has one.
    for match in _TERM.finditer(text.replace("\0", " ")):
        phrase, minus = match["phrase"], match["minus"]
        value = match["bare"] if phrase is None else phrase
        prefix = (match["prefix"] or "").lower()
        if not prefix and value.endswith(":") and value[:-1].lower() in ("tag", *PREFIXES):
            yield _Term(minus, value[:-1].lower(), "", is_quoted=False)
        elif value.strip('"-') or prefix in ("tag", *PREFIXES):
            yield _Term(minus, prefix, value, phrase is not None)


def normal_tag(name: str) -> str:
    """A tag as it is stored: lower case, single spaces, one spelling of each letter, no `#`."""
    # Postgres takes no NUL, and no tag has one.
    name = unicodedata.normalize("NFKC", name.replace("\0", "")).lower().replace("_", " ")
    return " ".join(name.split()).removeprefix("#").lstrip()


def matching(networks: QuerySet[Network], query: ParsedQuery) -> QuerySet[Network]:
    """The networks that hold the words and the tags of a query, and nothing that it excludes."""
    if query.words:
        networks = networks.filter(search=_text_query(query.words))
    for names in query.tags:
        networks = networks.filter(tag_ids__overlap=tag_ids(names))
    if query.excluded_tags:
        networks = networks.exclude(tag_ids__overlap=tag_ids(query.excluded_tags))
    for name, values in query.excluded.items():
        networks = networks.exclude(_any_of(name, values))
    return networks


def _any_of(name: str, values: Collection[str]) -> Q:
    """Networks that a filter of these values would find."""
    match name:
        case "username":
            lowered = [value.lower() for value in values]
            people = User.objects.annotate(lowered=Lower("username")).filter(lowered__in=lowered)
            return Q(creator__in=people)
        case "kind":
            return Q(kind__in=values)
        case "activation":
            return Q(activations__overlap=[value.lower() for value in values])
        case "baseModels":
            return Q(base_models__overlap=list(values))
        case "works_with":
            return Q(works_with__overlap=list(values))
    raise LookupError(name)


def tag_ids(names: Collection[str]) -> list[int]:
    """The tags of these names, aliases resolved; a name that is no tag matches nothing."""
    return [alias_of or key for key, alias_of in _NAMED.rows(list(names))] or [-1]


_NAMED: Final = Statement(
    lambda: Tag.objects.filter(AnyOf("name")).order_by("pk").values_list("id", "alias_of_id")
)


def _text_query(words: str) -> SearchQuery:
    """Names, trigger words and tags are indexed as typed, descriptions by their English stems."""
    return SearchQuery(words, config="simple", search_type="websearch") | SearchQuery(
        words, config="english", search_type="websearch"
    )


def suggestions(text: str, *, among: QuerySet[Network]) -> list[str]:
    """Names and tags close to what was typed, the closest first: "did you mean"."""
    text = " ".join(text.lower().split())[:MAX_NAME_CHARACTERS]
    if not text:
        return []
    names = (
        among.annotate(lowered=Lower("name"), closeness=TrigramSimilarity(Lower("name"), text))
        .filter(lowered__trigram_similar=text)
        .order_by("-closeness", "-download_count")
        .values_list("name", flat=True)
    )
    tags = (
        Tag.objects.filter(alias_of=None, network_count__gt=0)
        .annotate(closeness=TrigramSimilarity("name", text))
        .filter(closeness__gt=CLOSE_TAG)
        .order_by("-closeness", "-network_count")
        .values_list("name", flat=True)
    )
    with transaction.atomic(), connection.cursor() as cursor:
        # Postgres' own 0.3 has it look at a twentieth of a million names.
        cursor.execute(f"SET LOCAL pg_trgm.similarity_threshold = {CLOSE_NAME}")
        found = {name.lower(): name for name in names[:SUGGESTIONS]}
    found.pop(text, None)
    if len(found) < SUGGESTIONS:
        found |= {name: name for name in tags[:SUGGESTIONS] if name != text}
    return list(found.values())[:SUGGESTIONS]
