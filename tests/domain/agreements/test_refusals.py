"""Refusals: every reason, in order, in words that a person can act on (rules R2, A4)."""

import re

import attrs
import pytest

from datashare.domain.agreements.commands import Approve, Command, EndCause, Named, Remind
from datashare.domain.agreements.context import Caution, CautionCode, DecisionContext
from datashare.domain.agreements.ids import ClosedRequest, RequestId, RequestOutcome, SystemActor
from datashare.domain.agreements.refusals import WHOLE, Reason, Refusal, RefusalCode, in_order
from datashare.domain.agreements.state import Agreement, State, Tab
from datashare.domain.eligibility import Eligibility, Unsuitable
from datashare.domain.people import PersonId
from datashare.domain.policy import Policy
from datashare.domain.visibility import HiddenBecause, HiddenReason
from datashare.errors import Refused
from tests.builders import (
    AGREEMENT,
    AUTUMN,
    HEAD,
    HILDA,
    MIS,
    SCHOOL,
    TEACHER,
    TERMS,
    TRUST_STAFF,
    URN,
    agreement_after,
    answer_to,
    ask,
    codes,
    context,
    end,
    importing,
    in_state,
    new,
    record,
    replacing,
    staff_member,
    visibility_of,
)

HOSTILE = "{0} {detail} {level!r} %s \\N{BULLET} {"
WHOSE = PersonId(URN, HOSTILE)

# R2, written out once more by hand; those that the rule does not name stand with their kin.
ORDER = [
    ["not_visible"],
    ["no_school_site"],
    ["request_already_open", "request_not_open", "nothing_to_end", "cause_not_shown", "history_exists"],
    ["lapsed"],
    ["level_unchanged", "level_reduction"],
    ["terms_version_mismatch"],
    ["same_person"],
    ["recipient_not_eligible", "no_eligible_recipient", "already_asked", "no_reachable_recipient"],
    ["reminder_too_soon"],
    ["conflict"],
    ["unreadable"],
]

NEXT_STEPS = (
    "Ask", "Choose", "Make", "Add", "Use", "Load", "Try", "Wait", "Withdraw", "Look", "Leave", "Send",
    "Reload", "If it is open", "Check",
)  # fmt: skip


def hostile(code: RefusalCode) -> Reason:
    """Return a reason as it really occurs, but with hostile names wherever a name can stand."""
    request = RequestId(AGREEMENT, 3)
    visibility = attrs.evolve(
        visibility_of(HiddenBecause.NOT_LINKED),
        reasons=(HiddenReason(HiddenBecause.NOT_LINKED, None, HOSTILE),),
    )
    facts_of: dict[RefusalCode, Reason] = {
        RefusalCode.NOT_PERMITTED: Reason(code=code, detail=f"{WHOSE} may not end agreements. Ask somebody who may."),
        RefusalCode.NOT_VISIBLE: Reason(code=code, visibility=visibility),
        RefusalCode.REQUEST_NOT_OPEN: Reason(
            code=code,
            request=request,
            closed=ClosedRequest(id=request, outcome=RequestOutcome.ENDED, by=SystemActor(HOSTILE), at=AUTUMN),
        ),
        RefusalCode.CAUSE_NOT_SHOWN: Reason(code=code, detail=str(visibility)),
        RefusalCode.LAPSED: Reason(code=code, detail=f"Request {request} has lapsed."),
        RefusalCode.TERMS_VERSION_MISMATCH: Reason(code=code, detail=f"It names version {HOSTILE}."),
        RefusalCode.REGISTER_OLDER: Reason(code=code, detail="The register is of 1 May 2026."),
        RefusalCode.REGISTER_DIFFERS: Reason(code=code, detail="It is of 1 May 2026."),
        RefusalCode.CONFIRMATION_NEEDED: Reason(code=code, detail="The plan would end 4 of 4 agreements."),
        RefusalCode.REMINDER_TOO_SOON: Reason(code=code, from_instant=AUTUMN),
        RefusalCode.LEVEL_NOT_REQUESTABLE: Reason(code=code, level=MIS, detail=HOSTILE),
    }
    people = (Eligibility(WHOSE, (Unsuitable.NO_ADDRESS,)),)
    return facts_of.get(code, Reason(code=code, level=MIS, request=request, people=people))


@pytest.mark.rule("R2")
def test_order_of_reasons_is_that_of_the_rule() -> None:
    """The primary reason is chosen in the order of the rule, code by code."""
    per_school = [code.value for code in RefusalCode if code not in WHOLE]

    assert [code for kin in ORDER for code in kin] == per_school
    assert WHOLE == set(list(RefusalCode)[: len(WHOLE)])


@pytest.mark.rule("R2")
def test_reasons_are_sorted_whatever_their_order() -> None:
    """The primary reason comes first, and reasons of one code keep their order."""
    reasons = [Reason(code=code) for code in RefusalCode]
    twice = [Reason(code=RefusalCode.CONFLICT, detail=detail) for detail in ("b", "a")]

    assert tuple(reasons) == in_order(reversed(reasons))
    assert tuple(reasons) == Refusal(in_order(reversed(reasons))).reasons
    assert RefusalCode.NOT_PERMITTED is Refusal(in_order(reversed(reasons))).code
    assert tuple(twice) == in_order(twice)


WRONG_IN_EVERY_WAY = context(site=None, people={})
SHARED = context(
    HiddenBecause.CLOSED,
    actor=HEAD,
    policy=attrs.evolve(Policy.mat(), distinct_approver=True),
    people=replacing(SCHOOL, staff_member(HEAD, "head_teacher", email="ana@site.example")),
    others=TRUST_STAFF,
)
WITH_TERMS = agreement_after(new(), ask(terms=TERMS))


