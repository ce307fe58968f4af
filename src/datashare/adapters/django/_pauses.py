"""How often a transaction is begun that loses to another one, and how long to wait in between."""

from __future__ import annotations

import random
import time
from typing import Final

ATTEMPTS: Final = 6

_FIRST_PAUSE: Final = 0.05
"""The longest pause before the second attempt, in seconds; before each further one it may be twice as long."""


def pause(attempt: int) -> None:
    """Wait after an attempt, counted from 1; at random, so that those who lost to each other do not meet again."""
    time.sleep(random.uniform(0, _FIRST_PAUSE * 2 ** (attempt - 1)))  # noqa: S311 - chance that is no secret
