"""Facets: how many networks each value of a filter would leave, beside what is already filtered.

A facet counts as if its own filter were not there, so that the other values of it stay in sight.
Up to EXACT_UP_TO networks are counted one by one; more are estimated from a sample of the table's
pages, which takes as long for a million rows as for a thousand, and said to be estimates.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet

from registry.cached import cached
from registry.filters import NetworkFilter
from registry.models import Network, Tag

FRESH_SECONDS: Final = 60
EXACT_UP_TO: Final = 5_000
# As Postgres guesses before it looks: then nobody begins to count.
SURELY_MANY: Final = 10_000
SAMPLED_ROWS: Final = 25_000
TOP_TAGS: Final = 30
# The filter's name, and the column that it looks at.
COLUMNS: Final[Mapping[str, str]] = {
    "kind": "kind",
    "baseModels": "base_models",
    "activation": "activations",
    "works_with": "works_with",
    "tag": "tag_ids",
}
# Tags that are asked for narrow the others down: their own count is part of the answer.
_NARROWING: Final = frozenset({"tag"})
Counts = dict[str, list[tuple[str, int]]]
# Some networks, and the facets to be counted of them.
_Question = tuple[QuerySet[Network], list[str]]


@dataclass(frozen=True)
class Facets:
    """By filter, the values with their counts, the most frequent first."""

    total: int
    is_exact: bool
    counts: Counts


def facets(found: NetworkFilter) -> Facets:
    """Of what a valid filter finds; counted at most once a minute for everyone."""
    return cached(_key(found), lambda: _count(found), seconds=FRESH_SECONDS)


def _key(found: NetworkFilter) -> str:
    """The same for the same question: in any order, by any person."""
    asked = {name: sorted(filter(None, found.data.getlist(name))) for name in found.data}
    asked = {name: values for name, values in asked.items() if values and name in found.filters}
    asked.pop("sort", None)
    asked["nsfw"] = [str(found.level)]
    if "favorites" in asked:
        asked["of"] = [str(found.viewer.pk)]
    digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
    return f"facets:{digest}"


def _count(found: NetworkFilter) -> Facets:
    own = [name for name in COLUMNS if found.data.getlist(name) and name not in _NARROWING]
    questions = [(found.qs, [name for name in COLUMNS if name not in own])]
    questions += [(found.without(name), [name]) for name in own]
    tallies = _together(questions) or [_Tally.of(*question) for question in questions]
    counts = {name: pairs for tally in tallies for name, pairs in tally.counts.items()}
    counts["tag"] = _named(counts["tag"])
    is_exact = all(tally.is_exact for tally in tallies)
    return Facets(tallies[0].total, is_exact, {name: counts[name] for name in COLUMNS})


@dataclass(frozen=True)
class _Tally:
    total: int
    is_exact: bool
    counts: Counts

    @classmethod
    def of(cls, networks: QuerySet[Network], names: list[str]) -> "_Tally":
        if _estimated(networks) <= SURELY_MANY:
            total, counts = _counted(networks, names, limit=EXACT_UP_TO + 1)
            if total <= EXACT_UP_TO:
                return cls(total, True, counts)
        share = min(1.0, SAMPLED_ROWS / max(1, _rows_of_networks()))
        if share == 1.0:
            return cls(*_exactly(networks, names))
        total, counts = _counted(networks, names, share=share)
        scaled = {
            name: [(value, _rounded(count / share)) for value, count in pairs]
            for name, pairs in counts.items()
        }
        return cls(_rounded(total / share), False, scaled)


def _together(questions: list[_Question]) -> list[_Tally] | None:
    """Several counted in one query; None where there is one alone, or too much to count."""
    if len(questions) == 1 or _rows_of_networks() > SURELY_MANY:
        return None
    counted = _counted_each(questions, limit=EXACT_UP_TO + 1)
    if any(total > EXACT_UP_TO for total, _ in counted):
        return None
    return [_Tally(total, True, counts) for total, counts in counted]


def _exactly(networks: QuerySet[Network], names: list[str]) -> tuple[int, bool, Counts]:
    total, counts = _counted(networks, names)
    return total, True, counts


def _estimated(networks: QuerySet[Network]) -> int:
    plans = networks.order_by().values("pk").explain(format="json")
    # Where nothing can be found, as Django can tell, there is no plan.
    return int(json.loads(plans)[0]["Plan"]["Plan Rows"]) if plans else 0


def _rows_of_networks() -> int:
    """As Postgres' own statistics have it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT reltuples FROM pg_class WHERE oid = %s::regclass", [Network._meta.db_table]
        )
        return int(cursor.fetchone()[0])


