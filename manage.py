#!/usr/bin/env python
import os
import sys

from django.core.management import execute_from_command_line

from hub.embedded.up import main as up

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hub.settings")
    # Before the settings are read: it decides on the data folder that they speak of.
    if sys.argv[1:2] == ["up"]:
        sys.exit(up(sys.argv[2:]))
    execute_from_command_line(sys.argv)
