"""Runs a command of the project, such as `python examples/django_host/manage.py start`."""

import os
import sys
from pathlib import Path

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))  # the project is a package of this repository
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "examples.django_host.settings")
    execute_from_command_line(sys.argv)
