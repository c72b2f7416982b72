"""`hub.wsgi` under `manage.py up`: imported while the database is brought up to date."""

import os
from importlib import import_module

import django
from django.conf import settings

from hub.embedded.services import GATE

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hub.settings")
django.setup()
import_module(settings.ROOT_URLCONF)
# The end of the pipe's other side opens the gate, for this start and all later ones.
os.read(int(os.environ[GATE]), 1)
# Looks at the collected static files.
application = import_module("hub.wsgi").application
