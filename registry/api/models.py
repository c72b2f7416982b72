"""`models`: the catalogue, a page at a time, and one network: read, made, changed, deleted."""

from collections.abc import Sequence
from http import HTTPStatus

from django.http import Http404
from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from registry import search
from registry.api import shapes
from registry.api.reading import (
    Paging,
    PublicRead,
    boolean,
    issues_of_form,
    origin_of,
    page_metadata,
)
from registry.api.schema import catalogue as read
from registry.api.schema import publishing as write
from registry.api.schema.operations import documented
from registry.api.versions import version_response
from registry.api.view import READING
from registry.api.writing import (
    ModelBody,
    ModelChange,
    OptionalReason,
    VersionBody,
    WriteOnly,
    Writes,
    in_the_words_of,
    person,
    taken,
)
from registry.filters import NetworkFilter
from registry.keyset import keyset_page
from registry.models import ContentLevel, Network, User
from registry.networks import create_network, delete_network, update_network
from registry.rows import whole_networks
from registry.versions import create_version


class ModelList(Writes, PublicRead):
    def limit_of(self, request: Request) -> str:
        searches = request.method in READING and request.query_params.get("query")
        return "search" if searches else super().limit_of(request)

    @documented(read.LIST_MODELS)
    def get(self, request: Request) -> Response:
        paging = Paging.of(request)
        found = catalogue_filter(request)
        page = keyset_page(
            found.qs.only(found.order.field),
            order=found.order,
            limit=paging.limit,
            cursor=paging.cursor,
            number=paging.page,
        )
        primary_only = boolean(request.query_params.get("primaryFileOnly"), "primaryFileOnly")
        items = _shapes(
            request,
            [network.pk for network in page.rows],
            up_to=found.level,
            primary_file_only=bool(primary_only),
        )
        metadata = page_metadata(request, paging, page) | _hints(found, paging, len(items))
        return Response({"items": items, "metadata": metadata})

    @documented(write.CREATE_MODEL)
    def post(self, request: Request) -> Response:
        words = taken(request, ModelBody)
        with in_the_words_of(ModelBody):
            network = create_network(by=person(request), **words)
        response = _response(request, network.pk, HTTPStatus.CREATED)
        response["Location"] = f"{origin_of(request)}/api/v1/models/{network.pk}"
        return response


class ModelDetail(Writes, PublicRead):
    """Its creator sees drafts and withdrawn versions too."""

    @documented(read.READ_MODEL)
    def get(self, request: Request, network_id: int) -> Response:
        return _response(request, network_id)

    @documented(write.CHANGE_MODEL)
    def patch(self, request: Request, network_id: int) -> Response:
        network = _visible(request, network_id)
        words = taken(request, ModelChange, partial=True)
        with in_the_words_of(ModelChange):
            update_network(network=network, by=person(request), **words)
        return _response(request, network_id)

    @documented(write.DELETE_MODEL)
    def delete(self, request: Request, network_id: int) -> Response:
        """204 for a draft, which is gone; else the tombstone that stays."""
        network = _visible(request, network_id)
        reason = taken(request, OptionalReason).get("reason", "")
        if delete_network(network=network, by=person(request), reason=reason) is None:
            return Response(status=HTTPStatus.NO_CONTENT)
        return _response(request, network_id)


class ModelVersions(WriteOnly):
    """`POST models/:id/versions`: the next draft."""

    @documented(write.CREATE_VERSION)
    def post(self, request: Request, network_id: int) -> Response:
        network = _visible(request, network_id)
        words = taken(request, VersionBody)
        with in_the_words_of(VersionBody):
            version = create_version(network=network, by=person(request), **words)
        response = version_response(request, version.pk, HTTPStatus.CREATED)
        response["Location"] = f"{origin_of(request)}/api/v1/model-versions/{version.pk}"
        return response


def catalogue_filter(request: Request) -> NetworkFilter:
    """What the parameters ask for. Raises Issues, and NotAuthenticated for nobody's favorites."""
    found = NetworkFilter(request.query_params, viewer=request.user)
    if not found.is_valid():
        raise issues_of_form(found.form)
    if found.form.cleaned_data.get("favorites") and not request.user.is_authenticated:
        raise NotAuthenticated
    return found


def _hints(found: NetworkFilter, paging: Paging, hits: int) -> dict[str, list[str]]:
    """To people who found little: names that are close to their words, and what they mistook."""
    hints = {}
    if found.parsed.remarks:
        hints["remarks"] = [str(each.sentence) for each in found.parsed.remarks]
    is_first = paging.cursor is None and paging.page in (None, 1)
    if found.parsed.words and is_first and hits < min(search.FEW_HITS, paging.limit):
        hints["suggestions"] = found.did_you_mean
    return {name: sentences for name, sentences in hints.items() if sentences}


def _visible(request: Request, network_id: int) -> Network:
    network = Network.objects.visible_to(request.user).filter(pk=network_id).first()
    if network is None:
        raise Http404("Model not found")
    return network


def _response(request: Request, network_id: int, status: int = HTTPStatus.OK) -> Response:
    visible = Network.objects.visible_to(request.user).filter(pk=network_id)
    owner = request.user if isinstance(request.user, User) else None
    found = _shapes(
        request,
        list(visible.values_list("pk", flat=True)),
        up_to=ContentLevel.EXPLICIT,
        owner=owner,
    )
    if not found:
        raise Http404("Model not found")
    return Response(found[0], status)


def _shapes(
    request: Request,
    keys: Sequence[int],
    *,
    up_to: ContentLevel,
    primary_file_only: bool = False,
    owner: User | None = None,
) -> list[shapes.JSON]:
    """In the order of the keys."""
    found = whole_networks(keys, up_to=up_to, primary_file_only=primary_file_only, owner=owner)
    origin = origin_of(request)
    return [shapes.model(each, origin=origin) for each in found]
