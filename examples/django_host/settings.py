"""The settings of a small Django project. What this library needs of them is marked."""

from pathlib import Path

HERE = Path(__file__).parent

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "datashare.adapters.django",  # the library's models, admin pages and commands
    "examples.django_host.mis",
]
DATASHARE = {  # the library's settings, all of them
    "SHARING": "examples.django_host.mis.sharing.data_sharing",
    "NOTIFIER": "examples.django_host.mis.sharing.notifier",
    "DATABASE": "default",
}
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": HERE / "mis.sqlite3",
        "OPTIONS": {  # how the library wants a SQLite file
            "timeout": 30,  # seconds to wait for another writer
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON",
        },
    }
}
USE_TZ = True
TIME_ZONE = "Europe/London"

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SECRET_KEY = "of an example, and of no use elsewhere"  # noqa: S105
ROOT_URLCONF = "examples.django_host.urls"
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
