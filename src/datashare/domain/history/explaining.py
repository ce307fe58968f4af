"""Pure: where a chain breaks first, and what was done there (H3).

It touches nothing but the standard library and attrs. Whoever changes rows by hand leaves traces: each event says in
its own text whose it is and which number it has, and its hash covers the event before it. With the whole chain of an
agreement at hand these tell what was altered from what was dropped, inserted or moved.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from datashare.domain.agreements import Event

from .chaining import BEFORE_THE_FIRST, Chain, ChainedRecord, chained
from .findings import Finding, FindingCode


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
