"""What the sections of the store's contract share: the store, what it may be asked, and how much is done."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import ClassVar

import pytest

from datashare.domain.agreements import Agreement, AgreementId, Command
from datashare.domain.instants import Instant
from datashare.ports import Change, LeasedNotice, StoredNotice
from datashare.testing.changes import AGREEMENT, COUNCIL, NOW, OTHER_URN, TRUST, URN, asked, change, command_of
from datashare.testing.fakes import StoreWithOutbox
from datashare.testing.threads import at_once

OTHER = AgreementId(TRUST, OTHER_URN)
COUNCILS = AgreementId(COUNCIL, URN)
MINUTE = timedelta(minutes=1)
MICROSECOND = timedelta(microseconds=1)

CountRoundTrips = Callable[[Callable[[], object]], int]
"""Makes a call, and tells how many round trips the store made for it to what lies below."""

InHostsTransaction = Callable[[Callable[[StoreWithOutbox], None], bool], None]
"""Begins a transaction of the host's, does some work on a store that is joined to it, then commits or rolls back."""


class StoreSuite:
    """The fixtures and the sizes of the store's contract; see `AgreementStoreContract`."""

    at_least: ClassVar[Mapping[str, int]] = {"rounds": 1, "steps": 10, "walks": 1, "several": 2, "many": 701}
    nothing_below: ClassVar[bool] = False
    joins: ClassVar[bool] = True
    rounds: ClassVar[int] = 20
    steps: ClassVar[int] = 200
    walks: ClassVar[int] = 20
    several: ClassVar[int] = 200
    many: ClassVar[int] = 710

    def leave_thread(self) -> None:
        """Give back what the store holds for a thread that ends, such as a connection; most hold nothing."""

    def at_once(self, calls: Iterable[Callable[[], object]]) -> None:
        """Make all calls at the same moment, each in a thread of its own that is left in order."""
        at_once(calls, at_end=self.leave_thread)

    @pytest.fixture
    def store(self) -> StoreWithOutbox:
        """Give an empty store that many threads may use at once; every suite gives its own."""
        raise NotImplementedError(
            f"{type(self).__name__} has no store to test. Give it a fixture `store` that answers an empty one."
        )

    @pytest.fixture
    def round_trips(self) -> CountRoundTrips:
        """Give what counts the round trips of a call; a store that has nothing below it makes none."""
        if self.nothing_below:
            return _none
        raise NotImplementedError(
            f"{type(self).__name__} cannot count round trips. Give it a fixture `round_trips` that answers a function "
            "which makes a call and tells the count, or say `nothing_below = True` where there is nothing to count."
        )

    @pytest.fixture
    def broken_stores(self) -> Iterable[StoreWithOutbox]:
        """Give stores whose lower part fails; none for a store that has nothing below it."""
        if self.nothing_below:
            return ()
        raise NotImplementedError(
            f"{type(self).__name__} has no broken stores. Give it a fixture `broken_stores` that answers stores whose "
            "lower part fails, or say `nothing_below = True` where there is nothing that could."
        )

    @pytest.fixture
    def in_hosts_transaction(self) -> InHostsTransaction | None:
        """Give what works on a store within a transaction of the host's; nothing where a store cannot be joined."""
        if self.nothing_below or not self.joins:
            return None
        raise NotImplementedError(
            f"{type(self).__name__} has no joined store. Give it a fixture `in_hosts_transaction`, or say "
            "`joins = False` where the store cannot work within a transaction of the host's."
        )


def _none(call: Callable[[], object]) -> int:
    call()
    return 0


def save(store: StoreWithOutbox, *changes: Change) -> None:
    """Save what must not lose."""
    assert frozenset() == store.append(changes)


def standing(store: StoreWithOutbox, of: AgreementId = AGREEMENT) -> Agreement:
    """Give an agreement as the store holds it."""
    return store.load([of]).agreements.get(of, Agreement(id=of))


def do(
    store: StoreWithOutbox,
    kind: type[Command],
    *,
    of: AgreementId = AGREEMENT,
    now: Instant = NOW,
    command_id: str = "c-2",
) -> Agreement:
    """Do a command of a kind, which must be allowed, to an agreement as the store holds it."""
    before = standing(store, of)
    one = change(before, command_of(kind, before), now=now, command_id=command_id)
    save(store, one)
    return one.after


def everything(store: StoreWithOutbox) -> tuple[object, ...]:
    """Give all that a store answers about the groups and schools of these tests, for comparing."""
    return (
        _loaded(store, AGREEMENT, OTHER),
        _loaded(store, COUNCILS),
        [list(store.states(group)) for group in (TRUST, COUNCIL)],
        [list(store.states_at(urn)) for urn in (URN, OTHER_URN)],
        [list(store.group_history(group)) for group in (TRUST, COUNCIL)],
        [list(store.chains(group)) for group in (TRUST, COUNCIL)],
        [list(store.notices(group)) for group in (TRUST, COUNCIL)],
        [store.last_register(group) for group in (TRUST, COUNCIL)],
    )


def _loaded(store: StoreWithOutbox, *ids: AgreementId) -> tuple[object, ...]:
    found = store.load(ids, command_id="c-1")
    return dict(found.agreements), sorted(found.outcomes, key=lambda one: str(one.agreement))


def lease(store: StoreWithOutbox, now: Instant = NOW, minutes: int = 5, limit: int = 99_999) -> list[LeasedNotice]:
    """Lease notices for some minutes."""
    return list(store.lease(now=now, until=now + minutes * MINUTE, limit=limit))


def by_due(stored: StoredNotice) -> tuple[Instant, str]:
    """Give what notices are ordered by."""
    return stored.due_at, stored.id


LEASED_NOTICE = LeasedNotice(notice=asked().notices[0], lease="lease-1", attempts=1)
"""A notice that no store of these tests has leased."""
