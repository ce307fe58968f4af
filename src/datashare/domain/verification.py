"""Pure: whether a kept history is as it was written, and what is wrong with it (H3, H4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

import attrs

from datashare.errors import InvalidValue, shown

from . import validation
from .agreements import Agreement, AgreementId, Event, fold
from .chain import BEFORE_THE_FIRST, Chain, EventRecord, GroupDigest, NotedHead, chained, words_fit
from .instants import Instant, exact_words, instant_text
from .text import LONGEST_SENTENCE, Labelled, counted, plain_line

MOST_FINDINGS = 1_000
"""At most this many findings are kept; further ones are only counted."""


class FindingCode(Labelled):
    """What is wrong with the history of an agreement (H3)."""

    ALTERED = "altered"
    """An event, or the hash of the last one, was changed."""
    MISSING = "missing"
    """An event is missing."""
    INSERTED = "inserted"
    """An event was added."""
    MOVED = "moved"
    """An event is in the wrong place."""
    WORDS_ALTERED = "words_altered"
    """What a person wrote, or its salt, was changed."""
    INSTANT_DIFFERS = "instant_differs"
    """The instant that is kept beside an event is not the event's."""
    STATE_DIFFERS = "state_differs"
    """The present state does not follow from the events, or is missing."""
    NOT_AS_NOTED = "not_as_noted"
    """The history is not the one that a digest was noted of; it was cut, removed or rewritten."""
    STRAY = "stray"
    """Something is kept under a key that names no agreement."""
    AHEAD = "ahead"
    """An event is dated in the future, because a clock was fast; this is only a warning."""


_RESTORE = "Restore the agreement from a copy of the database that verifies."
_ADVICE = {
    FindingCode.ALTERED: _RESTORE,
    FindingCode.MISSING: _RESTORE,
    FindingCode.INSERTED: _RESTORE,
    FindingCode.MOVED: _RESTORE,
    FindingCode.WORDS_ALTERED: "Restore them from a copy of the database that verifies, or erase them with their salt.",
    FindingCode.INSTANT_DIFFERS: "The event fits its hash, so write the instant beside it again from its text.",
    FindingCode.STATE_DIFFERS: "The events fit together, so write the present state again from them.",
    FindingCode.NOT_AS_NOTED: "Compare the agreement with a copy of the database from when the digest was noted.",
    FindingCode.STRAY: "Look in a copy of the database that verifies for where they belong.",
    FindingCode.AHEAD: "Check the clock of the machine that wrote it; nothing has to be restored.",
}


@attrs.frozen(kw_only=True)
class Finding:
    """The first thing that is wrong with the history of one agreement (H3).

    Attributes:
        agreement: The agreement under which it is kept; the key itself, as text, if it names no agreement.
        sequence: The number of the event; 0 if no event is kept at all.
        code: What is wrong.
        detail: The same, as a sentence.
    """

    agreement: AgreementId | str
    sequence: int
    code: FindingCode
    detail: str

    def __str__(self) -> str:
        # A key that names no agreement may hold anything, line breaks included.
        key = shown(self.agreement) if isinstance(self.agreement, str) else self.agreement
        return f"{key}: {plain_line(self.detail, LONGEST_SENTENCE)} {_ADVICE[self.code]}"


@attrs.frozen(kw_only=True)
class Verification:
    """The result of checking chains (H3); `str` says it in words, for whoever keeps the system running.

    Attributes:
        agreements: How many agreements were checked, including keys that name no agreement.
        events: How many events.
        broken: How many agreements are not as they were written, including noted ones that are gone.
        findings: What is wrong with each, in the order in which they were checked; those that are gone come last. At
            most `MOST_FINDINGS`.
        warnings: For agreements with events in the future, the first of these. They are as they were written, by a
            machine whose clock was fast. At most `MOST_FINDINGS`.
    """

    agreements: int
    events: int
    broken: int
    findings: tuple[Finding, ...]
    warnings: tuple[Finding, ...] = ()

    @property
    def sound(self) -> bool:
        """Whether everything is as it was written."""
        return not self.broken

    def __str__(self) -> str:
        checked = f"Checked {counted(self.agreements, 'agreement')} with {counted(self.events, 'event')}"
        if self.sound:
            return "\n".join([f"{checked}: everything is as it was written.", *map(str, self.warnings)])
        lines = [f"{checked}: {counted(self.broken, 'agreement')} not as written.", *map(str, self.findings)]
        more = self.broken - len(self.findings)
        lines += [f"… and {counted(more, 'agreement')} more."] if more else []
        return "\n".join([*lines, *map(str, self.warnings)])


