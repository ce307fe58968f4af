"""The work of a process until it is killed: bulk actions, answers and delivery, with each step noted in a journal."""

import json
import os
import random
import signal
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import attrs
import pendulum
from sqlalchemy import Engine, create_engine, event, make_url

from datashare.adapters.sql import SqlAgreementStore, sqlite_engine
from datashare.delivery import RetrySchedule, deliver
from datashare.domain.agreements import AgreementId, EndCause, RequestId
from datashare.domain.notices import Notice
from datashare.ports import Change, Delivered, SendResult
from datashare.service import Done, Outcome
from datashare.testing import StoreWithOutbox, WrappedStore
from tests.world import ANA, MIS, TRUST, World, head, large_world

NAME = "datashare-worker"
"""The name under which PostgreSQL knows the connections of a worker."""

ASKED, REMINDED, ANSWERED = 16, 5, 4
EVENTS_IN_A_TURN = ASKED + REMINDED + ANSWERED + (ASKED - ANSWERED) + ANSWERED
NOTICES_IN_A_TURN = 2 * ASKED + 2 * REMINDED + 2 * ANSWERED + 2 * (ASKED - ANSWERED) + ANSWERED
"""A request, a reminder and a withdrawal each send a notice to head and deputy; an approval by the head sends one to
sender and deputy; an end sends one to the head."""

PATIENT = RetrySchedule(attempts=10_000)
"""Each killed run counts as an attempt, and no attempt may be the last."""


@attrs.frozen(kw_only=True)
class Job:
    """What one worker does, and when it is killed.

    Attributes:
        url: The database.
        journal: The path of the journal.
        seed: The seed of the choice of schools.
        turn: Which turn to take; one that was cut short is taken again, under the same command ids.
        at: The present instant, as text.
        strike: The step before which the worker kills itself, if any.
        seconds: The time after which it is killed from outside, if any.
    """

    url: str = ""
    journal: str = ""
    seed: int
    turn: int
    at: str
    strike: int | None = None
    seconds: float | None = None


def kill_this_process() -> None:
    """End this process as hard as from outside."""
    os.kill(os.getpid(), signal.SIGKILL)


class Steps:
    """Counts the steps of a worker, and strikes at one of them."""

    def __init__(self, at: int | None = None, strike: Callable[[], object] = kill_this_process) -> None:
        self.taken = 0
        self.at = at
        self._strike = strike

    def __call__(self, *_: object) -> None:
        self.taken += 1
        if self.taken == self.at:
            self._strike()

    def follow(self, engine: Engine) -> None:
        """Count two steps for each statement of an engine, and one for each commit."""
        for moment in ("before_cursor_execute", "after_cursor_execute", "commit"):
            event.listen(engine, moment, self)


class Journal:
    """A file to which each line is added by one write, so that a kill cannot take back any."""

    def __init__(self, path: Path, step: Callable[[], None] = lambda: None) -> None:
        self.path = path
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._step = step

    def note(self, what: str, **facts: object) -> None:
        self._step()
        os.write(self._file, (json.dumps({"what": what} | facts) + "\n").encode())
        self._step()

    def close(self) -> None:
        os.close(self._file)


def note(path: Path, what: str, **facts: object) -> None:
    """Add one line to a journal that nobody else has open."""
    with closing(Journal(path)) as journal:
        journal.note(what, **facts)


class JournalledStore(WrappedStore):
    """A store that notes what it is about to save."""

    def __init__(self, inner: StoreWithOutbox, journal: Journal) -> None:
        super().__init__(inner)
        self._journal = journal

    def append(self, changes: Sequence[Change], /) -> frozenset[AgreementId]:
        ids = [([event.id for event in change.events], [notice.id for notice in change.notices]) for change in changes]
        self._journal.note("saving", changes=ids)
        return self.inner.append(changes)


