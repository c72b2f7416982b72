"""What a caller may do, seen at views that exist only here."""

from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory, force_authenticate
from rest_framework.views import APIView

from registry.api.authentication import Access
from registry.api.permissions import MayReadInPublic, needs
from registry.models import Scope, User


def call(permission: Any, user: User | None, *scopes: str, key: bool = True) -> tuple[int, Any]:
    class View(APIView):
        permission_classes = (permission,)

        def get(self, request: Request) -> Response:
            return Response("done")

    request = APIRequestFactory().get("/")
    access: Any = Access(frozenset(scopes)) if key else None
    force_authenticate(request, user=user or AnonymousUser(), token=access)
    answer = View.as_view()(request)
    return answer.status_code, answer.data


@pytest.mark.parametrize("scope", list(Scope))
def test_a_key_does_what_its_scopes_say(mod: User, scope: Scope) -> None:
    others = set(Scope) - {scope}

    assert call(needs(scope), mod, scope) == (200, "done")
    assert call(needs(scope), mod, *others) == (403, {"error": "insufficient_scope"})


def test_nobody_is_asked_to_come_with_a_credential() -> None:
    assert call(needs(Scope.UPLOAD), None, key=False) == (401, {"error": "Unauthorized"})


def test_a_browser_session_has_every_scope(alice: User) -> None:
    assert call(needs(Scope.UPLOAD), alice, key=False) == (200, "done")


def test_only_moderators_moderate_whatever_their_key_says(alice: User, mod: User) -> None:
    assert call(needs(Scope.MODERATE), mod, "moderate")[0] == 200
    status, body = call(needs(Scope.MODERATE), alice, "moderate")
    assert (status, body) == (403, {"error": "Only moderators may do this."})


def test_who_is_blocked_reads_and_changes_nothing(alice: User) -> None:
    alice.blocked_at = alice.date_joined
    alice.save()

    assert call(needs(Scope.READ), alice, "read")[0] == 200
    for scope in (Scope.UPLOAD, Scope.TRAIN):
        status, body = call(needs(scope), alice, scope)
        assert status == 403
        assert body["error"].startswith("This account is blocked.")


def test_in_public_everyone_reads_but_a_key_needs_its_scope(alice: User) -> None:
    assert call(MayReadInPublic, None, key=False)[0] == 200
    assert call(MayReadInPublic, alice, key=False)[0] == 200
    assert call(MayReadInPublic, alice, "read")[0] == 200
    assert call(MayReadInPublic, alice, "upload") == (403, {"error": "insufficient_scope"})
