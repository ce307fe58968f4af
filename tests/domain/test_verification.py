"""Tampering with the history is detected, and the place is named (H3, H4)."""

import json
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any
from weakref import WeakSet

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datashare.codec import decode_agreement, encode, read_event
from datashare.domain.agreements.commands import (
    Approve,
    Command,
    Decline,
    EndAgreement,
    ImportAgreement,
    RecordApproval,
    Remind,
    RequestAccess,
)
from datashare.domain.agreements.ids import AgreementId
from datashare.domain.agreements.state import Agreement, fold
from datashare.domain.chain import (
    BEFORE_THE_FIRST,
    Chain,
    ChainedRecord,
    StateRecord,
    agreement_under,
    chained,
    digest_of,
)
from datashare.domain.instants import Instant, instant_text
from datashare.domain.verification import MOST_FINDINGS, FindingCode, Verification, verify
from datashare.errors import InvalidValue
from datashare.testing.changes import AGREEMENT, COMMANDS, NOW, OTHER_URN, TRUST

from .chains import chain_of, numbered, rechained, state_of, verified, what_happened, with_record, with_records

OTHER = AgreementId(TRUST, OTHER_URN)
LONG: tuple[type[Command], ...] = (
    RequestAccess, Remind, Decline, RequestAccess, Remind, Approve, EndAgreement,
)  # fmt: skip
FORGED = chain_of(LONG)
"""A whole story; events of it are put into drawn chains, where their salts and so their hashes differ."""


@st.composite
def chains(draw: st.DrawFn, least: int = 1) -> Chain:
    """Draw a sound chain of at least so many events."""
    kinds = draw(st.lists(st.sampled_from(COMMANDS), min_size=least, max_size=12))
    if len(what_happened(kinds)[1]) < least:
        kinds = [*LONG[:least], *kinds]  # rather than to draw again and again
    return chain_of(kinds)


@st.composite
def chains_with_a_place(draw: st.DrawFn, least: int = 1, *, spared: int = 0) -> tuple[Chain, int]:
    """Draw a sound chain, and the number of one of its events but the last few."""
    chain = draw(chains(least + spared))
    return chain, draw(st.integers(1, len(chain.records) - spared))


def only_finding(verification: Verification) -> tuple[int, FindingCode]:
    """Return the number and code of the only finding."""
    (finding,) = verification.findings
    assert not verification.sound
    assert 1 == verification.broken
    assert AGREEMENT == finding.agreement
    return finding.sequence, finding.code


