from importlib import import_module

from django.apps import AppConfig


class InferenceConfig(AppConfig):
    name = "inference"

    def ready(self) -> None:
        import_module("inference.tasks")  # every process knows every kind of job
        import_module("inference.listening")
