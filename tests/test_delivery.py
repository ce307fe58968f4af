"""Stored notices are delivered at least once each, and no notice holds up the others."""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import count
from typing import Any

import attrs
import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datashare.adapters.memory import MemoryAgreementStore
from datashare.delivery import LONGEST_ERROR, DeliveryReport, RetrySchedule, deliver, purge
from datashare.domain.agreements import RefusalCode, State
from datashare.domain.instants import Instant
from datashare.domain.notices import Notice, NoticeKind
from datashare.errors import InvalidValue, StoreUnavailable
from datashare.ports import Unreadable, readable
from datashare.ports.clock import Clock
from datashare.ports.notifier import Delivered, NeverDeliverable, Notifier, SendResult, TryAgain
from datashare.ports.outbox import LeasedNotice, NoticeStatus, StoredNotice
from datashare.ports.progress import Progress, Stage
from datashare.testing import FailingStore, RecordingNotifier, StoreWithOutbox, WrappedStore
from tests.world import COUNCIL, HILDA, MIS, NOW, OSCAR, TRUST, World, large_world

SECOND, MINUTE, HOUR, DAY = (timedelta(**{unit: 1}) for unit in ("seconds", "minutes", "hours", "days"))
MICROSECOND = timedelta(microseconds=1)
LEASE = 20 * MINUTE
"""How long a notice is leased, unless the caller says otherwise."""
WAITING, LEASED, DELIVERED, GIVEN_UP, CANCELLED = NoticeStatus


WORKERS = 8


class WatchedStore(WrappedStore):
    """A store that notes how many notices were to be leased together, and how many were."""

    def __init__(self, inner: StoreWithOutbox) -> None:
        super().__init__(inner)
        self.leases: list[tuple[int, int]] = []

    def lease(self, *, now: Instant, until: Instant, limit: int) -> Sequence[LeasedNotice | Unreadable]:
        leased = super().lease(now=now, until=until, limit=limit)
        self.leases.append((limit, len(leased)))
        return leased


class SlowLeasing(WrappedStore):
    """A store that takes some seconds to lease."""

    def __init__(self, world: World, seconds: int) -> None:
        super().__init__(world.store)
        self.world = world
        self.seconds = seconds

    def before(self, call: str) -> None:
        """Let time pass, if this is a lease."""
        self.world.clock.move_on(timedelta(seconds=self.seconds if call == "lease" else 0))


class Killed(BaseException):
    """An exception that ends a worker at once, as a signal does."""


def half() -> float:
    """Return the middle of every span."""
    return 0.5


def run(world: World, notifier: Notifier, store: StoreWithOutbox | None = None, **options: Any) -> DeliveryReport:
    """Deliver what is due in a world, by its clock, each wait being half of the longest one."""
    return deliver(store or world.store, notifier, **{"clock": world.clock, "random": half, **options})


def due(world: World) -> list[str]:
    """List the ids of what waits, in the order in which it is due, of all groups."""
    waiting = [*world.notices(TRUST), *world.notices(COUNCIL)]
    return [stored.id for stored in sorted(waiting, key=lambda stored: (stored.due_at, stored.id))]


def fates(world: World) -> Counter[NoticeStatus]:
    """Count the notices of the trust by what has become of them."""
    return Counter(stored.status for stored in world.notices(TRUST, status=None))


def only(world: World, status: NoticeStatus | None = None) -> StoredNotice:
    """Return the only notice of the trust, of a status if one is named."""
    (stored,) = world.notices(TRUST, status=status)
    return stored


def to_head(notice: Notice) -> bool:
    """Return whether a notice goes to the head of St Hilda's."""
    return notice.address == f"head@{HILDA}.example"


@pytest.fixture
def hilda() -> World:
    """Build a world in which St Hilda's was asked: four notices wait."""
    world = World()
    world.asked(HILDA)
    return world


@pytest.fixture
def oscar() -> World:
    """Build a world in which the Óscar Romero Academy was asked: one notice waits."""
    world = World()
    world.asked(OSCAR)
    return world


# What is sent, and in which order


@pytest.mark.rule("O3")
def test_what_is_due_is_sent_and_recorded_as_delivered(hilda: World) -> None:
    """Each notice is sent once, as it was stored, and settled with the instant."""
    stored, notifier = hilda.notices(), RecordingNotifier()

    assert DeliveryReport(delivered=4) == run(hilda, notifier)
    assert [notice.notice for notice in stored] == notifier.sent
    assert [(DELIVERED, NOW, 1, None)] * 4 == [
        (stored.status, stored.settled_at, stored.attempts, stored.error) for stored in hilda.notices(status=None)
    ]


def test_a_run_without_work_reports_nothing() -> None:
    """With nothing due the report is empty, by the machine's own clock too."""
    notifier = RecordingNotifier()

    assert DeliveryReport() == deliver(MemoryAgreementStore(), notifier)
    assert (0, []) == (DeliveryReport().taken_up, notifier.sent)


