"""Collections. Those below a creator's name are in `creator_urlpatterns`, which come last."""

from django.urls import path

# Registers the converter of public names.
from hub.collections import own_views, views
from hub.gallery import urls as gallery_urls  # noqa: F401

urlpatterns = [
    path("collections", views.collections, name="collections"),
    path("collections/mine", views.my_collections, name="my_collections"),
    path("collections/new", own_views.new_collection, name="new_collection"),
    path("networks/<int:network_id>/collect", own_views.collect, name="collect"),
]

COLLECTIONS = "<public_name:username>/collections"
creator_urlpatterns = [
    path(COLLECTIONS, views.creator_collections, name="creator_collections"),
    path(f"{COLLECTIONS}/<slug:slug>", views.collection, name="collection"),
    path(f"{COLLECTIONS}/<slug:slug>/edit", own_views.edit_collection, name="edit_collection"),
    path(
        f"{COLLECTIONS}/<slug:slug>/delete", own_views.delete_collection, name="delete_collection"
    ),
    path(
        f"{COLLECTIONS}/<slug:slug>/arrange",
        own_views.arrange_collection,
        name="arrange_collection",
    ),
]
