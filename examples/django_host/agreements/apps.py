"""The app, as Django knows it."""

from django.apps import AppConfig


class AgreementsConfig(AppConfig):
    """Agreements between school groups and their schools."""

    name = "examples.django_host.agreements"
    verbose_name = "Data sharing agreements"
