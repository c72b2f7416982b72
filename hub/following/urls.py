"""Follows and their feed."""

from django.urls import path

from hub.following import views

urlpatterns = [
    path("following", views.following, name="following"),
    path("creators/<int:creator_id>/follow", views.follow, name="follow"),
    path("creators/<int:creator_id>/unfollow", views.unfollow, name="unfollow"),
]
