"""The kind of column that keys are kept in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

if TYPE_CHECKING:
    _CharField = models.CharField[Any, Any]
else:
    _CharField = models.CharField

COLLATIONS = {"postgresql": "C", "mysql": "utf8mb4_nopad_bin"}


class KeyField(_CharField):
    """Text that is compared and ordered character by character, whatever the locale of the database."""

    def db_parameters(self, connection: BaseDatabaseWrapper) -> dict[str, Any]:
        """Return the type of the column, with the collation that the database calls so."""
        return {**super().db_parameters(connection), "collation": COLLATIONS.get(connection.vendor)}
