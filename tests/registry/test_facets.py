"""Facets: counts beside the filters, exact for few networks and estimated for many."""

from typing import Any
from unittest.mock import patch

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.cache import cache
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext

from registry import facets as module
from registry.facets import Facets, facets
from registry.filters import NetworkFilter
from registry.models import Network, User
from tests.factories import NetworkFactory, PublishedVersionFactory

pytestmark = pytest.mark.django_db


def counted(query: str = "") -> Facets:
    found = NetworkFilter(QueryDict(query), viewer=AnonymousUser())
    assert found.is_valid(), found.form.errors
    return facets(found)


def published(creator: User, **words: Any) -> None:
    base_model = words.pop("base_model", "SD 1.5")
    PublishedVersionFactory(network=NetworkFactory(creator=creator, **words), base_model=base_model)


@pytest.fixture
def catalogue(alice: User) -> None:
    published(alice, kind="style", tags=["ink", "paper"])
    published(alice, kind="style", tags=["ink"], base_model="SD 1.4")
    published(alice, kind="subject", tags=["robot"])
    published(alice, kind="style", tags=["nude"], content_level="explicit")


@pytest.mark.usefixtures("catalogue")
class TestCounts:
    def test_of_everything_that_is_listed(self) -> None:
        found = counted()
        assert (found.total, found.is_exact) == (3, True)
        assert found.counts["kind"] == [("style", 2), ("subject", 1)]
        assert found.counts["baseModels"] == [("SD 1.5", 2), ("SD 1.4", 1)]
        assert found.counts["tag"][0] == ("ink", 2)
        assert found.counts["activation"] == [("relu", 3)]
        assert dict(found.counts["works_with"])["comfyui"] == 3

    def test_a_facet_ignores_its_own_filter_and_heeds_the_others(self) -> None:
        found = counted("kind=subject")
        assert found.total == 1
        assert dict(found.counts["kind"]) == {"style": 2, "subject": 1}
        assert dict(found.counts["tag"]) == {"robot": 1}

    def test_a_term_of_the_query_is_a_filter_too(self) -> None:
        found = counted("query=kind:subject")
        assert dict(found.counts["kind"]) == {"style": 2, "subject": 1}
        assert dict(found.counts["tag"]) == {"robot": 1}

    def test_tags_narrow_one_another_down(self) -> None:
        assert dict(counted("tag=paper").counts["tag"]) == {"ink": 1, "paper": 1}

    def test_tags_that_are_repeated_are_all_meant(self) -> None:
        assert counted("tag=ink&tag=paper").total == 1
        assert counted("tag=ink&tag=robot").total == 0

    def test_each_of_several_filters_is_ignored_by_its_own_facet_alone(self) -> None:
        found = counted("kind=style&baseModels=SD+1.4")
        assert (found.total, found.is_exact) == (1, True)
        assert dict(found.counts["kind"]) == {"style": 1}
        assert dict(found.counts["baseModels"]) == {"SD 1.5": 1, "SD 1.4": 1}
        assert dict(found.counts["tag"]) == {"ink": 1}

    def test_where_there_is_much_to_count_each_is_counted_alone_and_says_the_same(self) -> None:
        query = "kind=style&baseModels=SD+1.4&tag=ink"
        together = counted(query)
        cache.clear()
        with patch.object(module, "_together", return_value=None):
            assert counted(query) == together

    def test_more_filters_take_no_more_queries(self) -> None:
        def queries(query: str) -> int:
            with CaptureQueriesContext(connection) as captured:
                counted(query)
            return len(captured)

        few = queries("kind=style&baseModels=SD+1.4")
        many = queries("kind=style&baseModels=SD+1.5&activation=relu&works_with=a1111")
        assert many == few

    def test_of_nothing(self) -> None:
        found = counted("query=nothing+like+this")
        assert found.total == 0
        assert all(pairs == [] for pairs in found.counts.values())

    def test_levels_are_heeded(self) -> None:
        assert counted("nsfw=true").total == 4

    def test_above_the_limit_they_are_estimates(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE registry_network")
        with patch.multiple(module, EXACT_UP_TO=1, SAMPLED_ROWS=2):
            found = counted()
        assert found.is_exact is False
        # All rows are on one page, which is in the sample or not: half of the table was asked for.
        assert found.total in (0, 3 * 2)

    def test_a_whole_table_in_the_sample_is_exact(self) -> None:
        with patch.multiple(module, EXACT_UP_TO=1):
            found = counted()
        assert (found.total, found.is_exact) == (3, True)


@pytest.mark.usefixtures("catalogue")
class TestCache:
    def test_counted_once_for_the_same_question(self) -> None:
        counted("kind=style&tag=ink")
        with CaptureQueriesContext(connection) as queries:
            counted("tag=ink&kind=style&sort=Newest&kind=")
        assert len(queries) == 0

    def test_levels_are_different_questions(self) -> None:
        assert counted("nsfw=false").total == 3
        assert counted("nsfw=true").total == 4

    def test_a_persons_favorites_are_theirs_alone(self, alice: User, bob: User) -> None:
        Network.objects.get(tags__name="robot").likes.create(user=alice)
        totals = []
        for viewer in (bob, alice):
            found = NetworkFilter(QueryDict("favorites=true"), viewer=viewer)
            assert found.is_valid()
            totals.append(facets(found).total)
        assert totals == [0, 1]


def test_queries_do_not_grow_with_the_catalogue(alice: User) -> None:
    published(alice, tags=["ink"])
    with CaptureQueriesContext(connection) as of_one:
        counted("kind=style")
    for _ in range(4):
        published(alice, tags=["ink"])
    cache.clear()
    with CaptureQueriesContext(connection) as of_five:
        counted("kind=style")
    assert len(of_five) == len(of_one)
