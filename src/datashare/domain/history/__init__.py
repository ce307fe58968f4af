"""Pure: the record of what has happened, and what it answers (rules H)."""

from __future__ import annotations

from .chaining import (
    BEFORE_THE_FIRST,
    Chain,
    ChainedRecord,
    EventRecord,
    StateRecord,
    agreement_under,
    canonical,
    chained,
    sealed,
    words_fit,
)
from .digests import GroupDigest, NotedHead, digest_of
from .findings import MOST_FINDINGS, Finding, FindingCode, Verification
from .standings import Asked, AsOf, NotRecorded, Standing
from .stretches import all_as_of, all_on, as_of, in_force_on, on_day, shared_on, standings, timeline
from .verifying import verify
from .words import Names

__all__ = [
    "AsOf",
    "Asked",
    "BEFORE_THE_FIRST",
    "Chain",
    "ChainedRecord",
    "EventRecord",
    "Finding",
    "FindingCode",
    "GroupDigest",
    "MOST_FINDINGS",
    "Names",
    "NotRecorded",
    "NotedHead",
    "Standing",
    "StateRecord",
    "Verification",
    "agreement_under",
    "all_as_of",
    "all_on",
    "as_of",
    "canonical",
    "chained",
    "digest_of",
    "in_force_on",
    "on_day",
    "sealed",
    "shared_on",
    "standings",
    "timeline",
    "verify",
    "words_fit",
]
