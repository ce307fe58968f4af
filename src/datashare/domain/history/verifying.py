"""Pure: whether a kept history is as it was written (H3, H4); it touches nothing but the standard library and attrs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from datashare.domain import checks
from datashare.domain.agreements import Agreement, AgreementId, Event, fold
from datashare.domain.instants import instant_text
from datashare.errors import InvalidValue

from .chaining import Chain, EventRecord, words_fit
from .digests import GroupDigest, NotedHead
from .explaining import first_break, read_chain
from .findings import MOST_FINDINGS, Finding, FindingCode, Verification


def verify(
    chains: Iterable[Chain],
    *,
    read_event: Callable[[EventRecord], Event],
    read_state: Callable[[str], Agreement],
    noted: GroupDigest | None = None,
) -> Verification:
    """Walk over chains, and name the first thing that is wrong with each (H3).

    What people wrote may have been erased (H4). Cost: one pass over the chains, of which one is held at a time; each
    event is read and hashed once.

    Args:
        chains: The chains, each as it is kept.
        read_event: Reads an event, such as `datashare.codec.read_event`; an `InvalidValue` says that it cannot be read.
        read_state: Reads a state, such as `datashare.codec.decode_agreement`; likewise.
        noted: A digest that was noted before; all chains of its group must be among *chains*. Events that came after it
            are right.
    """
    heads = _noted_heads(noted) if noted else {}
    agreements = events = broken = 0
    findings: list[Finding] = []

    def tell(finding: Finding) -> None:
        nonlocal broken
        broken += 1
        if len(findings) < MOST_FINDINGS:
            findings.append(finding)

    for chain in checks.walk(chains, Chain, "The chains to verify", "a collection of Chains"):
        agreements += 1
        events += len(chain.records)
        finding = _first_finding(chain, _readings(chain, read_event), read_state, heads.pop(chain.agreement, None))
        if finding:
            tell(finding)
    for gone in _gone(heads):
        tell(gone)
    return Verification(agreements=agreements, events=events, broken=broken, findings=findings)


def _noted_heads(noted: GroupDigest) -> dict[AgreementId | str, NotedHead]:
    return {AgreementId(noted.group, head.urn): head for head in noted.heads}


def _readings(chain: Chain, read_event: Callable[[EventRecord], Event]) -> list[Event | None]:
    """Read the events without what people wrote, which is looked at by itself."""
    return [_read(read_event, EventRecord(text=record.text, erasable=None)) for record in chain.records]


def _read(read_event: Callable[[EventRecord], Event], record: EventRecord) -> Event | None:
    try:
        return read_event(record)
    except InvalidValue:
        return None


def _first_finding(
    chain: Chain, events: Sequence[Event | None], read_state: Callable[[str], Agreement], noted: NotedHead | None
) -> Finding | None:
    if isinstance(chain.agreement, str):
        return _stray(chain)
    found = first_break(read_chain(chain, events))
    place, finding = found or (len(events) + 1, None)
    return (
        _differs_beside(chain, events[: place - 1])
        or finding
        or _not_as_noted(chain, noted)
        or _state_differs(chain.agreement, chain, events, read_state)
    )


def _stray(chain: Chain) -> Finding:
    return Finding(
        agreement=chain.agreement,
        sequence=chain.records[0].sequence if chain.records else 0,
        code=FindingCode.STRAY,
        detail="What is kept under this key belongs to no agreement, since the key names none.",
    )


def _differs_beside(chain: Chain, right: Sequence[Event | None]) -> Finding | None:
    """Look at what stands beside events that are right themselves, and is in no hash."""
    for record, event in zip(chain.records, right, strict=False):
        if not words_fit(record):
            code, detail = FindingCode.WORDS_ALTERED, f"What somebody wrote in event {record.sequence}, or its salt,"
        elif event and record.at != instant_text(event.at):
            code, detail = FindingCode.INSTANT_DIFFERS, f"The instant that is kept beside event {record.sequence}"
        else:
            continue
        return Finding(agreement=chain.agreement, sequence=record.sequence, code=code, detail=f"{detail} was altered.")
    return None


def _not_as_noted(chain: Chain, noted: NotedHead | None) -> Finding | None:
    length = len(chain.records)
    if noted is None or (noted.version <= length and chain.records[noted.version - 1].hash == noted.head):
        return None
    if noted.version > length:
        number, detail = length + 1, f"Event {length + 1} is missing: {noted.version} were noted."
    else:
        number = noted.version
        detail = f"Event {number} is not the one that was noted: it or one before it was rewritten since."
    return Finding(agreement=chain.agreement, sequence=number, code=FindingCode.NOT_AS_NOTED, detail=detail)


def _gone(heads: dict[AgreementId | str, NotedHead]) -> Iterator[Finding]:
    for agreement, head in heads.items():
        yield Finding(
            agreement=agreement,
            sequence=1,
            code=FindingCode.NOT_AS_NOTED,
            detail=f"The whole agreement is missing: {head.version} events were noted.",
        )


def _state_differs(
    agreement: AgreementId, chain: Chain, events: Sequence[Event | None], read_state: Callable[[str], Agreement]
) -> Finding | None:
    """Compare the present state with the fold; access is decided from it, and nothing hashes it."""
    folded = fold(agreement, [event for event in events if event])
    try:
        differs = chain.state is None or read_state(chain.state.text) != folded
    except InvalidValue:
        differs = True
    if not differs:
        return None
    return Finding(
        agreement=agreement,
        sequence=len(events),
        code=FindingCode.STATE_DIFFERS,
        detail="The present state is not what its events come to.",
    )
