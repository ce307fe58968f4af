"""For the tests of a host: contracts for its adapters, fakes to pass in, and strategies that draw values.

It comes with `datashare[testing]`, and is not for a running site. `datashare.testing.strategies` and
`datashare.testing.comparison` need Hypothesis; everything else needs only pytest.
"""

from __future__ import annotations

from .contracts import (
    AgreementStoreContract,
    BrokenStores,
    ClockContract,
    CountRoundTrips,
    Damage,
    Erase,
    FailingWrite,
    InHostsTransaction,
    InstitutionDirectoryContract,
    MakeStore,
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
    "BrokenStores",
    "ClockContract",
    "CountRoundTrips",
    "CountingStore",
    "Damage",
    "Erase",
    "FailingNotifier",
    "FailingStore",
    "FailingWrite",
    "FrozenClock",
    "InHostsTransaction",
    "InstitutionDirectoryContract",
    "InterleavingStore",
    "MakeStore",
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