def verify(
    chains: Iterable[Chain],
    *,
    read_event: Callable[[EventRecord], Event],
    read_state: Callable[[str], Agreement],
    noted: GroupDigest | None = None,
    now: Callable[[], Instant] | None = None,
) -> Verification:
    """Check chains, and name the first thing that is wrong with each (H3).

    Words that were erased are right (H4). Cost: one pass over the chains, one of which is held at a time; each event is
    read and hashed once.

    Args:
        chains: The chains, each as it is kept.
        read_event: Reads an event, such as `datashare.codec.read_event`; `InvalidValue` means that it cannot be read.
        read_state: Reads a state, such as `datashare.codec.decode_agreement`; likewise.
        noted: A digest that was noted before; all chains of its group must be among *chains*. Events that came after it
            are right.
        now: Returns the present instant, if there are to be warnings about events in the future. It is asked for each
            chain, since others may write meanwhile.
    """
    heads: dict[AgreementId | str, NotedHead] = (
        {AgreementId(noted.group, head.urn): head for head in noted.heads} if noted else {}
    )
    agreements = events = broken = 0
    findings: list[Finding] = []
    warnings: list[Finding] = []
    for chain in validation.walk(chains, Chain, "The chains to verify", "a collection of Chains"):
        agreements += 1
        events += len(chain.records)
        read = _read(chain, read_event)
        finding = _first_finding(read, read_state, heads.pop(chain.agreement, None))
        if finding:
            broken += 1
            if len(findings) < MOST_FINDINGS:
                findings.append(finding)
        if now and len(warnings) < MOST_FINDINGS:
            warnings += _first_ahead(read, now)
    gone = [
        Finding(
            agreement=agreement,
            sequence=1,
            code=FindingCode.NOT_AS_NOTED,
            detail=f"The whole agreement is missing: {head.version} events were noted.",
        )
        for agreement, head in heads.items()
    ]
    return Verification(
        agreements=agreements,
        events=events,
        broken=broken + len(gone),
        findings=(*findings, *gone)[:MOST_FINDINGS],
        warnings=tuple(warnings),
    )


@attrs.frozen(kw_only=True)
class _ReadChain:
    """A chain with those of its events that can be read. Places count from 1.

    Attributes:
        chain: What is kept.
        events: The event of each record; `None` if it cannot be read.
        numbers: The number that each event itself bears; `None` if it cannot be read, or is another agreement's.
    """

    chain: Chain
    events: Sequence[Event | None]
    numbers: Sequence[int | None]

    def hash_before(self, place: int) -> str:
        """Return the hash that is kept with the event before a place."""
        return self.chain.records[place - 2].hash if place > 1 else BEFORE_THE_FIRST

    def fits(self, place: int) -> bool:
        """Return whether the record at a place is the event of that number, and follows from the one before it."""
        number = self.chain.records[place - 1].sequence
        return number == place == self.numbers[place - 1] and self.follows(place, place)

    def follows(self, place: int, after: int) -> bool:
        """Return whether the record at a place would have its hash if it stood at the place *after*."""
        record = self.chain.records[place - 1]
        return record.hash == chained(self.hash_before(after), record.text)

    def leads_on(self, place: int) -> bool:
        """Return whether what comes after a place, at the end the head, follows from the hash of its record."""
        if place < len(self.chain.records):
            return self.follows(place + 1, place + 1)
        return self.chain.state is not None and self.chain.state.head == self.chain.records[-1].hash

    def goes_on(self, place: int) -> bool:
        """Return whether the event of the next number, or the end, comes after a place."""
        if place < len(self.chain.records):
            return self.numbers[place] == place + 1
        return self.chain.state is not None and self.chain.state.version == place

    def number_of(self, event: int) -> int:
        """Return under which number the event of a number is kept."""
        return self.chain.records[self.numbers.index(event)].sequence

    def finding(self, number: int, code: FindingCode, detail: str) -> Finding:
        """Build the finding about the event of a number."""
        return Finding(agreement=self.chain.agreement, sequence=number, code=code, detail=detail)

    def missing(self, number: int) -> Finding:
        """Build the finding that an event is missing."""
        return self.finding(number, FindingCode.MISSING, f"Event {number} is missing.")

    def altered(self, number: int) -> Finding:
        """Build the finding that an event, its hash or one before it was altered."""
        why = "does not fit its hash: it or its hash was altered, or an event before it was rewritten with its hash."
        if self.events[number - 1] is None:
            why = "cannot be read: it was altered, or written by a later version of the library."
        return self.finding(number, FindingCode.ALTERED, f"Event {number} {why}")

    def added(self, number: int, version: int) -> Finding:
        """Build the finding that an event comes after the one that the present state names as the last."""
        why = f"Event {number} was inserted, or the present state was set back to that after event {version}."
        return self.finding(number, FindingCode.INSERTED, why)

    def other_version(self, version: int) -> Finding:
        """Build the finding that the present state names another event as the last."""
        last = len(self.chain.records)
        why = f"The present state says that it follows event {version}, but the last event is event {last}."
        return self.finding(last, FindingCode.STATE_DIFFERS, why)


