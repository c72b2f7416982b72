"""Uploads, what was found in them, and what is stored."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from registry.admin.base import ReadOnlyAdmin, ReadOnlyInline, ReasonForm, for_each, person
from registry.endings import discard_quarantined
from registry.models import Blob, Download, File, Finding, Original, Upload


class FindingInline(ReadOnlyInline):
    model = Finding
    fields = ("severity", "rule", "message", "data")
    readonly_fields = fields
    show_change_link = False


class UploadFindingInline(FindingInline):
    fk_name = "upload"


class OriginalFindingInline(FindingInline):
    fk_name = "original"


@admin.register(Upload)
class UploadAdmin(ReadOnlyAdmin):
    list_display = ("name", "owner", "state", "step", "size", "version", "created_at", "expires_at")
    list_filter = ("state", "step")
    search_fields = ("=id", "name", "=owner__username")
    list_select_related = ("owner", "version__network")
    ordering = ("-created_at",)
    exclude = ("held_blobs",)
    inlines = (UploadFindingInline,)
    actions = ("discard",)
    action_form = ReasonForm

    @admin.action(description=_("Erase the quarantined bytes"))
    def discard(self, request: HttpRequest, uploads: QuerySet[Upload]) -> None:
        by, reason = person(request), request.POST.get("reason", "")
        for_each(
            self, request, uploads, lambda u: discard_quarantined(upload=u, by=by, reason=reason)
        )


@admin.register(Original)
class OriginalAdmin(ReadOnlyAdmin):
    list_display = ("name", "version", "container", "size", "sha256", "scanned_at")
    list_filter = ("container",)
    search_fields = ("=sha256", "=blake3", "=name")
    list_select_related = ("version__network",)
    ordering = ("-id",)
    inlines = (OriginalFindingInline,)


@admin.register(Finding)
class FindingAdmin(ReadOnlyAdmin):
    list_display = ("severity", "rule", "message", "upload", "original")
    list_filter = ("severity",)
    search_fields = ("=rule",)
    list_select_related = ("upload", "original")
    ordering = ("-id",)


@admin.register(File)
class FileAdmin(ReadOnlyAdmin):
    list_display = ("name", "version", "format", "flavour", "is_primary", "size", "has_bytes")
    list_filter = ("format", "flavour", "is_primary")
    search_fields = ("=sha256", "=blake3", "=name", "=autov3", "=crc32")
    list_select_related = ("version__network",)
    ordering = ("-id",)

    @admin.display(boolean=True, description=_("bytes"))
    def has_bytes(self, file: File) -> bool:
        return file.blob_id is not None


@admin.register(Blob)
class BlobAdmin(ReadOnlyAdmin):
    list_display = ("sha256", "size", "stored_at", "verified_at")
    search_fields = ("=sha256",)
    ordering = ("-stored_at",)


@admin.register(Download)
class DownloadAdmin(ReadOnlyAdmin):
    list_display = ("day", "file", "count")
    search_fields = ("=file__name",)
    list_select_related = ("file",)
    ordering = ("-day", "-count")