@pytest.mark.parametrize(("limit", "batch"), [(1, 20), (2, 1), (3, 2), (4, 4)])
def test_a_limit_bounds_the_run(hilda: World, limit: int, batch: int) -> None:
    """No more notices than that are leased, and the others wait untouched."""
    expected, notifier, store = due(hilda), RecordingNotifier(), WatchedStore(hilda.store)

    assert DeliveryReport(delivered=limit) == run(hilda, notifier, store, limit=limit, batch=batch)
    assert expected[:limit] == notifier.ids
    assert [0] * (4 - limit) == [stored.attempts for stored in hilda.notices()]
    assert all(0 < asked <= batch for asked, _ in store.leases)


def test_what_comes_in_during_a_run_is_left_to_the_next(oscar: World) -> None:
    """A run ends although each notice that it sends causes another."""

    def answer(_notice: Notice) -> Delivered:
        oscar.clock.move_on(timedelta(seconds=1))
        (request,) = (state.request.id for state in readable(oscar.store.states(TRUST)) if state.request)
        oscar.trust().remind([request], command_id=f"remind-{len(oscar.events(OSCAR))}")
        return Delivered()

    assert DeliveryReport(delivered=1) == run(oscar, RecordingNotifier(answer))
    assert DeliveryReport(delivered=1) == run(oscar, RecordingNotifier(answer))
    assert {DELIVERED: 2, WAITING: 1} == fates(oscar)


@pytest.mark.rule("O3")
@pytest.mark.parametrize("lease_for", [LEASE, DAY])
@pytest.mark.parametrize("batch", [1, 2, 20])
@pytest.mark.parametrize("pace", [HOUR, 13 * HOUR])
def test_a_run_may_last_for_days(hilda: World, lease_for: timedelta, batch: int, pace: timedelta) -> None:
    """However long the sendings take, each notice is sent once, and none of them again after a failure."""

    def answer(_notice: Notice) -> TryAgain:
        hilda.clock.move_on(pace)
        return TryAgain("421 busy")

    notifier, expected = RecordingNotifier(answer), due(hilda)
    report = run(hilda, notifier, lease_for=lease_for, batch=batch)

    assert (4, expected) == (report.retried, notifier.ids)


@pytest.mark.rule("O3")
@pytest.mark.parametrize("lease_for", [LEASE, DAY])
def test_a_long_run_leaves_what_others_have_leased(hilda: World, lease_for: timedelta) -> None:
    """A valid lease that another worker took late in a long run keeps its notice, though the clocks differ a little."""
    others = list[LeasedNotice]()

    def answer(_notice: Notice) -> Delivered:
        if not others:
            hilda.clock.move_on(50 * HOUR)
            now = hilda.clock.now()
            others.extend(readable(hilda.store.lease(now=now, until=now + lease_for + MINUTE, limit=2)))
        return Delivered()

    notifier, (first, second, *later) = RecordingNotifier(answer), due(hilda)

    assert DeliveryReport(delivered=2, lost=1) == run(hilda, notifier, lease_for=lease_for)
    assert [first, *later] == notifier.ids
    assert [first, second] == [own.notice.id for own in others]


# Trying again


@pytest.mark.rule("O3")
def test_waits_double_up_to_the_longest_and_then_the_notice_is_given_up(oscar: World) -> None:
    """With chance in the middle each wait is half of its longest one; the last attempt gives up, visibly."""
    schedule = RetrySchedule(first=MINUTE, longest=5 * MINUTE, attempts=6)
    notifier = RecordingNotifier(lambda _notice: TryAgain("451 später"))
    waits: list[timedelta] = []
    for _ in range(5):
        assert DeliveryReport(retried=1) == run(oscar, notifier, schedule=schedule)
        waiting = only(oscar, WAITING)
        waits.append(waiting.due_at - oscar.clock.instant)
        assert ("451 später", None) == (waiting.error, waiting.settled_at)
        oscar.clock.instant = waiting.due_at - MICROSECOND
        assert DeliveryReport() == run(oscar, notifier, schedule=schedule)
        oscar.clock.instant = waiting.due_at

    assert [30 * SECOND, 60 * SECOND, 120 * SECOND, 150 * SECOND, 150 * SECOND] == waits
    assert DeliveryReport(given_up=1) == run(oscar, notifier, schedule=schedule)
    stored = only(oscar)
    assert (GIVEN_UP, 6, "451 später", oscar.clock.instant) == (
        stored.status,
        stored.attempts,
        stored.error,
        stored.settled_at,
    )
    assert [stored.id] * 6 == notifier.ids


@pytest.mark.rule("O3")
@pytest.mark.parametrize(
    ("attempt", "chance", "expected"),
    [
        (1, 0, timedelta(0)),
        (1, 1, MINUTE),
        (1, 0.25, 15 * SECOND),
        (2, 1, 2 * MINUTE),
        (10, 1, 512 * MINUTE),
        (10, 0.5, 256 * MINUTE),
        (11, 1, 12 * HOUR),
        (24, 0.5, 6 * HOUR),
        (1_000_000, 1, 12 * HOUR),
    ],
)
def test_the_waits_of_the_usual_schedule(attempt: int, chance: float, expected: timedelta) -> None:
    """A minute at most after the first attempt, doubled after each, half a day at most."""
    assert expected == RetrySchedule().wait(attempt, chance)


