"""The written form of commands, events and notices: canonical, versioned, and closed to anything else."""

import enum
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any, get_args

import attrs
import pendulum
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from datashare.codec import (
    VERSION,
    converter,
    decode_batch,
    decode_command,
    decode_event,
    decode_group,
    decode_institution,
    decode_notice,
    decode_plan,
    decode_successor_link,
    encode,
    fingerprint,
    fingerprints,
)
from datashare.domain.agreements.commands import (
    ALL,
    AddRecipients,
    Approve,
    Batch,
    Command,
    Decline,
    EndAgreement,
    EndCause,
    ImportAgreement,
    Named,
    Planned,
    Recipients,
    RecordVisibility,
    Remind,
    RequestAccess,
    Withdraw,
    WithRoles,
)
from datashare.domain.agreements.events import Event
from datashare.domain.agreements.ids import Actor, RequestId, SystemActor
from datashare.domain.agreements.state import State
from datashare.domain.instants import Instant
from datashare.domain.levels import AccessLevel
from datashare.domain.notices import Notice, NoticeKind
from datashare.domain.people import PersonId
from datashare.domain.policy import Party
from datashare.domain.reconciliation import Doubt, Plan, Uncertainty
from datashare.domain.register import Group, GroupId, GroupKind, Institution, SuccessorLink
from datashare.domain.visibility import HiddenBecause
from datashare.errors import InvalidValue
from datashare.testing import strategies
from tests.golden.values import (
    AGREEMENT,
    ANA,
    BATCHES,
    COMMANDS,
    DEPUTY,
    EVENTS,
    HEAD,
    MAT,
    NOTICES,
    PLANS,
    REQUEST,
    TERMS,
    VALUES,
    Value,
)

PROJECT = Path(__file__).parents[1]
GOLDEN = Path(__file__).parent / "golden" / "v1"

Decoder = Callable[[str], Value]

DECODERS: Mapping[str, Decoder] = {
    "batch": decode_batch,
    "command": decode_command,
    "event": decode_event,
    "notice": decode_notice,
    "plan": decode_plan,
    "group": decode_group,
    "institution": decode_institution,
    "successor": decode_successor_link,
}


def decoder_of(name: str) -> Decoder:
    """Return the function that reads a golden file."""
    return DECODERS[name.partition("_")[0]]


def decoder_for(value: Value) -> Decoder:
    """Return the function that reads what is written of a value."""
    kinds: tuple[Any, ...] = (Batch, Command, Event, Notice, Plan, Group, Institution, SuccessorLink)
    return next(decode for kind, decode in zip(kinds, DECODERS.values(), strict=True) if isinstance(value, kind))


