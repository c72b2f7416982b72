"""Addresses from names in any script."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.models.network import slug_validator
from registry.slugs import MAX_SLUG, RESERVED_SLUGS, numbered, slug_of


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Ink wash", "ink-wash"),
        ("  Été -- d'Encre!  ", "ete-dencre"),
        ("Straße", "strasse"),
        ("ink_wash (v2.1)", "ink-wash-v2-1"),
        ("\uff21\uff22\uff23", "abc"),
    ],
)
def test_what_ascii_can_say_is_said(name: str, slug: str) -> None:
    assert slug_of(name, fallback="style") == slug


@pytest.mark.parametrize("name", ["水墨画", "Тушь", "✨", "..."])
def test_other_scripts_get_a_stable_word(name: str) -> None:
    slug = slug_of(name, fallback="style")
    assert re.fullmatch(r"style-[0-9a-f]{6}", slug)
    assert slug_of(name, fallback="style") == slug


def test_different_names_without_letters_have_different_addresses() -> None:
    assert slug_of("水墨", fallback="style") != slug_of("水彩", fallback="style")


@pytest.mark.parametrize("name", sorted(RESERVED_SLUGS))
def test_a_creators_own_addresses_are_left_to_them(name: str) -> None:
    assert slug_of(name, fallback="style") not in RESERVED_SLUGS


@given(st.text(max_size=200), st.integers(1, 500))
def test_every_name_gives_a_valid_address(name: str, number: int) -> None:
    slug = numbered(slug_of(name, fallback="style"), number)
    slug_validator(slug)
    assert len(slug) <= MAX_SLUG