def test_the_usual_schedule_outlasts_a_long_weekend() -> None:
    """On average a mail server may be down for three and a half days before anything is given up."""
    schedule = RetrySchedule()
    average = sum((schedule.wait(attempt, 0.5) for attempt in range(1, schedule.attempts)), timedelta(0))

    assert timedelta(days=3, hours=12) < average < timedelta(days=4)


SPANS = st.timedeltas(min_value=MICROSECOND, max_value=31 * DAY)


def test_the_smallest_wait_grows_to_the_largest() -> None:
    """Doubling reaches the longest wait from wherever it starts, and stays there."""
    schedule = RetrySchedule(first=MICROSECOND, longest=31 * DAY)

    assert [2**41 * MICROSECOND, 31 * DAY, 31 * DAY] == [schedule.longest_wait(number) for number in (42, 43, 100)]


@pytest.mark.rule("O3")
@given(
    spans=st.tuples(SPANS, SPANS).map(sorted), attempt=st.integers(1, 10_000), chances=st.tuples(*[st.floats(0, 1)] * 2)
)
def test_jitter_stays_in_its_bounds(spans: list[timedelta], attempt: int, chances: tuple[float, float]) -> None:
    """Every wait lies between nothing and the longest one, which doubles up to its bound; more chance, more wait."""
    schedule = RetrySchedule(first=spans[0], longest=spans[1])
    less, more = sorted(chances)
    longest = schedule.longest_wait(attempt)

    assert timedelta(0) == schedule.wait(attempt, 0)
    assert schedule.wait(attempt, less) <= schedule.wait(attempt, more) <= schedule.wait(attempt, 1) == longest
    assert min(2 * longest, schedule.longest) == schedule.longest_wait(attempt + 1)


def test_jitter_is_drawn_for_each_notice(hilda: World) -> None:
    """By default chance is the machine's own, and notices that failed together do not come back together."""
    schedule = RetrySchedule(first=30 * DAY, longest=31 * DAY)
    report = deliver(hilda.store, RecordingNotifier(lambda _: TryAgain("")), clock=hilda.clock, schedule=schedule)
    waits = {stored.due_at - NOW for stored in hilda.notices()}

    assert DeliveryReport(retried=4) == report
    assert len(waits) == 4
    assert all(timedelta(0) < wait <= 30 * DAY for wait in waits)


@pytest.mark.rule("O3")
@pytest.mark.parametrize("back", [timedelta(0), HOUR], ids=["clock-stands", "clock-goes-back"])
def test_what_was_retried_is_not_sent_again_in_the_same_run(hilda: World, back: timedelta) -> None:
    """Though the wait is nothing, each notice is sent once in a run; the next run may send it again."""

    def answer(_notice: Notice) -> TryAgain:
        hilda.clock.instant -= back
        return TryAgain("421 busy")

    notifier, expected = RecordingNotifier(answer), due(hilda)

    assert DeliveryReport(retried=4) == run(hilda, notifier, random=lambda: 0)
    assert expected == notifier.ids
    assert [NOW + MICROSECOND] * 4 == [stored.due_at for stored in hilda.notices()]
    hilda.clock.instant = NOW + MICROSECOND
    assert DeliveryReport(retried=4) == run(hilda, notifier, random=lambda: 0)


@pytest.mark.parametrize("chance", [-0.1, 1.1, float("nan"), "0.5", None])
def test_an_invalid_chance_is_refused(oscar: World, chance: Any) -> None:  # noqa: ANN401 - anything but right
    """A random that returns anything but a number from 0 to 1 is an error, and the notice is sent again later."""
    with pytest.raises(InvalidValue, match="chance must be a number from 0 to 1"):
        run(oscar, RecordingNotifier(lambda _: TryAgain("x")), random=lambda: chance)
    oscar.clock.move_on(LEASE)
    assert DeliveryReport(delivered=1) == run(oscar, RecordingNotifier())


# Giving up, and not holding up the others


@pytest.mark.rule("O3")
def test_what_can_never_be_delivered_is_given_up_at_once(hilda: World) -> None:
    """One bad address is given up with its error; the others are delivered."""
    notifier = RecordingNotifier(
        lambda notice: NeverDeliverable("550 no such user") if to_head(notice) else Delivered()
    )

    assert DeliveryReport(delivered=3, given_up=1) == run(hilda, notifier)
    (stored,) = hilda.notices(status=GIVEN_UP)
    assert (1, "550 no such user", NOW) == (stored.attempts, stored.error, stored.settled_at)
    assert len(notifier.sent) == 4


class Hostile(Exception):
    """An error that cannot even be shown."""

    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.rule("O3")
