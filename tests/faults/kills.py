"""A series of kills: a worker is begun, killed, and what it left is checked, again and again."""

import random
import signal
import time
from collections import Counter
from pathlib import Path

import attrs
from sqlalchemy import Engine, text

from datashare.adapters.sql import create_schema
from tests.world import NOW

from .audit import Found, audit
from .nursery import Nursery
from .worker import EVENTS_IN_A_TURN, NAME, NOTICES_IN_A_TURN, Job, Journal, engine_for

LONGEST_CLEARING = 30.0


@attrs.define(kw_only=True)
class Tally:
    """What a series came to.

    Attributes:
        kills: How many workers were killed.
        runs: How many workers were begun.
        places: How many kills landed where.
        commands: How many commands returned to whoever gave them, repetitions included.
        events: How many events there are.
        notices: How many notices there are.
        cancelled: How many of them were cancelled before they were delivered.
        once: How many were handed over once.
        again: How many times one was handed over that had been before.
    """

    kills: int = 0
    runs: int = 0
    places: Counter[str] = attrs.field(factory=Counter)
    commands: int = 0
    events: int = 0
    notices: int = 0
    cancelled: int = 0
    once: int = 0
    again: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(**{one.name: getattr(self, one.name) + getattr(other, one.name) for one in attrs.fields(Tally)})

    def __str__(self) -> str:
        rows = {
            "kills": self.kills,
            **{f"  {place}": self.places[place] for place in sorted(self.places)},
            "workers begun": self.runs,
            "commands that returned": self.commands,
            "events": self.events,
            "notices": self.notices,
            "  sent once": self.once,
            "  sent once more": self.again,
            "  cancelled": self.cancelled,
            "  lost": 0,  # or the series would have ended
        }
        return "\n".join(f"{what:<40}{count:>9,}" for what, count in rows.items())


@attrs.define(kw_only=True)
class Series:
    """A series of kills on one database, which nobody else writes to."""

    nursery: Nursery
    url: str
    journal: Path
    seed: int
    tally: Tally = attrs.field(factory=Tally, init=False)
    turn: int = attrs.field(default=0, init=False)
    seconds: float = attrs.field(default=0.0, init=False)
    steps: int = attrs.field(default=0, init=False)

    def run(self, kills: int) -> Tally:
        """Kill so many workers; check after each, and at the end that all was done once and every notice was sent."""
        engine, chance = engine_for(self.url, "datashare-audit"), random.Random(self.seed)
        try:
            create_schema(engine)
            self.let_finish(engine)  # tells how long a turn takes
            while self.tally.kills < kills:
                assert self.tally.runs < 10 * (kills + 10), "the workers end before they can be killed"
                self.strike(engine, chance)
            self.sum_up(self.let_finish(engine))
        except BaseException as error:
            error.add_note(f"To repeat it: DATASHARE_SEED={self.seed}")
            raise
        finally:
            engine.dispose()
        return self.tally

    def strike(self, engine: Engine, chance: random.Random) -> None:
        """Begin a worker and kill it: at a chosen step, or at some moment."""
        if chance.random() < 0.5:
            found = self.work(engine, strike=chance.randint(1, self.steps))
        else:
            found = self.work(engine, seconds=chance.uniform(0, self.seconds))
        if found is not None:
            self.tally.kills += 1
            self.tally.places[place_of(found)] += 1

    def let_finish(self, engine: Engine) -> Found:
        """Take the turn, or the rest of it, in peace; it has then been taken once, whatever happened before."""
        assert self.work(engine) is None
        found = audit(engine, self.journal)
        assert self.turn * EVENTS_IN_A_TURN == len(found.events)
        assert self.turn * NOTICES_IN_A_TURN == len(found.statuses)
        return found

    def work(self, engine: Engine, *, strike: int | None = None, seconds: float | None = None) -> Found | None:
        """Have a worker take the turn; give what was found if it was killed before the end."""
        # A worker begins an hour after the one before, whose leases have therefore ended.
        at = NOW.add(hours=self.tally.runs).isoformat()
        self.tally.runs += 1
        note_beginning(self.journal)
        job = Job(
            url=self.url,
            journal=str(self.journal),
            seed=self.seed,
            turn=self.turn,
            at=at,
            strike=strike,
            seconds=seconds,
        )
        code, took = self.nursery.run(job)
        assert code in {0, -signal.SIGKILL}, f"the worker ended with code {code}"
        wait_until_gone(engine)
        found = audit(engine, self.journal)
        if code:
            return found
        self.seconds, self.steps = took, found.lines[-1]["steps"]
        self.turn += 1
        return None

    def sum_up(self, found: Found) -> None:
        """O3: every notice that was not cancelled was sent, and none once more than there were kills."""
        assert {"delivered", "cancelled"} >= set(found.statuses.values())
        surplus = sum(found.sent.values()) - len(found.sent)
        assert surplus <= self.tally.kills, f"{surplus} notices were sent again after {self.tally.kills} kills"
        self.tally.commands = sum(line["what"] == "acted" for line in found.lines)
        self.tally.events, self.tally.notices = len(found.events), len(found.statuses)
        self.tally.cancelled = sum(status == "cancelled" for status in found.statuses.values())
        self.tally.once, self.tally.again = sum(count == 1 for count in found.sent.values()), surplus


def note_beginning(journal: Path) -> None:
    """Note that the next worker begins, so that no line is taken for its own that is not."""
    written = Journal(journal)
    written.note("begun")
    written.close()


def place_of(found: Found) -> str:
    """Say where a kill landed, from the last that the worker noted and from what is in the database."""
    last = found.lines[-1]
    match last["what"]:
        case "acting":
            return "while deciding"
        case "saving":
            saved = last["changes"][0][0][0] in found.events
            return "saved, not yet acknowledged" if saved else "while saving, so that nothing was"
        case "delivering":
            return "while leasing what to deliver"
        case "sent":
            recorded = found.statuses[last["notice"]] == "delivered"
            return "sent and recorded" if recorded else "sent, not yet recorded"
        case "begun":
            return "before the first command"
        case "acted" | "delivered":
            return "after a command or delivery returned"
        case "finished":
            return "after all was done"
        case other:
            raise AssertionError(other)


def wait_until_gone(engine: Engine) -> None:
    """Wait until the server has noticed that its client was killed: a commit that was sent is still carried out."""
    if engine.dialect.name != "postgresql":
        return
    there = text("SELECT count(*) FROM pg_stat_activity WHERE application_name = :name")
    give_up_at = time.monotonic() + LONGEST_CLEARING
    with engine.connect() as connection:
        while connection.scalar(there, {"name": NAME}):
            assert time.monotonic() < give_up_at, "the server does not let go of a killed client"
            time.sleep(0.005)
            connection.rollback()
