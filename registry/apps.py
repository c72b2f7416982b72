from importlib import import_module

from django.apps import AppConfig


class RegistryConfig(AppConfig):
    name = "registry"

    def ready(self) -> None:
        import_module("registry.tasks")  # every process knows every kind of job
