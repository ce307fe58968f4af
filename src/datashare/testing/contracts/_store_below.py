"""Numbers 8 and 12 of the store's contract: what a call costs, and what goes wrong, below the store."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from typing import Any

import pytest

from datashare.domain.agreements import Withdraw
from datashare.domain.register import GroupId
from datashare.errors import StoreError
from datashare.ports import Settlement
from datashare.testing.changes import AGREEMENT, NOW, TRUST, URN, asked, imported, then
from datashare.testing.fakes import StoreWithOutbox

from ._store_suite import LEASED_NOTICE, MINUTE, CountRoundTrips, StoreSuite, lease, save

CALLS: dict[str, Callable[[StoreWithOutbox], Any]] = {
    "load": lambda store: store.load([AGREEMENT], command_id="c-1"),
    "append": lambda store: store.append([asked()]),
    "states": lambda store: store.states(TRUST),
    "states_at": lambda store: store.states_at(URN),
    "history": lambda store: list(store.history(AGREEMENT)),
    "group_history": lambda store: list(store.group_history(TRUST)),
    "chains": lambda store: list(store.chains(TRUST)),
    "last_register": lambda store: store.last_register(TRUST),
    "note_register": lambda store: store.note_register(TRUST, date(2026, 5, 3)),
    "notices": lambda store: store.notices(TRUST),
    "lease": lambda store: store.lease(now=NOW, until=NOW + MINUTE, limit=1),
    "settle": lambda store: store.settle(LEASED_NOTICE, Settlement.delivered(at=NOW)),
    "requeue": lambda store: store.requeue(TRUST, ["n"], due_at=NOW),
    "purge": lambda store: store.purge(settled_before=NOW),
}
"""Every call of a store, each with something to do."""


class Below(StoreSuite):
    """8. and 12. Below the store."""

    @pytest.mark.must(8)
    def test_a_call_about_many_agreements_costs_as_much_as_one_about_one(
        self, store: StoreWithOutbox, round_trips: CountRoundTrips
    ) -> None:
        """Saving, loading, listing, leasing and closing make as many round trips for 200 agreements as for one."""
        store.states(TRUST)  # what the first call of all costs besides does not count
        few = self._costs(store, GroupId.mat("1"), range(1, 2), round_trips)
        many = self._costs(store, GroupId.mat("2"), range(2, 2 + self.several), round_trips)

        assert few == many
        assert self.nothing_below or all(few.values()), f"Nothing was counted: {few}"

    def _costs(
        self, store: StoreWithOutbox, group: GroupId, urns: range, round_trips: CountRoundTrips
    ) -> dict[str, int]:
        """Do the same work for some schools of a group that has no others, and count each call of it."""
        changes = [asked(urn, group) for urn in urns]
        closing = [then(one.after, Withdraw) for one in changes]
        ids, number = [one.id for one in changes], len(changes)
        school, groups = urns[0], [GroupId.mat(str(uid)) for uid in range(1001, 1000 + number)]
        save(store, *(imported(school, one) for one in groups))
        costs = {}

        def count(call: str, work: Callable[[], object], expected: object) -> None:
            found = list[object]()
            costs[call] = round_trips(lambda: found.append(work()))
            assert [expected] == found

        count("append", lambda: store.append(changes), frozenset())
        count("load", lambda: len(store.load(ids, command_id="c-1").agreements), number)
        count("states", lambda: len(store.states(group)), number)
        count("states_at", lambda: len(store.states_at(school)), number)
        count("chains", lambda: len(list(store.chains(group))), number)
        count("notices", lambda: len(store.notices(group)), 2 * number)
        count("lease", lambda: len(lease(store, limit=2 * number)), 2 * number)
        count("append, closing", lambda: store.append(closing), frozenset())
        count("append, losing", lambda: store.append(closing), frozenset(ids))
        for one in lease(store):
            store.settle(one, Settlement.delivered(at=NOW))
        return costs

    @pytest.mark.must(12)
    def test_only_store_errors_leave_a_store_that_is_broken_below(
        self, broken_stores: Iterable[StoreWithOutbox]
    ) -> None:
        """Whatever call is made of a store whose lower part fails, it answers or raises a StoreError."""
        failed = [[name for name, call in CALLS.items() if _fails(broken, call)] for broken in broken_stores]

        assert all(failed), "A store that is said to be broken answered every call."
        assert self.nothing_below is not bool(failed)


def _fails(store: StoreWithOutbox, call: Callable[[StoreWithOutbox], object]) -> bool:
    try:
        call(store)
    except StoreError:
        return True
    return False
