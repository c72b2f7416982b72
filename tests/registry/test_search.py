"""The search language, and "did you mean"."""

import pytest

from registry.models import Network, User
from registry.search import MAX_QUERY_CHARACTERS, parse, suggestions
from tests.factories import NetworkFactory, PublishedVersionFactory


class TestLanguage:
    def test_words_phrases_and_exclusions_go_to_the_full_text_search(self) -> None:
        assert parse('ink -photo "soft light"').words == 'ink -photo "soft light"'

    @pytest.mark.parametrize("text", ["", "   ", '"', "-", '""', "\0"])
    def test_nothing_is_searched_for(self, text: str) -> None:
        parsed = parse(text)
        assert (parsed.words, parsed.filters, parsed.problems) == ("", {}, ())

    def test_tags_either_and_both(self) -> None:
        parsed = parse('tag:Ink,line_art tag:"rough paper" -tag:night')
        assert parsed.tags == (frozenset({"ink", "line art"}), frozenset({"rough paper"}))
        assert parsed.excluded_tags == {"night"}
        assert parsed.words == ""

    @pytest.mark.parametrize(
        ("text", "filters"),
        [
            ("user:alice", {"username": ("alice",)}),
            ("creator:alice", {"username": ("alice",)}),
            ("kind:Style", {"kind": ("style",)}),
            ("kind:style,subject", {"kind": ("style", "subject")}),
            ("base:sd1", {"baseModels": ("SD 1.4", "SD 1.5")}),
            ("base:sd1.5", {"baseModels": ("SD 1.5",)}),
            ('base:"SD 2.1 768"', {"baseModels": ("SD 2.1 768",)}),
            ("base:sd1.5 base:sd1", {"baseModels": ("SD 1.5", "SD 1.4")}),
            ("works:comfyui", {"works_with": ("comfyui",)}),
            ("works:a1111-old", {"works_with": ("a1111-old",)}),
            ("activation:relu", {"activation": ("relu",)}),
            ("order:downloads", {"sort": ("Most Downloaded",)}),
            ("sort:NEW", {"sort": ("Newest",)}),
            ("period:week", {"period": ("Week",)}),
        ],
    )
    def test_each_prefix_is_a_filter_of_the_api(
        self, text: str, filters: dict[str, tuple[str, ...]]
    ) -> None:
        parsed = parse(text)
        assert parsed.filters == filters
        assert parsed.problems == ()
        assert parsed.words == ""

    def test_a_minus_excludes_what_a_prefix_would_find(self) -> None:
        parsed = parse("-user:bob -base:sd2.1 -kind:subject")
        assert parsed.filters == {}
        assert parsed.excluded == {
            "username": ("bob",),
            "baseModels": ("SD 2.1",),
            "kind": ("subject",),
        }

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("order:banana", "order:downloads"),
            ("kind:thing", "kind:style, kind:subject"),
            ("base:sd9", "base:sd1"),
            ("works:photoshop", "works:comfyui"),
            ("period:hour", "period:week"),
            ("-order:downloads", "takes no minus"),
            ("user:alice user:bob", "one “user:” only"),
            ("tag:", "after the colon"),
            ("user:", "after the colon"),
            ("kind:,", "after the colon"),
        ],
    )
    def test_a_bad_term_is_answered_with_what_to_write(self, text: str, said: str) -> None:
        [problem] = parse(f"ink {text}").problems
        assert said in str(problem.sentence)
        assert problem.term.rpartition(" ")[2] in text

    def test_an_unknown_prefix_is_searched_as_words_and_remarked_on(self) -> None:
        parsed = parse("re:zero")
        assert parsed.words == '"re zero"'
        assert parsed.problems == ()
        [remark] = parsed.remarks
        assert "“re:” is no filter" in str(remark.sentence)

    def test_only_so_much_is_read(self) -> None:
        assert len(parse("x" * 5000).words) == MAX_QUERY_CHARACTERS


@pytest.mark.django_db
class TestSuggestions:
    @pytest.fixture(autouse=True)
    def catalogue(self, alice: User) -> None:
        for name, tags in (("Watercolour harbour", ["watercolour"]), ("Tin robot", ["robot"])):
            PublishedVersionFactory(network=NetworkFactory(creator=alice, name=name, tags=tags))

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("watercolor harbor", ["Watercolour harbour", "watercolour"]),
            ("Watrecolour", ["watercolour"]),
            ("tin robto", ["Tin robot"]),
            ("qqqq", []),
            ("", []),
        ],
    )
    def test_names_and_tags_that_sound_so(self, text: str, expected: list[str]) -> None:
        found = suggestions(text, among=Network.objects.all())
        assert found[: len(expected)] == expected
        assert bool(found) == bool(expected)

    def test_what_was_typed_is_no_suggestion(self) -> None:
        assert "Tin robot" not in suggestions("tin  Robot", among=Network.objects.all())
