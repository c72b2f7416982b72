"""The hub's settings for workers that fail."""

import os

from hub.settings import *  # noqa: F403
from hub.settings import INSTALLED_APPS, STORAGES

INSTALLED_APPS = [*INSTALLED_APPS, "tests.registry.faulty"]
STORAGES["default"] = {"BACKEND": os.environ.get("FAULTY_STORAGE", "registry.storage.LocalStorage")}
