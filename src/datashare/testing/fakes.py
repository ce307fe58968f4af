"""Fakes to hand in where a test wants a clock that stands, a store that fails, or a notifier that only notes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import date, timedelta
from typing import Any, Protocol, TypeVar

from datashare.domain.agreements import Agreement, AgreementId, Event
from datashare.domain.chain import Chain
from datashare.domain.instants import Instant, to_instant
from datashare.domain.notices import Notice
from datashare.domain.register import GroupId
from datashare.errors import InvalidValue, StoreError, StoreUnavailable
from datashare.ports import (
    AgreementStore,
    Change,
    Delivered,
    LeasedNotice,
    Loaded,
    NeverDeliverable,
    NoticeStatus,
    Outbox,
    SendResult,
    Settlement,
    StoredNotice,
    TryAgain,
)

_T = TypeVar("_T")


class StoreWithOutbox(AgreementStore, Outbox, Protocol):
    """A store that hands out the notices that it saved, as the stores of this library do."""


class FrozenClock:
    """A clock that stands still until it is moved on.

    Attributes:
        instant: What it shows, in UTC; set it to put the clock to another instant.
        reads: How often it was read.
    """

    def __init__(self, instant: Instant) -> None:
        self.instant = to_instant(instant, "instant")
        self.reads = 0

    def now(self) -> Instant:
        """Tell the instant at which the clock stands, in UTC."""
        self.reads += 1
        return self.instant

    def move_on(self, by: timedelta) -> Instant:
        """Let time pass, or turn the clock back; tell what it shows then."""
        self.instant += by
        return self.instant


class WrappedStore:
    """A store over another one; a subclass says what happens before and after each call.

    Attributes:
        inner: The store that does the work.
    """

    def __init__(self, inner: StoreWithOutbox) -> None:
        self.inner = inner

    def before(self, call: str) -> None:
        """Do what is to happen before a call of this name."""

    def after(self, call: str) -> None:
        """Do what is to happen after the inner store did the work of a call of this name."""

    def _make(self, call: str, work: Callable[[], _T]) -> _T:
        self.before(call)
        answer = work()
        self.after(call)
        return answer

    @property
    def in_host_transaction(self) -> bool:
        """Whether the inner store works within a transaction of the host's."""
        return self.inner.in_host_transaction

    def load(self, ids: Collection[AgreementId], /, *, command_id: str | None = None) -> Loaded:
        """Load agreements of one group, with the outcomes kept in it under *command_id*."""
        return self._make("load", lambda: self.inner.load(ids, command_id=command_id))

    def append(self, changes: Sequence[Change], /) -> frozenset[AgreementId]:
        """Save *changes*; answer the agreements that lost a race."""
        return self._make("append", lambda: self.inner.append(changes))

    def states(self, group: GroupId, /) -> Sequence[Agreement]:
        """List every agreement of *group* that has a history."""
        return self._make("states", lambda: self.inner.states(group))

    def states_at(self, urn: int, /) -> Sequence[Agreement]:
        """List every agreement of institution *urn* that has a history."""
        return self._make("states_at", lambda: self.inner.states_at(urn))

    def history(self, agreement: AgreementId, /) -> Iterator[Event]:
        """Stream the events of one agreement."""
        return self._make("history", lambda: self.inner.history(agreement))

    def group_history(self, group: GroupId, /) -> Iterator[Event]:
        """Stream the events of a group."""
        return self._make("group_history", lambda: self.inner.group_history(group))

    def chains(self, group: GroupId | None = None, /) -> Iterator[Chain]:
        """Stream the chains of a group, or of all groups."""
        return self._make("chains", lambda: self.inner.chains(group))

    def last_register(self, group: GroupId, /) -> date | None:
        """Tell the day of the newest register that was applied to *group*."""
        return self._make("last_register", lambda: self.inner.last_register(group))

    def note_register(self, group: GroupId, day: date, /) -> None:
        """Note that the register of *day* was applied to *group*."""
        self._make("note_register", lambda: self.inner.note_register(group, day))

    def notices(self, group: GroupId, /, *, status: NoticeStatus | None = None) -> Sequence[StoredNotice]:
        """List the notices of *group*."""
        return self._make("notices", lambda: self.inner.notices(group, status=status))

    def lease(self, *, now: Instant, until: Instant, limit: int) -> Sequence[LeasedNotice]:
        """Lease up to *limit* notices that are due and not leased."""
        return self._make("lease", lambda: self.inner.lease(now=now, until=until, limit=limit))

    def settle(self, leased: LeasedNotice, outcome: Settlement, /) -> bool:
        """Record what became of a leased notice."""
        return self._make("settle", lambda: self.inner.settle(leased, outcome))

    def requeue(self, group: GroupId, notices: Collection[str], /, *, due_at: Instant) -> int:
        """Let given-up notices of *group* wait again."""
        return self._make("requeue", lambda: self.inner.requeue(group, notices, due_at=due_at))

    def purge(self, *, settled_before: Instant) -> int:
        """Erase names and addresses of notices settled before an instant."""
        return self._make("purge", lambda: self.inner.purge(settled_before=settled_before))


