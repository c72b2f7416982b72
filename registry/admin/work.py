"""Jobs and webhooks."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from registry.admin.base import ReadOnlyAdmin, ReasonForm, person
from registry.jobs import JobFinished, cancel_job
from registry.models import Job, Webhook, WebhookAttempt, WebhookDelivery


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    list_display = (
        *("kind", "owner", "state", "attempt", "progress", "worker"),
        *("created_at", "started_at", "ended_at"),
    )
    list_filter = ("state", "queue", "kind")
    search_fields = ("=id", "=owner__username", "=request_id")
    list_select_related = ("owner",)
    ordering = ("-created_at",)
    actions = ("cancel",)
    action_form = ReasonForm

    @admin.display(description=_("progress"))
    def progress(self, job: Job) -> str:
        if not job.progress_total:
            return "–"
        return f"{100 * job.progress_done // job.progress_total} % {job.progress_label}"

    @admin.action(description=_("Cancel"))
    def cancel(self, request: HttpRequest, jobs: QuerySet[Job]) -> None:
        for job in jobs:
            try:
                cancel_job(job=job, by=person(request), reason=request.POST.get("reason", ""))
            except JobFinished as finished:
                self.message_user(request, str(finished))


@admin.register(Webhook)
class WebhookAdmin(ReadOnlyAdmin):
    list_display = ("url", "owner", "events", "created_at", "disabled_at", "disabled_reason")
    list_filter = (("disabled_at", admin.EmptyFieldListFilter),)
    search_fields = ("url", "=owner__username")
    list_select_related = ("owner",)
    ordering = ("-id",)
    exclude = ("secret",)


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnlyAdmin):
    list_display = (
        *("event", "webhook", "attempt", "status_code", "created_at"),
        *("delivered_at", "next_attempt_at", "error"),
    )
    list_filter = ("event",)
    search_fields = ("=webhook__url",)
    list_select_related = ("webhook",)
    ordering = ("-id",)


@admin.register(WebhookAttempt)
class WebhookAttemptAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "started_at", "milliseconds", "status_code", "error")
    list_filter = ("status_code",)
    ordering = ("-id",)
