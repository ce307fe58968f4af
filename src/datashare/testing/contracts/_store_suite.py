"""What the contracts of stores share: fixtures, sizes, and short ways to fill a store and to read it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar

import pytest

from datashare.domain.agreements import Agreement, AgreementId, Command, RequestAccess, Withdraw
from datashare.domain.instants import Instant
from datashare.errors import InvalidValue, StoreError
from datashare.ports import Change, LeasedNotice, StoredNotice
from datashare.testing.changes import AGREEMENT, COUNCIL, NOW, OTHER_URN, TRUST, URN, asked, change, command_of, then
from datashare.testing.fakes import StoreWithOutbox
from datashare.testing.threads import at_once

from ._contract import CountRoundTrips, missing, no_round_trips

OTHER = AgreementId(TRUST, OTHER_URN)
COUNCILS = AgreementId(COUNCIL, URN)
MINUTE = timedelta(minutes=1)
MICROSECOND = timedelta(microseconds=1)
LEASED_NOTICE = LeasedNotice(notice=asked().notices[0], lease="lease-1", attempts=1)
"""A notice that no store of these tests has leased."""

InHostsTransaction = Callable[[Callable[[StoreWithOutbox], None], bool], None]
"""Begins a transaction of the host's, does some work on a store within it, then commits or rolls back."""


class StoreSuite:
    """The fixtures and the sizes of the stores' contracts; see `AgreementStoreContract`."""

    at_least: ClassVar[Mapping[str, int]] = {"rounds": 1, "steps": 10, "several": 2, "many": 701}
    nothing_below: ClassVar[bool] = False
    joins: ClassVar[bool] = True
    rounds: ClassVar[int] = 20
    steps: ClassVar[int] = 200
    several: ClassVar[int] = 200
    many: ClassVar[int] = 710

    def leave_thread(self) -> None:
        """Release what the store holds for a thread that ends, such as a connection; most stores hold nothing."""

    def at_once(self, calls: Iterable[Callable[[], object]]) -> None:
        """Make all calls at the same moment, each in a thread of its own."""
        at_once(calls, at_end=self.leave_thread)

    def read_while_writing(
        self, store: StoreWithOutbox, changes: Sequence[Change], readers: Iterable[Callable[[], object]]
    ) -> None:
        """Save *changes* one by one, while each reader is called again and again, and once more at the end."""
        ended = list[bool]()

        def write() -> None:
            try:
                for change in changes:
                    save(store, change)
            finally:
                ended.append(True)

        def read(reader: Callable[[], object]) -> None:
            more = True
            while more:
                more = not ended
                reader()

        self.at_once([write, *(partial(read, reader) for reader in readers)])

    @pytest.fixture
    def store(self) -> StoreWithOutbox:
        """Return an empty store that many threads may use at once; every subclass defines this."""
        raise NotImplementedError(missing(self, "store", "a fixture that returns an empty store"))

    @pytest.fixture
    def round_trips(self) -> CountRoundTrips:
        """Return a function that makes a call and counts its round trips."""
        if self.nothing_below:
            return no_round_trips
        raise NotImplementedError(
            missing(self, "round_trips", "a fixture that counts round trips, or set `nothing_below = True`")
        )

    @pytest.fixture
    def broken_stores(self) -> Iterable[StoreWithOutbox]:
        """Return stores for which what lies below fails, such as one without its tables."""
        if self.nothing_below:
            return ()
        raise NotImplementedError(
            missing(self, "broken_stores", "a fixture that returns stores that fail, or set `nothing_below = True`")
        )

    @pytest.fixture
    def in_hosts_transaction(self) -> InHostsTransaction | None:
        """Return what works on a store within a transaction of the host's; `None` where that is impossible."""
        if self.nothing_below or not self.joins:
            return None
        raise NotImplementedError(
            missing(self, "in_hosts_transaction", "a fixture that works within a transaction, or set `joins = False`")
        )


def save(store: StoreWithOutbox, *changes: Change) -> None:
    """Save changes that must all win."""
    assert frozenset() == store.append(changes)


def standing(store: StoreWithOutbox, of: AgreementId = AGREEMENT) -> Agreement:
    """Return an agreement as the store holds it."""
    return store.load([of]).agreements.get(of, Agreement(id=of))


def do(
    store: StoreWithOutbox,
    kind: type[Command],
    *,
    of: AgreementId = AGREEMENT,
    now: Instant = NOW,
    command_id: str = "c-2",
) -> None:
    """Save what a command of a kind, which must be allowed, changes at an agreement as the store holds it."""
    before = standing(store, of)
    save(store, change(before, command_of(kind, before), now=now, command_id=command_id))


def long_history(length: int) -> list[Change]:
    """Build changes of one agreement that follow one another: requests, each withdrawn."""
    changes, before = list[Change](), Agreement(id=AGREEMENT)
    for number in range(1, length + 1):
        changes.append(then(before, Withdraw if before.request else RequestAccess, command_id=f"c-{number}"))
        before = changes[-1].after
    return changes


def everything(store: StoreWithOutbox) -> tuple[object, ...]:
    """Return all that a store answers about the groups and schools of these tests, for comparing."""
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
    loaded = store.load(ids, command_id="c-1")
    return dict(loaded.agreements), sorted(loaded.outcomes, key=lambda outcome: str(outcome.agreement))


def lease(store: StoreWithOutbox, now: Instant = NOW, minutes: int = 5, limit: int = 99_999) -> list[LeasedNotice]:
    """Lease notices for some minutes."""
    return list(store.lease(now=now, until=now + minutes * MINUTE, limit=limit))


def by_due(stored: StoredNotice) -> tuple[Instant, str]:
    """Return what notices are ordered by."""
    return stored.due_at, stored.id


def accepted(store: StoreWithOutbox, calls: Mapping[str, Callable[[Any], object]]) -> list[str]:
    """List the calls that a store does not refuse as an invalid value."""
    return [name for name, call in calls.items() if not _raises(InvalidValue, store, call)]


def failing(store: StoreWithOutbox, calls: Mapping[str, Callable[[StoreWithOutbox], object]]) -> list[str]:
    """List the calls that raise a `StoreError`; any other error goes through."""
    return [name for name, call in calls.items() if _raises(StoreError, store, call)]


def _raises(kind: type[Exception], store: StoreWithOutbox, call: Callable[[StoreWithOutbox], object]) -> bool:
    try:
        call(store)
    except kind as error:
        return kind is StoreError or "must be" in str(error)  # it says what would be valid
    return False