def _read(chain: Chain, read_event: Callable[[EventRecord], Event]) -> _ReadChain:
    """Read the events of a chain without the words that people wrote, which are checked by themselves."""
    events: list[Event | None] = []
    for record in chain.records:
        try:
            events.append(read_event(EventRecord(text=record.text, erasable=None)))
        except InvalidValue:
            events.append(None)
    numbers = [event.sequence if event and event.agreement == chain.agreement else None for event in events]
    return _ReadChain(chain=chain, events=events, numbers=numbers)


def _first_finding(read: _ReadChain, read_state: Callable[[str], Agreement], noted: NotedHead | None) -> Finding | None:
    records = read.chain.records
    if isinstance(read.chain.agreement, str):
        number = records[0].sequence if records else 0
        why = "What is kept under this key belongs to no agreement, since the key names none."
        return read.finding(number, FindingCode.STRAY, why)
    places = range(1, len(records) + 1)
    place = next((place for place in places if not read.fits(place)), None)
    if place:
        return _differs_beside(read, place) or _explain(read, place)
    return (
        _differs_beside(read, len(records) + 1)
        or _explain_end(read)
        or _not_as_noted(read, noted)
        or _state_differs(read, read.chain.agreement, read_state)
    )


def _first_ahead(read: _ReadChain, now: Callable[[], Instant]) -> list[Finding]:
    """Find the first event in the future, which holds nothing up, but misleads whoever reads the history (T3)."""
    present = now()
    event = next((event for event in read.events if event and event.at > present), None)
    if event is None:
        return []
    detail = f"Event {event.sequence} is dated in the future, {exact_words(event.at)}."
    return [read.finding(event.sequence, FindingCode.AHEAD, detail)]


def _explain(read: _ReadChain, place: int) -> Finding:
    """Say what is wrong with the first record that does not fit its place."""
    record, event, own = read.chain.records[place - 1], read.events[place - 1], read.numbers[place - 1]
    number = record.sequence
    if event is not None and own is None:  # it is another agreement's
        if number == place and read.leads_on(place) and read.goes_on(place):
            return read.altered(place)
        what = f"event {event.sequence} of {event.agreement}"
        return read.finding(number, FindingCode.MOVED, f"In the place of event {number} stands {what}.")
    if number != place:
        return _out_of_place(read, place, number, own)
    if own is not None and own < place and _is_the_original(read, own, place):
        return read.finding(own, FindingCode.INSERTED, f"Event {own} was inserted; the original comes after it.")
    if place in [*read.numbers[: place - 1], *read.numbers[place:]]:
        return _displaced(read, place, own)
    return _replaced(read, place, own)


