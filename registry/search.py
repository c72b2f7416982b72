"""Searching the catalogue: the language that people type, and the rows that it finds.

    watercolour -photo "soft light" tag:landscape -tag:night user:alice base:sd1 order:downloads

Bare words and quoted phrases are looked up in names, trigger words, tags and descriptions, `-word`
excludes; `tag:a,b` asks for either, two `tag:` for both. What makes no sense is searched as words.
"""

import re
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Final

from django.contrib.postgres.search import SearchQuery, TrigramSimilarity
from django.db.models import Q, QuerySet
from django.db.models.functions import Lower

from registry.models import Network, Tag

MAX_QUERY_CHARACTERS: Final = 200
# Below this many hits a page asks "did you mean".
FEW_HITS: Final = 5
SUGGESTIONS: Final = 3

# Prefixes and the filter each stands for; `tag` has an algebra of its own.
PREFIXES: Final = {
    "user": "username",
    "creator": "username",
    "base": "baseModels",
    "kind": "kind",
    "works": "works_with",
    "activation": "activation",
    "order": "sort",
    "sort": "sort",
}
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

_TERM = re.compile(
    r'(?P<minus>-?)(?:(?P<prefix>[a-z]+):)?(?:"(?P<phrase>[^"]*)"?|(?P<bare>\S+))', re.I
)


@dataclass(frozen=True)
class ParsedQuery:
    """What somebody typed, taken apart."""

    # For websearch_to_tsquery: words, "phrases", -exclusions.
    words: str = ""
    # Each set is "one of these", and all sets must be met.
    tags: tuple[frozenset[str], ...] = ()
    excluded_tags: frozenset[str] = frozenset()
    # Filter name to value, as the API spells them.
    filters: dict[str, str] = field(default_factory=dict)


def parse(text: str) -> ParsedQuery:
    """Take a query apart. Never fails."""
    words: list[str] = []
    tags: list[frozenset[str]] = []
    excluded: set[str] = set()
    filters: dict[str, str] = {}
    for minus, prefix, value, quoted in _terms(text[:MAX_QUERY_CHARACTERS]):
        if prefix == "tag":
            names = frozenset(filter(None, map(normal_tag, value.split(","))))
            if minus:
                excluded |= names
            elif names:
                tags.append(names)
        elif prefix in PREFIXES and not minus:
            name = PREFIXES[prefix]
            filters[name] = SORT_WORDS.get(value.lower(), value) if name == "sort" else value
        else:
            word = f"{prefix} {value}" if prefix else value
            words.append(f'{minus}"{word}"' if quoted or prefix else f"{minus}{word}")
    return ParsedQuery(" ".join(words), tuple(tags), frozenset(excluded), filters)


def _terms(text: str) -> Iterator[tuple[str, str, str, bool]]:
    """Yield (minus, prefix, value, quoted) for each term."""
    # Postgres takes no NUL; nothing that people search for has one.
    for match in _TERM.finditer(text.replace("\0", " ")):
        phrase = match["phrase"]
        value = match["bare"] if phrase is None else phrase
        if value.strip('"-'):
            yield match["minus"], (match["prefix"] or "").lower(), value, phrase is not None


def normal_tag(name: str) -> str:
    """A tag as it is stored: lower case, single spaces, one spelling of each letter, no `#`."""
    name = unicodedata.normalize("NFKC", name).lower().replace("_", " ")
    return " ".join(name.split()).removeprefix("#").lstrip()


def matching(networks: QuerySet[Network], query: ParsedQuery) -> QuerySet[Network]:
    """The networks that hold the words and the tags of a query."""
    if query.words:
        networks = networks.filter(search=_text_query(query.words))
    for names in query.tags:
        networks = networks.filter(tag_ids__overlap=tag_ids(names))
    if query.excluded_tags:
        networks = networks.exclude(tag_ids__overlap=tag_ids(query.excluded_tags))
    return networks


def tag_ids(names: Collection[str]) -> list[int]:
    """The tags of these names, aliases resolved; a name that is no tag matches nothing."""
    rows = Tag.objects.filter(name__in=names).values_list("id", "alias_of_id")
    return [alias_of or key for key, alias_of in rows] or [-1]


def _text_query(words: str) -> SearchQuery:
    """Names, trigger words and tags are indexed as typed, descriptions by their English stems."""
    return SearchQuery(words, config="simple", search_type="websearch") | SearchQuery(
        words, config="english", search_type="websearch"
    )


def suggestions(text: str, *, among: QuerySet[Network]) -> list[str]:
    """Names close to what was typed, the closest first: "did you mean"."""
    return list(
        among.annotate(closeness=TrigramSimilarity(Lower("name"), text.lower()))
        .filter(Q(name__lower__trigram_similar=text.lower()))
        .order_by("-closeness", "-download_count")
        .values_list("name", flat=True)[:SUGGESTIONS]
    )
