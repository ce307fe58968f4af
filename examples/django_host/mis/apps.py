"""The app, as Django knows it."""

from django.apps import AppConfig


class MisConfig(AppConfig):
    """The MIS itself."""

    name = "examples.django_host.mis"
