"""Suites that every adapter of a port passes; the marks of the tests carry the numbers of *Implementers must*."""

from __future__ import annotations

from ._contract import Contract, hold_to_contracts, refuse_skips
from ._store import AgreementStoreContract
from ._store_suite import CountRoundTrips

__all__ = [
    "AgreementStoreContract",
    "Contract",
    "CountRoundTrips",
    "hold_to_contracts",
    "refuse_skips",
]
