"""How long work reports its progress (K6)."""

from __future__ import annotations

import enum
from collections.abc import Callable

import attrs


class Stage(enum.Enum):
    """What a piece of long work is doing; decided is never done (K6)."""

    DECIDED = "decided"
    SAVED = "saved"
    DELIVERED = "delivered"


@attrs.frozen(kw_only=True)
class Progress:
    """How far a piece of long work is.

    Attributes:
        stage: What has been done to that many.
        done: How many schools; of a delivery, how many notices.
        total: Of how many.
    """

    stage: Stage
    done: int
    total: int


ProgressCallback = Callable[[Progress], None]
"""Called in the caller's thread; what it raises ends the work before anything more is saved."""