@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (OSError(111, "connection refused"), "ConnectionRefusedError: [Errno 111] connection refused"),
        (ValueError(), "ValueError:"),
        (StoreUnavailable("It is the notifier's own."), "StoreUnavailable: The agreement store cannot be reached"),
        (Hostile(), "Hostile:"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_a_notifier_that_raises_is_tried_again(hilda: World, raised: Exception, said: str) -> None:
    """An error of the notifier loses nothing, is kept with the notice, and does not stop the rest."""

    def answer(notice: Notice) -> Delivered:
        if to_head(notice):
            raise raised
        return Delivered()

    assert DeliveryReport(delivered=3, retried=1) == run(hilda, RecordingNotifier(answer))
    (stored,) = hilda.notices()
    assert stored.error is not None
    assert stored.error.startswith(said)
    assert (NOW + 30 * SECOND, 1) == (stored.due_at, stored.attempts)


async def sent_later() -> Delivered:
    """Answer as a notifier that is async does."""
    return Delivered()


@pytest.mark.rule("O3")
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda: None, "None"),
        (lambda: True, "an object of the class bool"),
        (lambda: "ok", "an object of the class str"),
        (lambda: Delivered, "an object of the class type"),
        (sent_later, "an object of the class coroutine"),
    ],
    ids=["none", "bool", "text", "class", "coroutine"],
)
def test_any_other_answer_is_an_error_of_the_notifier(hilda: World, answer: Callable[[], object], said: str) -> None:
    """A notifier that forgets its `return` is tried again and given up as if it had raised, and stops nothing else."""
    notifier = RecordingNotifier(lambda notice: answer() if to_head(notice) else Delivered())

    assert DeliveryReport(delivered=3, retried=1) == run(hilda, notifier, schedule=RetrySchedule(attempts=2))
    assert (NOW + 30 * SECOND, 1) == (hilda.notices()[0].due_at, hilda.notices()[0].attempts)
    hilda.clock.move_on(MINUTE)
    assert DeliveryReport(given_up=1) == run(hilda, notifier, schedule=RetrySchedule(attempts=2))
    (stored,) = hilda.notices(status=GIVEN_UP)
    expected = f"The notifier returned {said} instead of Delivered, TryAgain or NeverDeliverable."
    assert (2, expected) == (stored.attempts, stored.error)


@pytest.mark.parametrize(
    ("why", "kept"),
    [
        ("", "No reason was given."),
        (" \r\n\0", "No reason was given."),
        ("550-one\r\n550 two\t\0three", "550-one 550 two three"),
        ("half of a pair: \ud800", "half of a pair: ?"),
        ("ß𝄞" * 250, "ß𝄞" * 250),
        ("x" * 501, "x" * 499 + "…"),
    ],
    ids=count(),
)
def test_errors_are_kept_short_and_storable(oscar: World, why: str, kept: str) -> None:
    """What the other side said is kept as one line of characters that every store can keep."""
    run(oscar, RecordingNotifier(lambda _notice: TryAgain(why)))
    retried = only(oscar).error
    oscar.clock.move_on(MINUTE)
    run(oscar, RecordingNotifier(lambda _notice: NeverDeliverable(why)))

    assert kept == retried == only(oscar).error
    assert len(kept) <= LONGEST_ERROR


# Crashes, and the end of leases


@pytest.mark.rule("O3")
@pytest.mark.parametrize("signal", [Killed, KeyboardInterrupt, SystemExit])
def test_a_killed_worker_leaves_what_it_leased_to_the_lease(hilda: World, signal: type[BaseException]) -> None:
    """The signal passes through; others send the rest at once, and what the worker held when its lease has ended."""

    def answer(notice: Notice) -> Delivered:
        if notice.id == expected[1]:
            raise signal
        return Delivered()

    expected = due(hilda)
    with pytest.raises(signal):
        run(hilda, RecordingNotifier(answer), batch=2)

    notifier = RecordingNotifier()
    assert {DELIVERED: 1, LEASED: 2, WAITING: 1} == fates(hilda)
    hilda.clock.move_on(LEASE - MICROSECOND)
    assert DeliveryReport(delivered=1) == run(hilda, notifier)
    hilda.clock.move_on(timedelta(microseconds=1))
    assert DeliveryReport(delivered=2) == run(hilda, notifier)
    assert [expected[3], expected[1], expected[2]] == notifier.ids


@pytest.mark.rule("O3")
def test_a_crash_between_sending_and_recording_sends_again_under_the_same_id(oscar: World) -> None:
    """Delivery is at least once: the message goes again when the lease has ended, recognisable by its id."""
    notifier = RecordingNotifier()
    assert DeliveryReport(unsettled=1) == run(oscar, notifier, FailingStore(oscar.store, "settle"))

    assert LEASED is only(oscar).status
    assert DeliveryReport() == run(oscar, notifier)
    oscar.clock.move_on(LEASE)
    assert DeliveryReport(delivered=1) == run(oscar, notifier)
    first, second = notifier.sent
    assert first == second
    assert (DELIVERED, 2) == (only(oscar).status, only(oscar).attempts)


class Deadlocking(WrappedStore):
    """A store that loses a deadlock at each second result."""

    results = 0

    def before(self, call: str) -> None:
        """Fail at the results with an odd number."""
        self.results += call == "settle"
        if call == "settle" and self.results % 2:
            raise StoreUnavailable("Deadlock found.")