@pytest.mark.rule("R2")
@pytest.mark.parametrize(
    ("agreement", "command", "in_context", "expected"),
    [
        (
            in_state(State.UPGRADING),
            ask(MIS, Named((TEACHER,))),
            WRONG_IN_EVERY_WAY,
            ["NO_SCHOOL_SITE", "REQUEST_ALREADY_OPEN", "LEVEL_UNCHANGED", "RECIPIENT_NOT_ELIGIBLE"],
        ),
        (
            in_state(State.APPROVED),
            ask(MIS),
            WRONG_IN_EVERY_WAY,
            ["NO_SCHOOL_SITE", "LEVEL_UNCHANGED", "NO_ELIGIBLE_RECIPIENT"],
        ),
        (
            in_state(State.UPGRADING),
            record(MIS),
            WRONG_IN_EVERY_WAY,
            ["REQUEST_ALREADY_OPEN", "LEVEL_UNCHANGED"],
        ),
        (
            in_state(State.UPGRADING),
            importing(),
            WRONG_IN_EVERY_WAY,
            ["REQUEST_ALREADY_OPEN", "HISTORY_EXISTS"],
        ),
        (WITH_TERMS, answer_to(WITH_TERMS), SHARED, ["NOT_VISIBLE", "TERMS_VERSION_MISMATCH", "SAME_PERSON"]),
        (
            WITH_TERMS,
            Remind(request=RequestId(AGREEMENT, 2)),
            WRONG_IN_EVERY_WAY,
            ["NO_SCHOOL_SITE", "REQUEST_NOT_OPEN"],
        ),
        (
            WITH_TERMS,
            Approve(request=RequestId(AGREEMENT, 2)),
            SHARED,
            ["NOT_VISIBLE", "REQUEST_NOT_OPEN"],
        ),
        (new(), end(EndCause.SUCCEEDED), context(), ["NOTHING_TO_END", "CAUSE_NOT_SHOWN"]),
    ],
    ids=["upgrade", "same-level", "record", "import", "approve", "remind", "approve-other", "end"],
)
def test_all_reasons_are_present_the_primary_one_first(
    agreement: Agreement, command: Command, in_context: DecisionContext, expected: list[str]
) -> None:
    """Whatever applies is given at once, in the rule's order."""
    assert expected == [code.name for code in codes(agreement, command, in_context)]


@pytest.mark.rule("R2", "R1")
@pytest.mark.parametrize("code", RefusalCode)
def test_words_are_complete_sentences_that_say_what_to_do(code: RefusalCode) -> None:
    """With its facts filled in, each code says what is wrong, then what to do."""
    words = str(hostile(code)).replace(HOSTILE, "X").replace(HILDA.name, "X")

    assert re.fullmatch(r"(?:[A-Z0-9][^{}]*[.] )+[A-Z][^{}]*[.)]\.?", words), words
    assert words.rsplit(". ", 1)[-1].startswith(NEXT_STEPS), words
    assert "None" not in words


@pytest.mark.rule("R2")
@pytest.mark.parametrize("code", RefusalCode)
def test_hostile_names_are_shown_as_they_are(code: RefusalCode) -> None:
    """Braces and percent signs in a name neither fill nor break the words."""
    words = str(hostile(code))

    assert (code in SAY_NAMES) is (HOSTILE in words)
    assert not set("{}") & set(words.replace(HOSTILE, "").replace(HILDA.name, ""))


SAY_NAMES = {
    RefusalCode.NOT_VISIBLE,
    RefusalCode.REQUEST_NOT_OPEN,
    RefusalCode.NOT_PERMITTED,
    RefusalCode.SENDER_NOT_ELIGIBLE,
    RefusalCode.LEVEL_NOT_REQUESTABLE,
    RefusalCode.CAUSE_NOT_SHOWN,
    RefusalCode.TERMS_VERSION_MISMATCH,
    RefusalCode.RECIPIENT_NOT_ELIGIBLE,
}


@pytest.mark.rule("R2")
@pytest.mark.parametrize("code", RefusalCode)
def test_words_need_no_facts(code: RefusalCode) -> None:
    """A reason without any facts can still be put into words."""
    assert str(Reason(code=code)).endswith(".")


@pytest.mark.rule("A4", "R2")
def test_words_of_a_whole_refusal_name_every_reason() -> None:
    """The words of a refusal, as a value and as an exception, are those of all its reasons."""
    refusal = Refusal(in_order([hostile(RefusalCode.REMINDER_TOO_SOON), hostile(RefusalCode.NO_SCHOOL_SITE)]))

    expected = (
        "The school has no MIS site, so nobody there can answer. Wait until it has one. "
        "It is too soon for a reminder. Wait until 25 October 2026 at 01:30 (London)."
    )
    assert expected == str(refusal)
    assert expected == str(Refused(refusal.reasons))


@pytest.mark.rule("P10", "Q4", "N3")
@pytest.mark.parametrize("code", CautionCode)
def test_words_of_cautions_are_complete_too(code: CautionCode) -> None:
    """Each caution is a sentence, whatever the people are called."""
    words = str(Caution(code, (WHOSE, HEAD))).replace(HOSTILE, "X")

    assert re.fullmatch(r"[A-Z][^{}]*\.", words), words


@pytest.mark.rule("T4")
def test_states_and_tabs_have_labels() -> None:
    """States and tabs are worded for people."""
    assert ["No agreement", "Pending", "Approved", "Upgrading"] == [state.label for state in State]
    assert ["No Agreement", "Pending", "Approved"] == [tab.label for tab in Tab]
