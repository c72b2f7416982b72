"""Two tabs, one draft: what each of them changed, by what it saw before.

A form carries a digest of every value that it was shown. A field that only this tab changed is
written; one that only another changed is left as it is; one that both changed is a conflict, and
nothing of either text is lost.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

Values = Mapping[str, Any]  # of one kind of JSON: text, numbers, lists


@dataclass(frozen=True)
class Merge:
    """`write` is to be saved; `elsewhere` and `conflicts` have the stored values, not ours."""

    write: dict[str, Any] = field(default_factory=dict)
    elsewhere: dict[str, Any] = field(default_factory=dict)
    conflicts: dict[str, Any] = field(default_factory=dict)


def merge(*, stored: Values, said: Values, seen: Mapping[str, str]) -> Merge:
    """What this tab says against what is stored; `seen` are digests of what it was shown.

    A field that the tab says nothing of having seen is taken as seen.
    """
    found = Merge()
    for name, mine in said.items():
        theirs = stored[name]
        if mine == theirs:
            continue
        before = seen.get(name, digest(theirs))
        if digest(mine) == before:
            found.elsewhere[name] = theirs
        elif digest(theirs) == before:
            found.write[name] = mine
        else:
            found.conflicts[name] = theirs
    return found


def digest(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def digests(values: Values) -> dict[str, str]:
    return {name: digest(value) for name, value in values.items()}


def seen_in(text: str) -> dict[str, str]:
    """The digests that a form brought back; none where the field was tampered with."""
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(given, dict):
        return {}
    return {name: each for name, each in given.items() if isinstance(each, str)}
