"""`/help` and its pages."""

from django.urls import path

from hub.help import views

urlpatterns = [
    path("help", views.contents, name="help"),
    path("help/<slug:slug>", views.topic, name="help_topic"),
]
