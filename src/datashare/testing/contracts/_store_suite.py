"""What the contracts of stores share: fixtures, sizes, and short ways to fill a store and to read it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from functools import partial
from typing import Any, ClassVar, Literal

import pytest

from datashare.codec import decode_agreement, read_event
from datashare.domain.agreements import (
    Agreement,
    AgreementId,
    Approve,
    Command,
    RecordVisibility,
    RequestAccess,
    Withdraw,
)
from datashare.domain.chain import Chain
from datashare.domain.instants import Instant
from datashare.domain.notices import ASKING, Notice
from datashare.domain.register import GroupId
from datashare.domain.verification import Verification, verify
from datashare.domain.visibility import HiddenBecause
from datashare.errors import DatashareError, StoreError
from datashare.ports import (
    Change,
    LeasedNotice,
    NoticeStatus,
    RecordedOutcome,
    Settlement,
    StoredNotice,
    readable,
)
from datashare.ports.outbox import cancelled_at_once
from datashare.testing.changes import (
    AGREEMENT,
    COUNCIL,
    NOW,
    OTHER_URN,
    TRUST,
    TWIN,
    URN,
    asked,
    change,
    command_of,
    possible_change,
    then,
)
from datashare.testing.fakes import StoreWithOutbox
from datashare.testing.threads import at_once

from ._contract import CountsRoundTrips, missing, optional, required

OTHER = AgreementId(TRUST, OTHER_URN)
COUNCILS = AgreementId(COUNCIL, URN)
ALIKE = (TWIN, GroupId.mat("5"), GroupId.mat("51"), GroupId.mat("514"), GroupId.mat("51430"))
"""Groups whose codes look like others' of these tests, or begin as they do."""
MINUTE = timedelta(minutes=1)
MICROSECOND = timedelta(microseconds=1)
LEASED_NOTICE = LeasedNotice(notice=asked().notices[0], lease="lease-1", attempts=1)
"""A notice that no store of these tests has leased."""

DAY = date(2026, 5, 3)

STORE_CALLS: dict[str, Callable[[StoreWithOutbox], Any]] = {
    "load": lambda store: store.load([AGREEMENT], command_id="c-1"),
    "append": lambda store: store.append([asked()]),
    "states": lambda store: store.states(TRUST),
    "states_at": lambda store: store.states_at(URN),
    "groups": lambda store: store.groups(),
    "history": lambda store: list(store.history(AGREEMENT)),
    "group_history": lambda store: list(store.group_history(TRUST)),
    "chains": lambda store: list(store.chains(TRUST)),
    "last_register": lambda store: store.last_register(TRUST),
    "note_register": lambda store: store.note_register(TRUST, DAY),
}
"""Every call of an agreement store."""

OUTBOX_CALLS: dict[str, Callable[[StoreWithOutbox], Any]] = {
    "notices": lambda store: store.notices(TRUST),
    "lease": lambda store: store.lease(now=NOW, until=NOW + MINUTE, limit=1),
    "settle": lambda store: store.settle(LEASED_NOTICE, Settlement.delivered(at=NOW)),
    "requeue": lambda store: store.requeue(TRUST, ["n"], due_at=NOW),
    "purge": lambda store: store.purge(settled_before=NOW),
}
"""Every call of an outbox."""


InHostsTransaction = Callable[[Callable[[StoreWithOutbox], None], bool], None]
"""Begins a transaction of the host's, does some work on a store within it, then commits or rolls back."""

MakeStore = Callable[[], StoreWithOutbox]
"""Makes another store over the data of the store under test."""

FailingWrite = Callable[[int], StoreWithOutbox]
"""Makes a store over the same data for which the n-th statement that writes fails, counted from 1."""

Erase = Callable[[], object]
"""Erases what people wrote in all events below the store, as a host may (H4); text and hash of each event stay."""

Damage = Callable[[Literal["state", "event", "outcome", "notice"], AgreementId], object]
"""Makes the rows of a kind that belong to one agreement unreadable below the store, as a later version might."""

BrokenStores = Iterable[StoreWithOutbox] | Mapping[StoreWithOutbox, type[StoreError]]
"""Stores that cannot work, since what lies below fails; as a mapping, each with the error that every call raises."""


