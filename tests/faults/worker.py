"""What a process does until it is killed: bulk actions, answers and delivery, each step noted in a journal."""

import json
import os
import random
import signal
from collections.abc import Callable, Collection, Sequence
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
"""By this name PostgreSQL knows the connections of a worker."""

ASKED, REMINDED, ANSWERED = 16, 5, 4
EVENTS_IN_A_TURN = ASKED + REMINDED + ANSWERED + (ASKED - ANSWERED) + ANSWERED
NOTICES_IN_A_TURN = 2 * ASKED + 2 * REMINDED + 2 * ANSWERED + 2 * (ASKED - ANSWERED) + ANSWERED
"""Head and deputy are asked, reminded and told of a withdrawal; the sender and the deputy, of the head's approval; and
the head, of the end."""

PATIENT = RetrySchedule(attempts=10_000)
"""Every killed run counts as an attempt, and none of them is to be the last one."""


@attrs.frozen(kw_only=True)
class Job:
    """What one worker is to do, and when it is to be killed.

    Attributes:
        url: The database.
        journal: The path of the journal.
        seed: What chance begins with.
        turn: Which turn to take; a turn that was cut short is taken again, under the same command ids.
        at: The present instant, as text.
        strike: The step before which the worker kills itself, if any.
        seconds: The time after which it is killed from outside, if any.
    """

    url: str
    journal: str
    seed: int
    turn: int
    at: str
    strike: int | None = None
    seconds: float | None = None


class Steps:
    """Counts the steps of a worker; at one of them it is killed, as hard as from outside."""

    def __init__(self, strike: int | None = None) -> None:
        self.taken = 0
        self._strike = strike

    def __call__(self, *_: object) -> None:
        self.taken += 1
        if self.taken == self._strike:
            os.kill(os.getpid(), signal.SIGKILL)


class Journal:
    """A file to which lines are only ever added, each with one write, so that a kill cannot take back any."""

    def __init__(self, path: str | Path, step: Callable[[], None] = lambda: None) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._step = step

    def note(self, what: str, **facts: object) -> None:
        self._step()
        os.write(self._file, (json.dumps({"what": what} | facts) + "\n").encode())
        self._step()

    def close(self) -> None:
        os.close(self._file)


class JournalledStore(WrappedStore):
    """A store that notes what it is to save before it does."""

    def __init__(self, inner: StoreWithOutbox, journal: Journal) -> None:
        super().__init__(inner)
        self._journal = journal

    def append(self, changes: Sequence[Change], /) -> frozenset[AgreementId]:
        noted = [[[one.id for one in change.events], [one.id for one in change.notices]] for change in changes]
        self._journal.note("saving", changes=noted)
        return self.inner.append(changes)


class JournalledPost:
    """A notifier to which a notice is handed over when the journal says so."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def send(self, notice: Notice, /) -> SendResult:
        self._journal.note("sent", notice=notice.id)
        return Delivered()


@attrs.frozen(kw_only=True)
class Turn:
    """One turn: schools are asked, some reminded, some approve, the others are withdrawn from, and all is ended."""

    world: World
    store: StoreWithOutbox
    journal: Journal
    urns: Sequence[int]
    number: int

    def take(self) -> None:
        trust = self.world.over(self.store).for_group(TRUST, actor=ANA)
        answering, others = self.urns[:ANSWERED], self.urns[ANSWERED:]
        asked = self.act("ask", lambda name: trust.request(self.urns, level=MIS, command_id=name))
        requests = {one.urn: one.request for one in asked if one.request}
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
        """Carry out a command, which has to be done at every school; note that it returned."""
        command_id = f"{self.number}-{name}"
        self.journal.note("acting", command=command_id)
        outcomes = work(command_id)
        done = [one for one in outcomes if isinstance(one, Done)]
        assert list(outcomes) == done
        events = [event.id for one in done for event in one.events]
        self.journal.note("acted", command=command_id, events=events)
        return done

    def deliver(self, *, limit: int | None) -> None:
        self.journal.note("delivering")
        deliver(self.store, JournalledPost(self.journal), clock=self.world.clock, schedule=PATIENT, limit=limit)
        self.journal.note("delivered")


def turn_of(job: Job, store: StoreWithOutbox, journal: Journal, world: World, urns: Sequence[int]) -> Turn:
    """Prepare the turn that a job names: whatever was done of it before, it asks the same."""
    world.clock.instant = pendulum.DateTime.instance(pendulum.DateTime.fromisoformat(job.at))
    chosen = random.Random(f"{job.seed} {job.turn}").sample(urns, ASKED)
    return Turn(world=world, store=JournalledStore(store, journal), journal=journal, urns=chosen, number=job.turn)


def engine_for(url: str, name: str = NAME) -> Engine:
    """Make an engine for a database of the tests."""
    parsed = make_url(url)
    if parsed.database and parsed.get_backend_name() == "sqlite":
        return sqlite_engine(parsed.database)
    named = {"application_name": name} if parsed.get_backend_name() == "postgresql" else {}
    return create_engine(parsed, connect_args=named)


def work(job: Job, world: World, urns: Sequence[int]) -> None:
    """Do a job: in a process of its own, which may end at any step."""
    steps, engine = Steps(job.strike), engine_for(job.url)
    for moment in ("before_cursor_execute", "after_cursor_execute", "commit"):
        event.listen(engine, moment, steps)
    journal = Journal(job.journal, steps)
    turn_of(job, SqlAgreementStore(engine), journal, world, urns).take()
    journal.note("finished", turn=job.turn, steps=steps.taken)


def made_up_world() -> tuple[World, Sequence[int]]:
    """Make the world in which workers act, always the same."""
    return large_world(2 * ASKED)