@pytest.mark.rule("O3")
def test_one_result_that_cannot_be_recorded_holds_up_no_other(hilda: World) -> None:
    """It is counted, the run goes on, and the notice is sent once more when its lease has ended."""
    notifier = RecordingNotifier()

    assert DeliveryReport(delivered=2, unsettled=2) == run(hilda, notifier, Deadlocking(hilda.store))
    assert 4 == DeliveryReport(delivered=2, unsettled=2).taken_up
    hilda.clock.move_on(LEASE)
    assert DeliveryReport(delivered=2) == run(hilda, notifier)
    assert 6 == len(notifier.sent)


@pytest.mark.rule("O3")
@pytest.mark.parametrize("answer", [None, Delivered(), TryAgain("x"), NeverDeliverable("x")], ids=repr)
def test_a_store_that_fails_loses_nothing(hilda: World, answer: SendResult | None) -> None:
    """Its error passes through, at the second result in a row; later every notice comes to its end."""
    call = "settle" if answer else "lease"
    notifier = RecordingNotifier(lambda _notice: answer)
    before = due(hilda)
    with pytest.raises(StoreUnavailable):
        run(hilda, notifier, FailingStore(hilda.store, call))

    assert before[: len(notifier.sent)] == notifier.ids
    assert (0 if call == "lease" else 2) == len(notifier.sent)
    hilda.clock.move_on(LEASE)
    again = RecordingNotifier()
    assert DeliveryReport(delivered=4) == run(hilda, again)
    assert before == again.ids


@pytest.mark.rule("O3")
def test_a_notice_that_kills_its_workers_holds_up_nobody_and_is_given_up(hilda: World) -> None:
    """The next runs deliver the others; the notice itself is given up visibly, and not sent for ever."""

    def answer(notice: Notice) -> Delivered:
        if notice.id == expected[1]:
            raise Killed
        return Delivered()

    expected, notifier = due(hilda), RecordingNotifier(answer)
    schedule = RetrySchedule(attempts=3)
    for _ in range(3):
        with pytest.raises(Killed):
            run(hilda, notifier, schedule=schedule)
        run(hilda, notifier, schedule=schedule)
        hilda.clock.move_on(LEASE)

    assert {DELIVERED: 3, LEASED: 1} == fates(hilda)
    assert Counter({expected[1]: 3, **dict.fromkeys([expected[0], *expected[2:]], 1)}) == Counter(notifier.ids)
    assert DeliveryReport(given_up=1) == run(hilda, notifier, schedule=schedule)
    (stored,) = hilda.notices(status=GIVEN_UP)
    assert "Attempts ran out: it was leased 3 times, the last time without an answer." == stored.error
    assert Counter(notifier.ids)[expected[1]] == 3


def takes(world: World, seconds: int, answer: object = None) -> Callable[[Notice], object]:
    """Script a notifier that takes so many seconds for each notice."""

    def send(_notice: Notice) -> object:
        world.clock.move_on(timedelta(seconds=seconds))
        return answer or Delivered()

    return send


@pytest.mark.parametrize(("seconds", "together"), [(0, 20), (1, 20), (30, 20), (31, 19), (300, 2), (301, 1), (1199, 1)])
def test_a_slow_notifier_leases_fewer_together(seconds: int, together: int) -> None:
    """Half of the usual lease of twenty minutes holds twenty notices of thirty seconds, or one of more than 300."""
    world, urns = large_world(12)
    world.asked(*urns)
    store = WatchedStore(world.store)

    assert DeliveryReport(delivered=24) == run(world, RecordingNotifier(takes(world, seconds)), store)
    assert [(1, 1), (together, together)] == store.leases[:2]


@pytest.mark.rule("O3")
def test_the_slowest_sending_decides_until_the_run_ends() -> None:
    """After one slow sending the run stays careful, however quick the others are."""
    world, urns = large_world(4)
    world.asked(*urns)
    seconds, store = iter([30, *[1] * 7]), WatchedStore(world.store)

    def answer(_notice: Notice) -> Delivered:
        world.clock.move_on(timedelta(seconds=next(seconds)))
        return Delivered()

    assert DeliveryReport(delivered=8) == run(world, RecordingNotifier(answer), store, lease_for=MINUTE * 2)
    assert [(1, 1), (2, 2), (2, 2), (2, 2), (2, 1)] == store.leases


@pytest.mark.rule("O3")
def test_nothing_is_begun_that_another_worker_may_be_sending(hilda: World) -> None:
    """When a lease runs out in the middle of a batch, the rest is left; a second worker sends it, once."""
    expected, second = due(hilda), RecordingNotifier()

    def answer(notice: Notice) -> Delivered:
        hilda.clock.move_on(timedelta(seconds=10 if notice.id == expected[0] else 55))
        if notice.id == expected[1]:
            assert DeliveryReport() == run(hilda, second)
        return Delivered()

    first = RecordingNotifier(answer)
    assert DeliveryReport(delivered=2, unsent=2) == run(hilda, first, lease_for=MINUTE)
    assert 4 == DeliveryReport(delivered=2, unsent=2).taken_up
    assert expected[:2] == first.ids
    hilda.clock.move_on(timedelta(seconds=5))
    assert DeliveryReport(delivered=2) == run(hilda, second)
    assert expected[2:] == second.ids
    assert {1, 2} == {stored.attempts for stored in hilda.notices(status=DELIVERED)}