def canonical(written: object) -> str:
    """Write JSON as the codec does."""
    return json.dumps(written, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def asking(
    recipients: Recipients = ALL, *, urn: int = 100000, level: AccessLevel = AccessLevel.MIS_DATA
) -> RequestAccess:
    """Build a request."""
    return RequestAccess(urn=urn, level=level, sender=ANA, recipients=recipients, terms=TERMS)


# Round trips


REGISTER = st.one_of(
    strategies.groups(MAT),
    strategies.institutions(100000, date(2026, 5, 3)),
    st.builds(
        SuccessorLink,
        predecessor=strategies.urns(),
        successor=strategies.urns(),
        kind=strategies.texts(),
        day=st.none() | st.dates(),
    ),
)


@given(st.one_of(strategies.commands(), strategies.events(), strategies.batches(), strategies.notices(), REGISTER))
@example(Batch(group=MAT, actor=ANA, command_id="c", commands=[]))
def test_a_value_survives_being_written_as_canonical_json(value: Value) -> None:
    """It is read back equal, to the microsecond and the character; its keys are sorted, without spaces."""
    text = encode(value)
    again = decoder_for(value)(text)

    assert (type(value), value) == (type(again), again)
    assert canonical(json.loads(text)) == text
    assert {"v": VERSION, "value": json.loads(text)["value"]} == json.loads(text)


# The canonical text


def test_sets_are_written_sorted() -> None:
    """The roles of a command are written in one order, whatever order they were given in."""
    roles = ["head_teacher", "data_manager", "governor", "deputy_head_teacher", "executive_head_teacher"]
    texts = {encode(asking(WithRoles(frozenset(order)))) for order in (roles, roles[::-1], roles[2:] + roles[:2])}

    assert len(texts) == 1
    assert json.loads(texts.pop())["value"]["recipients"]["roles"] == sorted(roles)


def test_equal_instants_of_different_zones_are_written_alike() -> None:
    """An instant is written in UTC whatever its zone was, the hour that occurs twice in autumn included."""
    here = EVENTS["event_reminder_sent"]
    first = pendulum.datetime(2026, 10, 25, 0, 30, 0, 1)
    there = attrs.evolve(here, at=first.in_timezone("Europe/London"))

    assert encode(attrs.evolve(here, at=first)) == encode(there)
    assert '"at":"2026-10-25T00:30:00.000001Z"' in encode(there)
    assert first == decode_event(encode(there)).at


def test_instants_always_have_six_decimals() -> None:
    """A whole second is written as long as any other instant, so that the order of texts is that of time."""
    whole = attrs.evolve(EVENTS["event_reminder_sent"], at=pendulum.datetime(2026, 5, 3, 9, 30))

    assert '"at":"2026-05-03T09:30:00.000000Z"' in encode(whole)


@pytest.mark.parametrize("value", [None, "text", 7, object(), HEAD, AGREEMENT, ALL, [], {"v": 1}])
def test_nothing_else_can_be_written(value: object) -> None:
    """Anything but a batch, command, event, notice or plan, or a value of the register, is refused."""
    with pytest.raises(InvalidValue, match="an Agreement, Batch, command, event, Notice or Plan"):
        encode(value)  # type: ignore[arg-type]


# The golden files


@pytest.mark.parametrize("name", VALUES)
def test_a_stored_text_is_read_for_ever(name: str) -> None:
    """What version 1 wrote is read as the value that it was written from, and is written the same again."""
    text = (GOLDEN / f"{name}.json").read_text(encoding="utf-8").removesuffix("\n")

    assert VALUES[name] == decoder_of(name)(text)
    assert text == encode(VALUES[name])


def test_every_kind_has_a_stored_text() -> None:
    """No type of command or event, and no file, is left out of the golden files."""
    assert set(get_args(Command)) == {type(value) for value in COMMANDS.values()}
    assert set(get_args(Event)) == {type(value) for value in EVENTS.values()}
    assert set(VALUES) == {path.stem for path in GOLDEN.glob("*.json")}


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (AccessLevel, "dfe_data mis_data mis_data_and_group_actions"),
        (
            EndCause,
            (
                "school_closed school_left_group group_closed group_reorganised succeeded "
                "by_school by_group entered_in_error"
            ),
        ),
        (
            HiddenBecause,
            (
                "group_closed unknown_urn not_linked joins_later closed due_to_open unknown_status "
                "proposed_to_close type_left_out"
            ),
        ),
        (NoticeKind, "request reminder approved declined withdrawn approval_recorded ended"),
        (Party, "group school"),
        (GroupKind, "mat la"),
        (State, "no_agreement pending approved upgrading"),
        (
            Doubt,
            ("undated in_the_future cyclic several_successors several_predecessors other_number via_another"),
        ),
        (
            Uncertainty,
            (
                "group_gone urn_gone unknown_status due_to_open joins_later left_out_by_policy "
                "proposed_to_close dates_contradict_status"
            ),
        ),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_words_that_were_stored_are_never_renamed(kind: type[enum.Enum], words: str) -> None:
    """Stored texts hold the values of enumerations: more may come, none may go."""
    assert set(words.split()) <= {member.value for member in kind}


# Hostile text

TEXT = encode(COMMANDS["command_request_access"])
BATCH_TEXT = encode(BATCHES["batch"])
EVENT_TEXT = encode(EVENTS["event_request_declined"])
LOST_TEXT = encode(EVENTS["event_visibility_lost"])
NOTICE_TEXT = encode(NOTICES["notice"])


def changed(text: str, old: str, new: str) -> str:
    """Return *text* with one thing changed, which must be there."""
    assert old in text
    return text.replace(old, new)


NOT_COMMANDS = {
    "empty": "",
    "not-json": "approve, please",
    "cut-short": TEXT[:-1],
    "followed-by-more": TEXT + "{}",
    "null": "null",
    "no-value": '{"v":1}',
    "no-version": '{"value":{}}',
    "version-of-tomorrow": changed(TEXT, '"v":1', '"v":2'),
    "version-true": changed(TEXT, '"v":1', '"v":true'),
    "version-1.0": changed(TEXT, '"v":1', '"v":1.0'),
    "more-beside-the-value": TEXT[:-1] + ',"more":1}',
    "value-text": '{"v":1,"value":"remind"}',
    "value-empty": '{"v":1,"value":{}}',
    "kind-unknown": changed(TEXT, '"request_access"', '"drop_everything"'),
    "kind-of-an-event": changed(TEXT, '"request_access"', '"request_sent"'),
    "kind-array": changed(TEXT, '"request_access"', "[]"),
    "recipients-of-no-kind": changed(TEXT, '"holders_of"', '"somebody"'),
    "extra-key": changed(TEXT, '"urn":100000', '"urn":100000,"x":1'),
    "extra-key-within": changed(TEXT, '"version":"2.1"', '"version":"2.1","x":1'),
    "missing-key": changed(TEXT, '"level":"mis_data",', ""),
    "urn-text": changed(TEXT, '"urn":100000', '"urn":"100000"'),
    "urn-float": changed(TEXT, '"urn":100000', '"urn":100000.0'),
    "urn-true": changed(TEXT, '"urn":100000', '"urn":true'),
    "urn-negative": changed(TEXT, '"urn":100000', '"urn":-1'),
    "urn-beyond-conversion": changed(TEXT, '"urn":100000', f'"urn":{"9" * 5000}'),
    "urn-exponent": changed(TEXT, '"urn":100000', '"urn":1e999'),
    "urn-nan": changed(TEXT, '"urn":100000', '"urn":NaN'),
    "level-unknown": changed(TEXT, '"mis_data"', '"all_of_it"'),
    "level-by-name": changed(TEXT, '"mis_data"', '"MIS_DATA"'),
    "level-array": changed(TEXT, '"mis_data"', '["mis_data"]'),
    "sender-without-site": changed(TEXT, '"mat:5143/ana"', '"ana"'),
    "sender-a-system": changed(TEXT, '"mat:5143/ana"', '"system:nightly"'),
    "sender-lone-surrogate": changed(TEXT, '"mat:5143/ana"', '"mat:5143/\\ud800"'),
    "sender-with-nul": changed(TEXT, '"mat:5143/ana"', '"mat:5143/a\\u0000"'),
    "roles-text": changed(TEXT, '["data_manager","deputy_head_teacher","head_teacher"]', '"data_manager"'),
    "roles-nested": changed(TEXT, '"data_manager"', '["data_manager"]'),
    "terms-array": canonical({"v": 1, "value": {**json.loads(TEXT)["value"], "terms": []}}),
    "day-with-time": changed(TEXT, '"2027-03-29"', '"2027-03-29T00:00:00Z"'),
    "day-that-never-was": changed(TEXT, '"2027-03-29"', '"2027-02-29"'),
    "deep-array": "[" * 100_000,
    "deep-but-closed": '{"v":1,"value":' + "[" * 900 + "]" * 900 + "}",
    "an-event": EVENT_TEXT,
}


NOT_EVENTS = {
    "naive-instant": changed(EVENT_TEXT, ".999999Z", ".999999"),
    "instant-a-day": changed(EVENT_TEXT, "2026-03-29T00:59:59.999999Z", "2026-03-29"),
    "instant-number": changed(EVENT_TEXT, '"2026-03-29T00:59:59.999999Z"', "1774745999"),
    "instant-before-time": changed(EVENT_TEXT, "2026-03-29T00:59:59.999999Z", "0001-01-01T00:00:00+14:00"),
    "sequence-true": changed(EVENT_TEXT, '"sequence":10', '"sequence":true'),
    "reason-number": changed(EVENT_TEXT, '"Not yet.\\n\\"Later\\" – 𝄞"', "7"),
    "reason-lone-surrogate": changed(EVENT_TEXT, "Later", "\\udc00"),
    "reason-raw-surrogate": changed(EVENT_TEXT, "Later", "\ud83d"),
    "actor-number": changed(EVENT_TEXT, '"urn:100000/head/1 ü"', "7"),
    "actor-nameless-system": changed(EVENT_TEXT, '"urn:100000/head/1 ü"', '"system:"'),
    "agreement-of-no-group": changed(EVENT_TEXT, '"agreement":"mat:5143/100000"', '"agreement":"5143/100000"'),
    "request-0": changed(EVENT_TEXT, "100000/7", "100000/0"),
    "reasons-unknown": changed(LOST_TEXT, '"closed"', '"on_holiday"'),
    "reasons-text": changed(LOST_TEXT, '["not_linked","closed"]', '"closed"'),
    "a-command": TEXT,
}


NOT_BATCHES = {
    "commands-text": changed(BATCH_TEXT, '"commands":[', '"commands":"","x":['),
    "commands-object": canonical({"v": 1, "value": {**json.loads(BATCH_TEXT)["value"], "commands": {}}}),
    "two-about-one-school": changed(BATCH_TEXT, "100001", "100000"),
    "command-id-with-space": changed(BATCH_TEXT, "2b1f-7", "2b1f 7"),
    "command-id-number": changed(BATCH_TEXT, '"2b1f-7"', "7"),
    "group-by-name": changed(BATCH_TEXT, '"group":"mat:5143"', '"group":"Areté"'),
}


PLAN_TEXT = encode(PLANS["plan"])

NOT_PLANS = {
    "an-event": EVENT_TEXT,
    "day-with-time": changed(PLAN_TEXT, '"2026-03-28"', '"2026-03-28T00:00:00Z"'),
    "doubt-unknown": changed(PLAN_TEXT, '"other_number"', '"no_idea"'),
    "ends-text": changed(PLAN_TEXT, '"ends":[', '"ends":"","x":['),
    "standing-true": changed(PLAN_TEXT, '"standing":3', '"standing":true'),
    "more": changed(PLAN_TEXT, '"standing":3', '"standing":3,"confirmed":true'),
}


NOT_NOTICES = {
    "can-approve-1": changed(NOTICE_TEXT, '"can_approve":true', '"can_approve":1'),
    "people-object": changed(NOTICE_TEXT, '"people":[', '"people":{},"x":['),
    "name-surrogate": changed(NOTICE_TEXT, "Dai ap Rhys", "\\ud800"),
    "naive-instant": changed(NOTICE_TEXT, ".999999Z", ".999999"),
}


HOSTILE = {
    "command": NOT_COMMANDS,
    "event": NOT_EVENTS,
    "batch": NOT_BATCHES,
    "plan": NOT_PLANS,
    "notice": NOT_NOTICES,
}


@pytest.mark.parametrize(
    ("name", "text"),
    [pytest.param(name, text, id=f"{name}-{why}") for name, texts in HOSTILE.items() for why, text in texts.items()],
)
def test_hostile_text_is_refused(name: str, text: str) -> None:
    """Whatever is not written by this library is refused as an invalid value, and nothing else is raised."""
    with pytest.raises(InvalidValue, match=f"The {name} text must be what encode wrote for kind '{name}'"):
        DECODERS[name](text)


@pytest.mark.parametrize("decode", DECODERS.values(), ids=count())
@pytest.mark.parametrize("value", [None, TEXT.encode(), ["{}"], {"v": 1}], ids=count())
def test_only_text_is_read(decode: Decoder, value: object) -> None:
    """Bytes, None and parsed objects are refused, even where JSON could be read from them."""
    with pytest.raises(InvalidValue, match="must be what encode wrote"):
        decode(value)  # type: ignore[arg-type]


def test_the_error_says_where_the_text_is_wrong() -> None:
    """The message names the path to the fault, and shows a long text in short."""
    text = changed(BATCH_TEXT, '"urn":100001', '"urn":"x"')

    with pytest.raises(InvalidValue, match=r"expected int @ \$\.commands\[1\]\.urn") as caught:
        decode_batch(text)
    assert text == caught.value.value
    assert text not in str(caught.value)


JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(st.characters()),
        st.sampled_from(["mat:5143/100000", "system:x", "2026-05-03", "remind", "1e9", "", "\ud800"]),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def places(written: object) -> list[tuple[object, ...]]:
    """List the paths to everything inside a piece of JSON."""
    inner: list[tuple[object, object]] = []
    if isinstance(written, dict):
        inner = list(written.items())
    elif isinstance(written, list):
        inner = list(enumerate(written))
    return [(key, *rest) for key, part in inner for rest in [(), *places(part)]]


def put(written: object, path: tuple[object, ...], value: object) -> object:
    """Return a piece of JSON with another value at a path."""
    if not path:
        return value
    if isinstance(written, dict):
        return {**written, path[0]: put(written[path[0]], path[1:], value)}
    assert isinstance(written, list)
    return [put(part, path[1:], value) if place == path[0] else part for place, part in enumerate(written)]


@given(name=st.sampled_from(sorted(VALUES)), data=st.data(), value=JSON)
def test_no_change_of_a_text_raises_anything_but_invalid_value(name: str, data: st.DataObject, value: object) -> None:
    """A text with any part replaced by anything is refused, or read as a value that can be written."""
    written = json.loads(encode(VALUES[name]))
    path = data.draw(st.sampled_from(places(written)))
    decode = decoder_of(name)

    try:
        decoded = decode(json.dumps(put(written, path, value)))
    except InvalidValue:
        return
    assert decoded == decode(encode(decoded))


@given(st.text(), st.sampled_from(sorted(DECODERS)))
@example('{"v":1,"value":{"kind":"remind","request":null}}', "command")
def test_no_text_raises_anything_but_invalid_value(text: str, kind: str) -> None:
    """Any text at all is refused as an invalid value."""
    with pytest.raises(InvalidValue):
        DECODERS[kind](text)


# Fingerprints

IMPORTED = COMMANDS["command_import_agreement"]
assert isinstance(IMPORTED, ImportAgreement)
ENDED = EndAgreement(urn=100000, cause=EndCause.SCHOOL_CLOSED, note="It closed.")
TRUST_B = GroupId.mat("1")

DIFFERENT: dict[str, tuple[Actor, Command]] = {
    "as-it-was": (ANA, asking()),
    "another-person": (PersonId(MAT, "ben"), asking()),
    "same-id-at-another-site": (PersonId(TRUST_B, "ana"), asking()),
    "a-system-of-that-name": (SystemActor("mat:5143/ana"), asking()),
    "another-level": (ANA, asking(level=AccessLevel.DFE_DATA)),
    "another-sender": (ANA, attrs.evolve(asking(), sender=PersonId(MAT, "ben"))),
    "no-terms": (ANA, attrs.evolve(asking(), terms=None)),
    "another-version": (ANA, attrs.evolve(asking(), terms=attrs.evolve(TERMS, version="2.2"))),
    "another-review": (ANA, attrs.evolve(asking(), terms=attrs.evolve(TERMS, review_on=None))),
    "holders": (ANA, asking(WithRoles({"head_teacher"}))),
    "other-holders": (ANA, asking(WithRoles({"data_manager"}))),
    "named": (ANA, asking(Named([HEAD]))),
    "add-everybody": (ANA, AddRecipients(request=REQUEST)),
    "add-named": (ANA, AddRecipients(request=REQUEST, recipients=Named([HEAD]))),
    "remind": (ANA, Remind(request=REQUEST)),
    "withdraw": (ANA, Withdraw(request=REQUEST)),
    "withdraw-because": (ANA, Withdraw(request=REQUEST, reason="Wrong level.")),
    "approve": (ANA, Approve(request=REQUEST)),
    "approve-version": (ANA, Approve(request=REQUEST, terms_version="2")),
    "decline": (ANA, Decline(request=REQUEST, reason="Wrong level.")),
    "import": (ANA, IMPORTED),
    "end": (ANA, ENDED),
    "end-as-planned": (ANA, attrs.evolve(ENDED, planned=Planned(plan="a", version=2))),
    "end-as-planned-otherwise": (ANA, attrs.evolve(ENDED, planned=Planned(plan="b", version=2))),
    "visibility": (ANA, RecordVisibility(urn=100000)),
    "visibility-of-a-day": (ANA, RecordVisibility(urn=100000, register_day=date(2026, 5, 3))),
}


@pytest.mark.rule("K4")
def test_fingerprints_tell_different_actions_apart() -> None:
    """Another actor, level, sender, choice of people, version or kind is another command."""
    prints = {name: fingerprint(actor, command) for name, (actor, command) in DIFFERENT.items()}

    assert len(DIFFERENT) == len({shared for shared, _ in prints.values()})
    assert len(DIFFERENT) == len({own for _, own in prints.values()})


PLANNED = attrs.evolve(ENDED, planned=Planned(plan="a", version=2))

OF_ONE_ACTION: dict[str, tuple[Command, Command]] = {
    "two-schools": (asking(), asking(urn=100001)),
    "two-requests": (Remind(request=REQUEST), Remind(request=RequestId(AGREEMENT, 8))),
    "people-of-each-school": (asking(Named([HEAD])), asking(Named([DEPUTY]))),
    "imports": (IMPORTED, attrs.evolve(IMPORTED, evidence="Cabinet 4")),
    "planned-causes": (PLANNED, attrs.evolve(PLANNED, cause=EndCause.SCHOOL_LEFT_GROUP, note="It left.")),
    "planned-versions": (PLANNED, attrs.evolve(PLANNED, planned=Planned(plan="a", version=3))),
}


@pytest.mark.rule("K4", "E4")
@pytest.mark.parametrize(("here", "there"), OF_ONE_ACTION.values(), ids=OF_ONE_ACTION)
def test_commands_of_one_action_have_one_shared_fingerprint(here: Command, there: Command) -> None:
    """What differs from school to school within one action counts for each school alone."""
    (shared, own), (shared_there, own_there) = fingerprint(ANA, here), fingerprint(ANA, there)

    assert shared == shared_there
    assert own != own_there


@pytest.mark.rule("K4")
@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (
            COMMANDS["command_request_access"],
            (
                "333ae11dd2562c7064790494461f8290d0b915af1df66d07aa4413e99452b278",
                "d9cb4f307ce75606c73c9cd51f3b85e10ff7da64c6d492ac9fd9743a22ed1b60",
            ),
        ),
        (
            ENDED,
            (
                "84fd09817a1bdc901b7d42059f05afed3217beca58a423e93df1dc1ccc1389d3",
                "3cb5c70bf438c76600624aa376ffda88a54d43878b05821321c1c1f414a245af",
            ),
        ),
    ],
    ids=["request", "end"],
)
def test_a_fingerprint_is_the_same_in_every_version(command: Command, expected: tuple[str, str]) -> None:
    """Digests are kept with outcomes, so that a repetition is recognised after an upgrade too."""
    assert expected == fingerprint(ANA, command)


