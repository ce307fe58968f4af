"""Suites that every adapter of a port passes; the marks of the tests carry the numbers of *Implementers must*."""

from __future__ import annotations

from ._clock import ClockContract
from ._contract import Contract, CountRoundTrips, explain_failure, hold_to_contracts, refuse_skips
from ._institutions import InstitutionDirectoryContract, RegisterContents
from ._notifier import NotifierContract, ReceivedMessage, ReceivedMessages
from ._people import PeopleDirectoryContract
from ._store import AgreementStoreContract, OutboxContract
from ._store_suite import BrokenStores, Damage, Erase, FailingWrite, InHostsTransaction, MakeStore

__all__ = [
    "AgreementStoreContract",
    "BrokenStores",
    "ClockContract",
    "Contract",
    "CountRoundTrips",
    "Damage",
    "Erase",
    "FailingWrite",
    "InHostsTransaction",
    "InstitutionDirectoryContract",
    "MakeStore",
    "NotifierContract",
    "OutboxContract",
    "PeopleDirectoryContract",
    "ReceivedMessage",
    "ReceivedMessages",
    "RegisterContents",
    "explain_failure",
    "hold_to_contracts",
    "refuse_skips",
]
