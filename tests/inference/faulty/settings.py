"""The hub's settings, with a render worker that paints slowly and without torch."""

from hub.settings import *  # noqa: F403
from hub.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.inference.faulty.apps.SlowPainter"]
