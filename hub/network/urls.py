"""A network's addresses, below its creator's name: included last of all."""

from django.urls import path

# Registers the converter of public names.
from hub.gallery import urls as gallery_urls  # noqa: F401
from hub.network import picture_views, views

NETWORK = "<public_name:username>/<slug:slug>"

urlpatterns = [
    path(NETWORK, views.network, name="network"),
    path(f"{NETWORK}/versions/<int:number>", views.network, name="network_version"),
    path(f"{NETWORK}/versions/<int:number>/grid", views.grid, name="network_grid"),
    path(f"{NETWORK}/pictures", picture_views.pictures, name="network_pictures"),
    path(
        f"{NETWORK}/pictures/<int:picture_id>/remove",
        picture_views.remove,
        name="network_picture_remove",
    ),
]
