"""Two tabs, one draft: by what each of them saw, what each of them changed."""

from hub.publish.merging import digest, digests, merge, seen_in

STORED = {"name": "Ink", "tags": ["ink"], "free": False}


def test_what_only_this_tab_changed_is_written() -> None:
    found = merge(stored=STORED, said=STORED | {"name": "Wash"}, seen=digests(STORED))
    assert (found.write, found.elsewhere, found.conflicts) == ({"name": "Wash"}, {}, {})


def test_what_only_another_tab_changed_is_left_to_it() -> None:
    now = STORED | {"tags": ["ink", "wash"]}
    found = merge(stored=now, said=STORED, seen=digests(STORED))
    assert (found.write, found.elsewhere) == ({}, {"tags": ["ink", "wash"]})


def test_what_both_changed_is_a_conflict_and_neither_is_written() -> None:
    now = STORED | {"name": "Theirs", "free": True}
    found = merge(stored=now, said=STORED | {"name": "Mine"}, seen=digests(STORED))
    assert (found.write, found.conflicts) == ({}, {"name": "Theirs"})
    assert found.elsewhere == {"free": True}


def test_two_who_changed_it_to_the_same_agree() -> None:
    now = STORED | {"name": "Wash"}
    found = merge(stored=now, said=now, seen=digests(STORED))
    assert not (found.write or found.elsewhere or found.conflicts)


def test_a_field_that_was_seen_by_nobody_is_taken_as_seen() -> None:
    found = merge(stored=STORED, said={"name": "Wash"}, seen={})
    assert found.write == {"name": "Wash"}


def test_digests_are_of_the_value_and_its_type() -> None:
    values = ["", None, False, 0, [], ["a", "b"], ["a,b"], "é"]
    assert len({digest(value) for value in values}) == len(values)
    assert digest("墨") == digest("墨")


def test_a_field_that_was_tampered_with_says_nothing() -> None:
    for text in ("", "{", "[1]", '"x"', "[" * 100_000):
        assert seen_in(text) == {}
    assert seen_in('{"name": "abc", "tags": 7}') == {"name": "abc"}
