"""What tests of a host need: contracts for its adapters, fakes to hand in, and values to draw from.

Nothing of this is for a running site: it comes with `datashare[testing]`. `datashare.testing.strategies` and
`datashare.testing.comparison` need Hypothesis; the rest needs pytest alone.
"""

from __future__ import annotations

from .contracts import (
    AgreementStoreContract,
    ClockContract,
    CountRoundTrips,
    InHostsTransaction,
    InstitutionDirectoryContract,
    NotifierContract,
    OutboxContract,
    PeopleDirectoryContract,
    ReceivedMessage,
    ReceivedMessages,
    RegisterContents,
)
from .fakes import (
    CountingStore,
    FailingNotifier,
    FailingStore,
    FrozenClock,
    InterleavingStore,
    RecordingNotifier,
    StoreWithOutbox,
    WrappedStore,
)
from .threads import at_once

__all__ = [
    "AgreementStoreContract",
    "ClockContract",
    "CountRoundTrips",
    "CountingStore",
    "FailingNotifier",
    "FailingStore",
    "FrozenClock",
    "InHostsTransaction",
    "InstitutionDirectoryContract",
    "InterleavingStore",
    "NotifierContract",
    "OutboxContract",
    "PeopleDirectoryContract",
    "ReceivedMessage",
    "ReceivedMessages",
    "RecordingNotifier",
    "RegisterContents",
    "StoreWithOutbox",
    "WrappedStore",
    "at_once",
]