@pytest.mark.rule("K4")
@given(st.lists(strategies.commands(), max_size=5))
@example([asking(), asking(urn=100001), asking(Named([HEAD])), asking(Named([DEPUTY])), asking()])
@example([IMPORTED, asking(level=AccessLevel.DFE_DATA), IMPORTED])
def test_many_commands_have_the_fingerprints_that_each_has_alone(commands: list[Command]) -> None:
    """What is digested once for neighbours that say the same is digested anew where they differ."""
    together = [*commands, *reversed(commands)]

    assert [fingerprint(ANA, command) for command in together] == list(fingerprints(ANA, together))


@pytest.mark.rule("K4")
@given(strategies.commands(), strategies.commands())
def test_fingerprints_follow_equality(command: Command, other: Command) -> None:
    """Equal commands have equal digests, read back from text or not; different ones do not."""
    assert fingerprint(ANA, command) == fingerprint(ANA, decode_command(encode(command)))
    assert (command == other) == (fingerprint(ANA, command)[1] == fingerprint(ANA, other)[1])


SCRIPT = """
import sys
from datashare.codec import encode, fingerprint
from tests.golden.values import ANA, COMMANDS, VALUES
for value in VALUES.values():
    sys.stdout.buffer.write(encode(value).encode() + b"\\n")
for command in COMMANDS.values():
    print(*fingerprint(ANA, command), flush=True)
"""


