from django.urls import path

from hub.publish import draft_views, network_views, upload_views

urlpatterns = [
    path("publish", upload_views.publish, name="publish"),
    path("publish/begin", upload_views.begin, name="publish_begin"),
    path("publish/drafts", network_views.my_networks, name="my_networks"),
    path("publish/markdown", draft_views.markdown, name="publish_markdown"),
    path("publish/tags", draft_views.tags, name="publish_tags"),
    path("publish/uploads/<uuid:upload_id>", upload_views.upload_row, name="publish_upload"),
    path(
        "publish/uploads/<uuid:upload_id>/cancel", upload_views.cancel, name="publish_upload_cancel"
    ),
    path(
        "publish/uploads/<uuid:upload_id>/check",
        upload_views.check_again,
        name="publish_upload_check",
    ),
    path("publish/<int:version_id>", draft_views.draft, name="draft"),
    path("publish/<int:version_id>/state", draft_views.state, name="draft_state"),
    path("publish/<int:version_id>/file", upload_views.draft_file, name="draft_file"),
    path("publish/<int:version_id>/previews", draft_views.previews, name="draft_previews"),
    path("publish/<int:version_id>/delete", draft_views.delete_draft, name="delete_draft"),
    path(
        "publish/networks/<int:network_id>/versions/new",
        upload_views.new_version,
        name="new_version",
    ),
    path("publish/networks/<int:network_id>/edit", network_views.edit_network, name="edit_network"),
    path(
        "publish/networks/<int:network_id>/delete",
        network_views.delete_network,
        name="delete_network",
    ),
    path("publish/versions/<int:version_id>/yank", network_views.yank_version, name="yank_version"),
    path(
        "publish/versions/<int:version_id>/unyank",
        network_views.unyank_version,
        name="unyank_version",
    ),
]