class JournalledPost:
    """A notifier that sends a notice by noting it in the journal."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def send(self, notice: Notice, /) -> SendResult:
        self._journal.note("sent", notice=notice.id)
        return Delivered()


@attrs.frozen(kw_only=True)
class Turn:
    """One turn: schools are asked, some are reminded, some approve, and in the end everything is closed."""

    world: World
    store: StoreWithOutbox
    journal: Journal
    urns: Sequence[int]
    number: int

    def take(self) -> None:
        trust = self.world.over(self.store).for_group(TRUST, actor=ANA)
        answering, others = self.urns[:ANSWERED], self.urns[ANSWERED:]
        asked = self.act("ask", lambda name: trust.request(self.urns, level=MIS, command_id=name))
        requests = {outcome.urn: outcome.request for outcome in asked if outcome.request}
        self.deliver(limit=6)
        self.act("remind", lambda name: trust.remind([requests[urn] for urn in others[:REMINDED]], command_id=name))
        for urn in answering:
            self.act(f"approve-{urn}", partial(self.approve, requests[urn]))
        self.deliver(limit=12)
        withdrawn = [requests[urn] for urn in others]
        self.act("withdraw", lambda name: trust.withdraw(withdrawn, reason="Zu früh – sorry.", command_id=name))
        self.act("end", lambda name: trust.end(answering, cause=EndCause.BY_GROUP, note="Over.", command_id=name))
        self.deliver(limit=None)

    def approve(self, request: RequestId, command_id: str) -> Collection[Outcome]:
        school = self.world.over(self.store).for_school(request.urn, actor=head(request.urn))
        return [school.approve(request, command_id=command_id)]

    def act(self, name: str, work: Callable[[str], Collection[Outcome]]) -> Sequence[Done]:
        """Carry out a command, check that every school did it, and note that it returned."""
        command_id = f"{self.number}-{name}"
        self.journal.note("acting", command=command_id)
        outcomes = work(command_id)
        done = [outcome for outcome in outcomes if isinstance(outcome, Done)]
        assert list(outcomes) == done
        events = [event.id for outcome in done for event in outcome.events]
        self.journal.note("acted", command=command_id, events=events)
        return done

    def deliver(self, *, limit: int | None) -> None:
        self.journal.note("delivering")
        deliver(self.store, JournalledPost(self.journal), clock=self.world.clock, schedule=PATIENT, limit=limit)
        self.journal.note("delivered")


def take_turn(job: Job, store: StoreWithOutbox, journal: Journal, world: World, urns: Sequence[int]) -> None:
    """Take the turn of a job, with the same schools and command ids however often it is taken."""
    world.clock.instant = pendulum.DateTime.instance(pendulum.DateTime.fromisoformat(job.at))
    chosen = random.Random(f"{job.seed} {job.turn}").sample(urns, ASKED)
    Turn(world=world, store=JournalledStore(store, journal), journal=journal, urns=chosen, number=job.turn).take()


def engine_for(url: str, name: str = NAME) -> Engine:
    """Return an engine for a database of the tests."""
    parsed = make_url(url)
    if parsed.database and parsed.get_backend_name() == "sqlite":
        return sqlite_engine(parsed.database)
    return create_engine(
        parsed, connect_args={"application_name": name} if parsed.get_backend_name() == "postgresql" else {}
    )


@contextmanager
def disposing(engine: Engine) -> Iterator[Engine]:
    """Yield an engine, and close its connections afterwards."""
    try:
        yield engine
    finally:
        engine.dispose()


def work(job: Job, world: World, urns: Sequence[int]) -> None:
    """Do a job, in a process of its own, which may be killed at any step."""
    steps, engine = Steps(job.strike), engine_for(job.url)
    steps.follow(engine)
    journal = Journal(Path(job.journal), steps)
    take_turn(job, SqlAgreementStore(engine), journal, world, urns)
    journal.note("finished", turn=job.turn, steps=steps.taken)


def made_up_world() -> tuple[World, Sequence[int]]:
    """Return the world in which workers act, which is always the same, and the URNs of its schools."""
    return large_world(2 * ASKED)
