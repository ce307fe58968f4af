"""Fakes do what they say, and keep the contract of the port that they stand for."""

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from functools import partial

import pendulum
import pytest

from datashare.adapters.memory import MemoryAgreementStore
from datashare.clock import SystemClock
from datashare.domain.agreements import Approve
from datashare.errors import InvalidValue, StoreError, StoreUnavailable, TransactionLost
from datashare.ports import Clock, Delivered, NeverDeliverable, Notifier, TryAgain
from datashare.testing import (
    AgreementStoreContract,
    BrokenStores,
    ClockContract,
    CountingStore,
    CountRoundTrips,
    Erase,
    FailingNotifier,
    FailingStore,
    FrozenClock,
    InterleavingStore,
    MakeStore,
    NotifierContract,
    OutboxContract,
    ReceivedMessage,
    ReceivedMessages,
    RecordingNotifier,
    StoreWithOutbox,
    WrappedStore,
)
from datashare.testing.changes import AGREEMENT, NOW, TRUST, asked, then
from datashare.testing.contracts._store_suite import OUTBOX_CALLS, STORE_CALLS
from tests.adapters.test_memory_store import erase_words

from .broken_stores import round_trips_to


class TestWrappedStore(AgreementStoreContract, OutboxContract):
    """A store under all the fakes, which count and fail, keeps the contracts as the store below does."""

    nothing_below = True

    @pytest.fixture
    def counting(self) -> CountingStore:
        """Return what lies below."""
        return CountingStore(MemoryAgreementStore())

    @pytest.fixture
    def store(self, counting: CountingStore) -> StoreWithOutbox:
        """Return an empty store under all the fakes."""
        return WrappedStore(FailingStore(InterleavingStore(counting)))

    @pytest.fixture
    def round_trips(self, counting: CountingStore) -> CountRoundTrips:
        """Count the calls of the store below."""
        return round_trips_to(counting)

    @pytest.fixture
    def broken_stores(self) -> BrokenStores:
        """Return stores that fail in every call, before or after the work was done."""
        every = (*STORE_CALLS, *OUTBOX_CALLS)
        failing = (FailingStore(MemoryAgreementStore(), *every, done=done) for done in (False, True))
        return dict.fromkeys(failing, StoreUnavailable)

    @pytest.fixture
    def reopened(self, counting: CountingStore) -> MakeStore:
        """Make other fakes over what lies below."""
        return lambda: WrappedStore(counting)

    @pytest.fixture
    def erase(self, counting: CountingStore) -> Erase:
        """Erase what people wrote where the store in memory holds it."""
        return partial(erase_words, counting.inner)


class TestFrozenClock(ClockContract):
    """A frozen clock is a clock."""

    @pytest.fixture
    def clock(self) -> Clock:
        """Return one that was set in another zone."""
        return FrozenClock(pendulum.datetime(2026, 7, 1, 9, tz="Europe/London"))


class TestSystemClock(ClockContract):
    """The machine's clock is a clock."""

    @pytest.fixture
    def clock(self) -> Clock:
        """Return it."""
        return SystemClock()


class TestFakeNotifiers(NotifierContract):
    """The fakes keep the contract of a notifier together; their messages are the notices."""

    @pytest.fixture
    def accepting(self) -> Notifier:
        """Return one that answers delivered."""
        self.recording = RecordingNotifier()
        return self.recording

    @pytest.fixture
    def received(self, accepting: Notifier) -> ReceivedMessages:
        """Return what lists the notices that it recorded."""
        assert accepting is self.recording
        return lambda: [ReceivedMessage(id=notice.id, recipients=(notice.address,)) for notice in self.recording.sent]

    @pytest.fixture
    def down(self) -> Iterable[Notifier]:
        """Return one whose mail server is down by default, and one that is busy."""
        return [FailingNotifier(), FailingNotifier(TryAgain("451 busy"))]

    @pytest.fixture
    def refusing(self) -> Iterable[Notifier]:
        """Return one that will never deliver."""
        return [FailingNotifier(NeverDeliverable("550 no such user"))]


def test_a_frozen_clock_moves_only_when_a_test_moves_it() -> None:
    """Reading does not move it; it goes forward and back, and counts how often it was read."""
    clock = FrozenClock(NOW)

    assert NOW == clock.now() == clock.now()
    assert NOW.add(hours=1) == clock.move_on(timedelta(hours=1)) == clock.now()
    assert NOW == clock.move_on(timedelta(hours=-1))
    clock.instant = NOW.add(years=1)
    assert NOW.add(years=1) == clock.now()
    assert 4 == clock.reads


def test_a_frozen_clock_shows_an_instant() -> None:
    """Text is rejected."""
    with pytest.raises(InvalidValue, match="must be"):
        FrozenClock("2026-05-03")  # type: ignore[arg-type]


def test_a_store_fails_before_or_after_the_work_was_done() -> None:
    """It raises the error in both cases, but saves only in the second; later it recovers."""
    for done, saved in ((False, []), (True, [asked().after])):
        inner, error = MemoryAgreementStore(), TransactionLost("deadlock")
        failing = FailingStore(inner, "append", error=error, done=done)
        with pytest.raises(StoreError) as caught:
            failing.append([asked()])

        assert error is caught.value
        assert saved == list(inner.states(TRUST)) == list(failing.states(TRUST))
        failing.failing = frozenset()
        assert done is bool(failing.append([asked()]))


def test_a_call_that_no_store_has_cannot_fail() -> None:
    """A misspelt name is rejected, since the test would prove nothing."""
    with pytest.raises(InvalidValue, match="names of calls of a store: append, chains, group_history, groups, history"):
        FailingStore(MemoryAgreementStore(), "apend")


def test_calls_are_counted() -> None:
    """Each call is counted by its name, after the prefix."""
    calls = Counter[str]()
    store = CountingStore(MemoryAgreementStore(), calls, prefix="store.")
    store.append([asked()])
    for _ in range(2):
        store.states(TRUST)

    assert Counter({"store.append": 1, "store.states": 2}) == calls == store.calls


def test_another_writer_is_let_in_before_an_append() -> None:
    """Before each of the first appends one writer is let in, and then no more."""
    inner = MemoryAgreementStore()
    store = InterleavingStore(inner, lambda: inner.append([asked()]))

    assert frozenset({AGREEMENT}) == store.append([asked()])
    assert frozenset() == store.append([then(asked().after, Approve)])
    assert [] == store.writers


def test_a_recording_notifier_answers_as_the_test_says() -> None:
    """Notices are recorded in order, whatever it answers."""
    head, deputy = asked().notices
    notifier = RecordingNotifier(lambda notice: Delivered() if notice == head else TryAgain("later"))

    assert [TryAgain("later"), Delivered()] == [notifier.send(deputy), notifier.send(head)]
    assert [deputy.id, head.id] == notifier.ids


def test_a_failing_notifier_records_what_it_did_not_send() -> None:
    """A test can see which notices were refused."""
    notifier = FailingNotifier()
    notifier.send(asked().notices[0])

    assert [asked().notices[0]] == notifier.refused
