"""The account area. allauth's own pages are beside these, under the same `/account/`."""

from django.urls import path, re_path

from hub.accounts import client_views, first_admin, key_views, profile_views

urlpatterns = [
    path("account/first-admin/<str:token>/", first_admin.first_admin, name="account_first_admin"),
    path("account/", profile_views.profile, name="account_profile"),
    path("account/picture", profile_views.avatar, name="account_avatar"),
    path("account/keys/", key_views.api_keys, name="account_keys"),
    path("account/keys/<int:key_id>/revoke/", key_views.revoke, name="account_key_revoke"),
    path("account/apps/", client_views.clients, name="account_clients"),
    path(
        "account/apps/<str:client_id>/disconnect/",
        client_views.disconnect_client,
        name="account_client_disconnect",
    ),
    # In the place of allauth's page, under the address that it gives to programs.
    path("identity/o/device", client_views.device, name="account_device"),
    re_path(
        r"^media/avatars/(?P<digest>[0-9a-f]{64})\.webp$",
        profile_views.avatar_file,
        name="avatar_file",
    ),
]
