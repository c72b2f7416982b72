"""The gallery's addresses. Creators' own pages are in `creator_urlpatterns`, which come last."""

from django.urls import path, register_converter

from hub.gallery import like_views, views
from hub.gallery.compare import comparison
from hub.gallery.converters import PublicNameConverter
from hub.gallery.find import find
from hub.gallery.suggestions import suggestions

register_converter(PublicNameConverter, "public_name")

urlpatterns = [
    path("", views.gallery, name="gallery"),
    path("search/suggestions", suggestions, name="suggestions"),
    path("compare", comparison, name="compare"),
    path("find", find, name="find"),
    path("tags/<str:name>", views.tag, name="tag"),
    path("networks/<int:network_id>/like", like_views.like, name="like"),
    path("networks/<int:network_id>/unlike", like_views.unlike, name="unlike"),
]

creator_urlpatterns = [
    path("<public_name:username>", views.creator, name="creator"),
]
