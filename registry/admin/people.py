"""People, their keys, and what was done."""

from typing import TYPE_CHECKING

from django.contrib import admin
from django.forms import ModelForm
from django.http import HttpRequest

from registry import audit
from registry.admin.base import ReadOnlyAdmin, is_staff
from registry.models import ApiKey, AuditEvent, Decision, Like, Report, User

if TYPE_CHECKING:  # generic for the type checker only
    UserModelAdmin = admin.ModelAdmin[User]
else:
    UserModelAdmin = admin.ModelAdmin


@admin.register(User)
class UserAdmin(UserModelAdmin):
    list_display = ("username", "display_name", "role", "is_active", "blocked_at", "date_joined")
    list_filter = ("role", "is_active")
    search_fields = ("username", "display_name", "email")
    ordering = ("-date_joined",)
    fields = (
        *("username", "email", "display_name", "bio", "role", "is_active", "is_superuser"),
        *("blocked_at", "blocked_reason", "date_joined", "last_login"),
    )
    # The name is in addresses, the address is verified: neither changes behind a person's back.
    readonly_fields = (
        *("username", "email", "blocked_at", "blocked_reason", "date_joined", "last_login"),
    )

    # Staff look; roles and activity are for superusers to change.
    def has_module_permission(self, request: HttpRequest) -> bool:
        return is_staff(request)

    def has_view_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return is_staff(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False

    def save_model(
        self, request: HttpRequest, obj: User, form: "ModelForm[User]", change: bool
    ) -> None:
        super().save_model(request, obj, form, change)
        by = request.user if isinstance(request.user, User) else None
        audit.record("user.changed", by=by, on=obj, data={"fields": form.changed_data})


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    list_display = ("name", "prefix", "user", "scopes", "created_at", "last_used_at", "revoked_at")
    search_fields = ("prefix", "user__username")
    list_select_related = ("user",)
    exclude = ("digest",)


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    list_display = ("at", "action", "actor", "target", "reason", "address")
    list_filter = ("action",)
    search_fields = ("target", "request_id", "actor__username")
    list_select_related = ("actor",)


@admin.register(Like)
class LikeAdmin(ReadOnlyAdmin):
    list_display = ("user", "network", "created_at")
    search_fields = ("=user__username", "=network__slug")
    list_select_related = ("user", "network")
    ordering = ("-id",)


@admin.register(Report)
class ReportAdmin(ReadOnlyAdmin):
    list_display = ("made_at", "reason", "subject", "reporter", "decision")
    list_filter = ("reason", ("decision", admin.EmptyFieldListFilter))
    search_fields = ("=subject", "=reporter__username")
    list_select_related = ("reporter", "decision")


@admin.register(Decision)
class DecisionAdmin(ReadOnlyAdmin):
    list_display = ("at", "measure", "subject", "title", "creator", "by")
    list_filter = ("measure",)
    search_fields = ("=subject", "=creator__username", "=by__username")
    list_select_related = ("creator", "by")
