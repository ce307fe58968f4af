"""Many processes that answer the same requests at once on PostgreSQL (A4)."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from datashare.adapters.sql import SqlAgreementStore
from datashare.domain.agreements import AgreementId, RequestApproved, RequestId, RequestSent
from datashare.domain.instants import instant_words
from datashare.domain.people import PersonId
from datashare.ports import readable
from tests.world import TRUST

from .heads import HEADS, REQUESTS
from .nursery import PROJECT


@pytest.mark.rule("A4", "P3", "K1", "T3")
def test_of_sixteen_processes_one_approves_each_request_and_the_others_are_told(
    server: Engine, postgresql_url: str, tmp_path: Path
) -> None:
    """Each of 100 requests is approved once; the other 15 who tried learn who did it and when."""
    command = [sys.executable, "-m", "tests.faults.heads", postgresql_url, str(tmp_path)]
    subprocess.run(command, cwd=PROJECT, check=True, timeout=120)

    answers = [answer for path in tmp_path.glob("*.json") for answer in json.loads(path.read_text(encoding="utf-8"))]
    assert HEADS * REQUESTS == len(answers)
    store = SqlAgreementStore(server)
    ids = [agreement.id for agreement in readable(store.states(TRUST))]
    assert REQUESTS == len(ids)
    winners = {assert_approved_once(store, agreement, answers) for agreement in ids}
    assert 1 < len(winners)  # or they did not run at once


def assert_approved_once(store: SqlAgreementStore, agreement: AgreementId, answers: list[dict[str, Any]]) -> str:
    """Check what became of one request and which answer each head got; return the winner."""
    request = str(RequestId(agreement, 1))
    sent, approved = store.history(agreement)
    assert isinstance(sent, RequestSent)
    assert isinstance(approved, RequestApproved)
    assert isinstance(approved.actor, PersonId)
    success = {"request": request, "events": [approved.id], "replayed": False}
    refusals = [answer for answer in answers if answer["request"] == request and answer != success]
    assert HEADS - 1 == len(refusals)
    for refusal in refusals:
        words = refusal.pop("words")
        assert {
            "request": request,
            "code": "REQUEST_NOT_OPEN",
            "outcome": "APPROVED",
            "by": str(approved.actor),
            "at": approved.at.isoformat(),
        } == refusal
        for part in ("was approved by", str(approved.actor), instant_words(approved.at)):
            assert part in words
    return approved.actor.id