def _counted(
    networks: QuerySet[Network],
    names: list[str],
    *,
    limit: int | None = None,
    share: float | None = None,
) -> tuple[int, Counts]:
    """All of them, the first `limit`, or those on a `share` of the table's pages."""
    return _counted_each([(networks, names)], limit=limit, share=share)[0]


def _counted_each(
    questions: list[_Question], *, limit: int | None = None, share: float | None = None
) -> list[tuple[int, Counts]]:
    found: list[tuple[int, Counts]] = [(0, {name: [] for name in each}) for _, each in questions]
    selections = []
    for number, (networks, names) in enumerate(questions):
        rows = networks.order_by().values_list("pk", *(COLUMNS[name] for name in names))
        try:
            sql, parameters = rows[:limit].query.sql_with_params()
        except EmptyResultSet:  # nothing can be among them, as Django can tell
            continue
        if share is not None:
            table = connection.ops.quote_name(Network._meta.db_table)
            sampled = f"FROM {table} TABLESAMPLE SYSTEM ({100 * share:f}) REPEATABLE (1)"
            sql = sql.replace(f"FROM {table}", sampled, 1)
        selections.append(_Selection(number, sql, parameters, names))
    for number, total, counts in _grouped(selections):
        found[number] = (total, counts)
    return found


@dataclass(frozen=True)
class _Selection:
    """The rows of a question: a key and a column for each facet."""

    number: int
    sql: str
    parameters: Sequence[Any]
    names: list[str]

    @property
    def table(self) -> str:
        return f"matching_{self.number}"

    def as_table(self) -> str:
        columns = ", ".join(["key", *(f"facet_{number}" for number in range(len(self.names)))])
        return f"{self.table} ({columns}) AS MATERIALIZED ({self.sql})"

    def groups(self) -> Iterator[str]:
        counted = f"SELECT {self.number} AS question, '' AS facet, '' AS value, count(*)"
        yield f"{counted} FROM {self.table}"
        for number, name in enumerate(self.names):
            value = f"facet_{number}" if name == "kind" else f"unnest(facet_{number})"
            counted = f"SELECT {self.number}, '{name}', ({value})::text AS value, count(*)"
            yield f"{counted} FROM {self.table} GROUP BY 3"


def _grouped(selections: Sequence[_Selection]) -> Iterator[tuple[int, int, Counts]]:
    """One query for all: the rows of each, and for each facet the values in them."""
    if not selections:
        return
    tables = ", ".join(each.as_table() for each in selections)
    groups = " UNION ALL ".join(group for each in selections for group in each.groups())
    parameters = [value for each in selections for value in each.parameters]
    with connection.cursor() as cursor:
        cursor.execute(f"WITH {tables} {groups}", parameters)
        rows = cursor.fetchall()
    for each in selections:
        own = [row[1:] for row in rows if row[0] == each.number]
        total = next(count for facet, _, count in own if not facet)
        counts: Counts = {name: [] for name in each.names}
        for facet, value, count in own:
            if facet:
                counts[facet].append((value, count))
        yield each.number, total, {name: _ordered(pairs) for name, pairs in counts.items()}


def _ordered(pairs: list[tuple[str, int]]) -> list[tuple[str, int]]:
    return sorted(pairs, key=lambda pair: (-pair[1], pair[0]))


def _named(tags: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """The most frequent tags by name instead of by key."""
    top = [(int(key), count) for key, count in tags[:TOP_TAGS]]
    names = dict(Tag.objects.filter(pk__in=[key for key, _ in top]).values_list("pk", "name"))
    return _ordered([(names[key], count) for key, count in top if key in names])


def _rounded(estimate: float) -> int:
    """To two digits: an estimate should look like one."""
    number = round(estimate)
    return round(number, 2 - len(str(number))) if number >= 100 else number
