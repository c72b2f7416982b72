"""Networks, versions, tags and pictures."""

from functools import partial
from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from registry.admin.base import (
    ReadOnlyAdmin,
    ReadOnlyInline,
    ReasonForm,
    for_each,
    is_staff,
    person,
    reason_given,
)
from registry.models import File, Network, Picture, Tag, User, Version
from registry.networks import restore_network, take_down_network, update_network
from registry.tagging import make_alias, set_namespace
from registry.versions import restore_version, take_down_version


class TakedownAdmin(ReadOnlyAdmin):
    """Rows that moderators take down, for a reason, and restore."""

    actions = ("take_down", "restore")
    action_form = ReasonForm

    def taken_down(self, row: Any, *, reason: str, by: User | None) -> object:
        raise NotImplementedError

    def restored(self, row: Any, *, reason: str, by: User | None) -> object:
        raise NotImplementedError

    @admin.action(description=_("Take down, for the reason given"))
    def take_down(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        if (reason := reason_given(self, request)) is not None:
            verb = partial(self.taken_down, reason=reason, by=person(request))
            for_each(self, request, rows, verb)

    @admin.action(description=_("Restore what was taken down"))
    def restore(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        verb = partial(self.restored, reason=request.POST.get("reason", ""), by=person(request))
        for_each(self, request, rows, verb)


class VersionInline(ReadOnlyInline):
    model = Version
    fk_name = "network"
    fields = ("number", "name", "status", "base_model", "stem", "published_at", "download_count")
    readonly_fields = fields


@admin.register(Network)
class NetworkAdmin(TakedownAdmin):
    list_display = (
        *("name", "creator", "kind", "status", "is_listed", "content_level"),
        *("published_at", "download_count"),
    )
    list_filter = ("status", "kind", "content_level", "licence", "is_listed")
    search_fields = ("=slug", "name", "=creator__username")
    list_select_related = ("creator",)
    ordering = ("-id",)
    date_hierarchy = "published_at"
    inlines = (VersionInline,)
    exclude = ("search",)

    # The level is the one word of a network that moderators set.
    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_staff(request)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        names = [field.name for field in Network._meta.fields if field.name != "search"]
        return [*(name for name in names if name != "content_level"), "tags"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Network]:
        return super().get_queryset(request).defer("search", "description")

    def save_model(
        self, request: HttpRequest, obj: Network, form: "ModelForm[Network]", change: bool
    ) -> None:
        if form.changed_data:
            level = form.cleaned_data["content_level"]
            update_network(network=obj, by=person(request), content_level=level)

    def taken_down(self, row: Any, *, reason: str, by: User | None) -> object:
        return take_down_network(network=row, reason=reason, by=by)

    def restored(self, row: Any, *, reason: str, by: User | None) -> object:
        return restore_network(network=row, reason=reason, by=by)


class FileInline(ReadOnlyInline):
    model = File
    fields = ("name", "format", "flavour", "is_primary", "size", "sha256", "blob")
    readonly_fields = fields


@admin.register(Version)
class VersionAdmin(TakedownAdmin):
    list_display = (
        *("__str__", "stem", "status", "base_model", "activation", "dtype"),
        *("published_at", "download_count"),
    )
    list_filter = ("status", "base_model", "dtype", "strength_source")
    search_fields = ("=stem", "=weights_hash", "=files__sha256", "=network__slug")
    list_select_related = ("network",)
    ordering = ("-id",)
    inlines = (FileInline,)

    def taken_down(self, row: Any, *, reason: str, by: User | None) -> object:
        return take_down_version(version=row, reason=reason, by=by)

    def restored(self, row: Any, *, reason: str, by: User | None) -> object:
        return restore_version(version=row, reason=reason, by=by)


@admin.register(Tag)
class TagAdmin(ReadOnlyAdmin):
    """Two things may be said of a tag: its namespace, and that it means another one."""

    list_display = ("name", "namespace", "alias_of", "network_count")
    list_filter = ("namespace", ("alias_of", admin.EmptyFieldListFilter))
    search_fields = ("name",)
    list_select_related = ("alias_of",)
    ordering = ("-network_count", "name")
    fields = ("name", "namespace", "alias_of", "network_count")
    readonly_fields = ("name", "network_count")
    autocomplete_fields = ("alias_of",)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_staff(request)

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> type["ModelForm[Tag]"]:
        return super().get_form(request, obj, change, form=TagForm, **kwargs)

    def save_model(
        self, request: HttpRequest, obj: Tag, form: "ModelForm[Tag]", change: bool
    ) -> None:
        by = person(request)
        if "alias_of" in form.changed_data and obj.alias_of is not None:
            make_alias(name=obj.name, of=obj.alias_of, by=by)
        elif "namespace" in form.changed_data:
            set_namespace(tag=obj, namespace=Tag.Namespace(obj.namespace), by=by)


class TagForm(ModelForm):  # type: ignore[type-arg]  # generic for the type checker only
    class Meta:
        model = Tag
        fields = ("namespace", "alias_of")

    def clean_alias_of(self) -> Tag | None:
        of: Tag | None = self.cleaned_data["alias_of"]
        if of is None and self.instance.alias_of_id is not None:
            raise ValidationError(_("Networks were moved to the other tag: that has no way back."))
        if of is not None and (of.alias_of_id is not None or of == self.instance):
            raise ValidationError(_("An alias leads to a tag that is none itself."))
        return of


@admin.register(Picture)
class PictureAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "owner", "content_level", "is_preview", "hidden_at", "created_at")
    list_filter = ("content_level", "is_preview", ("hidden_at", admin.EmptyFieldListFilter))
    search_fields = ("=sha256", "=owner__username")
    list_select_related = ("owner",)
    ordering = ("-id",)
    exclude = ("versions",)
