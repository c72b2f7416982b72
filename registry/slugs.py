"""Addresses from names in any script: what ASCII can say of them, and a stable word if nothing.

No transliteration: it is a guess that most readers of a script find wrong. The page shows the name.
"""

import re
import unicodedata
from hashlib import sha256
from typing import Final

MAX_SLUG: Final = 80
# Second parts of a creator's own addresses.
RESERVED_SLUGS: Final = frozenset(
    {"collections", "comments", "feed", "followers", "following", "likes", "networks", "pictures"}
)


def ascii_of(text: str) -> str:
    """The text without accents and without what ASCII has no letter for: "Été 夏" is "Ete "."""
    spread = unicodedata.normalize("NFKD", text.replace("ß", "ss").replace("ø", "o"))
    return spread.encode("ascii", "ignore").decode()


def slug_of(name: str, *, fallback: str) -> str:
    """Small letters, digits and single hyphens; `fallback` and a hash where none are left.

    The same name gives the same slug, on every machine and in every year.
    """
    words = re.findall(r"[a-z0-9]+", ascii_of(name).lower().replace("'", ""))
    slug = "-".join(words)[:MAX_SLUG].strip("-")
    if not slug or slug in RESERVED_SLUGS:
        digest = sha256(unicodedata.normalize("NFC", name).encode()).hexdigest()[:6]
        slug = f"{slug or fallback}-{digest}"
    return slug


def numbered(slug: str, number: int) -> str:
    """The slug for the n-th thing of that name: "ink", "ink-2", …"""
    if number == 1:
        return slug
    ending = f"-{number}"
    return slug[: MAX_SLUG - len(ending)].rstrip("-") + ending
