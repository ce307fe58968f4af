"""What the library needs of its host, at the level of meaning: protocols, and the values that cross them.

Every protocol's docstring ends with a numbered *Implementers must* list; the tests of a contract carry its numbers.
"""

from __future__ import annotations

from .clock import Clock
from .directories import InstitutionDirectory, PeopleDirectory
from .notifier import Delivered, NeverDeliverable, Notifier, SendResult, TryAgain
from .progress import Progress, ProgressCallback, Stage
from .store import AgreementStore, Change, LeasedNotice, Loaded, NoticeStatus, RecordedOutcome, StoredNotice

__all__ = [
    "AgreementStore",
    "Change",
    "Clock",
    "Delivered",
    "InstitutionDirectory",
    "LeasedNotice",
    "Loaded",
    "NeverDeliverable",
    "NoticeStatus",
    "Notifier",
    "PeopleDirectory",
    "Progress",
    "ProgressCallback",
    "RecordedOutcome",
    "SendResult",
    "Stage",
    "StoredNotice",
    "TryAgain",
]
