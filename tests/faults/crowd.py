"""Forked workers with many threads, each of which clicks, accepts and delivers at the same moment as all others.

The programs `crowd_sql` and `crowd_django` each bring a host, which used its database before the workers are forked, as
under `gunicorn --preload`.
"""

import json
import multiprocessing
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Protocol, TypeVar

from datashare.delivery import deliver
from datashare.domain.agreements import AgreementId, RequestId
from datashare.service import DataSharing, Done, Outcomes
from datashare.testing import StoreWithOutbox, at_once
from tests.world import ANA, MIS, TRUST, head, large_world

from .worker import Journal, JournalledPost

_T = TypeVar("_T")

WORKERS = 4
ROUNDS, TOGETHER = 2, 2
"""In each round everybody clicks the same so many schools."""

LONGEST_WAIT = 30.0

WORLD, URNS = large_world(ROUNDS * TOGETHER)


def sharing_over(store: StoreWithOutbox) -> DataSharing:
    """Build the service; the settings of Django name this function."""
    return WORLD.over(store)


class Host(Protocol):
    """A host that acts through one of the helpers."""

    def act(self, work: Callable[[DataSharing], _T]) -> _T:
        """Do some work in one transaction."""

    def outbox(self) -> StoreWithOutbox:
        """Return the store to deliver from."""

    def leave_thread(self) -> None:
        """Close the connections of this thread."""


def work_at_once(host: Host, threads: int, folder: Path) -> int:
    """Fork the workers, each with so many threads, and wait for them; return how many failed.

    What is stored then is written into the folder.
    """
    context = multiprocessing.get_context("fork")
    together = context.Barrier(WORKERS * threads)
    workers = [
        context.Process(target=_work, args=(host, threads, together, folder, number)) for number in range(WORKERS)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    store = host.outbox()
    stored = {
        "events": [
            [[event.id, type(event).__name__] for event in store.history(AgreementId(TRUST, urn))] for urn in URNS
        ],
        "notices": {notice.id: notice.status.name for notice in store.notices(TRUST)},
    }
    (folder / "stored").write_text(json.dumps(stored), encoding="utf-8")
    return sum(worker.exitcode != 0 for worker in workers)


def _work(host: Host, threads: int, together: Barrier, folder: Path, number: int) -> None:
    """Let all threads of a worker do the same, and write down which deeds and messages were theirs."""
    deeds = list[Done]()
    with closing(Journal(folder / f"{number}.sent")) as journal:

        def click() -> None:
            for first in range(0, len(URNS), TOGETHER):
                together.wait(LONGEST_WAIT)
                done = _click(host, URNS[first : first + TOGETHER])
                deliver(host.outbox(), JournalledPost(journal), clock=WORLD.clock)
                deeds.extend(done)

        at_once(threads * [click], at_end=host.leave_thread)
    events = [event.id for done in deeds if not done.replayed for event in done.events]
    (folder / f"{number}.deeds").write_text(json.dumps([len(deeds), events]), encoding="utf-8")


def _click(host: Host, urns: Sequence[int]) -> Sequence[Done]:
    """Ask schools, and accept for each, under the same command ids as everybody else."""

    def ask(sharing: DataSharing) -> Outcomes:
        return sharing.for_group(TRUST, actor=ANA).request(urns, level=MIS, command_id=f"ask-{urns[0]}")

    def accept(request: RequestId, sharing: DataSharing) -> Done:
        return sharing.for_school(request.urn, actor=head(request.urn)).approve(request, command_id="accept")

    asked = host.act(ask)
    return [*asked.done, *(host.act(partial(accept, request)) for request in asked.requests)]
