"""`/api/v1/`."""

from django.urls import path

from registry.api import (
    description,
    facets,
    jobs,
    likes,
    lists,
    me,
    models,
    tus,
    uploads,
    versions,
    webhooks,
)

urlpatterns = [
    path("models", models.ModelList.as_view()),
    path("models/<int:network_id>", models.ModelDetail.as_view()),
    path("models/<int:network_id>/like", likes.ModelLike.as_view()),
    path("models/<int:network_id>/versions", models.ModelVersions.as_view()),
    path("model-versions/by-hash", versions.VersionsByHash.as_view()),
    path("model-versions/by-hash/ids", versions.VersionIdsByHash.as_view()),
    path("model-versions/by-hash/<str:digest>", versions.VersionByHash.as_view()),
    path("model-versions/mini/<int:version_id>", versions.VersionMini.as_view()),
    path("model-versions/<int:version_id>", versions.VersionDetail.as_view()),
    path("model-versions/<int:version_id>/publish", versions.VersionPublication.as_view()),
    path("model-versions/<int:version_id>/yank", versions.VersionYank.as_view()),
    path("model-versions/<int:version_id>/unyank", versions.VersionUnyank.as_view()),
    path("images", lists.ImageList.as_view()),
    path("creators", lists.CreatorList.as_view()),
    path("tags", lists.TagList.as_view()),
    path("me", me.Me.as_view()),
    path("schema", description.Schema.as_view(), name="api-schema"),
    path("facets", facets.FacetList.as_view()),
    path("enums", lists.Enums.as_view()),
    path("jobs", jobs.JobList.as_view()),
    path("jobs/<uuid:job_id>", jobs.JobDetail.as_view()),
    path("jobs/<uuid:job_id>/cancel", jobs.JobCancellation.as_view()),
    path("jobs/<uuid:job_id>/events", jobs.JobEvents.as_view()),
    path("uploads", tus.UploadList.as_view(), name="api-uploads"),
    path("uploads/<uuid:upload_id>", tus.UploadDetail.as_view(), name="api-upload"),
    path("uploads/<uuid:upload_id>/attach", uploads.UploadAttachment.as_view()),
    path("webhooks", webhooks.WebhookList.as_view()),
    path("webhooks/<int:webhook_id>", webhooks.WebhookDetail.as_view()),
    path("webhooks/<int:webhook_id>/secret", webhooks.WebhookSecret.as_view()),
    path("webhooks/<int:webhook_id>/ping", webhooks.WebhookPing.as_view()),
    path("webhooks/<int:webhook_id>/deliveries", webhooks.DeliveryList.as_view()),
    path(
        "webhooks/<int:webhook_id>/deliveries/<int:delivery_id>", webhooks.DeliveryDetail.as_view()
    ),
    path(
        "webhooks/<int:webhook_id>/deliveries/<int:delivery_id>/redeliver",
        webhooks.Redelivery.as_view(),
    ),
]
