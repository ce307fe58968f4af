"""A series of kills: a worker is started and killed, and what it left is checked, again and again."""

import random
import signal
import time
from collections import Counter
from pathlib import Path

import attrs
from sqlalchemy import Engine, text

from datashare.adapters.sql import create_schema
from tests.world import NOW

from .audit import Report, audit
from .nursery import Nursery
from .worker import EVENTS_IN_A_TURN, NAME, NOTICES_IN_A_TURN, Job, disposing, engine_for, note

LONGEST_CLEARING = 30.0


@attrs.define(kw_only=True)
class Series:
    """A series of kills on one database, which nobody else writes to.

    Attributes:
        tally: What the series came to: kills, where they landed, events, notices, and so on.
        turn: The turn that the next worker takes.
        seconds: How long a whole turn takes.
        steps: How many steps a whole turn has.
    """

    nursery: Nursery
    url: str
    journal: Path
    seed: int
    tally: Counter[str] = attrs.field(factory=Counter, init=False)
    turn: int = attrs.field(default=0, init=False)
    seconds: float = attrs.field(default=0.0, init=False)
    steps: int = attrs.field(default=0, init=False)

    def run(self, kills: int) -> Counter[str]:
        """Kill so many workers; check after each, and at the end that all was done once and every notice was sent."""
        chance = random.Random(self.seed)
        try:
            with disposing(engine_for(self.url, "datashare-audit")) as engine:
                create_schema(engine)
                self.finish(engine)  # measures a turn
                while self.tally["kills"] < kills:
                    assert self.tally["workers started"] < 10 * (kills + 10), "workers end before they can be killed"
                    self.strike(engine, chance)
                self.sum_up(self.finish(engine))
        except BaseException as error:
            error.add_note(f"To repeat it: DATASHARE_SEED={self.seed}")
            raise
        return self.tally

    def strike(self, engine: Engine, chance: random.Random) -> None:
        """Start a worker and kill it: at a chosen step, or at some moment."""
        if chance.random() < 0.5:
            report = self.work(engine, strike=chance.randint(1, self.steps))
        else:
            report = self.work(engine, seconds=chance.uniform(0, self.seconds))
        if report is not None:
            self.tally.update(["kills", f"kills: {place_of(report)}"])

    def finish(self, engine: Engine) -> Report:
        """Complete the turn without a kill; every turn has now been taken once, whatever happened before."""
        assert self.work(engine) is None
        report = audit(engine, self.journal)
        assert self.turn * EVENTS_IN_A_TURN == len(report.events)
        assert self.turn * NOTICES_IN_A_TURN == len(report.statuses)
        return report

    def work(self, engine: Engine, *, strike: int | None = None, seconds: float | None = None) -> Report | None:
        """Have a worker take the turn; return the audit's report if it was killed before the end."""
        job = Job(
            url=self.url,
            journal=str(self.journal),
            seed=self.seed,
            turn=self.turn,
            # A worker starts an hour after the one before, so that the leases of that one have ended.
            at=NOW.add(hours=self.tally["workers started"]).isoformat(),
            strike=strike,
            seconds=seconds,
        )
        self.tally["workers started"] += 1
        note(self.journal, "begun")  # so that no line of an earlier worker counts as this one's
        code, seconds_taken = self.nursery.run(job)
        assert code in {0, -signal.SIGKILL}, f"the worker ended with code {code}"
        wait_until_gone(engine)
        report = audit(engine, self.journal)
        if code:
            return report
        self.seconds, self.steps = seconds_taken, report.lines[-1]["steps"]
        self.turn += 1
        return None

    def sum_up(self, report: Report) -> None:
        """O3: every notice that was not cancelled was sent, and at most one of them again for each kill."""
        statuses = Counter(report.statuses.values())
        assert {"delivered", "cancelled"} >= statuses.keys()
        again = report.sent.total() - len(report.sent)
        assert again <= self.tally["kills"], f"{again} notices were sent again after {self.tally['kills']} kills"
        self.tally.update(
            {
                "commands that returned": sum(line["what"] == "acted" for line in report.lines),
                "events": len(report.events),
                "notices": len(report.statuses),
                "notices: cancelled": statuses["cancelled"],
                "notices: sent once": sum(count == 1 for count in report.sent.values()),
                "notices: sent again": again,
            }
        )


def place_of(report: Report) -> str:
    """Return where a kill landed, from the last line of the journal and from what is in the database."""
    last = report.lines[-1]
    match last["what"]:
        case "acting":
            return "while deciding"
        case "saving":
            saved = last["changes"][0][0][0] in report.events
            return "saved, not yet acknowledged" if saved else "while saving, so that nothing was"
        case "delivering":
            return "while leasing what to deliver"
        case "sent":
            recorded = report.statuses[last["notice"]] == "delivered"
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
    """Wait until the server has noticed that its client was killed: it still carries out a commit that was sent."""
    if engine.dialect.name != "postgresql":
        return
    connected = text("SELECT count(*) FROM pg_stat_activity WHERE application_name = :name")
    give_up_at = time.monotonic() + LONGEST_CLEARING
    with engine.connect() as connection:
        while connection.scalar(connected, {"name": NAME}):
            assert time.monotonic() < give_up_at, "the server keeps the connection of a killed client"
            time.sleep(0.005)
            connection.rollback()
