"""What the library needs of its host, at the level of meaning: protocols, and the values that cross them.

Every protocol's docstring ends with a numbered *Implementers must* list; the tests of a contract carry its numbers.
"""

from __future__ import annotations

from .clock import Clock
from .directories import InstitutionDirectory, PeopleDirectory
from .notifier import Delivered, NeverDeliverable, Notifier, SendResult, TryAgain
from .progress import Progress, ProgressReport, Stage
from .store import (
    AgreementStore,
    Change,
    KeptOutcome,
    LeasedNotice,
    Loaded,
    NoticeStatus,
    StoredNotice,
)

__all__ = [
    "AgreementStore",
    "Change",
    "Clock",
    "Delivered",
    "InstitutionDirectory",
    "KeptOutcome",
    "LeasedNotice",
    "Loaded",
    "NeverDeliverable",
    "NoticeStatus",
    "Notifier",
    "PeopleDirectory",
    "Progress",
    "ProgressReport",
    "SendResult",
    "Stage",
    "StoredNotice",
    "TryAgain",
]
