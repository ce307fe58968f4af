"""What a store saves when several write, or read, at the same moment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

import pytest

from datashare.domain.agreements import Agreement, commands
from datashare.domain.agreements.ids import AgreementId
from datashare.ports import Change
from datashare.testing.changes import (
    AGREEMENT,
    TRUST,
    URN,
    asked,
    imported,
    then,
)
from datashare.testing.fakes import StoreWithOutbox

from ._store_suite import (
    StoreSuite,
    long_history,
    save,
    states,
)


class Writers(StoreSuite):
    """3. Several writers at once."""

    def race(self, store: StoreWithOutbox, calls: Iterable[Sequence[Change]]) -> Mapping[str, frozenset[AgreementId]]:
        """Append each call's changes at the same moment, and return the losers by command id."""
        losers = dict[str, frozenset[AgreementId]]()

        def write(changes: Sequence[Change]) -> None:
            losers[changes[0].command_id] = store.append(changes)

        self.at_once(partial(write, changes) for changes in calls)
        return losers

    @pytest.mark.must(3)
    @pytest.mark.parametrize("kind", [commands.RequestAccess, commands.Remind], ids=["first-writers", "later-writers"])
    def test_one_of_several_writers_wins(self, store: StoreWithOutbox, kind: type[commands.Command]) -> None:
        """Of eight threads that decided on the same versions, one wins each, and nothing of the others is saved."""
        names = [f"w-{number}" for number in range(8)]
        for number in range(1 + self.rounds):
            ids = [AgreementId(TRUST, urn) for urn in range(URN + 10 * number, URN + 10 * number + 10)]
            if kind is commands.Remind:
                save(store, *(asked(agreement.urn) for agreement in ids))
            before = store.load(ids).agreements
            states = [before.get(agreement, Agreement(id=agreement)) for agreement in ids]
            losers = self.race(store, ([then(state, kind, command_id=name) for state in states] for name in names))

            winners = {agreement: [name for name in names if agreement not in losers[name]] for agreement in ids}
            histories = {agreement: list(store.history(agreement)) for agreement in ids}
            version = 2 if kind is commands.Remind else 1
            assert [1] * 10 == [len(won) for won in winners.values()]
            assert winners == {agreement: [events[-1].command_id] for agreement, events in histories.items()}
            assert [version] * 10 == [len(events) for events in histories.values()]
            assert [version] * 10 == [state.version for state in store.load(ids).agreements.values()]
            recorded = Counter(own.agreement for name in names for own in store.load(ids, command_id=name).outcomes)
            noticed = Counter(stored.agreement for stored in store.notices(TRUST))
            assert {(1, 2 * version)} == {(recorded[agreement], noticed[agreement]) for agreement in ids}

    @pytest.mark.must(3)
    def test_writers_of_the_same_schools_in_any_order_end(self, store: StoreWithOutbox) -> None:
        """Bulk actions that name the same schools in opposite orders do not block each other; one wins each school."""
        urns = range(URN, URN + 8)
        orders = [urns if number % 2 else urns[::-1] for number in range(8)]
        bulks = ([imported(urn, command_id=f"w-{n}") for urn in order] for n, order in enumerate(orders))
        losers = self.race(store, bulks)

        assert list(urns) == [state.urn for state in states(store)]
        assert {1} == {state.version for state in states(store)}
        assert 8 * 7 == sum(map(len, losers.values()))

    @pytest.mark.must(3)
    def test_writers_of_different_agreements_all_win(self, store: StoreWithOutbox) -> None:
        """Threads that write different agreements do not disturb each other."""
        self.at_once(partial(save, store, asked(urn)) for urn in range(URN, URN + 8))

        assert list(range(URN, URN + 8)) == [state.urn for state in states(store)]
        assert 16 == len(store.notices(TRUST))

    @pytest.mark.must(1, 3)
    def test_readers_never_see_half_a_change(self, store: StoreWithOutbox) -> None:
        """While one thread writes, no reader sees a state without its outcome or its events, or older than them."""
        changes, versions = long_history(self.steps), [0, 0, 0]

        def read(reader: int) -> None:
            seen = versions[reader]
            ahead = f"c-{seen + 1}"
            loaded = store.load([AGREEMENT], command_id=ahead)
            version = max((state.version for state in loaded.agreements.values()), default=0)
            assert version >= seen
            assert version == seen or [ahead] == [outcome.command_id for outcome in loaded.outcomes]
            assert version >= max((outcome.events[-1].sequence for outcome in loaded.outcomes), default=0)
            assert len(list(store.history(AGREEMENT))) >= version
            versions[reader] = version

        self.read_while_writing(store, changes, [partial(read, reader) for reader in range(3)])
        assert [len(changes)] * 3 == versions