def test_texts_and_fingerprints_are_equal_in_every_process() -> None:
    """Neither depends on the seed of Python's hashes, so that any process recognises a repeated command."""
    written = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=PROJECT,
            check=True,
            capture_output=True,
        ).stdout
        for seed in ("0", "4242")
    }

    here = [encode(value) for value in VALUES.values()]
    here += [" ".join(fingerprint(ANA, command)) for command in COMMANDS.values()]
    assert ["\n".join(here) + "\n"] == [text.decode().replace("\r\n", "\n") for text in written]


def test_instants_that_look_alike_as_the_clocks_go_back_are_written_apart() -> None:
    """Python holds half past one before and after to be equal in London; they are an hour apart."""
    before = pendulum.datetime(2026, 10, 25, 1, 30, tz="Europe/London", fold=0)
    after = pendulum.datetime(2026, 10, 25, 1, 30, tz="Europe/London", fold=1)

    assert before == after
    assert converter().unstructure(before, Instant) == "2026-10-25T00:30:00.000000Z"
    assert converter().unstructure(after, Instant) == "2026-10-25T01:30:00.000000Z"


@pytest.mark.rule("O5")
def test_names_with_line_breaks_that_were_stored_are_read_on_one_line() -> None:
    """Older versions stored names as directories gave them; what is no notice is still refused."""
    stored = json.loads((GOLDEN / "notice.json").read_text())
    fields = ("group_name", "institution_name", "sender_name", "actor_name")
    expected = decode_notice(json.dumps(stored))
    for holder, field in [
        *((stored["value"], field) for field in fields),
        *((person, "name") for part in ("people", "answerers") for person in stored["value"].get(part, ())),
    ]:
        holder[field] = f"{holder.get(field, '')}\r\nBcc: x"
    read = decode_notice(json.dumps(stored))

    assert [f"{getattr(expected, field)} Bcc: x".strip() for field in fields] == [getattr(read, f) for f in fields]
    assert [f"{person.name} Bcc: x" for person in expected.people] == [person.name for person in read.people]
    wrong: list[Any] = [None, [], {"people": 7}, {"people": [7], "answerers": "x"}]
    for damaged in wrong:
        with pytest.raises(InvalidValue, match="notice"):
            decode_notice(json.dumps({"v": 1, "value": damaged}))