def test_what_was_leased_too_late_is_not_begun(hilda: World) -> None:
    """Leases that are half over before the store answers are of no use; the next run has better luck."""
    notifier = RecordingNotifier()

    assert DeliveryReport(unsent=4) == run(hilda, notifier, SlowLeasing(hilda, 31), lease_for=MINUTE)
    assert [] == notifier.sent
    hilda.clock.move_on(timedelta(minutes=1))
    assert DeliveryReport(delivered=4) == run(hilda, notifier, SlowLeasing(hilda, 30), lease_for=MINUTE)


@pytest.mark.rule("O3")
@pytest.mark.parametrize("answer", [Delivered(), TryAgain("x"), NeverDeliverable("x")], ids=repr)
def test_a_lease_that_another_took_over_is_lost(oscar: World, answer: object) -> None:
    """Who sends for longer than the lease finds it taken over; that is counted, and changes nothing."""
    other = RecordingNotifier()

    def send(_notice: Notice) -> object:
        oscar.clock.move_on(LEASE)
        assert DeliveryReport(delivered=1) == run(oscar, other)
        return answer

    first = RecordingNotifier(send)
    assert DeliveryReport(lost=1) == run(oscar, first)
    assert first.ids == other.ids
    assert (DELIVERED, None) == (only(oscar).status, only(oscar).error)


@pytest.mark.parametrize(
    ("answer", "settled_at", "due_at"),
    [
        (Delivered(), NOW + 45 * SECOND, NOW),
        (NeverDeliverable("x"), NOW + 45 * SECOND, NOW),
        (TryAgain("x"), None, NOW + 75 * SECOND),
    ],
    ids=count(),
)
def test_the_instant_of_the_answer_counts(
    oscar: World, answer: object, settled_at: Instant | None, due_at: Instant
) -> None:
    """A notice is settled when the answer came, not when the sending began, and a wait begins then too."""
    run(oscar, RecordingNotifier(takes(oscar, 45, answer)))

    assert (settled_at, due_at) == (only(oscar).settled_at, only(oscar).due_at)


@pytest.mark.rule("O3")
def test_workers_side_by_side_share_the_work() -> None:
    """Threads that deliver at the same time send every notice exactly once, all together."""
    world, urns = large_world(60)
    world.asked(*urns)
    expected, barrier = due(world), threading.Barrier(WORKERS)
    begun = threading.Barrier(WORKERS)
    first = threading.local()

    def answer(_notice: Notice) -> Delivered:
        if not getattr(first, "done", False):
            first.done = True
            begun.wait(timeout=30)  # so that none of them has done everything before another begins
        return Delivered()

    notifier = RecordingNotifier(answer)

    def work(_number: int) -> DeliveryReport:
        barrier.wait(timeout=30)
        return run(world, notifier, batch=3)

    with ThreadPoolExecutor(WORKERS) as threads:
        reports = list(threads.map(work, range(WORKERS)))

    assert 120 == len(expected) == sum(report.delivered for report in reports)
    assert {0} == {report.taken_up - report.delivered for report in reports}
    assert all(report.delivered for report in reports)
    assert sorted(expected) == sorted(notifier.ids)


ANSWERS: dict[str, Callable[[], object]] = {
    "delivered": Delivered,
    "try again": lambda: TryAgain("later"),
    "never": lambda: NeverDeliverable("no"),
}
SCRIPTS = st.lists(st.sampled_from([*ANSWERS, "raises", "killed", "not recorded"]), max_size=40)


@pytest.mark.rule("O3")
@given(script=SCRIPTS, batch=st.integers(1, 5), attempts=st.integers(1, 4))
def test_whatever_happens_nothing_is_lost_or_sent_too_often(script: list[str], batch: int, attempts: int) -> None:
    """Under any mixture of answers, errors and crashes each notice ends delivered or given up, and in bounds."""
    world, steps = World(), iter(script)
    world.asked(HILDA)
    world.asked(OSCAR, command_id="oscar")
    ids, handed_over = due(world), set[str]()
    failing = FailingStore(world.store)

    def answer(notice: Notice) -> object:
        step = next(steps, "delivered")
        if step == "killed":
            raise Killed
        if step == "raises":
            raise OSError
        failing.failing = frozenset({"settle"} if step == "not recorded" else ())
        if step in {"delivered", "not recorded"}:
            handed_over.add(notice.id)
        return ANSWERS.get(step, Delivered)()

    notifier = RecordingNotifier(answer)
    schedule = RetrySchedule(first=MINUTE, longest=MINUTE, attempts=attempts)
    for _ in range(len(script) + 10 * attempts):
        failing.failing = frozenset()
        try:
            run(world, notifier, failing, batch=batch, schedule=schedule)
        except (Killed, StoreUnavailable):
            world.clock.move_on(timedelta(seconds=1))
        world.clock.move_on(LEASE)

    stored = {notice.id: notice for notice in world.notices(status=None)}
    assert set(ids) == set(stored)
    assert {notice.status for notice in stored.values()} <= {DELIVERED, GIVEN_UP}
    assert {notice.id for notice in stored.values() if notice.status is DELIVERED} <= handed_over
    assert all(count <= attempts for count in Counter(notifier.ids).values())
    assert all(notice.error for notice in stored.values() if notice.status is GIVEN_UP)


