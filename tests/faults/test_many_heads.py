"""Many processes that answer the same requests at once on PostgreSQL (A4)."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from datashare.adapters.sql import SqlAgreementStore, create_schema
from datashare.domain.agreements import AgreementId, RequestApproved, RequestId, RequestSent
from datashare.domain.instants import instant_words
from datashare.domain.people import PersonId
from tests.world import TRUST

from .heads import HEADS, REQUESTS
from .nursery import PROJECT
from .worker import engine_for


@pytest.mark.rule("A4", "P3", "K1", "T3")
def test_of_sixteen_processes_one_approves_each_request_and_the_others_are_told(
    postgresql_url: str, tmp_path: Path
) -> None:
    """Each of 100 requests is approved once; the other 15 who tried learn who did it and when."""
    engine = engine_for(postgresql_url)
    create_schema(engine)

    command = [sys.executable, "-m", "tests.faults.heads", postgresql_url, str(tmp_path)]
    subprocess.run(command, cwd=PROJECT, check=True, timeout=120)

    told = [answer for path in tmp_path.glob("*.json") for answer in json.loads(path.read_text(encoding="utf-8"))]
    assert HEADS * REQUESTS == len(told)
    store, winners = SqlAgreementStore(engine), set()
    for agreement in store.states(TRUST):
        request = RequestId(agreement.id, 1)
        winners.add(assert_approved_once(store, agreement.id, [one for one in told if one["request"] == str(request)]))
    assert REQUESTS == len(store.states(TRUST))
    assert 1 < len(winners)  # or they did not run at once
    engine.dispose()


def assert_approved_once(store: SqlAgreementStore, agreement: AgreementId, told: list[dict[str, Any]]) -> str:
    """Check what became of one request and what each head was told; give the winner."""
    sent, approved = store.history(agreement)
    assert isinstance(sent, RequestSent)
    assert isinstance(approved, RequestApproved)
    winner, when = str(approved.actor), approved.at
    assert [{"request": str(sent.request), "events": [approved.id], "replayed": False}] == [
        one for one in told if "events" in one
    ]
    refused = [one for one in told if "code" in one]
    assert HEADS - 1 == len(refused)
    for one in refused:
        assert ("REQUEST_NOT_OPEN", "APPROVED") == (one["code"], one["outcome"])
        assert (winner, when.isoformat()) == (one["by"], one["at"])
        assert "was approved by" in one["words"]
        assert winner in one["words"]
        assert instant_words(when) in one["words"]
    assert isinstance(approved.actor, PersonId)
    return approved.actor.id
