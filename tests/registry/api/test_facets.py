"""`GET facets`, and what the list of models tells people who found little."""

from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client

from registry.models import User
from tests.factories import NetworkFactory, PublishedVersionFactory

pytestmark = pytest.mark.django_db
V1 = "/api/v1"


@pytest.fixture(autouse=True)
def catalogue(alice: User) -> None:
    for name, words in (
        ("Ink harbour", {"kind": "style", "tags": ["ink"]}),
        ("Tin robot", {"kind": "subject", "tags": ["robot"]}),
    ):
        PublishedVersionFactory(network=NetworkFactory(creator=alice, name=name, **words))


def metadata(client: Client, query: str, more: str = "") -> Any:
    answer = client.get(f"{V1}/models?query={quote(query)}{more}")
    assert answer.status_code == 200, answer.content
    return answer.json()["metadata"]


class TestFacets:
    def test_values_with_their_counts(self, anonymous: Client) -> None:
        answer = anonymous.get(f"{V1}/facets").json()
        assert (answer["total"], answer["exact"]) == (2, True)
        assert answer["facets"]["tag"] == [
            {"value": "ink", "count": 1},
            {"value": "robot", "count": 1},
        ]
        assert set(answer["facets"]) == {"kind", "baseModels", "activation", "works_with", "tag"}

    def test_the_parameters_are_those_of_the_list(self, anonymous: Client) -> None:
        answer = anonymous.get(f"{V1}/facets?query=robot&kind=subject").json()
        assert answer["total"] == 1
        refused = anonymous.get(f"{V1}/facets?kind=thing")
        assert refused.status_code == 400
        assert refused.json()["error"]["issues"][0]["options"] == ["style", "subject"]
        assert anonymous.get(f"{V1}/facets?favorites=true").status_code == 401

    def test_where_nothing_can_be(self, anonymous: Client) -> None:
        answer = anonymous.get(f"{V1}/facets?types=LORA").json()
        assert answer["total"] == 0
        assert set(map(len, answer["facets"].values())) == {0}

    def test_caches_keep_them_as_long_as_the_hub_does(self, anonymous: Client) -> None:
        assert "s-maxage=60" in anonymous.get(f"{V1}/facets")["Cache-Control"]


class TestHints:
    def test_did_you_mean(self, anonymous: Client) -> None:
        assert metadata(anonymous, "tin robto") == {"suggestions": ["Tin robot"]}

    def test_not_for_a_page_that_may_be_the_last(self, anonymous: Client) -> None:
        assert "suggestions" not in metadata(anonymous, "tin robto", "&page=2&limit=10")
        assert metadata(anonymous, "tin robto", "&limit=0") == {}

    def test_filters_alone_are_not_mistyped(self, anonymous: Client) -> None:
        assert metadata(anonymous, "kind:style tag:night") == {}

    def test_a_remark_on_a_prefix_that_is_none(self, anonymous: Client) -> None:
        [remark] = metadata(anonymous, "re:zero")["remarks"]
        assert "“re:” is no filter" in remark

    def test_a_bad_term_is_refused_with_what_to_write(self, anonymous: Client) -> None:
        answer = anonymous.get(f"{V1}/models?query=ink+order:banana")
        assert answer.status_code == 400
        [issue] = answer.json()["error"]["issues"]
        assert issue["path"] == ["query"]
        assert "order:downloads" in issue["message"]

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("-kind:style", ["Tin robot"]),
            ("-user:ALICE", []),
            ("-activation:relu", []),
            ("-base:sd1", []),
            ("-works:comfyui", []),
            ("-user:bob order:oldest", ["Ink harbour", "Tin robot"]),
        ],
    )
    def test_exclusions(self, anonymous: Client, query: str, found: list[str]) -> None:
        items = anonymous.get(f"{V1}/models?query={quote(query)}").json()["items"]
        assert [item["name"] for item in items] == found
