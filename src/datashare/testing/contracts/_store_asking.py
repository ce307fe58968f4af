"""What the store's contract says of registers, and of calls that make no sense."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pytest

from datashare.errors import InvalidValue
from datashare.ports import NoticeStatus, Settlement
from datashare.testing.changes import AGREEMENT, COUNCIL, NOW, TRUST, asked
from datashare.testing.fakes import StoreWithOutbox

from ._store_suite import LEASED_NOTICE, MICROSECOND, MINUTE, StoreSuite, everything, save

NONSENSE: dict[str, Callable[[Any], object]] = {
    "load": lambda store: store.load([5]),
    "load-text": lambda store: store.load("mat:5143/100000"),
    "load-none": lambda store: store.load(None),
    "load-command": lambda store: store.load([AGREEMENT], command_id=5),
    "append": lambda store: store.append([5]),
    "append-none": lambda store: store.append(None),
    "states": lambda store: store.states("x"),
    "states_at": lambda store: store.states_at("x"),
    "history": lambda store: store.history("x"),
    "group_history": lambda store: store.group_history("x"),
    "chains": lambda store: store.chains("x"),
    "last_register": lambda store: store.last_register("x"),
    "note_register": lambda store: store.note_register("x", date(2026, 5, 3)),
    "notices": lambda store: store.notices("x"),
    "notices-status": lambda store: store.notices(TRUST, status="x"),
    "lease-limit": lambda store: store.lease(now=NOW, until=NOW + MINUTE, limit="x"),
    "lease-half": lambda store: store.lease(now=NOW, until=NOW + MINUTE, limit=1.5),
    "lease-yes": lambda store: store.lease(now=NOW, until=NOW + MINUTE, limit=True),
    "lease-no-time": lambda store: store.lease(now=NOW, until=NOW, limit=1),
    "lease-backwards": lambda store: store.lease(now=NOW, until=NOW - MICROSECOND, limit=1),
    "settle": lambda store: store.settle(5, Settlement.delivered(at=NOW)),
    "settle-none": lambda store: store.settle(None, Settlement.delivered(at=NOW)),
    "settle-status": lambda store: store.settle(LEASED_NOTICE, NoticeStatus.DELIVERED),
    "requeue": lambda store: store.requeue(TRUST, [5], due_at=NOW),
    "requeue-text": lambda store: store.requeue(TRUST, "n", due_at=NOW),
    "requeue-group": lambda store: store.requeue("x", [], due_at=NOW),
}
TIMED: dict[str, Callable[[StoreWithOutbox, Any], object]] = {
    "lease-now": lambda store, at: store.lease(now=at, until=NOW, limit=1),
    "lease-until": lambda store, at: store.lease(now=NOW, until=at, limit=1),
    "requeue": lambda store, at: store.requeue(TRUST, ["n"], due_at=at),
    "purge": lambda store, at: store.purge(settled_before=at),
}


class Asking(StoreSuite):
    """The register of a group, and what makes no sense."""

    def test_the_newest_register_is_kept(self, store: StoreWithOutbox) -> None:
        """The last register applied to a group is the newest, in whatever order they were noted."""
        assert store.last_register(TRUST) is None
        for day in (date(2026, 5, 2), date(2026, 5, 3), date(2026, 5, 3), date(2026, 4, 30)):
            store.note_register(TRUST, day)

        assert date(2026, 5, 3) == store.last_register(TRUST)
        assert store.last_register(COUNCIL) is None

    @pytest.mark.parametrize("day", [None, "2026-05-03", NOW], ids=["none", "text", "instant"])
    def test_only_a_day_can_be_noted(self, store: StoreWithOutbox, day: Any) -> None:
        """An instant or a text is no day, and changes nothing."""
        store.note_register(TRUST, date(2026, 3, 3))

        with pytest.raises(InvalidValue, match="must be"):
            store.note_register(TRUST, day)
        assert date(2026, 3, 3) == store.last_register(TRUST)

    @pytest.mark.parametrize("call", NONSENSE.values(), ids=NONSENSE)
    def test_nonsense_is_refused_and_changes_nothing(
        self, store: StoreWithOutbox, call: Callable[[Any], object]
    ) -> None:
        """Whatever is none of what a call takes is told at the call, with words that say what would be."""
        save(store, asked())
        before = everything(store)

        with pytest.raises(InvalidValue, match="must be"):
            call(store)
        assert before == everything(store)

    @pytest.mark.parametrize("call", TIMED.values(), ids=TIMED)
    @pytest.mark.parametrize("at", [None, "2026-05-03", datetime(2026, 5, 3)], ids=repr)  # noqa: DTZ001 - naive
    def test_instants_without_a_zone_are_refused(
        self, store: StoreWithOutbox, call: Callable[[StoreWithOutbox, Any], object], at: Any
    ) -> None:
        """No instant that could mean several is taken, even where there is nothing to do."""
        with pytest.raises(InvalidValue, match="must be"):
            call(store, at)
