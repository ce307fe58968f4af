"""The contract of `datashare.ports.Clock`."""

from __future__ import annotations

from datetime import timedelta

import pytest

from datashare.domain.instants import Instant
from datashare.ports import Clock

from ._contract import Contract


class ClockContract(Contract, port=Clock):
    """What every clock must do; a subclass gives a fixture `clock`."""

    @pytest.fixture
    def clock(self) -> Clock:
        """Give the clock; every suite gives its own."""
        raise NotImplementedError(
            f"{type(self).__name__} has no clock to test. Give it a fixture `clock` that answers one."
        )

    @pytest.mark.must(1)
    def test_the_instant_is_aware_and_in_utc(self, clock: Clock) -> None:
        """What it answers says of itself that it is UTC."""
        now = clock.now()

        assert isinstance(now, Instant)
        assert timedelta(0) == now.utcoffset()
        assert "UTC" == now.tzname()
