"""What the library needs of its host, at the level of meaning: protocols, and the values that cross them.

Every protocol's docstring ends with a numbered *Implementers must* list; the tests of a contract carry its numbers.
"""

from __future__ import annotations

from .clock import Clock
from .directories import InstitutionDirectory, PeopleDirectory
from .notifier import Delivered, NeverDeliverable, Notifier, SendResult, TryAgain
from .outbox import LONGEST_LEASE, LONGEST_WAIT, LeasedNotice, NoticeStatus, Outbox, Settlement, StoredNotice
from .progress import Progress, ProgressCallback, Stage
from .store import AgreementStore, Change, Loaded, RecordedOutcome, Unreadable, readable

__all__ = [
    "AgreementStore",
    "Change",
    "Clock",
    "Delivered",
    "InstitutionDirectory",
    "LONGEST_LEASE",
    "LONGEST_WAIT",
    "LeasedNotice",
    "Loaded",
    "NeverDeliverable",
    "NoticeStatus",
    "Notifier",
    "Outbox",
    "PeopleDirectory",
    "Progress",
    "ProgressCallback",
    "RecordedOutcome",
    "SendResult",
    "Settlement",
    "Stage",
    "StoredNotice",
    "TryAgain",
    "Unreadable",
    "readable",
]