_CALLS = frozenset(
    name
    for name, member in vars(WrappedStore).items()
    if callable(member) and not name.startswith("_") and name not in {"before", "after"}
)


def _known(calls: Collection[str]) -> frozenset[str]:
    if not frozenset(calls) <= _CALLS:
        raise InvalidValue("calls", sorted(calls), f"names of calls of a store: {', '.join(sorted(_CALLS))}")
    return frozenset(calls)


class FailingStore(WrappedStore):
    """A store that fails when one of the named calls is made.

    Attributes:
        failing: The names of the calls that fail; change it to let the store recover.
        error: What they raise.
        done: Whether the inner store does its work before the call fails, as where a database saved the change
            and the connection broke before it could say so.
    """

    def __init__(
        self, inner: StoreWithOutbox, *calls: str, error: StoreError | None = None, done: bool = False
    ) -> None:
        super().__init__(inner)
        self.failing = _known(calls)
        self.error = error or StoreUnavailable("The database is locked; try again later.")
        self.done = done

    def before(self, call: str) -> None:
        """Fail, if this call is to fail before the work is done."""
        if call in self.failing and not self.done:
            raise self.error

    def after(self, call: str) -> None:
        """Fail, if this call is to fail after the work was done."""
        if call in self.failing:
            raise self.error


class CountingStore(WrappedStore):
    """A store that counts its calls.

    Attributes:
        calls: How often each call was made, by its name after the *prefix*.
    """

    def __init__(self, inner: StoreWithOutbox, calls: Counter[str] | None = None, *, prefix: str = "") -> None:
        super().__init__(inner)
        self.calls = Counter[str]() if calls is None else calls
        self._prefix = prefix

    def before(self, call: str) -> None:
        """Count the call."""
        self.calls[self._prefix + call] += 1


class InterleavingStore(WrappedStore):
    """A store that lets another writer in before each of the first appends, that is between load and append.

    Attributes:
        writers: Those who have not been let in yet.
    """

    def __init__(self, inner: StoreWithOutbox, *writers: Callable[[], object]) -> None:
        super().__init__(inner)
        self.writers = list(writers)

    def before(self, call: str) -> None:
        """Let the next writer in, if this is an append."""
        if call == "append" and self.writers:
            self.writers.pop(0)()


def _taken(_notice: Notice) -> SendResult:
    return Delivered()


class RecordingNotifier:
    """A notifier that notes what it is to send, and says that it was delivered; safe to use from many threads.

    Attributes:
        sent: The notices, in the order in which they came.
    """

    def __init__(self, answer: Callable[[Notice], Any] = _taken) -> None:
        """Note notices, and answer each with what *answer* gives or raises, which may break the port's promise."""
        self.sent: list[Notice] = []
        self._answer = answer

    def send(self, notice: Notice, /) -> Any:
        """Note the notice, then answer."""
        self.sent.append(notice)
        return self._answer(notice)

    @property
    def ids(self) -> list[str]:
        """The ids of what was sent, in order."""
        return [notice.id for notice in self.sent]


class FailingNotifier:
    """A notifier whose other side takes nothing over, for now or for ever.

    Attributes:
        result: What it answers to every notice.
        refused: The notices that were not taken over, in order.
    """

    def __init__(self, result: TryAgain | NeverDeliverable | None = None) -> None:
        """Answer with a *result*; without one that the mail server is down."""
        self.result = result or TryAgain("421 The mail server is down.")
        self.refused: list[Notice] = []

    def send(self, notice: Notice, /) -> SendResult:
        """Take nothing over."""
        self.refused.append(notice)
        return self.result
