from django.apps import AppConfig
from django.db.models.signals import post_migrate


class HubConfig(AppConfig):
    name = "hub"

    def ready(self) -> None:
        from hub.accounts import clients, receivers

        receivers.connect()
        post_migrate.connect(clients.keep_our_client, sender=self)
