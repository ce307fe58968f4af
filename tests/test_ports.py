"""The values that cross the ports."""

from collections.abc import Callable
from itertools import count
from typing import Any

import attrs
import pendulum
import pytest

from datashare.errors import InvalidValue
from datashare.ports import NeverDeliverable, NoticeStatus, RecordedOutcome, Settlement, TryAgain
from datashare.testing.changes import AGREEMENT, NOW, asked

NAIVE: Any = pendulum.naive(2026, 5, 3)
WRONG: dict[str, Callable[[Any], object]] = {
    "delivered-at": lambda value: Settlement.delivered(at=value),
    "try_again-due_at": lambda value: Settlement.try_again(due_at=value, error=""),
    "given_up-at": lambda value: Settlement.given_up(at=value, error=""),
    "try_again-error": lambda value: Settlement.try_again(due_at=NOW, error=value),
    "given_up-error": lambda value: Settlement.given_up(at=NOW, error=value),
    "TryAgain": TryAgain,
    "NeverDeliverable": NeverDeliverable,
}


@pytest.mark.parametrize("make", WRONG.values(), ids=count())
@pytest.mark.parametrize("value", [None, 5, OSError(), NAIVE], ids=count())
def test_what_became_of_a_notice_is_an_aware_instant_and_text(make: Callable[[Any], object], value: object) -> None:
    """Nothing that could mean several instants, or is not text, is recorded of a delivery."""
    with pytest.raises(InvalidValue, match="must be"):
        make(value)


@pytest.mark.rule("O3")
def test_a_settlement_holds_what_a_store_writes() -> None:
    """Each of the three says the status and the instant in UTC; the error may be empty, and delivery has none."""
    summer, utc = pendulum.datetime(2026, 7, 1, 9, tz="Europe/London"), pendulum.datetime(2026, 7, 1, 8)
    settlements = [
        Settlement.delivered(at=summer),
        Settlement.try_again(due_at=summer, error=""),
        Settlement.given_up(at=summer, error="550"),
    ]

    assert [
        (NoticeStatus.DELIVERED, None, utc, None),
        (NoticeStatus.WAITING, utc, None, ""),
        (NoticeStatus.GIVEN_UP, None, utc, "550"),
    ] == [attrs.astuple(settlement) for settlement in settlements]
    assert {None, "UTC"} == {getattr(settlement.settled_at, "timezone_name", None) for settlement in settlements}


@pytest.mark.rule("K4")
def test_a_change_holds_its_outcome_once() -> None:
    """What a repetition is answered with is made of the change's own events."""
    change = asked()

    assert (AGREEMENT, "c-1") == (change.id, change.command_id)
    assert change.outcome == RecordedOutcome(
        agreement=AGREEMENT,
        command_id="c-1",
        request=None,
        shared_digest=change.shared_digest,
        own_digest=change.own_digest,
        events=change.events,
        cautions=(),
    )
