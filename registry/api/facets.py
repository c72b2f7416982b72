"""`GET facets`: how many networks each value of the filters would leave."""

from rest_framework.request import Request
from rest_framework.response import Response

from registry.api.models import catalogue_filter
from registry.api.reading import PublicRead
from registry.api.schema import catalogue as doc
from registry.api.schema.operations import documented
from registry.facets import FRESH_SECONDS, facets


class FacetList(PublicRead):
    max_age = FRESH_SECONDS
    stale = FRESH_SECONDS

    def limit_of(self, request: Request) -> str:
        return "search"

    @documented(doc.LIST_FACETS)
    def get(self, request: Request) -> Response:
        counted = facets(catalogue_filter(request))
        return Response(
            {
                "total": counted.total,
                "exact": counted.is_exact,
                "facets": {
                    name: [{"value": value, "count": count} for value, count in pairs]
                    for name, pairs in counted.counts.items()
                },
            }
        )
