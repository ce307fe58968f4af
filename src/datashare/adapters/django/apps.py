"""The app, as Django knows it."""

from django.apps import AppConfig
from django.core.checks import register

from .checks import check_databases, check_settings


class DatashareConfig(AppConfig):
    """Data sharing agreements between school groups and their schools."""

    name = "datashare.adapters.django"
    label = "datashare"
    verbose_name: str = "Data sharing agreements"

    def ready(self) -> None:
        """Register the system checks."""
        register(check_settings)
        register(check_databases)
