"""Tags: typed by people, led to what is meant, counted."""

import pytest
from django.core.exceptions import ValidationError

from registry.errors import ModeratorsOnly
from registry.models import Network, Tag, User
from registry.publishing import publish_version, yank_version
from registry.tagging import (
    AliasOfAlias,
    make_alias,
    meant_tags,
    recount,
    resolve_tags,
    set_namespace,
    split_tag,
    suggest_tags,
)
from tests.factories import CheckedVersionFactory, NetworkFactory, PublishedVersionFactory
from tests.threads import at_once

pytestmark = pytest.mark.django_db


def counts() -> dict[str, int]:
    return dict(Tag.objects.values_list("name", "network_count"))


@pytest.mark.parametrize(
    ("typed", "name", "namespace"),
    [
        ("Line_Art", "line art", None),
        ("  #ink   wash ", "ink wash", None),
        ("style:Ink", "ink", "style"),
        ("Subject: a cat", "a cat", "subject"),
        ("ratio 3:4", "ratio 3:4", None),
        ("ｉｎｋ", "ink", None),
        ("style:#Ink", "ink", "style"),
    ],
)
def test_what_people_type(typed: str, name: str, namespace: str | None) -> None:
    assert split_tag(typed) == (name, namespace)


def test_tags_are_made_once_whatever_their_spelling() -> None:
    first = resolve_tags(["Ink", "line_art", "ink", ""])
    assert [tag.name for tag in first] == ["ink", "line art"]
    assert resolve_tags(["LINE  ART", "INK"]) == first[::-1]
    assert Tag.objects.count() == 2


def test_a_namespace_is_taken_from_who_makes_the_tag() -> None:
    resolve_tags(["style:ink"])
    resolve_tags(["subject:ink"])
    assert Tag.objects.get().namespace == Tag.Namespace.STYLE


@pytest.mark.parametrize("wrong", [["a/b"], ["<b>"], ["x" * 51], [f"t{n}" for n in range(21)]])
def test_what_is_no_tag_is_refused(wrong: list[str]) -> None:
    with pytest.raises(ValidationError) as raised:
        resolve_tags(wrong)
    assert set(raised.value.message_dict) == {"tags"}
    assert not Tag.objects.exists()


def test_tags_in_any_script() -> None:
    assert [tag.name for tag in resolve_tags(["水墨", "Тушь", "Été"])] == ["水墨", "тушь", "été"]


def test_an_alias_leads_to_what_is_meant(mod: User) -> None:
    (meant,) = resolve_tags(["line art"])
    make_alias(name="Lineart", of=meant, by=mod)
    assert resolve_tags(["lineart", "line art"]) == [meant]


def test_networks_follow_when_a_tag_becomes_an_alias(mod: User) -> None:
    both = PublishedVersionFactory(network__tags=["lineart", "line art"]).network
    old = PublishedVersionFactory(network__tags=["lineart", "ink"]).network
    draft = NetworkFactory(tags=["lineart"])
    meant = Tag.objects.get(name="line art")
    make_alias(name="lineart", of=meant, by=mod)

    assert counts() == {"lineart": 0, "line art": 2, "ink": 1}
    for network in (both, old, draft):
        network.refresh_from_db()
        assert meant.pk in network.tag_ids or network == draft
        assert meant in network.tags.all()
    # Who searches for the old word finds them still.
    assert old.tag_words == "ink line art lineart" or old.tag_words == "line art lineart ink"


def test_aliases_never_form_chains(mod: User) -> None:
    a, b, c = resolve_tags(["a", "b", "c"])
    make_alias(name="a", of=b, by=mod)
    make_alias(name="b", of=c, by=mod)
    a.refresh_from_db()
    assert a.alias_of == c
    with pytest.raises(AliasOfAlias):
        make_alias(name="d", of=b, by=mod)
    with pytest.raises(AliasOfAlias):
        make_alias(name="c", of=c, by=mod)


def test_only_moderators_say_what_tags_mean(alice: User, mod: User) -> None:
    (tag,) = resolve_tags(["ink"])
    with pytest.raises(ModeratorsOnly):
        make_alias(name="inkwash", of=tag, by=alice)
    with pytest.raises(ModeratorsOnly):
        set_namespace(tag=tag, namespace=Tag.Namespace.STYLE, by=alice)
    assert set_namespace(tag=tag, namespace=Tag.Namespace.STYLE, by=mod).namespace == "style"


def test_what_is_meant_is_told_without_making_tags(mod: User) -> None:
    resolve_tags(["watercolour"])
    make_alias(name="aquarelle", of=Tag.objects.get(name="watercolour"), by=mod)
    before = Tag.objects.count()
    typed = ["Aquarelle", "Style: New_One", "watercolour", " "]
    assert meant_tags(typed) == ["style:new one", "watercolour"]
    assert Tag.objects.count() == before
    with pytest.raises(ValidationError):
        meant_tags(["a/b"])


def test_suggestions_begin_with_what_was_typed_then_sound_like_it(mod: User) -> None:
    PublishedVersionFactory(network__tags=["watercolour", "wash"])
    PublishedVersionFactory(network__tags=["wash", "style:washi"])
    names = [tag.name for tag in suggest_tags("wa")]
    assert names == ["wash", "washi", "watercolour"] or names == ["wash", "watercolour", "washi"]
    assert [tag.name for tag in suggest_tags("watercolor")] == ["watercolour"]
    assert [tag.name for tag in suggest_tags("wa", namespace="style")] == ["washi"]
    assert [tag.name for tag in suggest_tags("style:wa")] == ["washi"]
    assert suggest_tags("  ") == []
    make_alias(name="aquarelle", of=Tag.objects.get(name="watercolour"), by=mod)
    assert [tag.name for tag in suggest_tags("aqua")] == ["watercolour"]


def test_the_count_is_of_listed_networks(alice: User) -> None:
    version = PublishedVersionFactory(network__creator=alice, network__tags=["ink"])
    NetworkFactory(tags=["ink"])
    assert counts() == {"ink": 1}
    yank_version(version=version, reason="broken", by=alice)
    assert counts() == {"ink": 0}


def test_counting_again_mends(alice: User) -> None:
    PublishedVersionFactory(network__tags=["ink", "wash"])
    Tag.objects.filter(name="ink").update(network_count=40)
    assert recount() == 1
    assert counts() == {"ink": 1, "wash": 1}


@pytest.mark.django_db(transaction=True)
def test_many_at_once_count_right_and_never_deadlock() -> None:
    names = ["a", "b", "c"]
    versions = [
        CheckedVersionFactory(network__tags=names if n % 2 else names[::-1]) for n in range(8)
    ]
    results = at_once(
        *(lambda v=v: publish_version(version=v, by=v.network.creator) for v in versions)
    )
    assert not [each for each in results if isinstance(each, Exception)]
    assert counts() == {"a": 8, "b": 8, "c": 8}
    assert Network.objects.filter(is_listed=True).count() == 8