# What is saved is delivered, and the state never depends on it


@pytest.mark.rule("O4")
def test_a_request_is_pending_and_answered_while_the_mail_server_is_down(hilda: World) -> None:
    """Nothing that becomes of a notice changes an agreement; the answer is given, and told when the mail works."""
    (request,) = (state.request.id for state in readable(hilda.store.states(TRUST)) if state.request)
    asked = hilda.state()
    down = RecordingNotifier(lambda _notice: TryAgain("421 down"))
    for _ in range(3):
        assert DeliveryReport(retried=4) == run(hilda, down)
        hilda.clock.move_on(timedelta(hours=1))
        assert (asked, State.PENDING) == (hilda.state(), hilda.state().state)

    hilda.school().approve(request)
    run(hilda, down)
    assert State.APPROVED is hilda.state().state
    waiting = hilda.notices()
    assert {NoticeKind.APPROVED} == {stored.notice.kind for stored in waiting if stored.notice}

    hilda.clock.move_on(timedelta(hours=1))
    up = RecordingNotifier()
    assert DeliveryReport(delivered=len(waiting)) == run(hilda, up)
    assert {stored.id for stored in waiting} == set(up.ids)


@pytest.mark.rule("O4")
@pytest.mark.parametrize("answer", [Delivered(), TryAgain("x"), NeverDeliverable("x")], ids=repr)
def test_delivery_changes_no_agreement_and_no_history(hilda: World, answer: object) -> None:
    """Delivered, retried or given up: states, events and refusals are as they were."""
    before = hilda.snapshot("ask")
    run(hilda, RecordingNotifier(lambda _notice: answer))
    after = hilda.snapshot("ask")
    again = hilda.trust().request([HILDA], level=MIS, command_id="twice")

    assert before == attrs.evolve(after, notices=before.notices)
    assert [RefusalCode.REQUEST_ALREADY_OPEN] == [outcome.code for outcome in again.not_done]


# Progress


@pytest.mark.rule("K6")
def test_progress_counts_what_was_delivered_after_it_was_recorded(hilda: World) -> None:
    """After each notice: how many were delivered, of how many leased; a failed one does not count as done."""
    seen: list[tuple[Stage, int, int]] = []

    def report(progress: Progress) -> None:
        seen.append((progress.stage, progress.done, progress.total))
        assert progress.done == fates(hilda)[DELIVERED]

    answers = iter([Delivered(), TryAgain("x"), NeverDeliverable("x"), Delivered()])
    run(hilda, RecordingNotifier(lambda _notice: next(answers)), batch=2, progress=report)

    assert [(Stage.DELIVERED, *counts) for counts in [(1, 1), (1, 3), (1, 3), (2, 4)]] == seen


@pytest.mark.rule("K6")
def test_an_exception_from_the_callback_ends_the_run_and_loses_nothing(hilda: World) -> None:
    """What was sent is recorded, nothing more is sent, and the rest goes later."""

    def stop(progress: Progress) -> None:
        if progress.done == 2:
            raise Killed

    notifier, expected = RecordingNotifier(), due(hilda)
    with pytest.raises(Killed):
        run(hilda, notifier, progress=stop)

    assert {DELIVERED: 2, LEASED: 2} == fates(hilda)
    hilda.clock.move_on(LEASE)
    assert DeliveryReport(delivered=2) == run(hilda, notifier)
    assert expected == notifier.ids


# What is handed in


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"limit": 0}, "limit must be a whole number from 1"),
        ({"batch": 0}, "batch must be a whole number from 1"),
        ({"batch": 2.0}, "batch must be a whole number from 1"),
        ({"lease_for": 300}, "lease_for must be a timedelta"),
        ({"lease_for": SECOND - MICROSECOND}, "lease_for must be a timedelta"),
        ({"lease_for": DAY + MICROSECOND}, "lease_for must be a timedelta"),
        ({"progress": 3}, "progress must be a function that takes a Progress"),
    ],
    ids=count(),
)
def test_what_makes_no_sense_is_refused_before_anything_happens(
    oscar: World, options: dict[str, Any], said: str
) -> None:
    """A bad argument is an error, and nothing is leased."""
    with pytest.raises(InvalidValue, match=said):
        run(oscar, RecordingNotifier(), **options)
    assert (WAITING, 0) == (only(oscar).status, only(oscar).attempts)


