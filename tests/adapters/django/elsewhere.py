"""A store on Django's ORM in another process, where Django is not set up yet."""

from collections.abc import Mapping
from typing import Any

from . import started  # isort: skip  # noqa: F401 - first, since it sets Django up

from django.db import connections

from datashare.adapters.django.store import DjangoAgreementStore


def store_elsewhere(chosen: Mapping[str, Any]) -> DjangoAgreementStore:
    """Point Django at a database, by its settings, and make a store."""
    connections.databases["default"] = dict(chosen)
    del connections["default"]  # made while Django was set up
    return DjangoAgreementStore()
