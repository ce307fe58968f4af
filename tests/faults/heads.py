"""Sixteen processes, each a different head at every school, who answer the same requests at the same moment.

It is run as a program, with the database and a folder in which each process leaves what it was told.
"""

import json
import multiprocessing
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from datashare.adapters.sql import SqlAgreementStore
from datashare.domain.agreements import RequestId
from datashare.domain.people import BusinessRole, PersonId
from datashare.errors import Refused
from datashare.service import DataSharing
from tests.world import ANA, MIS, TRUST, World, large_world, person

from .worker import engine_for

HEADS, REQUESTS = 16, 100
TOGETHER = 25
"""So often the processes wait for one another: at every 25th request."""

LONGEST_WAIT = 60.0


def head_of(urn: int, number: int) -> PersonId:
    """Name one of the heads of a school."""
    return PersonId(urn, f"head-{number}")


def schools_with_many_heads() -> tuple[World, Sequence[int]]:
    """Make a trust whose schools have sixteen people each who may answer."""
    world, urns = large_world(REQUESTS)
    world.people.put(*(person(head_of(urn, one), BusinessRole.HEAD_TEACHER) for urn in urns for one in range(HEADS)))
    return world, urns


def answer(sharing: DataSharing, request: RequestId, number: int) -> Mapping[str, Any]:
    """Approve a request; give what the head was told."""
    school = sharing.for_school(request.urn, actor=head_of(request.urn, number))
    try:
        done = school.approve(request)
    except Refused as refused:
        (reason,) = refused.reasons
        closed = reason.closed
        assert closed is not None
        return {
            "request": str(request),
            "code": reason.code.name,
            "outcome": closed.outcome.name,
            "by": str(closed.by),
            "at": closed.at.isoformat(),
            "words": str(refused),
        }
    return {"request": str(request), "events": [event.id for event in done.events], "replayed": done.replayed}


def approve_all(number: int, engine: Engine, folder: Path, together: Barrier, requests: Sequence[RequestId]) -> None:
    """Be one of the heads of every school, and approve every request."""
    engine.dispose(close=False)  # the connections are the other process's
    world = WORLD
    world.clock.instant = world.clock.instant.add(seconds=number)  # so that it shows whose instant is told
    sharing, told = world.over(SqlAgreementStore(engine)), []
    engine.connect().close()
    for place, request in enumerate(requests):
        if place % TOGETHER == 0:
            together.wait(LONGEST_WAIT)
        told.append(answer(sharing, request, number))
    engine.dispose()
    (folder / f"{number}.json").write_text(json.dumps(told), encoding="utf-8")


def main(url: str, folder: Path) -> int:
    """Ask all schools, then let all heads answer; give how many processes failed."""
    engine = engine_for(url)
    trust = WORLD.over(SqlAgreementStore(engine)).for_group(TRUST, actor=ANA)
    requests = trust.request(URNS, level=MIS, command_id="ask").requests
    context = multiprocessing.get_context("fork")  # all is imported once; each connects for itself
    together = context.Barrier(HEADS)
    heads = [
        context.Process(target=approve_all, args=(number, engine, folder, together, requests))
        for number in range(HEADS)
    ]
    for one in heads:
        one.start()
    for one in heads:
        one.join()
    return sum(one.exitcode != 0 for one in heads)


if __name__ == "__main__":
    WORLD, URNS = schools_with_many_heads()
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
