"""System checks: what ``manage.py check`` says about the settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.core.checks import CheckMessage, Error, Warning  # noqa: A004 - Django's name
from django.db import connections

from datashare.errors import Misconfigured

from . import _settings


def check_settings(**_others: Any) -> list[CheckMessage]:
    """Check the dictionary `DATASHARE`."""
    return list(_problems(_settings.written()))


def _problems(names: object) -> Iterator[CheckMessage]:
    if not isinstance(names, Mapping):
        yield Error("DATASHARE must be a dictionary.", id="datashare.E001")
        return
    for name in names.keys() - _settings.MEANINGS.keys():
        known = ", ".join(_settings.MEANINGS)
        yield Error(f"DATASHARE has no setting {name!r}.", hint=f"The settings are {known}.", id="datashare.E002")
    try:
        _settings.function("SHARING")
    except Misconfigured as error:
        yield Error(str(error), id="datashare.E003")
    try:
        _settings.function("NOTIFIER")
    except Misconfigured as error:
        if "NOTIFIER" in names:
            yield Error(str(error), id="datashare.E004")
        else:
            yield Warning(str(error), hint="Without it datashare_deliver sends nothing.", id="datashare.W001")


def check_databases(**_others: Any) -> list[CheckMessage]:
    """Check the database that keeps the agreements."""
    alias = _settings.database()
    chosen: Mapping[str, Any] | None = connections.databases.get(alias)
    if chosen is None:
        what = f"DATASHARE['DATABASE'] must be {_settings.MEANINGS['DATABASE']}; there is no {alias!r}."
        return [Error(what, id="datashare.E005")]
    mode = str(chosen.get("OPTIONS", {}).get("transaction_mode", "")).upper()
    if str(chosen.get("ENGINE")).endswith("sqlite3") and mode not in {"IMMEDIATE", "EXCLUSIVE"}:
        what = f"Two writers at once disturb each other in the database {alias!r}."
        hint = f"Set DATABASES[{alias!r}]['OPTIONS']['transaction_mode'] to 'IMMEDIATE'."
        return [Warning(what, hint=hint, id="datashare.W002")]
    return []
