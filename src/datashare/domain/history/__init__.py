"""Pure: the record of what has happened, and what it answers (rules H)."""

from __future__ import annotations

from .chaining import (
    BEFORE_THE_FIRST,
    Chain,
    ChainedRecord,
    EventRecord,
    StateRecord,
    chained,
    sealed,
    words_fit,
)
from .digests import GroupDigest, NotedHead, digest_of
from .findings import MOST_FINDINGS, Finding, FindingCode, Verification
from .verifying import verify

__all__ = [
    "BEFORE_THE_FIRST",
    "Chain",
    "ChainedRecord",
    "EventRecord",
    "Finding",
    "FindingCode",
    "GroupDigest",
    "MOST_FINDINGS",
    "NotedHead",
    "StateRecord",
    "Verification",
    "chained",
    "digest_of",
    "sealed",
    "verify",
    "words_fit",
]
