"""Sets Django up before any test is collected, and hands out the databases."""

from . import started  # isort: skip  # noqa: F401 - first, since models need it

from .databases import _mariadb, _postgresql, _sqlite, mariadb, postgresql, sqlite, store

__all__ = ["_mariadb", "_postgresql", "_sqlite", "mariadb", "postgresql", "sqlite", "store"]
