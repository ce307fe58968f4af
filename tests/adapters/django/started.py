"""Sets Django up once for the process and before the first import of a model.

Django puts its settings into the environment and the process's time zone; both are put back, so that no other test
notices. The databases are chosen by each test, see `tests/adapters/django/databases.py`.
"""

import os
import time
from unittest.mock import patch

import django
import pymysql

pymysql.install_as_MySQLdb()  # the driver of MariaDB that the tests have

with patch.dict(os.environ, {"DJANGO_SETTINGS_MODULE": "examples.django_host.settings"}):
    django.setup()
time.tzset()
