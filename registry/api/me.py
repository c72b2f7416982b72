"""`GET me`: whose key this is."""

from rest_framework.request import Request
from rest_framework.response import Response

from registry.api import shapes
from registry.api.authentication import Access
from registry.api.permissions import needs
from registry.api.reading import origin_of
from registry.api.schema import catalogue as doc
from registry.api.schema.operations import documented
from registry.api.view import ApiView
from registry.models import Scope, User


class Me(ApiView):
    permission_classes = (needs(Scope.READ),)

    @documented(doc.READ_ME)
    def get(self, request: Request) -> Response:
        user = request.user
        assert isinstance(user, User)  # noqa: S101 -- the permission saw to it
        scopes = request.auth.scopes if isinstance(request.auth, Access) else Scope.values
        return Response(
            {
                "id": user.pk,
                **shapes.creator(user.username, user.avatar, origin=origin_of(request)),
                # Civitai's words; nothing is for sale here.
                "tier": "free",
                "status": "active" if user.may_write else "muted",
                "isMember": False,
                "subscriptions": [],
                "displayName": user.name,
                "role": user.role,
                "scopes": [scope for scope in Scope.values if scope in scopes],
            },
            headers={"Cache-Control": "private, no-store"},
        )
