from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("account/", include("allauth.urls")),
    path("", include("allauth.idp.urls")),
    path("api/v1/", include("registry.api.urls")),
    path("admin/", admin.site.urls),
]
