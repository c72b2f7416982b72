"""What the admin's pages have in common."""

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db import connection
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from registry.errors import HubError
from registry.models import User

if TYPE_CHECKING:  # generic for the type checker only
    AnyAdmin = admin.ModelAdmin[Any]
    AnyInline = admin.TabularInline[Any, Any]
    AnyPaginator = Paginator[Any]
else:
    AnyAdmin, AnyInline, AnyPaginator = admin.ModelAdmin, admin.TabularInline, Paginator


class RoughPaginator(AnyPaginator):
    """Asks the planner how many rows there are: counting a million takes a moment each time."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        if isinstance(rows, QuerySet) and not rows.query.where:
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT reltuples::bigint FROM pg_class WHERE oid = %s::regclass",
                    [rows.model._meta.db_table],
                )
                rough = int(cursor.fetchone()[0])
            if rough > 100_000:
                return rough
        return int(rows.count())


class ReadOnly:
    """Staff may look; nobody changes anything here."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return is_staff(request)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return is_staff(request)

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ReadOnlyAdmin(ReadOnly, AnyAdmin):
    paginator = RoughPaginator
    show_full_result_count = False
    list_per_page = 50


class ReadOnlyInline(ReadOnly, AnyInline):
    extra = 0
    can_delete = False
    show_change_link = True


class ReasonForm(ActionForm):
    """Beside the choice of an action: why. Shown to the creator, kept in the audit trail."""

    reason = forms.CharField(label=gettext_lazy("Reason:"), required=False, max_length=500)


def is_staff(request: HttpRequest) -> bool:
    return person(request) is not None


def person(request: HttpRequest) -> User | None:
    """Whoever is at the admin, if they may be."""
    user = request.user
    return user if isinstance(user, User) and user.is_staff else None


def reason_given(model_admin: AnyAdmin, request: HttpRequest) -> str | None:
    """What was typed beside the action; None, and a word about it, when it was nothing."""
    reason = request.POST.get("reason", "").strip()
    if not reason:
        model_admin.message_user(request, _("Give a reason."), messages.ERROR)
        return None
    return reason


def for_each(
    model_admin: AnyAdmin, request: HttpRequest, rows: QuerySet[Any], verb: Callable[[Any], object]
) -> None:
    """Do this to each row, and say how it went: one that objects does not stop the others."""
    done = 0
    for row in rows:
        try:
            verb(row)
            done += 1
        except (HubError, ValidationError) as objection:
            said = " ".join(getattr(objection, "messages", [str(objection)]))
            model_admin.message_user(request, f"{row}: {said}", messages.ERROR)
    if done:
        model_admin.message_user(request, _("%(count)d done.") % {"count": done}, messages.SUCCESS)
