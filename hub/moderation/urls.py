from django.urls import path

from hub.moderation import report_views, views
from registry.subjects import Kind

REPORTABLE = (Kind.NETWORK, Kind.VERSION, Kind.PICTURE, Kind.CREATOR)

urlpatterns = [
    *(
        path(f"report/{kind}/<int:key>", report_views.report, {"kind": kind}, name=f"report_{kind}")
        for kind in REPORTABLE
    ),
    path("moderation", views.reports, name="moderation"),
    path("moderation/quarantine", views.quarantine, name="moderation_quarantine"),
    path("moderation/decisions", views.decisions, name="moderation_decisions"),
    path("moderation/cases/<str:kind>/<str:key>", views.case, name="moderation_case"),
]
