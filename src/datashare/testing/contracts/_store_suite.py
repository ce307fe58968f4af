"""What the contracts of stores share: fixtures, sizes, and short ways to fill a store and to read it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar

import pytest

from datashare.codec import decode_agreement, read_event
from datashare.domain.agreements import Agreement, AgreementId, Command, RequestAccess, Withdraw
from datashare.domain.chain import Chain
from datashare.domain.instants import Instant
from datashare.domain.register import GroupId
from datashare.domain.verification import Verification, verify
from datashare.errors import DatashareError, StoreError
from datashare.ports import Change, LeasedNotice, RecordedOutcome, StoredNotice
from datashare.testing.changes import AGREEMENT, COUNCIL, NOW, OTHER_URN, TRUST, URN, asked, change, command_of, then
from datashare.testing.fakes import StoreWithOutbox
from datashare.testing.threads import at_once

from ._contract import CountsRoundTrips, missing, required

OTHER = AgreementId(TRUST, OTHER_URN)
COUNCILS = AgreementId(COUNCIL, URN)
MINUTE = timedelta(minutes=1)
MICROSECOND = timedelta(microseconds=1)
LEASED_NOTICE = LeasedNotice(notice=asked().notices[0], lease="lease-1", attempts=1)
"""A notice that no store of these tests has leased."""

InHostsTransaction = Callable[[Callable[[StoreWithOutbox], None], bool], None]
"""Begins a transaction of the host's, does some work on a store within it, then commits or rolls back."""


class StoreSuite(CountsRoundTrips):
    """The fixtures and the sizes of the stores' contracts; see `AgreementStoreContract`."""

    at_least: ClassVar[Mapping[str, int]] = {"rounds": 1, "steps": 10, "several": 2, "many": 701}
    joins: ClassVar[bool] = True
    rounds: ClassVar[int] = 20
    steps: ClassVar[int] = 200
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

    store = required("an empty store that many threads may use at once")
    broken_stores = required(
        "stores for which what lies below fails, such as one without its tables", unless="nothing_below", otherwise=()
    )

    def check_broken(
        self, stores: Iterable[StoreWithOutbox], calls: Mapping[str, Callable[[StoreWithOutbox], object]]
    ) -> None:
        """Check that calls of broken stores fail, and with nothing but a `StoreError`."""
        failed = [refused(store, calls, StoreError) for store in stores]

        assert all(failed), "A store that is said to be broken answered every call."
        assert self.nothing_below is not bool(failed)

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


def everything(store: StoreWithOutbox) -> list[object]:
    """Return all that a store answers about the groups and schools of these tests, for comparing."""
    loaded = [store.load(ids, command_id="c-1") for ids in ([AGREEMENT, OTHER], [COUNCILS])]
    return [
        *(dict(answer.agreements) for answer in loaded),
        *(sorted(answer.outcomes, key=by_agreement) for answer in loaded),
        *(list(store.chains(group)) for group in (TRUST, COUNCIL)),
        *listed(store, groups=(TRUST, COUNCIL), urns=(URN, OTHER_URN)),
    ]


def listed(store: StoreWithOutbox, *, groups: Iterable[GroupId], urns: Iterable[int]) -> list[object]:
    """Return the states, events and notices of some groups and schools, for comparing."""
    return [
        *(list(read(group)) for group in groups for read in (store.states, store.group_history, store.notices)),
        *(store.last_register(group) for group in groups),
        *(list(store.states_at(urn)) for urn in urns),
    ]


def by_agreement(outcome: RecordedOutcome) -> str:
    """Return what makes the order of outcomes certain."""
    return str(outcome.agreement)


def verified(chains: Iterable[Chain]) -> Verification:
    """Verify chains as the service does."""
    return verify(chains, read_event=read_event, read_state=decode_agreement)


def lease(store: StoreWithOutbox, now: Instant = NOW, minutes: int = 5, limit: int = 99_999) -> list[LeasedNotice]:
    """Lease notices for some minutes."""
    return list(store.lease(now=now, until=now + minutes * MINUTE, limit=limit))


def by_due(stored: StoredNotice) -> tuple[Instant, str]:
    """Return what notices are ordered by."""
    return stored.due_at, stored.id


def refused(
    store: StoreWithOutbox, calls: Mapping[str, Callable[[Any], object]], kind: type[DatashareError], words: str = ""
) -> list[str]:
    """List the calls that raise an error of a kind that says these words; errors of other kinds go through."""
    messages = dict[str, str]()
    for name, call in calls.items():
        try:
            call(store)
        except kind as error:
            messages[name] = str(error)
    return [name for name, message in messages.items() if words in message]
