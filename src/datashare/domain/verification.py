"""Pure: what can be wrong with a kept history, in words; it touches nothing but the standard library and attrs."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator, Sequence

import attrs

from datashare.errors import InvalidValue, shown

from . import validation
from .agreements import Agreement, AgreementId, Event, fold
from .chain import (
    AN_AGREEMENT_OR_KEY,
    BEFORE_THE_FIRST,
    Chain,
    ChainedRecord,
    EventRecord,
    GroupDigest,
    NotedHead,
    chained,
    words_fit,
)
from .instants import instant_text
from .text import counted

MOST_FINDINGS = 1_000
"""So many findings are kept; the rest are counted."""


class FindingCode(enum.Enum):
    """What was found wrong with the history of an agreement (H3)."""

    ALTERED = "altered"
    MISSING = "missing"
    INSERTED = "inserted"
    MOVED = "moved"
    WORDS_ALTERED = "words_altered"
    INSTANT_DIFFERS = "instant_differs"
    STATE_DIFFERS = "state_differs"
    NOT_AS_NOTED = "not_as_noted"
    STRAY = "stray"

    __hash__ = object.__hash__


_RESTORE = "Restore the agreement from a copy of the database that verifies."
_ADVICE = {
    FindingCode.ALTERED: _RESTORE,
    FindingCode.MISSING: _RESTORE,
    FindingCode.INSERTED: _RESTORE,
    FindingCode.MOVED: _RESTORE,
    FindingCode.WORDS_ALTERED: "Restore them from a copy of the database that verifies, or erase them with their salt.",
    FindingCode.INSTANT_DIFFERS: "The event fits its hash, so write the instant beside it anew from its text.",
    FindingCode.STATE_DIFFERS: "The events fit together, so write the present state anew from them.",
    FindingCode.NOT_AS_NOTED: "Compare the agreement with a copy of the database from when the digest was noted.",
    FindingCode.STRAY: "Find out from a copy of the database that verifies where they belong.",
}


@attrs.frozen(kw_only=True)
class Finding:
    """The first thing that is wrong with the history of one agreement (H3).

    Attributes:
        agreement: Under which agreement it is kept; the key as it is, where it names none.
        sequence: Which event: its number, 0 where no event is kept at all.
        code: What is wrong.
        detail: The same, as a sentence.
    """

    agreement: AgreementId | str = attrs.field(validator=AN_AGREEMENT_OR_KEY)
    sequence: int = attrs.field(validator=validation.is_a(int, "a whole number"))
    code: FindingCode = attrs.field(validator=validation.member(FindingCode))
    detail: str = attrs.field(validator=validation.text)

    def __str__(self) -> str:
        # A key that names no agreement may hold anything, line breaks included.
        key = shown(self.agreement) if isinstance(self.agreement, str) else self.agreement
        return f"{key}: {self.detail} {_ADVICE[self.code]}"


@attrs.frozen(kw_only=True)
class Verification:
    """What became of walking over chains (H3); `str` says it in words, for whoever keeps the system running.

    Attributes:
        agreements: How many agreements were walked over, keys that name none included.
        events: How many events.
        broken: How many agreements are not as they were written, those included that were noted and are gone.
        findings: What is wrong with each of them, in the order in which they were walked over, those that are gone
            last; at most `MOST_FINDINGS`.
    """

    agreements: int = attrs.field(validator=validation.whole(0))
    events: int = attrs.field(validator=validation.whole(0))
    broken: int = attrs.field(validator=validation.whole(0))
    findings: tuple[Finding, ...] = attrs.field(
        converter=validation.to_tuple, validator=validation.all_are(Finding, "Findings")
    )

    @property
    def sound(self) -> bool:
        """Whether everything is as it was written."""
        return not self.broken

    def __str__(self) -> str:
        walked = f"{counted(self.agreements, 'agreement')} with {counted(self.events, 'event')}"
        if self.sound:
            return f"Checked {walked}: everything is as it was written."
        more = self.broken - len(self.findings)
        return "\n".join(
            [
                f"Checked {walked}: {counted(self.broken, 'agreement')} not as written.",
                *map(str, self.findings),
                *([f"… and {counted(more, 'agreement')} more."] if more else []),
            ]
        )


@attrs.frozen(kw_only=True)
class ReadChain:
    """A chain with its events, as far as they can be read.

    Attributes:
        chain: What is kept.
        events: The event of each record; `None` where it cannot be read.
        own: The number that each event itself bears; `None` where it cannot be read, or is of another agreement.
    """

    chain: Chain
    events: Sequence[Event | None]
    own: Sequence[int | None]

    def hash_before(self, place: int) -> str:
        """Give the hash that is kept with the event before the one at a place, the first place being 1."""
        return self.chain.records[place - 2].hash if place > 1 else BEFORE_THE_FIRST

    def fits(self, place: int) -> bool:
        """Tell whether the record at a place is the event of that number, and follows from the one before it."""
        record = self.chain.records[place - 1]
        return record.sequence == place == self.own[place - 1] and self.follows(place, place)

    def follows(self, place: int, after: int) -> bool:
        """Tell whether the hash of the record at a place is what it would be if the event stood at another place."""
        record = self.chain.records[place - 1]
        return record.hash == chained(self.hash_before(after), record.text)

    def leads_on(self, place: int) -> bool:
        """Tell whether what comes after the record at a place, the head at the end, follows from its hash."""
        if place < len(self.chain.records):
            return self.follows(place + 1, place + 1)
        return self.chain.state is not None and self.chain.state.head == self.chain.records[-1].hash

    def goes_on(self, place: int) -> bool:
        """Tell whether after the record at a place comes the event of the next number, or rightly the end."""
        if place < len(self.chain.records):
            return self.own[place] == place + 1
        return self.chain.state is not None and self.chain.state.version == place

    def found(self, number: int, code: FindingCode, detail: str) -> Finding:
        """Say what is wrong with the event of a number."""
        return Finding(agreement=self.chain.agreement, sequence=number, code=code, detail=detail)


def read_chain(chain: Chain, events: Sequence[Event | None]) -> ReadChain:
    """Put a chain together with its events, as far as they can be read."""
    own = [event.sequence if event and event.agreement == chain.agreement else None for event in events]
    return ReadChain(chain=chain, events=events, own=own)


def first_break(read: ReadChain) -> tuple[int, Finding] | None:
    """Find the first place, from 1, whose record does not fit there or does not end as it should; say why."""
    length = len(read.chain.records)
    place = next((place for place in range(1, length + 1) if not read.fits(place)), None)
    if place is not None:
        return place, _explained(read, place)
    ending = _ending(read, length)
    return (length + 1, ending) if ending else None


def _explained(read: ReadChain, place: int) -> Finding:
    record, event, own = read.chain.records[place - 1], read.events[place - 1], read.own[place - 1]
    if event is not None and own is None:
        return _foreign(read, place, f"event {event.sequence} of {event.agreement}")
    if record.sequence != place:
        return _out_of_place(read, place, record, own)
    if own is not None and own < place and _is_the_true(read, own, place):
        return read.found(own, FindingCode.INSERTED, f"Event {own} was inserted; the true one comes after it.")
    if place in [*read.own[: place - 1], *read.own[place:]]:
        return _displaced(read, place, own)
    return _replaced(read, place, own)


def _foreign(read: ReadChain, place: int, what: str) -> Finding:
    number = read.chain.records[place - 1].sequence
    if number == place and read.leads_on(place) and read.goes_on(place):
        return _altered(read, place)
    return read.found(number, FindingCode.MOVED, f"In the place of event {number} stands {what}.")


def _out_of_place(read: ReadChain, place: int, record: ChainedRecord, own: int | None) -> Finding:
    if record.sequence < place and (own is None or read.own.count(own) > 1):
        return read.found(record.sequence, FindingCode.INSERTED, f"Event {record.sequence} was inserted.")
    number = place if record.sequence > place else own
    if number is not None and number in read.own:
        stands = read.chain.records[read.own.index(number)].sequence
        return read.found(number, FindingCode.MOVED, f"Event {number} was moved; it stands as event {stands}.")
    return _missing(read, place)


def _is_the_true(read: ReadChain, own: int, place: int) -> bool:
    """Tell whether what follows rests on this record, and not on the one that stands in its place."""
    record, other = read.chain.records[place - 1], read.chain.records[own - 1]
    return record.hash != other.hash and read.follows(place, own) and read.leads_on(place)


def _displaced(read: ReadChain, place: int, own: int | None) -> Finding:
    """Say what stands in the place of an event that stands elsewhere."""
    if own is None or own == place or read.own.count(own) > 1:
        return read.found(place, FindingCode.INSERTED, f"Event {place} was inserted; the true one comes after it.")
    stands = read.chain.records[read.own.index(place)].sequence
    return read.found(
        place,
        FindingCode.MOVED,
        f"Event {place} was moved; it stands as event {stands}, and in its place stands event {own}.",
    )


def _replaced(read: ReadChain, place: int, own: int | None) -> Finding:
    """Say what became of an event that stands nowhere."""
    state = read.chain.state
    if state is not None and state.version < place:
        return _added(read, place, state.version)
    if own is not None and own > place and not read.goes_on(place) and read.own.count(own) == 1:
        return _missing(read, place)
    return _altered(read, place)


def _missing(read: ReadChain, number: int) -> Finding:
    return read.found(number, FindingCode.MISSING, f"Event {number} is missing.")


def _altered(read: ReadChain, number: int) -> Finding:
    if read.events[number - 1] is None:
        why = f"Event {number} cannot be read: it was altered, or written by a later version of the library."
    else:
        why = (
            f"Event {number} does not fit its hash: it or its hash was altered, "
            "or an event before it was rewritten with its hash."
        )
    return read.found(number, FindingCode.ALTERED, why)


def _ending(read: ReadChain, length: int) -> Finding | None:
    """Say whether the chain ends where the present state says, all records being right up to there."""
    state = read.chain.state
    if state is None:
        return read.found(length, FindingCode.STATE_DIFFERS, "The row of its present state is missing.")
    if state.head == read.hash_before(length + 1):
        return None if state.version == length else _other_version(read, length, state.version)
    if state.version > length:
        return _missing(read, length + 1)
    if not length:
        return _other_version(read, length, state.version)
    if 0 <= state.version < length and state.head == read.hash_before(state.version + 1):
        return _added(read, state.version + 1, state.version)
    return read.found(
        length,
        FindingCode.ALTERED,
        f"Event {length} does not have the hash that the present state holds: "
        "that was altered, or the event or one before it was rewritten with its hash.",
    )


def _added(read: ReadChain, number: int, version: int) -> Finding:
    why = f"Event {number} was inserted, or the present state, which is that after event {version}, was set back."
    return read.found(number, FindingCode.INSERTED, why)


def _other_version(read: ReadChain, length: int, version: int) -> Finding:
    why = f"The present state is said to be that after event {version}, and the last event is event {length}."
    return read.found(length, FindingCode.STATE_DIFFERS, why)


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

    for chain in validation.walk(chains, Chain, "The chains to verify", "a collection of Chains"):
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
