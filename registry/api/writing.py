"""What people and their programs may change: JSON bodies, by the names that reading gives.

A body says only what it wants to set. Unknown fields are refused, so that a misspelt one is not
lost in silence. How long and how much each may be is the models' to say; their objections come
back under the names of the body's fields.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, Final, cast

from django.core.exceptions import NON_FIELD_ERRORS
from django.core.exceptions import ValidationError as ModelValidationError
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from registry.api.errors import Issues, issues_of_fields
from registry.api.permissions import needs
from registry.api.view import ApiView
from registry.models import BaseModelName, ContentLevel, Network, Scope, User, Version
from registry.models.network import CommercialUse, Licence

WRITING: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class Writes(ApiView):
    """Mixed into a view: its writing methods need a key that may upload, and take JSON.

    A method that it has not is answered as such, whoever asks.
    """

    def get_permissions(self) -> list[BasePermission]:
        method = self.request.method or ""
        if method in WRITING and hasattr(self, method.lower()):
            return [needs(Scope.UPLOAD)()]
        return cast(list[BasePermission], super().get_permissions())


class WriteOnly(Writes):
    """There is nothing here to read."""

    permission_classes = ()


class Body(serializers.Serializer[Any]):
    """Refuses fields that it has not."""

    default_error_messages: ClassVar[dict[str, Any]] = {
        "unrecognized_keys": _("There is no such field to set.")
    }

    def to_internal_value(self, data: Any) -> Any:
        unknown = set(data) - set(self.fields) if isinstance(data, Mapping) else set()
        if unknown:
            code = "unrecognized_keys"
            error = serializers.ErrorDetail(str(self.error_messages[code]), code=code)
            raise serializers.ValidationError({name: [error] for name in sorted(unknown)})
        return super().to_internal_value(data)


class ModelBody(Body):
    """`description` in Markdown; `slug` is the end of its address, made from the name if absent."""

    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=Network.Kind.choices)
    slug = serializers.CharField(required=False)
    # Django leaves the length of long texts to forms.
    description = serializers.CharField(
        allow_blank=True,
        required=False,
        max_length=Network._meta.get_field("description").max_length,
    )
    tags = serializers.ListField(child=serializers.CharField(), required=False)
    contentLevel = serializers.ChoiceField(
        source="content_level", choices=ContentLevel.choices, required=False
    )
    licence = serializers.ChoiceField(choices=Licence.choices, required=False)
    allowNoCredit = serializers.BooleanField(source="allow_no_credit", required=False)
    allowCommercialUse = serializers.ListField(
        source="allow_commercial_use",
        child=serializers.ChoiceField(choices=CommercialUse.choices),
        required=False,
    )
    allowDerivatives = serializers.BooleanField(source="allow_derivatives", required=False)
    allowDifferentLicense = serializers.BooleanField(
        source="allow_different_licence", required=False
    )


class ModelChange(ModelBody):
    """An address stays: pages and clients link to it. `reason` is a moderator's, who changes it."""

    slug = None  # type: ignore[assignment]  # DRF's way to leave a field of the parent out
    reason = serializers.CharField(max_length=500, required=False, allow_blank=True)


class Strength(Body):
    """What A1111 calls the multiplier; null is "not known"."""

    strength = serializers.FloatField(
        source="recommended_strength", allow_null=True, required=False
    )
    minStrength = serializers.FloatField(source="min_strength", allow_null=True, required=False)
    maxStrength = serializers.FloatField(source="max_strength", allow_null=True, required=False)


class VersionBody(Body):
    """`description` is what changed, in Markdown; a name is given if there is none."""

    name = serializers.CharField(required=False)
    description = serializers.CharField(
        source="changelog",
        allow_blank=True,
        required=False,
        max_length=Version._meta.get_field("changelog").max_length,
    )
    trainedWords = serializers.ListField(
        source="trigger_words", child=serializers.CharField(), required=False
    )
    baseModel = serializers.ChoiceField(
        source="base_model", choices=BaseModelName.choices, required=False
    )
    settings = Strength(source="*", required=False)


class Publication(Body):
    """Now, or at a time to come."""

    publishAt = serializers.DateTimeField(source="at", required=False)


class Reason(Body):
    reason = serializers.CharField(max_length=2000)


class OptionalReason(Body):
    reason = serializers.CharField(max_length=2000, required=False, allow_blank=True)


class Nothing(Body):
    """Nothing is to be said."""


def taken(request: Request, form: type[Body], *, partial: bool = False) -> dict[str, Any]:
    """The body's values by the names of the domain. Raises Issues, with options for choices."""
    body = form(data=request.data, partial=partial)
    if body.is_valid():
        return dict(body.validated_data)
    raise Issues(
        found | _options(body.fields.get(re.split(r"[.[]", found["path"][0])[0]))
        for found in issues_of_fields(body.errors)
    )


@contextmanager
def in_the_words_of(form: type[Body]) -> Iterator[None]:
    """What a model objects to, under the names that the body has for its fields."""
    try:
        yield
    except ModelValidationError as error:
        if not hasattr(error, "error_dict"):
            raise
        names = dict(_names(form()))
        raise ModelValidationError(
            {names.get(field, field): errors for field, errors in error.error_dict.items()}
        ) from None


def person(request: Request) -> User:
    """The permission class has let nobody else in."""
    return cast(User, request.user)


def _names(body: serializers.BaseSerializer[Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, field in cast(Body, body).fields.items():
        if isinstance(field, Body):
            yield from _names(field, f"{prefix}{name}.")
        else:
            yield field.source or name, f"{prefix}{name}"
    yield NON_FIELD_ERRORS, NON_FIELD_ERRORS


def _options(field: Any) -> dict[str, list[str]]:
    choices = getattr(field, "choices", None) or getattr(
        getattr(field, "child", None), "choices", {}
    )
    return {"values": list(choices), "options": list(choices)} if choices else {}
