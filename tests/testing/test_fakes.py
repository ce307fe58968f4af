"""Fakes do what they say, and keep the contract of the port that they stand for."""

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pendulum
import pytest

from datashare.adapters.memory import MemoryAgreementStore
from datashare.clock import SystemClock
from datashare.domain.agreements import Approve
from datashare.errors import InvalidValue, StoreError, TransactionLost
from datashare.ports import AgreementStore, Clock, Delivered, NeverDeliverable, Notifier, TryAgain
from datashare.testing import (
    AgreementStoreContract,
    ClockContract,
    CountingStore,
    FailingNotifier,
    FailingStore,
    FrozenClock,
    InterleavingStore,
    NotifierContract,
    ReceivedMessage,
    ReceivedMessages,
    RecordingNotifier,
    WrappedStore,
)
from datashare.testing.changes import AGREEMENT, NOW, TRUST, asked, then


class TestWrappedStore(AgreementStoreContract):
    """A store over another one keeps the contract as the other does; there is nothing below it."""

    nothing_below = True

    @pytest.fixture
    def store(self) -> AgreementStore:
        """Give an empty store under all the fakes, none of which has anything to do."""
        return WrappedStore(FailingStore(InterleavingStore(CountingStore(MemoryAgreementStore()))))


class TestBrokenStore(AgreementStoreContract):
    """A store over one that counts and one that fails: there is something below it, if only another store."""

    joins = False

    @pytest.fixture
    def counting(self) -> CountingStore:
        """Give what lies below."""
        return CountingStore(MemoryAgreementStore())

    @pytest.fixture
    def store(self, counting: CountingStore) -> AgreementStore:
        """Give an empty store."""
        return WrappedStore(counting)

    @pytest.fixture
    def round_trips(self, counting: CountingStore) -> Any:  # noqa: ANN401 - as the contract has it
        """Count the calls of the store below."""

        def count(call: Any) -> int:  # noqa: ANN401 - any function
            before = counting.calls.total()
            call()
            return counting.calls.total() - before

        return count

    @pytest.fixture
    def broken_stores(self) -> Iterable[AgreementStore]:
        """Give one store for each call that can fail, before the work was done and after it."""
        return [FailingStore(MemoryAgreementStore(), call, done=done) for done in (False, True) for call in STORE_CALLS]


STORE_CALLS = sorted(name for name, member in vars(AgreementStore).items() if name[0] != "_" and callable(member))


class TestStandingClock(ClockContract):
    """A standing clock is a clock."""

    @pytest.fixture
    def clock(self) -> Clock:
        """Give one that was set in another zone."""
        return FrozenClock(pendulum.datetime(2026, 7, 1, 9, tz="Europe/London"))


class TestSystemClock(ClockContract):
    """The machine's clock is a clock."""

    @pytest.fixture
    def clock(self) -> Clock:
        """Give it."""
        return SystemClock()


class TestFakeNotifiers(NotifierContract):
    """The fakes keep the contract of a notifier together; their messages are the notices."""

    @pytest.fixture
    def accepting(self) -> Notifier:
        """Give one that says delivered."""
        self.recording = RecordingNotifier()
        return self.recording

    @pytest.fixture
    def received(self, accepting: Notifier) -> ReceivedMessages:
        """Tell what it noted."""
        assert accepting is self.recording
        return lambda: [ReceivedMessage(id=notice.id, recipients=(notice.address,)) for notice in self.recording.sent]

    @pytest.fixture
    def down(self) -> Iterable[Notifier]:
        """Give one whose mail server is down, unless told otherwise."""
        return [FailingNotifier(), FailingNotifier(TryAgain("451 busy"))]

    @pytest.fixture
    def refusing(self) -> Iterable[Notifier]:
        """Give one that will never deliver."""
        return [FailingNotifier(NeverDeliverable("550 no such user"))]


def test_a_standing_clock_moves_when_it_is_told() -> None:
    """Reading does not move it; it goes forward and back, and counts how often it was read."""
    clock = FrozenClock(NOW)

    assert NOW == clock.now() == clock.now()
    assert NOW.add(hours=1) == clock.move_on(timedelta(hours=1)) == clock.now()
    assert NOW == clock.move_on(timedelta(hours=-1))
    clock.instant = NOW.add(years=1)
    assert NOW.add(years=1) == clock.now()
    assert 4 == clock.reads


def test_a_standing_clock_stands_at_an_instant() -> None:
    """A text or a naive datetime is none."""
    with pytest.raises(InvalidValue, match="must be"):
        FrozenClock("2026-05-03")  # type: ignore[arg-type]


def test_a_store_fails_before_or_after_the_work_was_done() -> None:
    """Both raise the error that was given; only the second saves."""
    for done, saved in ((False, []), (True, [asked().after])):
        inner, error = MemoryAgreementStore(), TransactionLost("deadlock")
        failing = FailingStore(inner, "append", error=error, done=done)
        with pytest.raises(StoreError) as caught:
            failing.append([asked()])

        assert error is caught.value
        assert saved == list(inner.states(TRUST)) == list(failing.states(TRUST))


def test_a_failing_store_recovers() -> None:
    """The calls that fail can be changed."""
    failing = FailingStore(MemoryAgreementStore(), "append")
    failing.failing = frozenset()

    assert frozenset() == failing.append([asked()])


def test_a_call_that_no_store_has_cannot_fail() -> None:
    """A misspelt name would make a test that proves nothing."""
    with pytest.raises(InvalidValue, match="names of calls of a store: append, chains, complete, give_up"):
        FailingStore(MemoryAgreementStore(), "apend")


def test_calls_are_counted() -> None:
    """Each by its name, with what was to stand before it."""
    calls = Counter[str]()
    store = CountingStore(MemoryAgreementStore(), calls, prefix="store.")
    store.append([asked()])
    for _ in range(2):
        store.states(TRUST)

    assert Counter({"store.append": 1, "store.states": 2}) == calls == store.calls


def test_another_writer_comes_in_between() -> None:
    """Before each of the first appends one writer is let in, and then no more."""
    inner = MemoryAgreementStore()
    store = InterleavingStore(inner, lambda: inner.append([asked()]))

    assert frozenset({AGREEMENT}) == store.append([asked()])
    assert frozenset() == store.append([then(asked().after, Approve)])
    assert [] == store.writers


def test_a_recording_notifier_answers_as_it_is_told() -> None:
    """What it is to send is noted in order, whatever it answers."""
    one, other = asked().notices
    notifier = RecordingNotifier(lambda notice: Delivered() if notice == one else TryAgain("later"))

    assert [TryAgain("later"), Delivered()] == [notifier.send(other), notifier.send(one)]
    assert [other.id, one.id] == notifier.ids


def test_a_failing_notifier_notes_what_it_did_not_send() -> None:
    """So that a test can tell what was tried."""
    notifier = FailingNotifier()
    notifier.send(asked().notices[0])

    assert [asked().notices[0]] == notifier.refused
