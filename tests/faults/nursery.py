"""A process that starts workers and kills them; each is forked, so that nothing is imported again.

It reads a job from each line, and answers with the worker's exit code, which is -9 for a killed one.
"""

import json
import os
import select
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import attrs
from sqlalchemy import create_engine

from tests.world import World

from .worker import Job, made_up_world, work

PROJECT = Path(__file__).parents[2]
LONGEST_RUN = 120.0
"""A worker that takes so many seconds hangs."""

HANGS = 99


@attrs.frozen
class Nursery:
    """Starts workers from a process of its own, which has one thread and can therefore be forked."""

    process: "subprocess.Popen[str]"

    def run(self, job: Job) -> tuple[int, float]:
        """Have a job done; return the worker's exit code, and the seconds that it took."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        start = time.monotonic()
        self.process.stdin.write(json.dumps(attrs.asdict(job)) + "\n")
        answer = self.process.stdout.readline()
        assert answer, "The nursery ended; its last words are above."
        return int(answer), time.monotonic() - start


@contextmanager
def running_nursery() -> Iterator[Nursery]:
    """Start a nursery, and end it afterwards."""
    command = [sys.executable, "-m", "tests.faults.nursery"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=PROJECT, stdin=pipe, stdout=pipe, text=True, bufsize=1) as process:
        yield Nursery(process)


def run_in_fork(job: Job, world: World, urns: Sequence[int]) -> int:
    """Do a job in a process of its own, kill that when its time has come, and return its exit code."""
    ended, held = os.pipe()  # when the worker ends it lets go of the pipe; it keeps its number until it is waited for
    worker = os.fork()
    if not worker:
        try:
            work(job, world, urns)
        except BaseException:  # noqa: BLE001 - a worker must not return into the nursery
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)
        os._exit(0)
    os.close(held)
    in_time, _, _ = select.select([ended], [], [], LONGEST_RUN if job.seconds is None else job.seconds)
    if not in_time:
        os.kill(worker, signal.SIGKILL)
    os.close(ended)
    code = os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1])
    return HANGS if not in_time and job.seconds is None else code


def main() -> None:
    """Answer one job after another, until there are no more lines."""
    world, urns = made_up_world()
    create_engine("postgresql+psycopg://")  # loads the driver once, for all workers
    for line in sys.stdin:
        sys.stdout.write(f"{run_in_fork(Job(**json.loads(line)), world, urns)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