class AsyncPort:
    """A notifier, a clock and an outbox whose answers have to be awaited."""

    async def send(self, _notice: Notice, /) -> Delivered:
        """Send later."""
        return Delivered()

    async def now(self) -> Instant:
        """Return the instant later."""
        return NOW

    notices = lease = settle = requeue = purge = now


@pytest.mark.rule("O3")
def test_what_is_async_is_refused_by_name_before_anything_happens(oscar: World) -> None:
    """A run and a purge await nothing, so an async port is an error at once."""
    later: Any = AsyncPort()
    calls: dict[str, Callable[[], object]] = {
        "store must be an object with all methods of Outbox, none .* are notices, lease, settle, requeue, purge;": (
            lambda: deliver(later, RecordingNotifier())
        ),
        "store must be": lambda: purge(later, keep_for=DAY),
        "notifier must be an object with all methods of Notifier, none of them async; async are send;": (
            lambda: deliver(oscar.store, later)
        ),
        "clock must be": lambda: deliver(oscar.store, RecordingNotifier(), clock=later),
        "clock .* async are now;": lambda: purge(oscar.store, keep_for=DAY, clock=later),
        "progress must be .*, and is not async": lambda: run(oscar, RecordingNotifier(), progress=later.send),
    }
    for said, call in calls.items():
        with pytest.raises(InvalidValue, match=said):
            call()
    assert (WAITING, 0) == (only(oscar).status, only(oscar).attempts)


@attrs.frozen
class BrokenClock:
    """A clock that shows what a test wants."""

    answer: Any

    def now(self) -> Any:  # noqa: ANN401 - the test's business
        """Return it."""
        return self.answer


@pytest.mark.parametrize("at", [None, pendulum.naive(2026, 5, 3)], ids=repr)
def test_a_clock_without_a_zone_is_refused(oscar: World, at: object) -> None:
    """A clock must show an aware instant."""
    clock: Clock = BrokenClock(at)
    for call in (
        lambda: deliver(oscar.store, RecordingNotifier(), clock=clock),
        lambda: purge(oscar.store, keep_for=DAY, clock=clock),
    ):
        with pytest.raises(InvalidValue, match=r"Clock.now\(\) must be a datetime with a time zone"):
            call()


@pytest.mark.parametrize(
    "options",
    [
        {"first": timedelta(0)},
        {"first": 60},
        {"first": DAY, "longest": DAY - MICROSECOND},
        {"longest": 31 * DAY + MICROSECOND},
        {"attempts": 0},
        {"attempts": 1.5},
    ],
    ids=count(),
)
def test_an_invalid_schedule_is_refused(options: dict[str, Any]) -> None:
    """Spans are positive and in order, and there is at least one attempt."""
    with pytest.raises(InvalidValue, match=r"RetrySchedule\."):
        RetrySchedule(**options)


@pytest.mark.parametrize("attempt", [0, -1, 1.0])
def test_attempts_are_counted_from_one(attempt: Any) -> None:  # noqa: ANN401 - anything but right
    """There is no wait after an attempt that was not made."""
    with pytest.raises(InvalidValue, match="attempt must be a whole number from 1"):
        RetrySchedule().wait(attempt, 0.5)


# Purging


@pytest.mark.rule("O6")
def test_names_and_addresses_are_purged_after_they_were_kept(hilda: World) -> None:
    """The time to keep them counts to the microsecond; without a clock, the machine's is read."""
    run(hilda, RecordingNotifier())
    hilda.clock.instant = NOW + 30 * DAY

    assert 0 == purge(hilda.store, keep_for=30 * DAY, clock=hilda.clock)
    hilda.clock.move_on(MICROSECOND)
    assert 4 == purge(hilda.store, keep_for=30 * DAY, clock=hilda.clock)
    assert {None} == {stored.notice for stored in hilda.notices(status=DELIVERED)}
    assert 0 == purge(MemoryAgreementStore(), keep_for=DAY)


@pytest.mark.rule("O6")
def test_what_nobody_delivers_is_given_up_first_and_erased_later(hilda: World) -> None:
    """It can be queued again until it was given up for as long as other notices are kept."""
    spans: list[tuple[timedelta, int, int]] = [
        (90 * DAY, 4, 4),
        (MICROSECOND, 0, 4),
        (30 * DAY, 0, 4),
        (MICROSECOND, 0, 0),
    ]
    for span, waiting, whole in spans:
        hilda.clock.move_on(span)
        purge(hilda.store, keep_for=30 * DAY, clock=hilda.clock)
        stored = hilda.notices(status=None)
        assert (waiting, whole) == (
            sum(own.status is WAITING for own in stored),
            sum(bool(own.notice) for own in stored),
        )


@pytest.mark.parametrize("keep_for", [30, None, -MICROSECOND, 36_525 * DAY + MICROSECOND], ids=count())
def test_how_long_notices_are_kept_is_a_span_of_time(oscar: World, keep_for: Any) -> None:  # noqa: ANN401 - not a timedelta
    """Anything but a timedelta from nothing to a hundred years is refused."""
    with pytest.raises(InvalidValue, match="keep_for must be a timedelta"):
        purge(oscar.store, keep_for=keep_for, clock=oscar.clock)