def with_value(record: ChainedRecord, name: str, value: object) -> str:
    """Return the text of a record with another value of one field."""
    written = json.loads(record.text)
    written["value"][name] = value
    return json.dumps(written, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def other_than(value: object) -> list[Any]:
    """Return other values that could stand in the place of one."""
    others: list[Any] = [None, 0, 1, 2, 99, True, "x", "mat:5143/100001", "mat:5143/100000/1", "2026-01-01", [], {}]
    return [other for other in others if other != value or type(other) is not type(value)]


@pytest.mark.rule("H3", "H4")
@given(chains(), st.data())
def test_an_untouched_history_is_sound_also_with_erased_words(chain: Chain, data: st.DataObject) -> None:
    """Any history verifies, also when some of the words in it were erased with their salts."""
    erased = data.draw(st.sets(st.sampled_from(chain.records).map(lambda record: record.sequence)))
    records = [attrs.evolve(record, erasable=None) if record.sequence in erased else record for record in chain.records]
    expected = Verification(agreements=1, events=len(records), broken=0, findings=())

    assert expected == verified(chain) == verified(with_records(chain, records))
    assert expected.sound


@pytest.mark.rule("H3")
@given(chains_with_a_place(), st.data())
def test_each_altered_field_is_found(drawn: tuple[Chain, int], data: st.DataObject) -> None:
    """If any field of any event was changed, even its agreement or number, the event is named."""
    chain, number = drawn
    record = chain.records[number - 1]
    fields = json.loads(record.text)["value"]
    name = data.draw(st.sampled_from(sorted(fields)))
    text = with_value(record, name, data.draw(st.sampled_from(other_than(fields[name]))))

    assert (number, FindingCode.ALTERED) == only_finding(verified(with_record(chain, number, text=text)))


@pytest.mark.rule("H3")
@pytest.mark.parametrize("number", [1, 7])
def test_an_event_that_was_given_to_another_agreement_is_found(number: int) -> None:
    """The finding is an alteration and not a move, since the hash is still that of the original."""
    text = with_value(FORGED.records[number - 1], "agreement", str(OTHER))
    text = text.replace('"request":"mat:5143/100000', '"request":"mat:5143/100001')

    assert (number, FindingCode.ALTERED) == only_finding(verified(with_record(FORGED, number, text=text)))


@pytest.mark.rule("H3")
@given(
    chains_with_a_place(),
    st.sampled_from(
        [
            lambda record: {"text": record.text + " "},
            lambda _: {"text": ""},
            lambda _: {"text": "[]"},
            lambda _: {"hash": "0" * 64},
            lambda _: {"hash": "x"},
        ]
    ),
)
def test_altered_text_or_hash_is_found(
    drawn: tuple[Chain, int], alter: Callable[[ChainedRecord], dict[str, str]]
) -> None:
    """A text that still says the same, or that is not an event, is found too."""
    chain, number = drawn
    altered = with_record(chain, number, **alter(chain.records[number - 1]))

    assert (number, FindingCode.ALTERED) == only_finding(verified(altered))


@pytest.mark.rule("H3")
@given(chains_with_a_place())
def test_an_event_rewritten_with_its_hash_is_found_by_the_next(drawn: tuple[Chain, int]) -> None:
    """The next event, or the head at the end, does not fit; which event before it was rewritten cannot be known."""
    chain, number = drawn
    text = with_value(chain.records[number - 1], "command_id", "forged")
    before = chain.records[number - 2].hash if number > 1 else BEFORE_THE_FIRST
    rewritten = with_record(chain, number, text=text, hash=chained(before, text))
    verification = verified(rewritten)

    assert (min(number + 1, len(chain.records)), FindingCode.ALTERED) == only_finding(verification)
    assert "before it was rewritten" in str(verification)


@pytest.mark.rule("H3")
@given(chains_with_a_place(2))
def test_a_dropped_event_is_found(drawn: tuple[Chain, int]) -> None:
    """The first, an inner or the last one, whether the gap was closed or not."""
    chain, number = drawn
    others = [record for record in chain.records if record.sequence != number]

    assert (number, FindingCode.MISSING) == only_finding(verified(with_records(chain, others)))
    assert (number, FindingCode.MISSING) == only_finding(verified(with_records(chain, numbered(others))))
    assert (1, FindingCode.MISSING) == only_finding(verified(with_records(chain, [])))


@pytest.mark.rule("H3")
@given(chains_with_a_place(spared=1), st.data(), st.sampled_from([("text",), ("text", "hash"), ("sequence",)]))
def test_swapped_events_are_found(drawn: tuple[Chain, int], data: st.DataObject, columns: tuple[str, ...]) -> None:
    """Two events that changed places, with or without their hashes, are found at the first of the two."""
    chain, number = drawn
    other = data.draw(st.integers(number + 1, len(chain.records)))
    records = list(chain.records)
    first, second = records[number - 1], records[other - 1]
    records[number - 1] = attrs.evolve(first, **{name: getattr(second, name) for name in columns})
    records[other - 1] = attrs.evolve(second, **{name: getattr(first, name) for name in columns})
    swapped = with_records(chain, records)

    assert (number, FindingCode.MOVED) == only_finding(verified(swapped))


@pytest.mark.rule("H3")
@given(chains_with_a_place(2), st.data())
def test_a_moved_event_is_found(drawn: tuple[Chain, int], data: st.DataObject) -> None:
    """An event that was put elsewhere, the others closing up, is found at the first of the two places."""
    chain, number = drawn
    target = data.draw(st.integers(1, len(chain.records)).filter(lambda place: place != number))
    records = [record for record in chain.records if record.sequence != number]
    records.insert(target - 1, chain.records[number - 1])

    assert (min(number, target), FindingCode.MOVED) == only_finding(verified(with_records(chain, numbered(records))))


@pytest.mark.rule("H3")
@given(chains_with_a_place(), st.sampled_from([-7, 0, 99]))
def test_an_event_with_another_number_is_found(drawn: tuple[Chain, int], sequence: int) -> None:
    """An event whose key was changed, so that it stands before the first or after the last, is named."""
    chain, number = drawn

    assert (number, FindingCode.MOVED) == only_finding(verified(with_record(chain, number, sequence=sequence)))


def inserted(chain: Chain, place: int, text: str, hashed: str | None = None, erasable: str | None = None) -> Chain:
    """Put an event into a chain, with the right hash unless another is given; the others make room."""
    before = chain.records[place - 2].hash if place > 1 else BEFORE_THE_FIRST
    hashed = hashed or chained(before, text)
    intruder = ChainedRecord(sequence=place, at=instant_text(NOW), hash=hashed, text=text, erasable=erasable)
    records = list(chain.records)
    records.insert(place - 1, intruder)
    return with_records(chain, numbered(records))


@pytest.mark.rule("H3")
@given(chains(), st.data())
def test_a_forged_event_is_found(chain: Chain, data: st.DataObject) -> None:
    """An event that somebody put in, at the beginning, in the middle or at the end, whatever care they took."""
    place = data.draw(st.integers(1, len(chain.records) + 1))
    forged = with_value(FORGED.records[0], "command_id", "forged")
    texts = [with_value(attrs.evolve(FORGED.records[0], text=forged), "sequence", place), forged, "{"]
    hashes = [None, "0" * 64, FORGED.records[0].hash]
    text, hashed = data.draw(st.sampled_from(texts)), data.draw(st.sampled_from(hashes))

    assert (place, FindingCode.INSERTED) == only_finding(verified(inserted(chain, place, text, hashed)))


@pytest.mark.rule("H3")
@given(chains_with_a_place(), st.data())
def test_an_event_that_was_copied_is_found(drawn: tuple[Chain, int], data: st.DataObject) -> None:
    """A copied row does not make an event happen twice."""
    chain, number = drawn
    place = data.draw(st.integers(1, len(chain.records) + 1))
    copied = chain.records[number - 1]
    expected = place + 1 if place == number else place  # of two that are the same the second is too many

    assert (expected, FindingCode.INSERTED) == only_finding(
        verified(inserted(chain, place, copied.text, copied.hash, copied.erasable))
    )


@pytest.mark.rule("H3")
@given(chains())
def test_an_event_before_the_first_is_found(chain: Chain) -> None:
    """No event has the number 0, and none has a number twice."""
    first = chain.records[0]

    for text in ("{", first.text):
        zero = attrs.evolve(first, sequence=0, text=text)
        assert (0, FindingCode.INSERTED) == only_finding(verified(with_records(chain, [zero, *chain.records])))
    again = attrs.evolve(chain, records=(*chain.records, attrs.evolve(first, text="{")))
    assert (1, FindingCode.INSERTED) == only_finding(verified(again))


@pytest.mark.rule("H3")
@given(chains_with_a_place())
def test_an_event_moved_to_another_agreement_is_found_at_both(drawn: tuple[Chain, int]) -> None:
    """It is missing where it was, and says itself that it does not belong where it is."""
    chain, number = drawn
    moved, other = chain.records[number - 1], chain_of(LONG, OTHER)
    left = with_records(chain, [record for record in chain.records if record is not moved])
    end = len(other.records) + 1
    appended = with_records(other, [*other.records, attrs.evolve(moved, sequence=end)])
    far = with_records(other, [*other.records, attrs.evolve(moved, sequence=end + 5)])
    between = with_records(other, numbered([*other.records[:2], moved, *other.records[2:]]))
    alone = Chain(agreement=OTHER, state=None, records=(moved,))
    instead = with_record(other, 2, text=moved.text, hash=moved.hash)

    assert (number, FindingCode.MISSING) == only_finding(verified(left))
    expected = {appended: end, far: end + 5, between: 3, alone: number, instead: 2}
    for target, place in expected.items():
        verification = verified(target)
        (finding,) = verification.findings
        assert (OTHER, place, FindingCode.MOVED) == (finding.agreement, finding.sequence, finding.code)
        assert f"event {number} of {AGREEMENT}" in finding.detail


@pytest.mark.rule("H3")
def test_a_copied_hash_does_not_hide_an_event_of_another_agreement() -> None:
    """The event after the intruder seems to follow from it, and still is the original of that number."""
    foreign = chain_of(LONG, OTHER).records[2]
    for place in (3, len(FORGED.records) + 1):
        copied = FORGED.records[place - 2].hash

        assert (place, FindingCode.MOVED) == only_finding(verified(inserted(FORGED, place, foreign.text, copied)))


@pytest.mark.rule("H3")
def test_a_later_event_on_which_nothing_rests_was_inserted() -> None:
    """It bears the number of an earlier event, with the hash it would have there; the earlier one is the original."""
    text = with_value(FORGED.records[1], "command_id", "forged")
    hashed = chained(FORGED.records[0].hash, text)
    for place in (4, len(FORGED.records) + 1):
        assert (place, FindingCode.INSERTED) == only_finding(verified(inserted(FORGED, place, text, hashed)))


@pytest.mark.rule("H3")
def test_events_overwritten_with_a_later_one_are_not_missing() -> None:
    """No row is gone: there are several of the later event, and the first that was overwritten is named."""
    later = FORGED.records[3]
    altered = FORGED
    for number in (2, 3):
        altered = with_record(altered, number, text=later.text, hash=later.hash)

    assert (2, FindingCode.ALTERED) == only_finding(verified(altered))


@pytest.mark.rule("H3")
@pytest.mark.parametrize("number", [1, 7])
def test_an_event_that_was_given_a_later_number_is_altered_and_not_missing(number: int) -> None:
    """The next event still follows it, so nothing is missing."""
    text = with_value(FORGED.records[number - 1], "sequence", 99)

    assert (number, FindingCode.ALTERED) == only_finding(verified(with_record(FORGED, number, text=text)))


INSTANTS: dict[str, Callable[[str], str]] = {
    "a-microsecond": lambda at: at.replace("999999Z", "999998Z"),
    "another-form": lambda at: at.replace("Z", "+00:00"),
    "no-instant": lambda _: "",
}


@pytest.mark.rule("H3")
@pytest.mark.parametrize("alter", INSTANTS.values(), ids=INSTANTS)
@pytest.mark.parametrize("number", [1, 7])
def test_an_altered_instant_beside_an_event_is_found(alter: Callable[[str], str], number: int) -> None:
    """The events of a group are ordered by it and no hash covers it, so it must be the event's own."""
    at = FORGED.records[number - 1].at
    assert alter(at) != at
    verification = verified(with_record(FORGED, number, at=alter(at)))

    assert (number, FindingCode.INSTANT_DIFFERS) == only_finding(verification)
    assert f"The instant that is kept beside event {number} was altered. The event fits" in str(verification)


@pytest.mark.rule("H3")
@pytest.mark.parametrize("key", ["aaa/100000", "mat:5143/-5", "mat:5143/0100000", "", "x\ny"])
def test_a_key_that_names_no_agreement_is_found(key: str) -> None:
    """It is named by its key as text, and the chains before and after it are verified too."""
    stray = attrs.evolve(FORGED, agreement=agreement_under(key))
    empty = attrs.evolve(stray, records=())
    altered = with_record(FORGED, 2, text="{}")
    verification = verified(FORGED, stray, empty, altered)

    assert (4, 21, 3) == (verification.agreements, verification.events, verification.broken)
    assert [
        (key, 1, FindingCode.STRAY),
        (key, 0, FindingCode.STRAY),
        (AGREEMENT, 2, FindingCode.ALTERED),
    ] == [(finding.agreement, finding.sequence, finding.code) for finding in verification.findings]
    assert f"{key!r}: What is kept under this key belongs to no agreement" in str(verification)
    assert AGREEMENT == agreement_under(str(AGREEMENT))


STATES: dict[str, Callable[[StateRecord], StateRecord | None]] = {
    "of-the-day-before": lambda state: attrs.evolve(state, text=encode(Agreement(id=AGREEMENT))),
    "more": lambda state: attrs.evolve(state, text=encode(what_happened([RecordApproval])[0])),
    "unreadable": lambda state: attrs.evolve(state, text="{}"),
    "lower": lambda state: attrs.evolve(state, version=state.version - 1),
    "higher": lambda state: attrs.evolve(state, version=state.version + 1),
    "below-zero": lambda state: attrs.evolve(state, version=-1),
    "gone": lambda _: None,
}


@pytest.mark.rule("H3")
@pytest.mark.parametrize("alter", STATES.values(), ids=STATES)
def test_a_present_state_that_is_not_the_fold_is_found(alter: Callable[[StateRecord], StateRecord | None]) -> None:
    """Access is decided from it, so an auditor wants to know."""
    assert FORGED.state
    altered = attrs.evolve(FORGED, state=alter(FORGED.state))

    assert (7, FindingCode.STATE_DIFFERS) == only_finding(verified(altered))


@pytest.mark.rule("H3")
@pytest.mark.parametrize("head", ["x", BEFORE_THE_FIRST], ids=count())
def test_a_state_without_events_is_found(head: str) -> None:
    """Somebody made up a row that no event led to."""
    assert FORGED.state
    state = attrs.evolve(FORGED.state, version=0, head=head)

    assert (0, FindingCode.STATE_DIFFERS) == only_finding(verified(attrs.evolve(FORGED, state=state, records=())))


@pytest.mark.rule("H3")
@given(chains(), st.sampled_from([BEFORE_THE_FIRST, "", "x"]))
def test_an_altered_head_is_found(chain: Chain, head: str) -> None:
    """The hash that stands with the present state must be that of the last event."""
    assert chain.state
    altered = attrs.evolve(chain, state=attrs.evolve(chain.state, head=head))

    assert (len(chain.records), FindingCode.ALTERED) == only_finding(verified(altered))


@pytest.mark.rule("H3")
@given(chains_with_a_place(spared=1), st.sampled_from([BEFORE_THE_FIRST, "", "x"]))
def test_a_state_with_an_earlier_number_and_a_hash_of_no_event_is_found(drawn: tuple[Chain, int], head: str) -> None:
    """It is no earlier state of this history, so no event is called inserted."""
    chain, number = drawn
    assert chain.state
    altered = attrs.evolve(chain, state=attrs.evolve(chain.state, version=number, head=head))

    assert (len(chain.records), FindingCode.ALTERED) == only_finding(verified(altered))


@pytest.mark.rule("H3")
@given(chains_with_a_place(spared=1))
def test_a_state_that_was_set_back_is_found(drawn: tuple[Chain, int]) -> None:
    """The row of an earlier day, with the head and the version of that day."""
    chain, number = drawn
    assert chain.state
    head = chain.records[number - 1].hash
    set_back = attrs.evolve(chain, state=attrs.evolve(chain.state, version=number, head=head))

    assert (number + 1, FindingCode.INSERTED) == only_finding(verified(set_back))


WORDED = chain_of([ImportAgreement, EndAgreement])
WORDS: dict[str, Callable[[str], str]] = {
    "altered": lambda beside: beside.replace("Cabinet 3", "Cabinet 4"),
    "renamed": lambda beside: beside.replace('"evidence"', '"evident"'),
    "swapped": lambda beside: (
        beside.replace('"approver"', '"x"').replace('"evidence"', '"approver"').replace('"x"', '"evidence"')
    ),
    "salt": lambda beside: beside.replace('"salt":"', '"salt":"0'),
    "no-salt": lambda beside: json.dumps({"texts": json.loads(beside)["texts"]}),
    "salt-number": lambda _: '{"salt":1,"texts":{}}',
    "no-texts": lambda beside: json.dumps({"salt": json.loads(beside)["salt"], "texts": {}}, separators=(",", ":")),
    "more": lambda beside: beside.replace('"texts":{', '"texts":{"basis":"x",'),
    "more-beside": lambda beside: beside.replace('{"salt"', '{"a":1,"salt"'),
    "other-field": lambda beside: beside.replace('"texts":{', '"texts":{"actor":"x",'),
    "twice": lambda beside: beside.replace('"texts":{', '"texts":{"evidence":"Forged","'.removesuffix('"')),
    "spaces": lambda beside: beside.replace(":", ": "),
    "number": lambda beside: beside.replace('"Cabinet 3"', "3"),
    "half-a-character": lambda beside: beside.replace("Cabinet 3", "\\ud800"),
    "list": lambda _: "[]",
    "texts-list": lambda _: '{"salt":"x","texts":["evidence"]}',
    "no-json": lambda _: "{",
    "empty": lambda _: "",
    "deep": lambda _: "[" * 100_000,
}


@pytest.mark.rule("H3", "H4")
@pytest.mark.parametrize("alter", WORDS.values(), ids=WORDS)
def test_altered_words_are_found(alter: Callable[[str], str]) -> None:
    """What people wrote can be erased, but neither it nor its salt can be changed, and nothing can be added."""
    beside = WORDED.records[0].erasable
    assert beside
    assert alter(beside) != beside

    assert (1, FindingCode.WORDS_ALTERED) == only_finding(verified(with_record(WORDED, 1, erasable=alter(beside))))


@pytest.mark.rule("H4")
def test_one_text_of_two_can_be_erased() -> None:
    """The name of who approved is erased, and where the original is stays."""
    beside = json.loads(WORDED.records[0].erasable or "")
    del beside["texts"]["approver"]
    erased = json.dumps(beside, ensure_ascii=False, separators=(",", ":"))

    assert verified(with_record(WORDED, 1, erasable=erased)).sound


@pytest.mark.rule("H4")
def test_words_beside_an_event_in_which_nobody_wrote_are_found() -> None:
    """Such words could pass for somebody's, or hide something that should not be kept."""
    chain = chain_of([RequestAccess])
    altered = with_record(chain, 1, erasable='{"salt":"x","texts":{"reason":"x"}}')

    assert (1, FindingCode.WORDS_ALTERED) == only_finding(verified(altered))


@pytest.mark.rule("H3")
def test_the_first_of_several_things_is_named() -> None:
    """Of altered words and events, the first in the history is named."""
    words_first = with_record(with_record(WORDED, 1, erasable="{}"), 2, text="{}")
    event_first = with_record(with_record(WORDED, 2, erasable="{}"), 1, text="{}")
    same = with_record(WORDED, 1, erasable="{}", text="{}")
    instant_first = with_record(with_record(WORDED, 2, text="{}"), 1, at="x")
    instant_later = with_record(with_record(WORDED, 1, text="{}"), 2, at="x")

    assert (1, FindingCode.WORDS_ALTERED) == only_finding(verified(words_first))
    assert (1, FindingCode.ALTERED) == only_finding(verified(event_first)) == only_finding(verified(same))
    assert (1, FindingCode.INSTANT_DIFFERS) == only_finding(verified(instant_first))
    assert (1, FindingCode.ALTERED) == only_finding(verified(instant_later))


@pytest.mark.rule("H3")
@given(chains_with_a_place(2, spared=1))
def test_a_cut_tail_shows_against_a_noted_digest(drawn: tuple[Chain, int]) -> None:
    """If the present state is set back too, nothing else shows it; the first event that is gone is named."""
    chain, number = drawn
    noted = digest_of(TRUST, [chain], at=NOW)
    records = chain.records[:number]
    before = fold(AGREEMENT, map(read_event, records))
    cut = Chain(agreement=AGREEMENT, state=state_of(before, records), records=records)

    assert verified(cut).sound
    assert verified(chain, noted=noted).sound
    assert (number + 1, FindingCode.NOT_AS_NOTED) == only_finding(verified(cut, noted=noted))


@pytest.mark.rule("H3")
@given(chains_with_a_place())
def test_a_whole_rewrite_shows_against_a_noted_digest(drawn: tuple[Chain, int]) -> None:
    """A history that was rewritten from some event on, with hashes and head, is not the one that was noted."""
    chain, number = drawn
    noted = digest_of(TRUST, [chain], at=NOW)
    text = with_value(chain.records[number - 1], "command_id", "forged")
    records = rechained(with_record(chain, number, text=text).records)
    assert chain.state
    rewritten = Chain(agreement=AGREEMENT, state=attrs.evolve(chain.state, head=records[-1].hash), records=records)

    assert verified(rewritten).sound
    assert (len(records), FindingCode.NOT_AS_NOTED) == only_finding(verified(rewritten, noted=noted))


@pytest.mark.rule("H3")
def test_a_removed_agreement_shows_against_a_noted_digest() -> None:
    """An agreement that was noted and is gone is named, though nothing of it is left."""
    chain, other = chain_of(LONG), chain_of(LONG, OTHER)
    noted = digest_of(TRUST, [chain, other], at=NOW)

    assert verified(other).sound
    assert (1, FindingCode.NOT_AS_NOTED) == only_finding(verified(other, noted=noted))
    assert "7 events were noted" in str(verified(other, noted=noted))


@pytest.mark.rule("H3")
def test_what_came_after_a_digest_is_right() -> None:
    """Events and agreements that are newer than the digest are right."""
    noted = digest_of(TRUST, [attrs.evolve(FORGED, records=FORGED.records[:2])], at=NOW)

    assert verified(FORGED, chain_of(LONG, OTHER), noted=noted).sound


@given(
    st.lists(
        st.builds(
            ChainedRecord,
            sequence=st.integers(-2, 9),
            at=st.text(max_size=9),
            hash=st.text(max_size=3),
            text=st.one_of(st.text(max_size=9), st.sampled_from(FORGED.records).map(lambda record: record.text)),
            erasable=st.none() | st.text(max_size=9),
        ),
        min_size=1,
        max_size=9,
    ).map(tuple),
    st.sampled_from([None, FORGED.state]),
)
def test_whatever_is_kept_is_verified_without_an_error(
    records: tuple[ChainedRecord, ...], state: StateRecord | None
) -> None:
    """Rows of any kind in any order have one finding, and raise no error."""
    only_finding(verified(Chain(agreement=AGREEMENT, state=state, records=records)))


@pytest.mark.rule("H3")
def test_one_chain_is_held_at_a_time() -> None:
    """In one pass each chain is released before the next but one is taken, whether it is verified or noted."""
    alive = WeakSet[Chain]()
    most, count = 0, 0

    def stream() -> Iterator[Chain]:
        nonlocal most, count
        for urn in range(1, 51):
            chain = chain_of([RecordApproval], AgreementId(TRUST, urn))
            alive.add(chain)
            most, count = max(most, len(alive)), count + 1
            yield chain
            del chain

    digest = digest_of(TRUST, stream(), at=NOW)
    verification = verify(stream(), read_event=read_event, read_state=decode_agreement)

    assert 50 == len(digest.heads) == verification.agreements
    assert (100, 2) == (count, most)


def test_findings_beyond_a_thousand_are_counted() -> None:
    """However much is broken, memory stays bounded, and everything is counted."""
    broken = attrs.evolve(chain_of([RecordApproval]), state=None)
    verification = verified(*[broken] * (MOST_FINDINGS + 7))

    assert (1_007, 1_007, 1_007, 1_000) == (
        verification.agreements,
        verification.events,
        verification.broken,
        len(verification.findings),
    )
    assert str(verification).endswith("\n… and 7 agreements more.")


def test_a_verification_says_in_words_what_is_wrong_and_what_to_do() -> None:
    """The words are for whoever keeps the system running."""
    dropped = with_records(FORGED, FORGED.records[1:])
    other = chain_of([RecordApproval], OTHER)

    assert "Checked 1 agreement with 1 event: everything is as it was written." == str(verified(other))
    assert (
        "Checked 2 agreements with 7 events: 1 agreement not as written.\n"
        "mat:5143/100000: Event 1 is missing. Restore the agreement from a copy of the database that verifies."
    ) == str(verified(dropped, other))
    assert "Checked 0 agreements with 0 events: everything is as it was written." == str(verified())


@pytest.mark.rule("H3", "T3")
def test_an_event_in_the_future_is_a_warning() -> None:
    """The first one of each agreement is named; it was written as it is, by a machine whose clock was fast."""
    chain, other = chain_of([RequestAccess, Approve]), chain_of([RecordApproval], OTHER)

    def at(now: Instant, *chains: Chain) -> Verification:
        return verify(chains, read_event=read_event, read_state=decode_agreement, now=lambda: now)

    assert (True, ()) == (at(NOW, chain, other).sound, at(NOW, chain, other).warnings)
    early = at(NOW.subtract(microseconds=1), chain, other)
    assert early.sound
    assert [(AGREEMENT, 1, FindingCode.AHEAD), (OTHER, 1, FindingCode.AHEAD)] == [
        (warning.agreement, warning.sequence, warning.code) for warning in early.warnings
    ]
    assert (
        "Checked 1 agreement with 2 events: everything is as it was written.\n"
        "mat:5143/100000: Event 1 is dated in the future, 29 March 2026 at 00:59:59 GMT. "
        "Check the clock of the machine that wrote it; nothing has to be restored."
    ) == str(at(NOW.subtract(years=10), chain))
    assert MOST_FINDINGS == len(at(NOW.subtract(years=10), *[chain] * (MOST_FINDINGS + 1)).warnings)


@pytest.mark.parametrize("wrong", [None, "x", [5]], ids=["none", "text", "other"])
def test_only_chains_are_verified(wrong: Any) -> None:  # noqa: ANN401 - anything but right
    """Anything but a collection of chains is refused."""
    with pytest.raises(InvalidValue, match="The chains to verify must be"):
        verify(wrong, read_event=read_event, read_state=decode_agreement)
