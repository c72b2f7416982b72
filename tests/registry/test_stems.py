"""The prompt token, which is also a file name everywhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.stems import MAX_STEM, stem_of, suffix_of


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("ink-wash.pt", "ink-wash"),
        ("Ink Wash-20000.pt", "Ink Wash-20000"),
        ("ink.v2.safetensors", "ink.v2"),
        ("ink.PT", "ink"),
        ("C:\\models\\ink.pt", "ink"),
        ("../../etc/ink.pt", "ink"),
        ('a<b>:"c".pt', "a_b_c_"),
        ("Été.pt", "Ete"),
        ("con.pt", "con_"),
        ("ink. .pt", "ink"),
        ("ink", "ink"),
    ],
)
def test_the_uploaders_stem_is_kept_as_far_as_it_can_be(name: str, stem: str) -> None:
    assert stem_of(name, fallback="x") == stem


@pytest.mark.parametrize("name", ["水墨.pt", ".pt", "...", "___.pt", ""])
def test_a_name_of_which_nothing_is_left_has_a_fallback(name: str) -> None:
    assert stem_of(name, fallback="hypernetwork-0123") == "hypernetwork-0123"


@given(st.text(max_size=300))
def test_every_stem_is_safe_in_prompts_headers_and_folders(name: str) -> None:
    stem = stem_of(name, fallback="hypernetwork")
    assert stem.isascii() and stem.isprintable() and 0 < len(stem) <= MAX_STEM + 1
    assert not set(stem) & set('<>:"/\\|?*,;')
    assert stem == stem.strip(" .")


@pytest.mark.parametrize(
    ("name", "suffix"), [("a.pt", ".pt"), ("a.b.ckpt", ".ckpt"), ("x\\a", ""), ("d.e/a", "")]
)
def test_the_suffix_is_the_last_one(name: str, suffix: str) -> None:
    assert suffix_of(name) == suffix
