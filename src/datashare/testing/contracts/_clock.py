"""The contract of `datashare.ports.Clock`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from datashare.domain.instants import Instant
from datashare.ports import Clock

from ._contract import Contract, required


class ClockContract(Contract, port=Clock):
    """What every clock must do; a subclass defines the fixture `clock`."""

    clock: Any = required("the clock to test")

    @pytest.mark.must(1)
    def test_the_instant_is_aware_and_in_utc(self, clock: Clock) -> None:
        """The clock returns an aware instant whose time zone is UTC."""
        now = clock.now()

        assert isinstance(now, Instant)
        assert timedelta(0) == now.utcoffset()
        assert "UTC" == now.tzname()
