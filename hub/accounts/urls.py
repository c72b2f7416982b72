"""The account area. allauth's own pages are beside these, under the same `/account/`."""

from django.urls import path, re_path

from hub.accounts import (
    client_views,
    data_views,
    first_admin,
    key_views,
    profile_views,
    webhook_views,
)

urlpatterns = [
    path("account/first-admin/<str:token>/", first_admin.first_admin, name="account_first_admin"),
    path("account/", profile_views.profile, name="account_profile"),
    path("account/picture", profile_views.avatar, name="account_avatar"),
    path("account/keys/", key_views.api_keys, name="account_keys"),
    path("account/keys/<int:key_id>/revoke/", key_views.revoke, name="account_key_revoke"),
    path("account/data/", data_views.data, name="account_data"),
    path("account/data/<str:signature>.zip", data_views.archive, name="account_archive"),
    path("account/close/", data_views.close, name="account_close"),
    path("account/apps/", client_views.clients, name="account_clients"),
    path(
        "account/apps/<str:client_id>/disconnect/",
        client_views.disconnect_client,
        name="account_client_disconnect",
    ),
    path("account/webhooks/", webhook_views.webhooks, name="account_webhooks"),
    path("account/webhooks/<int:webhook_id>/", webhook_views.webhook, name="account_webhook"),
    path(
        "account/webhooks/<int:webhook_id>/switch",
        webhook_views.switch,
        name="account_webhook_switch",
    ),
    path(
        "account/webhooks/<int:webhook_id>/try", webhook_views.attempt, name="account_webhook_try"
    ),
    path(
        "account/webhooks/<int:webhook_id>/secret",
        webhook_views.secret,
        name="account_webhook_secret",
    ),
    path(
        "account/webhooks/<int:webhook_id>/delete/",
        webhook_views.delete,
        name="account_webhook_delete",
    ),
    path(
        "account/webhooks/<int:webhook_id>/deliveries/<int:delivery_id>/",
        webhook_views.delivery,
        name="account_webhook_delivery",
    ),
    # In the place of allauth's page, under the address that it gives to programs.
    path("identity/o/device", client_views.device, name="account_device"),
    re_path(
        r"^media/avatars/(?P<digest>[0-9a-f]{64})\.webp$",
        profile_views.avatar_file,
        name="avatar_file",
    ),
]
