"""Pure: the record of what has happened, and what it answers (rules H)."""

from __future__ import annotations

from .chaining import BEFORE_THE_FIRST, EventRecord, chained, sealed

__all__ = [
    "BEFORE_THE_FIRST",
    "EventRecord",
    "chained",
    "sealed",
]
