"""A process that delivers from a SQLite file by a clock that is fast or slow, and notes what it sends."""

import sys
import time
from datetime import timedelta
from pathlib import Path

import attrs

from datashare.adapters.sql import SqlAgreementStore, sqlite_engine
from datashare.clock import SystemClock
from datashare.delivery import deliver
from datashare.domain.instants import Instant
from datashare.domain.notices import Notice
from datashare.ports import Delivered


@attrs.frozen
class SkewedClock:
    """The machine's clock, fast by some minutes; slow, if they are negative."""

    minutes: int

    def now(self) -> Instant:
        """Return what the clock shows."""
        return SystemClock().now() + timedelta(minutes=self.minutes)


@attrs.frozen
class Log:
    """A notifier that notes each notice in a file, and takes its time."""

    path: Path

    def send(self, notice: Notice, /) -> Delivered:
        """Note a notice, by one write."""
        with self.path.open("a") as log:
            log.write(f"{notice.id}\n")
        time.sleep(0.01)
        return Delivered()


def main(database: str, log: str, minutes: str) -> None:
    """Deliver until nothing is due."""
    engine = sqlite_engine(database)
    deliver(SqlAgreementStore(engine), Log(Path(log)), clock=SkewedClock(int(minutes)), batch=5)
    engine.dispose()


if __name__ == "__main__":
    main(*sys.argv[1:])
