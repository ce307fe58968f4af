"""Number 13 of the store's contract: within a transaction of the host's."""

from __future__ import annotations

import pytest

from datashare.errors import InvalidValue
from datashare.ports import Settlement
from datashare.testing.changes import NOW, OTHER_URN, asked, imported
from datashare.testing.fakes import StoreWithOutbox

from ._store_leasing import SETTLINGS
from ._store_suite import InHostsTransaction, StoreSuite, everything, lease, save


class Joining(StoreSuite):
    """13. Within a transaction of the host's."""

    @pytest.mark.must(13)
    def test_a_store_tells_that_its_transactions_are_its_own(self, store: StoreWithOutbox) -> None:
        """Unless it was joined to a transaction of the host's, what it answers holds at once."""
        assert store.in_host_transaction is False

    @pytest.mark.must(13)
    @pytest.mark.parametrize("commits", [True, False], ids=["commits", "rolls-back"])
    def test_what_was_saved_within_a_hosts_transaction_is_as_good_as_that(
        self, store: StoreWithOutbox, in_hosts_transaction: InHostsTransaction | None, commits: bool
    ) -> None:
        """It shows within the transaction at once, and afterwards if the host commits, whole or not at all."""
        save(store, imported(OTHER_URN))
        before, seen = everything(store), list[object]()

        def work(joined: StoreWithOutbox) -> None:
            assert joined.in_host_transaction is True
            save(joined, asked())
            assert frozenset({imported(OTHER_URN).id}) == joined.append([imported(OTHER_URN)])
            seen.append(everything(joined))

        if in_hosts_transaction is None:
            assert self.nothing_below or not self.joins
        else:
            in_hosts_transaction(work, commits)
            assert seen == [everything(store)] if commits else [before] == [everything(store)]

    @pytest.mark.must(13)
    def test_nothing_is_delivered_within_a_hosts_transaction(
        self, store: StoreWithOutbox, in_hosts_transaction: InHostsTransaction | None
    ) -> None:
        """What was sent cannot be rolled back, so leasing and settling are refused there, and change nothing."""
        save(store, asked())
        one, _ = lease(store, limit=2)
        before = everything(store)

        def work(joined: StoreWithOutbox) -> None:
            with pytest.raises(InvalidValue, match="must be"):
                lease(joined)
            for settle in SETTLINGS.values():
                with pytest.raises(InvalidValue, match="must be"):
                    settle(joined, one)

        if in_hosts_transaction is None:
            assert self.nothing_below or not self.joins
        else:
            in_hosts_transaction(work, True)
        assert before == everything(store)
        assert store.settle(one, Settlement.delivered(at=NOW))
