"""How long-running work reports its progress (K6)."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from datashare.domain.text import Labelled


class Stage(Labelled):
    """What has been finished for so many schools; decided or written does not mean saved (K6)."""

    DECIDED = "decided"
    """It is known what the action does there; nothing is saved yet."""
    WRITTEN = "written"
    """The rows are written, but not committed."""
    SAVED = "saved"
    """The change is saved."""
    DELIVERED = "delivered"
    """The notice was accepted by the other side."""


@attrs.frozen(kw_only=True)
class Progress:
    """How far long-running work has come.

    Attributes:
        stage: What has been finished for that many.
        done: How many schools; in a delivery, how many notices.
        total: How many there are.
    """

    stage: Stage
    done: int
    total: int


ProgressCallback = Callable[[Progress], None]
"""Called in the caller's thread. If it raises, the work ends before anything more is saved."""
