"""The settings of a small Django project. What this library needs of them is marked."""

import os
from pathlib import Path

HERE = Path(__file__).parent

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
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
        "NAME": os.environ.get("MIS_DATABASE", HERE / "mis.sqlite3"),
        "OPTIONS": {  # how the library wants a SQLite file
            "timeout": 30,  # seconds to wait for another writer
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON",
        },
    }
}
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "examples.django_host.mis.errors.ErrorPages",  # answers with a page for each error of the library
]

USE_TZ = True
TIME_ZONE = "Europe/London"
LANGUAGE_CODE = "en-gb"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SECRET_KEY = os.environ.get("MIS_SECRET_KEY", "of an example, and of no use elsewhere")
ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
ROOT_URLCONF = "examples.django_host.urls"
WSGI_APPLICATION = "examples.django_host.wsgi.application"
STATIC_URL = "static/"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"
MAIL_SERVER = os.environ.get("MIS_MAIL_SERVER", "")  # such as localhost:25
MESSAGES = HERE / "messages"  # where messages are written without a mail server
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