class StoreSuite(CountsRoundTrips):
    """The fixtures and the sizes of the stores' contracts; see `AgreementStoreContract`."""

    at_least: ClassVar[Mapping[str, int]] = {"rounds": 1, "steps": 40, "several": 35, "many": 701}
    joins: ClassVar[bool] = True
    rounds: ClassVar[int] = 5
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

    store: Any = required("an empty store that many threads may use at once")
    broken_stores: Any = required(
        "stores for which what lies below fails, such as one without its tables", unless="nothing_below", otherwise=()
    )
    reopened: Any = optional("a function that makes another store over the same data")
    second_process: Any = optional("a function, which can be pickled, that makes a store over the same data elsewhere")
    failing_write: Any = optional("a function that makes a store over the same data whose n-th write fails")
    damage: Any = optional("a function that makes the rows of a kind of one agreement unreadable")
    erase: Any = optional("a function that erases what people wrote in all events", below=False)

    def check_broken(self, stores: BrokenStores, calls: Mapping[str, Callable[[StoreWithOutbox], object]]) -> None:
        """Check that every call of a broken store raises the error that it must, and nothing but a `StoreError`."""
        kinds = stores if isinstance(stores, Mapping) else dict.fromkeys(stores, StoreError)
        for store, kind in kinds.items():
            assert list(calls) == refused(store, calls, kind), "A store that is broken answered a call."
        assert kinds or self.nothing_below, "There is no broken store."

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


def states(store: StoreWithOutbox, group: GroupId = TRUST) -> list[Agreement]:
    """List the agreements of a group that can be read, as the store holds them."""
    return readable(store.states(group))


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


def check_saved(store: StoreWithOutbox, saved: Change) -> None:
    """Check that a change was saved with all that belongs to it, and that what it closes asks nobody any more."""
    loaded = store.load([saved.id], command_id=saved.command_id)
    notices = {stored.id: stored for stored in store.notices(saved.id.group) if stored.agreement == saved.id}
    asking = [
        stored
        for stored in notices.values()
        if saved.closes and stored.notice and stored.notice.kind in ASKING and saved.closes == stored.notice.request
    ]
    arrived = [stored.notice for stored in asking if stored.status is NoticeStatus.DELIVERED]
    untold = cancelled_at_once(saved.notices, arrived) if saved.closes else ()
    own = {notice.id: _new(notice, saved.now, is_told=notice.id not in untold) for notice in saved.notices}

    assert {saved.id: saved.after} == dict(loaded.agreements)
    assert [saved.outcome] == [outcome for outcome in loaded.outcomes if outcome.agreement == saved.id]
    assert saved.events == tuple(store.history(saved.id))[-len(saved.events) :]
    assert own == {key: stored for key, stored in notices.items() if key in own}
    assert {(NoticeStatus.CANCELLED, saved.now)} >= {
        (stored.status, stored.settled_at) for stored in asking if stored.status is not NoticeStatus.DELIVERED
    }


def _new(notice: Notice, now: Instant, *, is_told: bool) -> StoredNotice:
    return StoredNotice(
        id=notice.id,
        agreement=notice.agreement,
        notice=notice,
        status=NoticeStatus.WAITING if is_told else NoticeStatus.CANCELLED,
        due_at=now,
        settled_at=None if is_told else now,
    )


def approval_of_hidden(store: StoreWithOutbox, urn: int = URN, group: GroupId = TRUST) -> Change:
    """Ask a school, record that it is hidden, and return its approval: the return to sight, and the approval."""
    request = asked(urn, group)
    hide = command_of(RecordVisibility, request.after)
    hidden = possible_change(request.after, hide, command_id="c-2", hidden=[HiddenBecause.CLOSED])
    assert hidden is not None
    save(store, request)
    save(store, hidden)
    approval = then(hidden.after, Approve, command_id="c-3")
    assert 2 == len(approval.events)
    return approval


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
        list(store.groups()),
        list(store.notices()),
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
    return readable(store.lease(now=now, until=now + minutes * MINUTE, limit=limit))


def give_up(store: StoreWithOutbox) -> list[str]:
    """Give up both notices of a request, and return their ids in the order of the list."""
    save(store, asked())
    for leased in lease(store):
        assert store.settle(leased, Settlement.given_up(at=NOW, error=f"550 {leased.notice.address} unknown"))
    return [stored.id for stored in store.notices(TRUST)]


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
