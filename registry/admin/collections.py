"""Collections and follows."""

from django.contrib import admin

from registry.admin.base import ReadOnlyAdmin
from registry.models import Collection, CollectionEntry, Follow


@admin.register(Collection)
class CollectionAdmin(ReadOnlyAdmin):
    list_display = ("name", "owner", "is_public", "created_at", "updated_at")
    list_filter = ("is_public",)
    search_fields = ("=slug", "name", "=owner__username")
    list_select_related = ("owner",)
    ordering = ("-id",)


@admin.register(CollectionEntry)
class CollectionEntryAdmin(ReadOnlyAdmin):
    list_display = ("collection", "network", "position", "note", "added_at")
    search_fields = ("=collection__slug", "=network__slug")
    list_select_related = ("collection", "network")
    ordering = ("-id",)


@admin.register(Follow)
class FollowAdmin(ReadOnlyAdmin):
    list_display = ("follower", "creator", "created_at")
    search_fields = ("=follower__username", "=creator__username")
    list_select_related = ("follower", "creator")
    ordering = ("-id",)
