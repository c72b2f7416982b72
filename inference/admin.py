"""Base models, which the admin enters; grids and what is in them, to look at and to cancel."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from inference.base_models import check, register_base_model
from inference.models import BaseModel, Cell, PreviewGrid, SuitePrompt
from inference.previews import cancel_grid
from registry.admin.base import (
    AnyAdmin,
    AnyInline,
    ReadOnlyAdmin,
    ReadOnlyInline,
    for_each,
    is_staff,
    person,
)
from registry.models import User

if TYPE_CHECKING:  # generic for the type checker only
    BaseModelForm = forms.ModelForm[BaseModel]
else:
    BaseModelForm = forms.ModelForm


class RegisteredForm(BaseModelForm):
    """Looks at the files that it is told of, so that a wrong path is seen here and now."""

    class Meta:
        model = BaseModel
        fields = (
            *("name", "family", "path", "is_enabled", "stands_for", "prediction_type", "clip_skip"),
            *("vae_path", "precision", "encoder_path", "scheduler", "steps", "cfg_scale"),
            *("width", "height", "negative_prompt", "about"),
        )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not self.errors:
            said = BaseModel(**{n: v for n, v in cleaned.items() if n != "stands_for"})
            try:
                check(said)
            except ValidationError as error:
                self.add_error(None, error)
        return cleaned


class ByAdministrators:
    """Staff may look; only administrators name paths on the workers' disks."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return is_staff(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_staff(request)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_administrator(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_administrator(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Grids tell which base model they were made with: one is taken out of use instead."""
        used = isinstance(obj, BaseModel) and obj.grids.exists()
        return is_administrator(request) and not used


def is_administrator(request: HttpRequest) -> bool:
    user = person(request)
    return user is not None and user.role == User.Role.ADMIN


class SuiteInline(ByAdministrators, AnyInline):
    model = SuitePrompt
    extra = 0


@admin.register(BaseModel)
class BaseModelAdmin(ByAdministrators, AnyAdmin):
    """New ones are ready after the next grid: the render worker loads them when it needs them."""

    form = RegisteredForm
    list_display = ("name", "family", "short_hash", "origin", "is_enabled", "is_demo", "path")
    list_filter = ("family", "origin", "is_enabled")
    search_fields = ("name", "=hash", "path")
    readonly_fields = ("hash", "origin", "is_demo")
    inlines = (SuiteInline,)

    def save_model(
        self, request: HttpRequest, obj: BaseModel, form: "forms.ModelForm[BaseModel]", change: bool
    ) -> None:
        """By the verb, which reads the hash, adds the suite and writes the audit line."""
        origin = obj.origin if change else BaseModel.Origin.ADMIN
        if change and "name" in form.changed_data:
            BaseModel.objects.filter(pk=obj.pk).update(name=obj.name)
        saved = register_base_model(by=person(request), origin=origin, **form.cleaned_data)
        obj.pk, obj.hash = saved.pk, saved.hash
        obj._state.adding = False


class CellInline(ReadOnlyInline):
    model = Cell
    fields = ("row", "column", "prompt", "seed", "multiplier", "state", "shift", "fidelity")
    readonly_fields = fields
    show_change_link = False


@admin.register(PreviewGrid)
class PreviewGridAdmin(ReadOnlyAdmin):
    list_display = ("version", "base_model", "status", "asked_by", "created_at", "finished_at")
    list_filter = ("status", "base_model")
    search_fields = ("=version__network__slug", "=version__stem", "=job__id")
    list_select_related = ("version__network", "base_model", "asked_by")
    ordering = ("-id",)
    inlines = (CellInline,)
    actions = ("cancel",)

    @admin.action(description=_("Cancel"))
    def cancel(self, request: HttpRequest, grids: QuerySet[PreviewGrid]) -> None:
        """As the hub: moderators may not render, but the admin may stop what runs."""
        chosen = grids.select_related("version__network__creator", "job")
        for_each(self, request, chosen, lambda grid: cancel_grid(grid=grid, by=None))
