"""`models/:id/like`: whether the key's owner likes a network, and saying so."""

from django.http import Http404
from rest_framework.request import Request
from rest_framework.response import Response

from registry.api.permissions import needs
from registry.api.schema import publishing as doc
from registry.api.schema.operations import documented
from registry.api.writing import Writes, person
from registry.likes import like_network, unlike_network
from registry.models import Like, Network, Scope


class ModelLike(Writes):
    """PUT to like, DELETE to take it back; either may be said twice."""

    permission_classes = (needs(Scope.READ),)

    @documented(doc.READ_LIKE)
    def get(self, request: Request, network_id: int) -> Response:
        return _answer(request, _visible(request, network_id))

    @documented(doc.LIKE)
    def put(self, request: Request, network_id: int) -> Response:
        network = _visible(request, network_id)
        return _answer(request, like_network(network=network, by=person(request)))

    @documented(doc.UNLIKE)
    def delete(self, request: Request, network_id: int) -> Response:
        network = _visible(request, network_id)
        return _answer(request, unlike_network(network=network, by=person(request)))


def _visible(request: Request, network_id: int) -> Network:
    visible = Network.objects.visible_to(request.user).defer("search")
    network = visible.filter(pk=network_id).first()
    if network is None:
        raise Http404("Model not found")
    return network


def _answer(request: Request, network: Network) -> Response:
    liked = Like.objects.filter(network=network, user=person(request)).exists()
    return Response(
        {"modelId": network.pk, "liked": liked, "thumbsUpCount": network.like_count},
        headers={"Cache-Control": "private, no-store"},
    )
