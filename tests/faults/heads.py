"""Sixteen processes, each with its own head at every school, who answer the same requests at the same moment.

It is run as a program, with the database and a folder in which each process writes what it got as answers.
"""

import json
import multiprocessing
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from datashare.adapters.sql import SqlAgreementStore
from datashare.domain.agreements import RequestId
from datashare.domain.people import BusinessRole, PersonId
from datashare.errors import Refused
from datashare.service import DataSharing
from tests.world import ANA, MIS, TRUST, large_world, person

from .worker import disposing, engine_for

HEADS, REQUESTS = 16, 100
TOGETHER = 25
"""The processes wait for one another at every 25th request."""

LONGEST_WAIT = 60.0


def head_of(urn: int, number: int) -> PersonId:
    """Return the id of one of the heads of a school."""
    return PersonId(urn, f"head-{number}")


def answer(sharing: DataSharing, request: RequestId, number: int) -> Mapping[str, Any]:
    """Approve a request, and return the answer that the head got."""
    try:
        outcome = sharing.for_school(request.urn, actor=head_of(request.urn, number)).approve(request)
    except Refused as refused:
        (reason,) = refused.reasons
        assert reason.closed is not None
        return {
            "request": str(request),
            "code": reason.code.name,
            "outcome": reason.closed.outcome.name,
            "by": str(reason.closed.by),
            "at": reason.closed.at.isoformat(),
            "words": str(refused),
        }
    return {"request": str(request), "events": [event.id for event in outcome.events], "replayed": outcome.replayed}


def main(url: str, folder: Path) -> int:
    """Ask all schools, then let all heads answer; return how many processes failed."""
    world, urns = large_world(REQUESTS)
    for urn in urns:
        world.people.put(*(person(head_of(urn, number), BusinessRole.HEAD_TEACHER) for number in range(HEADS)))
    with disposing(engine_for(url)) as engine:
        trust = world.over(SqlAgreementStore(engine)).for_group(TRUST, actor=ANA)
        requests = trust.request(urns, level=MIS, command_id="ask").requests
    context = multiprocessing.get_context("fork")  # imports everything once
    together = context.Barrier(HEADS)

    def approve_all(number: int) -> None:
        world.clock.instant = world.clock.instant.add(seconds=number)  # so that an answer shows whose instant it is
        answers = []
        with disposing(engine_for(url)) as engine:
            sharing = world.over(SqlAgreementStore(engine))
            engine.connect().close()
            for place, request in enumerate(requests):
                if place % TOGETHER == 0:
                    together.wait(LONGEST_WAIT)
                answers.append(answer(sharing, request, number))
        (folder / f"{number}.json").write_text(json.dumps(answers), encoding="utf-8")

    heads = [context.Process(target=approve_all, args=(number,)) for number in range(HEADS)]
    for head in heads:
        head.start()
    for head in heads:
        head.join()
    return sum(head.exitcode != 0 for head in heads)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
