"""Fakes to pass in: a clock that stands still, stores that fail or count, and notifiers that record or fail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import date, timedelta
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from datashare.domain.agreements import Agreement, AgreementId, Event
from datashare.domain.chain import Chain
from datashare.domain.instants import Instant, later_by, to_instant
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
    Unreadable,
)

_P = ParamSpec("_P")
_T = TypeVar("_T")


class FrozenClock:
    """A clock that stands still until a test moves it.

    Attributes:
        instant: What it shows, in UTC; set it to put the clock to another instant.
        reads: How often it was read.
    """

    def __init__(self, instant: Instant) -> None:
        self.instant: Instant = to_instant(instant, "instant")
        self.reads: int = 0

    def now(self) -> Instant:
        """Return the instant that the clock shows, in UTC."""
        self.reads += 1
        return self.instant

    def move_on(self, by: timedelta) -> Instant:
        """Move the clock forward, or back by a negative *by*, and return what it shows then.

        At the first or the last instant that can be written it stands still.
        """
        self.instant = later_by(self.instant, by)
        return self.instant


class StoreWithOutbox(AgreementStore, Outbox, Protocol):
    """A store that hands out the notices that it saved, as the stores of this library do."""


def _watched(method: Callable[Concatenate[WrappedStore, _P], _T]) -> Callable[Concatenate[WrappedStore, _P], _T]:
    """Make a call of the inner store between `before` and `after`."""

    @wraps(method)
    def call(self: WrappedStore, /, *args: _P.args, **named: _P.kwargs) -> _T:
        self.before(method.__name__)
        answer = method(self, *args, **named)
        self.after(method.__name__)
        return answer

    return call


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

    @property
    def in_host_transaction(self) -> bool:
        """Whether the inner store works within a transaction of the host's."""
        return self.inner.in_host_transaction

    @_watched
    def load(self, ids: Collection[AgreementId], /, *, command_id: str | None = None) -> Loaded:
        return self.inner.load(ids, command_id=command_id)

    @_watched
    def append(self, changes: Sequence[Change], /) -> frozenset[AgreementId]:
        return self.inner.append(changes)

    @_watched
    def states(self, group: GroupId, /) -> Sequence[Agreement | Unreadable]:
        return self.inner.states(group)

    @_watched
    def states_at(self, urn: int, /) -> Sequence[Agreement | Unreadable]:
        return self.inner.states_at(urn)

    @_watched
    def groups(self) -> Sequence[GroupId]:
        return self.inner.groups()

    @_watched
    def history(self, agreement: AgreementId, /) -> Iterator[Event]:
        return self.inner.history(agreement)

    @_watched
    def group_history(self, group: GroupId, /) -> Iterator[Event]:
        return self.inner.group_history(group)

    @_watched
    def chains(self, group: GroupId | None = None, /) -> Iterator[Chain]:
        return self.inner.chains(group)

    @_watched
    def last_register(self, group: GroupId, /) -> date | None:
        return self.inner.last_register(group)

    @_watched
    def note_register(self, group: GroupId, day: date, /) -> None:
        self.inner.note_register(group, day)

    @_watched
    def notices(self, group: GroupId | None = None, /, *, status: NoticeStatus | None = None) -> Sequence[StoredNotice]:
        return self.inner.notices(group, status=status)

    @_watched
    def lease(self, *, now: Instant, until: Instant, limit: int) -> Sequence[LeasedNotice | Unreadable]:
        return self.inner.lease(now=now, until=until, limit=limit)

    @_watched
    def settle(self, leased: LeasedNotice, outcome: Settlement, /) -> bool:
        return self.inner.settle(leased, outcome)

    @_watched
    def requeue(self, group: GroupId, notices: Collection[str], /, *, due_at: Instant) -> int:
        return self.inner.requeue(group, notices, due_at=due_at)

    @_watched
    def purge(
        self, *, settled_before: Instant, undelivered_before: Instant | None = None, now: Instant | None = None
    ) -> int:
        return self.inner.purge(settled_before=settled_before, undelivered_before=undelivered_before, now=now)


_CALLS = frozenset(
    name
    for port in (AgreementStore, Outbox)
    for name, member in vars(port).items()
    if callable(member) and not name.startswith("_")
)


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
        self.failing: frozenset[str] = frozenset(calls)
        if not self.failing <= _CALLS:
            raise InvalidValue("calls", sorted(calls), f"names of calls of a store: {', '.join(sorted(_CALLS))}")
        self.error: StoreError = error or StoreUnavailable("The database is locked; try again later.")
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
        self.calls: Counter[str] = Counter() if calls is None else calls
        self._prefix = prefix

    def before(self, call: str) -> None:
        """Count the call."""
        self.calls[self._prefix + call] += 1


class InterleavingStore(WrappedStore):
    """A store that lets another writer in before each of the first appends, so between load and append.

    Attributes:
        writers: The writers that have not had their turn yet.
    """

    def __init__(self, inner: StoreWithOutbox, *writers: Callable[[], object]) -> None:
        super().__init__(inner)
        self.writers: list[Callable[[], object]] = list(writers)

    def before(self, call: str) -> None:
        """Let the next writer write, if this is an append."""
        if call == "append" and self.writers:
            self.writers.pop(0)()


class RecordingNotifier:
    """A notifier that records notices and answers that they were delivered; safe to use from many threads.

    Attributes:
        sent: The notices, in the order in which they came.
    """

    def __init__(self, answer: Callable[[Notice], Any] = lambda _: Delivered()) -> None:
        """Record notices, and answer each with what *answer* returns or raises, even if no notifier may do so."""
        self.sent: list[Notice] = []
        self._answer = answer

    def send(self, notice: Notice, /) -> Any:
        """Record the notice, then answer."""
        self.sent.append(notice)
        return self._answer(notice)

    @property
    def ids(self) -> list[str]:
        """The ids of what was sent, in order."""
        return [notice.id for notice in self.sent]


class FailingNotifier:
    """A notifier whose other side accepts nothing, for now or for ever.

    Attributes:
        result: What it answers to every notice.
        refused: The notices that were not accepted, in order.
    """

    def __init__(self, result: TryAgain | NeverDeliverable | None = None) -> None:
        """Answer every notice with *result*; by default, that the mail server is down."""
        self.result: TryAgain | NeverDeliverable = result or TryAgain("421 The mail server is down.")
        self.refused: list[Notice] = []

    def send(self, notice: Notice, /) -> SendResult:
        """Record the notice as refused, then answer."""
        self.refused.append(notice)
        return self.result
