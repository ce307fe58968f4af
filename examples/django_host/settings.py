"""The settings that Django needs at least: one app and one database."""

from pathlib import Path

INSTALLED_APPS = ["examples.django_host.agreements"]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": Path(__file__).parent / "agreements.sqlite3",
        "OPTIONS": {
            "timeout": 30,  # seconds to wait for another writer
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON",
        },
    }
}
USE_TZ = True
TIME_ZONE = "Europe/London"
