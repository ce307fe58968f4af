"""The contracts of `datashare.ports.AgreementStore` and `datashare.ports.Outbox`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pytest

from datashare.domain.agreements import Withdraw
from datashare.domain.register import GroupId
from datashare.errors import InvalidValue
from datashare.ports import AgreementStore, NoticeStatus, Outbox, Settlement
from datashare.testing.changes import AGREEMENT, COUNCIL, NOW, TRUST, asked, imported, then
from datashare.testing.fakes import StoreWithOutbox

from ._contract import Calls, Contract, CountRoundTrips
from ._store_below import Below
from ._store_chains import Chains
from ._store_joining import WithinHostTransaction
from ._store_outbox import Leasing, Settling
from ._store_reading import Apart, Order, Precision
from ._store_saving import Cancelling, Saving
from ._store_settled import Requeueing
from ._store_suite import (
    DAY,
    LEASED_NOTICE,
    MICROSECOND,
    MINUTE,
    OUTBOX_CALLS,
    STORE_CALLS,
    BrokenStores,
    everything,
    lease,
    refused,
    save,
)
from ._store_writers import Writers

NAIVE: Any = datetime(2026, 5, 3)  # noqa: DTZ001 - to be refused

STORE_NONSENSE: dict[str, Callable[[Any], object]] = {
    "load": lambda store: store.load([5]),
    "load-command": lambda store: store.load([AGREEMENT], command_id=5),
    "append": lambda store: store.append([5]),
    "states": lambda store: store.states("x"),
    "states_at": lambda store: store.states_at("x"),
    "history": lambda store: store.history("x"),
    "group_history": lambda store: store.group_history("x"),
    "chains": lambda store: store.chains("x"),
    "last_register": lambda store: store.last_register("x"),
    "note_register": lambda store: store.note_register("x", DAY),
    "note_register-instant": lambda store: store.note_register(TRUST, NOW),
}
OUTBOX_NONSENSE: dict[str, Callable[[Any], object]] = {
    "notices": lambda store: store.notices("x"),
    "notices-status": lambda store: store.notices(TRUST, status="x"),
    "lease-limit": lambda store: store.lease(now=NOW, until=NOW + MINUTE, limit=1.5),
    "lease-no-time": lambda store: store.lease(now=NOW, until=NOW, limit=1),
    "lease-backwards": lambda store: store.lease(now=NOW, until=NOW - MICROSECOND, limit=1),
    "lease-now-naive": lambda store: store.lease(now=NAIVE, until=NOW, limit=1),
    "lease-until-naive": lambda store: store.lease(now=NOW, until=NAIVE, limit=1),
    "settle": lambda store: store.settle(5, Settlement.delivered(at=NOW)),
    "settle-status": lambda store: store.settle(LEASED_NOTICE, NoticeStatus.DELIVERED),
    "requeue": lambda store: store.requeue(TRUST, [5], due_at=NOW),
    "requeue-text": lambda store: store.requeue(TRUST, "n", due_at=NOW),
    "requeue-group": lambda store: store.requeue("x", [], due_at=NOW),
    "requeue-naive": lambda store: store.requeue(TRUST, ["n"], due_at=NAIVE),
    "purge-naive": lambda store: store.purge(settled_before=NAIVE),
    "purge-text": lambda store: store.purge(settled_before="2026-05-03"),
}


class AgreementStoreContract(
    Saving,
    Cancelling,
    Writers,
    WithinHostTransaction,
    Precision,
    Order,
    Apart,
    Chains,
    Below,
    Contract,
    port=AgreementStore,
):
    """What every store of agreements must do.

    The store under test is an outbox too, so that the tests see the notices that it saved; subclass `OutboxContract`
    as well. A subclass defines the fixture `store`, and three more where there is something below the store, such as
    a database::

        class TestMyStore(AgreementStoreContract, OutboxContract):
            @pytest.fixture
            def store(self, engine: Engine) -> StoreWithOutbox:
                return MyStore(engine)  # empty, and used from many threads at once

            @pytest.fixture
            def round_trips(self, engine: Engine) -> CountRoundTrips:
                return lambda call: count_statements(engine, call)

            @pytest.fixture
            def broken_stores(self) -> BrokenStores:
                return {MyStore(unreachable_engine()): StoreUnavailable}

            @pytest.fixture
            def in_hosts_transaction(self, engine: Engine) -> InHostsTransaction:
                return lambda work, commits: work_and_end(engine, work, commits)

    If the store holds something for each thread, such as a connection, release it in `leave_thread`, which is called in
    every thread that the tests begin.

    Attributes:
        nothing_below: Whether there is nothing below the store that could be counted or fail; then only `store` is
            needed.
        joins: Whether the store can work within a transaction of the host's; if not, `in_hosts_transaction` is not
            needed.
        rounds: How often a race is repeated after the first time.
        steps: How many changes are written while others read.
        several: How many agreements the cost for one is compared with; fewer than 200 only where one statement takes
            fewer.
        many: How many changes go through one call; more than the largest group of England has schools.
    """

    @pytest.mark.must(8)
    def test_a_call_about_many_agreements_costs_as_much_as_one_about_one(
        self, store: StoreWithOutbox, round_trips: CountRoundTrips
    ) -> None:
        """Saving, loading, listing and closing make as many round trips for 200 agreements as for one."""
        store.states(TRUST)  # so that the cost of connecting is not counted

        def calls_about(urns: range) -> Calls:
            group, number = GroupId.mat(str(urns[0])), len(urns)
            changes = [asked(urn, group) for urn in urns]
            closing = [then(change.after, Withdraw) for change in changes]
            ids = [change.id for change in changes]
            save(store, *(imported(urns[0], GroupId.mat(str(uid))) for uid in range(1001, 1000 + number)))
            return {
                "append": (lambda: store.append(changes), frozenset()),
                "load": (lambda: len(store.load(ids, command_id="c-1").agreements), number),
                "states": (lambda: len(store.states(group)), number),
                "states_at": (lambda: len(store.states_at(urns[0])), number),
                "groups": (lambda: group in store.groups(), True),
                "chains": (lambda: len(list(store.chains(group))), number),
                "append, closing": (lambda: store.append(closing), frozenset()),
                "append, losing": (lambda: store.append(closing), frozenset(ids)),
            }

        self.compare_costs(round_trips, calls_about)

    @pytest.mark.must(12)
    def test_only_store_errors_leave_a_broken_store(self, broken_stores: BrokenStores) -> None:
        """Each call of a store whose database fails raises a `StoreError`, and none answers as if it had worked."""
        self.check_broken(broken_stores, STORE_CALLS)

    def test_the_newest_register_is_kept(self, store: StoreWithOutbox) -> None:
        """The last register applied to a group is the newest, in whatever order they were noted."""
        assert store.last_register(TRUST) is None
        for day in (date(2026, 5, 2), date(999, 12, 31), DAY, DAY, date(2026, 4, 30)):
            store.note_register(TRUST, day)

        assert DAY == store.last_register(TRUST)
        assert store.last_register(COUNCIL) is None
        store.note_register(TRUST, date(2026, 10, 1))
        assert date(2026, 10, 1) == store.last_register(TRUST)

    def test_invalid_arguments_of_a_store_are_rejected(self, store: StoreWithOutbox) -> None:
        """A call with an invalid argument raises an error that says what would be valid, and changes nothing."""
        save(store, asked())
        store.note_register(TRUST, date(2026, 3, 3))
        before = everything(store)

        assert list(STORE_NONSENSE) == refused(store, STORE_NONSENSE, InvalidValue, "must be")
        assert before == everything(store)


class OutboxContract(Leasing, Settling, Requeueing, Contract, port=Outbox):
    """What every outbox must do; its fixtures and sizes are those of `AgreementStoreContract`.

    The outbox under test is an agreement store too, which saves the notices that the tests lease.
    """

    @pytest.mark.must(6)
    def test_a_call_about_many_notices_costs_as_much_as_one_about_two(
        self, store: StoreWithOutbox, round_trips: CountRoundTrips
    ) -> None:
        """Listing, leasing, requeueing and purging make as many round trips for 400 notices as for two."""
        store.notices(TRUST)  # so that the cost of connecting is not counted

        def calls_about(urns: range) -> Calls:
            group, number = GroupId.mat(str(urns[0])), 2 * len(urns)
            changes = [asked(urn, group) for urn in urns]
            ids = [notice.id for change in changes for notice in change.notices]
            save(store, *changes)
            return {
                "notices": (lambda: len(store.notices(group)), number),
                "notices of all": (lambda: len(store.notices()) >= number, True),
                "lease": (lambda: len(lease(store, limit=number)), number),
                "requeue": (lambda: store.requeue(group, ids, due_at=NOW), 0),
                "purge": (lambda: store.purge(settled_before=NOW), 0),
            }

        self.compare_costs(round_trips, calls_about)

    @pytest.mark.must(6)
    def test_only_store_errors_leave_a_broken_outbox(self, broken_stores: BrokenStores) -> None:
        """Each call of an outbox whose database fails raises a `StoreError`, and none answers as if it had worked."""
        self.check_broken(broken_stores, OUTBOX_CALLS)

    def test_invalid_arguments_of_an_outbox_are_rejected(self, store: StoreWithOutbox) -> None:
        """A call with an invalid argument raises an error that says what would be valid, and changes nothing."""
        save(store, asked())
        before = everything(store)

        assert list(OUTBOX_NONSENSE) == refused(store, OUTBOX_NONSENSE, InvalidValue, "must be")
        assert before == everything(store)
