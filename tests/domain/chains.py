"""Sound chains to tamper with, built from real decisions, and ways to tamper with them."""

from collections.abc import Iterable, Sequence

import attrs

from datashare.codec import decode_agreement, encode, read_event, record_events
from datashare.domain.agreements import Agreement, AgreementId, Command, Event
from datashare.domain.chain import BEFORE_THE_FIRST, Chain, ChainedRecord, GroupDigest, StateRecord, chained
from datashare.domain.verification import Verification, verify
from datashare.testing.changes import AGREEMENT, command_of, possible_change


def what_happened(kinds: Iterable[type[Command]], of: AgreementId = AGREEMENT) -> tuple[Agreement, list[Event]]:
    """Do commands of some kinds one after the other; return the agreement as it stands, and its events."""
    agreement, events = Agreement(id=of), list[Event]()
    for number, kind in enumerate(kinds):
        change = possible_change(agreement, command_of(kind, agreement), command_id=f"c-{number}")
        if change:
            agreement = change.after
            events += change.events
    return agreement, events


def chain_of(kinds: Iterable[type[Command]], of: AgreementId = AGREEMENT) -> Chain:
    """Return the chain that a store keeps after commands of some kinds."""
    after, events = what_happened(kinds, of)
    records = record_events(events, after=BEFORE_THE_FIRST)
    return Chain(agreement=of, state=state_of(after, records), records=records)


def state_of(agreement: Agreement, records: Sequence[ChainedRecord]) -> StateRecord:
    """Return the present state as a store keeps it."""
    return StateRecord(version=agreement.version, head=records[-1].hash, text=encode(agreement))


def with_records(chain: Chain, records: Iterable[ChainedRecord]) -> Chain:
    """Return a chain whose rows somebody changed by hand, in the order of their numbers."""
    return attrs.evolve(chain, records=tuple(sorted(records, key=lambda record: record.sequence)))


def with_record(chain: Chain, number: int, **changes: object) -> Chain:
    """Return a chain in which somebody changed columns of one row by hand."""
    records = list(chain.records)
    records[number - 1] = attrs.evolve(records[number - 1], **changes)  # type: ignore[arg-type]
    return with_records(chain, records)


def numbered(records: Iterable[ChainedRecord]) -> list[ChainedRecord]:
    """Number rows again, like somebody who closes a gap or makes room."""
    return [attrs.evolve(record, sequence=number) for number, record in enumerate(records, start=1)]


def rechained(records: Iterable[ChainedRecord]) -> tuple[ChainedRecord, ...]:
    """Compute every hash again, like somebody who rewrites a whole history."""
    previous, rewritten = BEFORE_THE_FIRST, list[ChainedRecord]()
    for record in records:
        previous = chained(previous, record.text)
        rewritten.append(attrs.evolve(record, hash=previous))
    return tuple(rewritten)


def verified(*chains: Chain, noted: GroupDigest | None = None) -> Verification:
    """Verify chains as the service does."""
    return verify(chains, read_event=read_event, read_state=decode_agreement, noted=noted)
