"""Events as stores keep them: canonical text that is chained for ever, and beside it what can be erased."""

import hashlib
import json
from collections.abc import Callable
from datetime import date
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datashare.codec import (
    decode_agreement,
    decode_cautions,
    encode,
    encode_cautions,
    new_salt,
    read_event,
    record_event,
    record_events,
)
from datashare.domain.agreements import AgreementImported, Caution, CautionCode, Event, RequestDeclined
from datashare.domain.agreements.events import FREE_TEXT
from datashare.domain.chain import BEFORE_THE_FIRST, EventRecord, chained, sealed
from datashare.domain.people import PersonId
from datashare.errors import InvalidValue
from datashare.testing import strategies
from tests.golden.values import AGREEMENT, AT, EVENTS, HEAD, NOTICES, REQUEST

SALT = "9f86d081884c7d65"


def sha256(text: str) -> str:
    """Hash text without the library."""
    return hashlib.sha256(text.encode()).hexdigest()


def declined(sequence: int, reason: str) -> RequestDeclined:
    """Build an event with what somebody wrote."""
    return RequestDeclined(
        agreement=AGREEMENT, sequence=sequence, at=AT, actor=HEAD, command_id="c", request=REQUEST, reason=reason
    )


def written(event: Event) -> dict[str, str]:
    """Return what people wrote in an event, by field."""
    names = [field.name for field in attrs.fields(type(event)) if FREE_TEXT in field.metadata]
    return {name: text for name in names if (text := getattr(event, name)) is not None}


def without_texts(event: Event) -> Event:
    """Return an event as it is after what people wrote was erased."""
    evolve: Callable[..., Event] = attrs.evolve  # of any kind of event
    return evolve(event, **dict.fromkeys(written(event)))


def test_the_form_of_a_record_is_fixed() -> None:
    """Text and erasable part of an event that somebody wrote in; a changed form would break every stored chain."""
    event = declined(8, "Not yet – 𝄞")
    seal = sha256(f"{SALT}\nreason\nNot yet – 𝄞")

    assert record_event(event, salt=SALT) == EventRecord(
        text='{"v":1,"value":{"actor":"urn:100000/head/1 ü","agreement":"mat:5143/100000",'
        '"at":"2026-03-29T00:59:59.999999Z","command_id":"c","kind":"request_declined",'
        f'"reason":{{"sha256":"{seal}"}},"request":"mat:5143/100000/7","sequence":8}}}}',
        erasable=f'{{"salt":"{SALT}","texts":{{"reason":"Not yet – 𝄞"}}}}',
    )


def test_the_chain_is_fixed() -> None:
    """Each hash covers the text and the hash before it, as anybody can check with other software."""
    first = chained(BEFORE_THE_FIRST, "ü")

    assert first == sha256("0" * 64 + "\nü")
    assert chained(first, "x") == sha256(first + "\nx")


@pytest.mark.rule("H4")
@given(strategies.events(), st.text("0123456789abcdef", min_size=1, max_size=32))
def test_a_recorded_event_is_read_back_and_its_texts_can_be_erased(event: Event, salt: str) -> None:
    """With its erasable part it is equal; without, all but what people wrote is there, and nothing else changed."""
    record = record_event(event, salt=salt)
    erased = attrs.evolve(record, erasable=None)

    assert event == read_event(record)
    assert without_texts(event) == read_event(erased)
    assert (record.erasable is None) is (written(event) == {})


@pytest.mark.rule("H4")
@given(strategies.events(), st.text("0123456789abcdef", min_size=1, max_size=32))
def test_what_is_kept_for_ever_holds_seals_and_no_text(event: Event, salt: str) -> None:
    """In the place of each text stands its hash with the salt, and both are in the erasable part alone."""
    record = record_event(event, salt=salt)
    value = json.loads(record.text)["value"]

    assert {name: {"sha256": sealed(salt, name, text)} for name, text in written(event).items()} == {
        name: value[name] for name in written(event)
    }
    if record.erasable:
        assert json.loads(record.erasable) == {"salt": salt, "texts": written(event)}


@pytest.mark.rule("H4")
def test_equal_texts_in_one_event_have_different_seals() -> None:
    """The seals do not show that two fields, or two events, hold the same text."""
    imported = next(event for event in EVENTS.values() if isinstance(event, AgreementImported))
    event = attrs.evolve(imported, approver="Mrs Ó Briain", evidence="Mrs Ó Briain")
    value = json.loads(record_event(event, salt=SALT).text)["value"]

    assert value["approver"] != value["evidence"]
    assert record_event(event, salt=SALT) != record_event(event, salt="other")


