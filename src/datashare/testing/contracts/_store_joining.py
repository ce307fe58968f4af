"""What a store does within a transaction of the host's."""

from __future__ import annotations

import contextlib

import attrs
import pytest

from datashare.errors import InvalidValue, StoreError
from datashare.ports import Settlement
from datashare.testing.changes import COUNCIL, NOW, OTHER_URN, TRUST, asked, imported
from datashare.testing.fakes import StoreWithOutbox

from ._store_suite import (
    DAY,
    OTHER,
    OUTBOX_CALLS,
    STORE_CALLS,
    InHostsTransaction,
    StoreSuite,
    everything,
    lease,
    save,
)


class WithinHostTransaction(StoreSuite):
    """11. and 13. Within a transaction of the host's."""

    @pytest.mark.must(13)
    def test_a_stores_transactions_are_its_own_outside_the_hosts(self, store: StoreWithOutbox) -> None:
        """A store says that it works within a transaction of the host's only where it does."""
        assert store.in_host_transaction is False

    @pytest.mark.must(13)
    @pytest.mark.parametrize("commits", [True, False], ids=["commits", "rolls-back"])
    def test_what_is_saved_within_a_hosts_transaction_ends_with_it(
        self, store: StoreWithOutbox, in_hosts_transaction: InHostsTransaction | None, commits: bool
    ) -> None:
        """It shows within the transaction at once, and stays as a whole if the host commits, or not at all."""
        save(store, imported(OTHER_URN))
        before, within = everything(store), list[object]()

        def work(joined: StoreWithOutbox) -> None:
            assert joined.in_host_transaction is True
            save(joined, asked())
            assert frozenset({imported(OTHER_URN).id}) == joined.append([imported(OTHER_URN)])
            joined.note_register(COUNCIL, DAY)
            within.append(everything(joined))

        if in_hosts_transaction is None:
            assert self.nothing_below or not self.joins
        else:
            in_hosts_transaction(work, commits)
            assert within == [everything(store)] if commits else [before] == [everything(store)]

    @pytest.mark.must(13)
    def test_no_call_ends_a_hosts_transaction(
        self, store: StoreWithOutbox, in_hosts_transaction: InHostsTransaction | None
    ) -> None:
        """After each call, answered or refused, what the host did is still there, and can still be rolled back."""
        save(store, asked())
        for leased in lease(store):
            store.settle(leased, Settlement.given_up(at=NOW, error="550"))
        before, ended = everything(store), list[str]()

        def work(joined: StoreWithOutbox) -> None:
            save(joined, asked(OTHER_URN))
            ids = [stored.id for stored in joined.notices(TRUST)]
            more = {
                "no change": lambda _: joined.append([]),
                "requeue some": lambda _: joined.requeue(TRUST, ids, due_at=NOW),
            }
            for name, call in (STORE_CALLS | more | OUTBOX_CALLS).items():
                with contextlib.suppress(InvalidValue):
                    call(joined)
                is_there = OTHER in [state.id for state in joined.states(TRUST)]
                ended.extend([] if is_there and joined.in_host_transaction else [name])

        if in_hosts_transaction:
            in_hosts_transaction(work, False)
        assert [] == ended
        assert before == everything(store)

    @pytest.mark.must(11)
    def test_nothing_of_a_call_that_failed_is_committed(
        self, store: StoreWithOutbox, in_hosts_transaction: InHostsTransaction | None
    ) -> None:
        """A host that goes on after a failed call commits what it saved before it, or nothing, but no half of it."""
        before = everything(store)
        change = imported(OTHER_URN)
        twice = attrs.evolve(change, events=change.events * 2)  # one event cannot be kept twice under one number
        after = list[object]()

        def work(joined: StoreWithOutbox) -> None:
            save(joined, imported(group=COUNCIL))
            after.append(everything(joined))
            with pytest.raises(StoreError):
                joined.append([asked(), twice])

        if in_hosts_transaction:
            in_hosts_transaction(work, True)
            assert everything(store) in (before, *after)
