"""Histories stored by this version are verified and fold for ever; the files of `tests/golden/v1` stay as they are."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import attrs
import pytest

from datashare.codec import decode_agreement, encode, read_event
from datashare.domain.agreements import AgreementId, Event, fold
from datashare.domain.chain import Chain, ChainedRecord, StateRecord
from datashare.domain.verification import Verification, verify

GOLDEN = Path(__file__).parent / "golden" / "v1"
SHA256 = {
    "chains.jsonl": "bd3bd22b700ba525fdfcf54e89c3de2c363c8a543c12b3fcb619aadd8b09fb15",
    "chain_states.jsonl": "2dcbdc5c04bd93b29da8be1591234911754e94e95834fbf080c3f87d3f64787e",
}


def lines_of(name: str) -> list[dict[str, Any]]:
    """Read a golden file."""
    return [json.loads(line) for line in (GOLDEN / name).read_text(encoding="utf-8").splitlines()]


def golden_chains() -> Sequence[Chain]:
    """Return the chains as a store of the first version kept them."""
    kept = {
        line.pop("agreement"): (StateRecord(**line), list[ChainedRecord]()) for line in lines_of("chain_states.jsonl")
    }
    for line in lines_of("chains.jsonl"):
        at = json.loads(line["text"])["value"]["at"]  # as the first version kept it beside the text
        kept[line.pop("agreement")][1].append(ChainedRecord(**line, at=at))
    return [
        Chain(agreement=AgreementId.parse(key), state=state, records=tuple(records))
        for key, (state, records) in kept.items()
    ]


@pytest.mark.parametrize("name", SHA256)
def test_the_golden_files_are_unchanged(name: str) -> None:
    """A change that needs other golden files breaks what others have stored."""
    assert SHA256[name] == hashlib.sha256((GOLDEN / name).read_bytes()).hexdigest()


@pytest.mark.rule("H3", "H4")
def test_golden_chains_verify() -> None:
    """Hashes, seals and states of the first version hold, with some of the words erased."""
    verification = verify(golden_chains(), read_event=read_event, read_state=decode_agreement)

    assert Verification(agreements=3, events=18, broken=0, findings=()) == verification


@pytest.mark.rule("T3", "H3")
def test_golden_chains_fold_to_what_they_folded_to() -> None:
    """The agreements stand as they stood when they were stored."""
    for chain in golden_chains():
        assert chain.state
        events = [read_event(record) for record in chain.records]
        assert isinstance(chain.agreement, AgreementId)
        assert decode_agreement(chain.state.text) == fold(chain.agreement, events)


def test_states_keep_the_fields_that_the_first_version_reads() -> None:
    """It refuses a state with a field that it does not know, so that workers of both versions can share a store."""
    for line in lines_of("chain_states.jsonl"):
        first, present = (json.loads(text)["value"] for text in (line["text"], encode(decode_agreement(line["text"]))))
        assert {**first, "closed": first["closed"][-1:]} == present


def test_golden_chains_hold_every_kind_of_event() -> None:
    """They hold what could break: all kinds, words and erased words, non-ASCII letters, single microseconds."""
    records = [record for chain in golden_chains() for record in chain.records]
    events = [read_event(record) for record in records]
    whole = [attrs.asdict(record) for record in records]

    assert set(get_args(Event)) == {type(event) for event in events}
    assert {True, False} == {record.erasable is None for record in records if '{"sha256"' in record.text}
    assert not json.dumps(whole, ensure_ascii=False).isascii()
    assert {event.at.microsecond for event in events} >= {999_999, 0, 1}
