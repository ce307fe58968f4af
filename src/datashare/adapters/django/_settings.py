"""The settings, which a host writes as one dictionary: `DATASHARE`. They are read whenever they are needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS
from django.utils.module_loading import import_string

from datashare.errors import Misconfigured

Name = Literal["SHARING", "NOTIFIER", "DATABASE"]

MEANINGS: Final[Mapping[str, str]] = {
    "SHARING": "the dotted path of a function that takes a store and returns a DataSharing",
    "NOTIFIER": "the dotted path of a function that returns the Notifier which sends messages",
    "DATABASE": "the alias in DATABASES of the database with the agreements",
}
"""What each setting is, as the end of a sentence."""


def written() -> object:
    """Return the dictionary as the host wrote it; an empty one, if the host wrote nothing."""
    return getattr(settings, "DATASHARE", {})


def database() -> str:
    """Return the alias of the database with the agreements."""
    names = written()
    alias = names.get("DATABASE", DEFAULT_DB_ALIAS) if isinstance(names, Mapping) else DEFAULT_DB_ALIAS
    return str(alias)


def function(name: Name) -> Callable[..., Any]:
    """Import the function that a setting names.

    Raises:
        Misconfigured: The setting is missing, or names nothing that can be called.
    """
    names = written()
    path = names.get(name) if isinstance(names, Mapping) else None
    what, meaning = f"DATASHARE[{name!r}]", MEANINGS[name]
    if path is None:
        raise Misconfigured(what, path, f"{meaning}; it is missing, so add it to the settings")
    try:
        value = import_string(path)
    except (ImportError, TypeError, AttributeError) as error:
        raise Misconfigured(what, path, f"{meaning}; it cannot be imported: {error}") from error
    if not callable(value):
        raise Misconfigured(what, path, f"{meaning}; it cannot be called")
    function: Callable[..., Any] = value
    return function
