"""What a caller may do: `permission_classes = [needs(Scope.UPLOAD)]`.

401 `Unauthorized` without a good credential, 403 `insufficient_scope` where the credential does not
reach, 403 with a sentence where the person may not. A browser's own session has every scope.
"""

from typing import ClassVar

from django.utils.translation import gettext as _
from rest_framework.exceptions import NotAuthenticated, PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from registry.api.authentication import Access
from registry.models import Scope, User


class InsufficientScope(PermissionDenied):
    default_detail = "insufficient_scope"


class MayReadInPublic(BasePermission):
    """Everyone; a caller with a credential needs `read` in it, since he sees more than others."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if isinstance(request.user, User):
            require_scope(request, Scope.READ)
        return True


class NeedsScope(BasePermission):
    scope: ClassVar[Scope]

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not isinstance(request.user, User):
            raise NotAuthenticated
        require_scope(request, self.scope)
        if self.scope != Scope.READ and not request.user.may_write:
            raise PermissionDenied(
                _("This account is blocked. It can read, but not change things.")
            )
        if self.scope == Scope.MODERATE and not request.user.is_moderator:
            raise PermissionDenied(_("Only moderators may do this."))
        return True


def needs(scope: Scope) -> type[NeedsScope]:
    """A permission class for views that work only with `scope`."""
    return type(f"Needs{scope.name.title()}", (NeedsScope,), {"scope": scope})


def require_scope(request: Request, scope: Scope) -> None:
    if isinstance(request.auth, Access) and scope not in request.auth.scopes:
        raise InsufficientScope