def _out_of_place(read: _ReadChain, place: int, number: int, own: int | None) -> Finding:
    """Say what is wrong with a record that is kept under another number than its place."""
    if number < place and (own is None or read.numbers.count(own) > 1):
        return read.finding(number, FindingCode.INSERTED, f"Event {number} was inserted.")
    moved = place if number > place else own
    if moved is not None and moved in read.numbers:
        detail = f"Event {moved} was moved; it stands as event {read.number_of(moved)}."
        return read.finding(moved, FindingCode.MOVED, detail)
    return read.missing(place)


def _is_the_original(read: _ReadChain, own: int, place: int) -> bool:
    """Return whether the following events rest on this record, and not on the one in its place."""
    other = read.chain.records[own - 1].hash
    return read.chain.records[place - 1].hash != other and read.follows(place, own) and read.leads_on(place)


def _displaced(read: _ReadChain, place: int, own: int | None) -> Finding:
    """Say what stands in the place of an event that stands elsewhere."""
    if own is None or own == place or read.numbers.count(own) > 1:
        return read.finding(place, FindingCode.INSERTED, f"Event {place} was inserted; the original comes after it.")
    stands = f"it stands as event {read.number_of(place)}, and in its place stands event {own}"
    return read.finding(place, FindingCode.MOVED, f"Event {place} was moved; {stands}.")


def _replaced(read: _ReadChain, place: int, own: int | None) -> Finding:
    """Say what became of an event that stands nowhere."""
    state = read.chain.state
    if state is not None and state.version < place:
        return read.added(place, state.version)
    if own is not None and own > place and not read.goes_on(place) and read.numbers.count(own) == 1:
        return read.missing(place)
    return read.altered(place)


def _explain_end(read: _ReadChain) -> Finding | None:
    """Compare the end of a chain, whose records all fit, with the present state, and say what is wrong."""
    state, last = read.chain.state, len(read.chain.records)
    if state is None:
        return read.finding(last, FindingCode.STATE_DIFFERS, "The row of its present state is missing.")
    if state.head == read.hash_before(last + 1):
        return None if state.version == last else read.other_version(state.version)
    if state.version > last:
        return read.missing(last + 1)
    if not last:
        return read.other_version(state.version)
    if 0 <= state.version < last and state.head == read.hash_before(state.version + 1):
        return read.added(state.version + 1, state.version)
    return read.finding(
        last,
        FindingCode.ALTERED,
        f"Event {last} does not have the hash that the present state holds: "
        "that was altered, or the event or one before it was rewritten with its hash.",
    )


def _differs_beside(read: _ReadChain, end: int) -> Finding | None:
    """Check what no hash covers, words and instants, beside the events before a place."""
    for record, event in zip(read.chain.records[: end - 1], read.events, strict=False):
        number = record.sequence
        if not words_fit(record):
            detail = f"What somebody wrote in event {number}, or its salt, was altered."
            return read.finding(number, FindingCode.WORDS_ALTERED, detail)
        if event and record.at != instant_text(event.at):
            detail = f"The instant that is kept beside event {number} was altered."
            return read.finding(number, FindingCode.INSTANT_DIFFERS, detail)
    return None


def _not_as_noted(read: _ReadChain, noted: NotedHead | None) -> Finding | None:
    records = read.chain.records
    if noted is None:
        return None
    number = min(noted.version, len(records) + 1)
    if number > len(records):
        detail = f"Event {number} is missing: {noted.version} were noted."
    elif records[number - 1].hash != noted.head:
        detail = f"Event {number} is not the one that was noted: it or one before it was rewritten since."
    else:
        return None
    return read.finding(number, FindingCode.NOT_AS_NOTED, detail)


def _state_differs(read: _ReadChain, agreement: AgreementId, read_state: Callable[[str], Agreement]) -> Finding | None:
    """Compare the present state with the fold; access is decided from it, and no hash covers it."""
    folded = fold(agreement, filter(None, read.events))
    with suppress(InvalidValue):
        if read.chain.state and read_state(read.chain.state.text) == folded:
            return None
    detail = "The present state is not what its events fold to."
    return read.finding(len(read.events), FindingCode.STATE_DIFFERS, detail)