@pytest.mark.parametrize("name", EVENTS)
def test_without_free_text_the_record_is_the_event_as_written_elsewhere(name: str) -> None:
    """One written form serves queues and stores, so there is one to keep for ever."""
    event = without_texts(EVENTS[name])

    assert EventRecord(text=encode(event), erasable=None) == record_event(event, salt=SALT)


DECLINED = record_event(declined(8, "No."), salt=SALT)


@pytest.mark.parametrize(
    "broken",
    [
        attrs.evolve(DECLINED, text="{"),
        attrs.evolve(DECLINED, text='{"v":1,"value":[]}'),
        attrs.evolve(DECLINED, text=DECLINED.text.replace('"v":1', '"v":2')),
        attrs.evolve(DECLINED, erasable="{"),
        attrs.evolve(DECLINED, erasable="[]"),
        attrs.evolve(DECLINED, erasable='{"texts":[]}'),
        attrs.evolve(DECLINED, erasable='{"texts":{"reason":5}}'),
        "no record",
        None,
    ],
    ids=["json", "no-object", "version", "erasable-json", "no-texts", "texts", "text", "no-record", "none"],
)
def test_a_broken_record_is_refused(broken: Any) -> None:  # noqa: ANN401 - anything but right
    """The error says what was expected."""
    with pytest.raises(InvalidValue, match="must be"):
        read_event(broken)


def test_the_erasable_part_reaches_no_other_field() -> None:
    """A text that was added beside the event replaces nothing but a seal."""
    smuggled = '{"salt":"x","texts":{"reason":"No.","command_id":"another","cause":"by_group"}}'

    assert read_event(DECLINED) == read_event(attrs.evolve(DECLINED, erasable=smuggled))


@pytest.mark.rule("H3", "H4")
def test_events_are_recorded_one_after_the_other() -> None:
    """Each is chained to the one before it, across calls, and is sealed with a salt of its own."""
    events = [declined(number, "No.") for number in (8, 9, 10)]
    first, second = record_events(events[:2], after=BEFORE_THE_FIRST)
    (third,) = record_events(iter(events[2:]), after=second.hash)

    assert events == [read_event(record) for record in (first, second, third)]
    assert [8, 9, 10] == [record.sequence for record in (first, second, third)]
    assert chained(BEFORE_THE_FIRST, first.text) == first.hash
    assert chained(first.hash, second.text) == second.hash
    assert chained(second.hash, third.text) == third.hash
    assert 3 == len({json.loads(record.erasable or "")["salt"] for record in (first, second, third)})
    assert () == record_events([], after=BEFORE_THE_FIRST)


def test_salts_cannot_be_guessed() -> None:
    """Each is new, and too long to try them all."""
    assert 2 == len({new_salt(), new_salt()})
    assert 16 == len(bytes.fromhex(new_salt()))


@pytest.mark.parametrize("wrong", [None, "x", NOTICES["notice"]], ids=["none", "text", "notice"])
def test_only_events_are_recorded(wrong: Any) -> None:  # noqa: ANN401 - anything but right
    """Anything else is refused."""
    with pytest.raises(InvalidValue, match="The event to record must be an event"):
        record_event(wrong, salt=SALT)


@given(st.data())
def test_an_agreement_survives_being_written(data: st.DataObject) -> None:
    """The state that a store keeps beside the events is read back equal."""
    of = data.draw(strategies.agreement_ids())
    agreement = data.draw(strategies.agreements(of, date(2026, 5, 3)))

    assert agreement == decode_agreement(encode(agreement))


def test_cautions_survive_being_written() -> None:
    """What deserved a look is answered on repetition as it was."""
    cautions = (Caution(CautionCode.NO_APPROVER), Caution(CautionCode.SKIPPED_ALREADY_ASKED, (HEAD, PersonId(1, "ü"))))

    assert cautions == decode_cautions(encode_cautions(cautions))
    assert () == decode_cautions(encode_cautions([]))
    assert '{"v":1,"value":[]}' == encode_cautions([])


@pytest.mark.parametrize("wrong", [None, "x", [AGREEMENT]], ids=["none", "text", "other"])
def test_only_cautions_are_written_as_cautions(wrong: Any) -> None:  # noqa: ANN401 - anything but right
    """Anything else is refused."""
    with pytest.raises(InvalidValue, match="The cautions to encode must be"):
        encode_cautions(wrong)


@pytest.mark.parametrize("text", ["", "{}", '{"v":1,"value":{}}', '{"v":1,"value":[{"code":"x","people":[]}]}'])
def test_only_written_cautions_are_read(text: str) -> None:
    """Any other text is refused."""
    with pytest.raises(InvalidValue, match="The cautions text must be"):
        decode_cautions(text)
