"""`GET models`: the catalogue, a page at a time, and one network."""

from django.http import Http404
from rest_framework.request import Request
from rest_framework.response import Response

from registry.api import shapes
from registry.api.reading import (
    Paging,
    PublicRead,
    boolean,
    issues_of_form,
    origin_of,
    page_metadata,
)
from registry.catalogue import networks_with_shape
from registry.filters import NetworkFilter
from registry.keyset import keyset_page
from registry.models import ContentLevel, Network


class ModelList(PublicRead):
    def get(self, request: Request) -> Response:
        paging = Paging.of(request)
        found = NetworkFilter(request.query_params, viewer=request.user)
        if not found.is_valid():
            raise issues_of_form(found.form)
        networks = networks_with_shape(
            found.qs,
            up_to=found.level,
            primary_file_only=bool(
                boolean(request.query_params.get("primaryFileOnly"), "primaryFileOnly")
            ),
        )
        page = keyset_page(
            networks,
            order=found.order,
            limit=paging.limit,
            cursor=paging.cursor,
            number=paging.page,
        )
        origin = origin_of(request)
        items = [shapes.model(network, origin=origin) for network in page.rows]
        return Response({"items": items, "metadata": page_metadata(request, paging, page)})


class ModelDetail(PublicRead):
    def get(self, request: Request, network_id: int) -> Response:
        visible = Network.objects.visible_to(request.user).filter(pk=network_id)
        network = networks_with_shape(visible, up_to=ContentLevel.EXPLICIT).first()
        if network is None:
            raise Http404("Model not found")
        return Response(shapes.model(network, origin=origin_of(request)))
