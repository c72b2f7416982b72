"""Every address of the site. Creators' own (`/{creator}/{slug}`) come last."""

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path, re_path

from hub.api_docs.views import api_docs
from hub.collections import urls as collection_urls
from hub.gallery import feeds
from hub.gallery.urls import creator_urlpatterns
from hub.site_files import favicon, manifest, robots
from hub.styleguide import styleguide
from hub.theme import set_theme
from registry.api import pictures
from registry.api.downloads import (
    DownloadVersion,
    SignedFile,
    VersionBundle,
    VersionPreview,
    VersionSidecar,
)
from registry.api.nowhere import NoSuchAddress

# The admin has no door of its own: signing in there asks for the second factor too.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

urlpatterns = [
    # First: programs ask most, and each pattern before these would be tried for every answer.
    path("api/docs", api_docs, name="api-docs"),
    path("api/v1/", include("registry.api.urls")),
    path("api/v1/", include("inference.api.urls")),
    path("api/download/models/<int:version_id>", DownloadVersion.as_view(), name="download"),
    path("api/download/models/<int:version_id>/bundle", VersionBundle.as_view()),
    path("api/download/models/<int:version_id>/preview", VersionPreview.as_view()),
    path("api/download/models/<int:version_id>/sidecar", VersionSidecar.as_view()),
    path("", include("registry.api.huggingface")),
    re_path("^api/", NoSuchAddress.as_view()),
    path("", include("hub.accounts.urls")),
    path("", include("hub.gallery.urls")),
    path("", include(collection_urls.urlpatterns)),
    path("", include("hub.following.urls")),
    path("feed.atom", feeds.new_networks, name="feed"),
    path("tags/<str:name>/feed.atom", feeds.of_tag, name="tag_feed"),
    path("<str:username>/feed.atom", feeds.of_creator, name="creator_feed"),
    path("theme", set_theme, name="theme"),
    path("", include("hub.publish.urls")),
    path("", include("hub.moderation.urls")),
    path("robots.txt", robots, name="robots"),
    path("favicon.ico", favicon),
    path("manifest.webmanifest", manifest, name="manifest"),
    path("styleguide", styleguide, name="styleguide"),
    path("account/", include("allauth.urls")),
    path("", include("allauth.idp.urls")),
    path("", include("hub.help.urls")),
    path("files/<str:signature>/<str:name>", SignedFile.as_view()),
    path("pictures/<str:sha256>/width=<str:width>/<int:picture_id>.webp", pictures.picture),
    path("admin/", admin.site.urls),
    # Last: any word may be a creator's name.
    *creator_urlpatterns,
    *collection_urls.creator_urlpatterns,
    path("", include("hub.network.urls")),
]

handler400 = "hub.errors.bad_request"
handler403 = "hub.errors.forbidden"
handler404 = "hub.errors.not_found"
handler429 = "hub.errors.too_many_requests"  # allauth's
handler500 = "hub.errors.server_error"
