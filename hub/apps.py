from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate


class HubConfig(AppConfig):
    name = "hub"

    def ready(self) -> None:
        from hub.accounts import clients, receivers
        from hub.moderation import mail  # noqa: F401  # hears of decisions; its jobs are known

        receivers.connect()
        oidc = apps.get_app_config("allauth_idp_oidc")
        post_migrate.connect(clients.keep_our_client, sender=oidc)
