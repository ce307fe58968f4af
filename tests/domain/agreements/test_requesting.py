"""Asking a school for a level, and adding people to the request (rules L, P, Q, U)."""

from collections.abc import Callable, Iterable
from datetime import date
from itertools import count

import attrs
import pytest

from datashare.codec import decode_event, encode
from datashare.domain.agreements.commands import (
    ALL,
    AddRecipients,
    Decline,
    Named,
    Recipients,
    RecordApproval,
    RequestAccess,
    WithRoles,
)
from datashare.domain.agreements.context import CautionCode
from datashare.domain.agreements.events import RecipientsAdded, RequestSent
from datashare.domain.agreements.ids import RequestId
from datashare.domain.agreements.refusals import RefusalCode
from datashare.domain.agreements.state import State, Tab
from datashare.domain.eligibility import Unsuitable
from datashare.domain.levels import AccessLevel
from datashare.domain.people import Period, Permission, Person, PersonId
from datashare.domain.policy import Policy
from datashare.domain.visibility import HiddenBecause
from datashare.errors import InvalidValue
from tests.builders import (
    ACTIONS,
    AGREEMENT,
    ANA,
    DATA_MANAGER,
    DEPUTY,
    DFE,
    ELIGIBLE,
    EXECUTIVE,
    HEAD,
    MIS,
    MUTE_HEAD,
    NOW,
    OTHER_URN,
    SCHOOL,
    TEACHER,
    TERMS,
    URN,
    agreement_after,
    answer_to,
    ask,
    codes,
    context,
    decision_on,
    end,
    fold_onto,
    header,
    importing,
    in_state,
    new,
    only_event,
    open_request,
    record,
    refusal_of,
    replacing,
    staff_member,
    without,
)

NOBODY = PersonId(URN, "nobody")
ELSEWHERE = PersonId(OTHER_URN, "head")


def recipients_of(recipients: Recipients, people: dict[PersonId, Person] = SCHOOL) -> tuple[PersonId, ...]:
    """Return who is sent a first request to *recipients*."""
    event = only_event(new(), ask(recipients=recipients), context(people=people))
    assert isinstance(event, RequestSent)
    return event.recipients


@pytest.mark.rule("Q1", "T3")
def test_request_records_level_sender_recipients_and_actor() -> None:
    """One event says what was asked, from whom, to whom, by whom, when and under which command."""
    command = ask(MIS, Named((DEPUTY,)), TERMS)

    event = only_event(new(), command, context(command_id="c-7"))

    expected = RequestSent(
        **header(command_id="c-7"),
        level=MIS,
        raises=None,
        sender=ANA,
        recipients=(DEPUTY,),
        terms=TERMS,
    )
    assert expected == event


@pytest.mark.rule("Q1")
def test_open_request_is_as_it_was_sent() -> None:
    """The pending agreement shows the request, and has no level in force."""
    agreement = agreement_after(new(), ask(MIS, Named((HEAD, DEPUTY)), TERMS))
    request = open_request(agreement)

    assert RequestId(AGREEMENT, 1) == request.id
    assert (MIS, ANA, ANA, NOW) == (request.level, request.sender, request.asked_by, request.asked_at)
    assert ((HEAD, DEPUTY), TERMS, None) == (request.recipients, request.terms, request.reminded_at)
    assert None is agreement.level
    assert frozenset({Tab.PENDING}) == agreement.tabs
    assert agreement.stands


@pytest.mark.rule("P9", "Q1")
def test_sender_and_actor_may_differ() -> None:
    """A request holds both: the person it is from, and the person who sent it."""
    ben = PersonId(AGREEMENT.group, "ben")

    request = open_request(agreement_after(new(), ask(), context(actor=ben)))

    assert (ANA, ben) == (request.sender, request.asked_by)


@pytest.mark.rule("Q10", "Q5", "P4", "P6")
def test_everyone_is_all_who_are_eligible() -> None:
    """All means the eligible people with an address, settled when it is sent."""
    assert ELIGIBLE == recipients_of(ALL)
    assert (MUTE_HEAD, TEACHER) == tuple(sorted(set(SCHOOL) - set(ELIGIBLE), key=str))


@pytest.mark.rule("Q5")
def test_people_who_join_later_are_not_added_by_themselves() -> None:
    """People who become eligible after the request was sent are not among its recipients."""
    asked = agreement_after(new(), ask(), context(people=without(SCHOOL, DEPUTY)))

    reminded = agreement_after(asked, AddRecipients(request=open_request(asked).id, recipients=Named((DEPUTY,))))

    assert (DATA_MANAGER, EXECUTIVE, HEAD) == open_request(asked).recipients
    assert (DATA_MANAGER, EXECUTIVE, HEAD, DEPUTY) == open_request(reminded).recipients


@pytest.mark.rule("Q10")
@pytest.mark.parametrize(
    ("roles", "expected"),
    [
        ({"head_teacher"}, (HEAD,)),
        ({"data_manager", "deputy_head_teacher"}, (DATA_MANAGER, DEPUTY)),
        ({"executive_head_teacher", "teacher"}, (EXECUTIVE,)),
    ],
    ids=["head", "two", "one-not-eligible"],
)
def test_roles_choose_their_eligible_holders(roles: set[str], expected: tuple[PersonId, ...]) -> None:
    """A set of roles means those of their holders who are eligible."""
    assert expected == recipients_of(WithRoles(roles))


@pytest.mark.rule("Q10")
@pytest.mark.parametrize(
    ("recipients", "present"),
    [
        (ALL, (TEACHER, MUTE_HEAD)),
        (WithRoles({"head_teacher"}), (TEACHER, MUTE_HEAD)),
        (WithRoles({"teacher"}), SCHOOL),
        (WithRoles(()), SCHOOL),
        (Named(()), SCHOOL),
    ],
    ids=["all", "role", "no-eligible-role", "no-role", "no-one"],
)
def test_request_to_nobody_eligible_is_refused(recipients: Recipients, present: Iterable[PersonId]) -> None:
    """If nobody who is meant is eligible, or nobody is meant, the school's request is refused."""
    people = {who: SCHOOL[who] for who in present}

    assert (RefusalCode.NO_ELIGIBLE_RECIPIENT,) == codes(new(), ask(recipients=recipients), context(people=people))


@pytest.mark.rule("P11")
def test_named_people_who_cannot_be_asked_are_all_named_with_every_reason() -> None:
    """One unfit name refuses the school, and the refusal names each unfit person and why."""
    left = Person(
        id=PersonId(URN, "left"),
        name="Łucja",
        email="not an address",
        roles=("head_teacher",),
        period=Period(None, date(2026, 3, 28)),
    )
    named = Named((HEAD, NOBODY, ELSEWHERE, TEACHER, MUTE_HEAD, left.id, NOBODY))

    refusal = refusal_of(new(), ask(recipients=named), context(people=replacing(SCHOOL, left)))

    (reason,) = refusal.reasons
    assert RefusalCode.RECIPIENT_NOT_ELIGIBLE is reason.code
    assert {
        NOBODY: (Unsuitable.UNKNOWN_PERSON,),
        ELSEWHERE: (Unsuitable.OTHER_SITE,),
        TEACHER: (Unsuitable.NO_ELIGIBLE_ROLE,),
        MUTE_HEAD: (Unsuitable.NO_ADDRESS,),
        left.id: (Unsuitable.NOT_CURRENT, Unsuitable.NO_ADDRESS),
    } == {answer.person: answer.reasons for answer in reason.people}
    assert 5 == len(reason.people)
    assert all(str(answer.person) in str(refusal) for answer in reason.people)
    assert str(HEAD) not in str(refusal)


@pytest.mark.rule("O5", "Q8")
def test_terms_name_no_address_that_hides_where_it_leads() -> None:
    """New terms are refused, wherever they stand; other text is a reference, and what was stored can be read."""
    hidden = attrs.evolve(TERMS, reference="https://good.example@evil.example/")
    for reference in (
        hidden.reference,
        "http://good.example@evil.example/",
        "FTP://good.example:443@evil.example",
        "See http://good.example\\@evil.example/ first",
        "http://good.example\uff20evil.example/",
        "https://good.example/ or http://good.example@evil.example/",
    ):
        for command in (ask(), record(), importing()):
            with pytest.raises(InvalidValue, match=r"The reference of terms must be .* user information"):
                attrs.evolve(command, terms=attrs.evolve(TERMS, reference=reference))
    for reference in (
        "HTTPS://council.example./addendum.pdf",
        "http://council.example/@addendum?from=ana@council.example",
        "Ask ana@council.example",
        "Filing cabinet 3",
        "http://council.example/",
        "https://council.example/addendum-ß.pdf",
    ):
        terms = attrs.evolve(TERMS, reference=reference)
        assert terms == ask(terms=terms).terms
    sent = only_event(new(), ask(terms=TERMS))
    assert isinstance(sent, RequestSent)
    stored = attrs.evolve(sent, terms=hidden)

    assert stored == decode_event(encode(stored))
    assert ("", hidden.reference) == (hidden.link, hidden.reference)


@pytest.mark.rule("P10")
def test_request_goes_out_with_a_warning_if_nobody_can_approve() -> None:
    """Without anybody who can approve, the request is sent all the same, with the warning."""
    people = without(SCHOOL, HEAD, MUTE_HEAD)

    answer = decision_on(new(), ask(), context(people=people))

    assert State.PENDING is fold_onto(new(), answer.events).state
    assert [CautionCode.NO_APPROVER] == [caution.code for caution in answer.cautions]
    assert "Nobody at the school can approve" in str(answer.cautions[0])


@pytest.mark.rule("P10", "P3")
def test_anybody_who_can_approve_prevents_the_warning() -> None:
    """A head without address, or a teacher with a direct grant, can approve and so there is no warning."""
    mute = without(SCHOOL, HEAD)
    granted = replacing(
        without(mute, MUTE_HEAD), staff_member(TEACHER, permissions=[Permission.ADMINISTER_DATA_SHARING_REQUEST])
    )

    assert () == decision_on(new(), ask(), context(people=mute)).cautions
    assert () == decision_on(new(), ask(), context(people=granted)).cautions


@pytest.mark.rule("Q9", "T5")
def test_hidden_school_cannot_be_asked_and_the_refusal_says_why() -> None:
    """A school that the group does not see is refused with every reason that hides it."""
    refusal = refusal_of(new(), ask(), context(HiddenBecause.CLOSED, HiddenBecause.NOT_LINKED))

    (reason,) = refusal.reasons
    assert RefusalCode.NOT_VISIBLE is reason.code
    assert reason.visibility is not None
    assert [HiddenBecause.CLOSED, HiddenBecause.NOT_LINKED] == [r.because for r in reason.visibility.reasons]
    assert "it closed on 1 March 2026; the register does not link it with the group" in str(refusal)


@pytest.mark.rule("Q6")
@pytest.mark.parametrize("state", [State.PENDING, State.UPGRADING], ids=count())
@pytest.mark.parametrize("level", [DFE, MIS, ACTIONS], ids=count())
def test_second_request_is_refused_while_one_is_open(state: State, level: AccessLevel) -> None:
    """A second request, at whatever level, is refused until the first is closed."""
    agreement = in_state(state)

    refusal = refusal_of(agreement, ask(level))

    assert RefusalCode.REQUEST_ALREADY_OPEN is refusal.code
    assert open_request(agreement).id == refusal.reasons[0].request
    assert f"Request {open_request(agreement).id} for " in str(refusal)


@pytest.mark.rule("Q7", "L4", "L5", "A9")
@pytest.mark.parametrize("in_force", AccessLevel, ids=count())
@pytest.mark.parametrize("wanted", AccessLevel, ids=count())
@pytest.mark.parametrize("command", [ask, record], ids=count())
def test_level_in_force_is_raised_and_never_reduced(
    in_force: AccessLevel, wanted: AccessLevel, command: Callable[[AccessLevel], RequestAccess | RecordApproval]
) -> None:
    """The same level is refused as unchanged, a lower one as a reduction; a higher one can be asked for or recorded."""
    agreement = agreement_after(new(), record(in_force))

    if wanted > in_force:
        raised = agreement_after(agreement, command(wanted))
        assert wanted is (raised.request.level if raised.request else raised.level)
        return
    code = RefusalCode.LEVEL_UNCHANGED if wanted is in_force else RefusalCode.LEVEL_REDUCTION
    refusal = refusal_of(agreement, command(wanted))
    assert (code, in_force) == (refusal.code, refusal.reasons[0].level)
    assert str(refusal).startswith(Policy.mat().label(in_force))


@pytest.mark.rule("L4", "E1")
def test_any_level_may_be_asked_after_an_end() -> None:
    """Once the agreement has ended, a lower level than before can be asked for."""
    ended = agreement_after(in_state(State.UPGRADING), end())

    assert State.NO_AGREEMENT is ended.state
    assert MIS is open_request(agreement_after(ended, ask(MIS))).level
    assert DFE is open_request(agreement_after(ended, ask(DFE))).level


@pytest.mark.rule("U1", "U2")
def test_old_level_stays_in_force_until_the_upgrade_is_accepted() -> None:
    """An upgrade is a request beside the level in force; the school stands under both tabs."""
    before = in_state(State.APPROVED)

    agreement = agreement_after(before, ask(ACTIONS))

    assert before.in_force == agreement.in_force
    assert (MIS, ACTIONS) == (agreement.level, open_request(agreement).level)
    assert frozenset({Tab.PENDING, Tab.APPROVED}) == agreement.tabs
    accepted = agreement_after(agreement, answer_to(agreement), context(actor=HEAD))
    assert (ACTIONS, frozenset({Tab.APPROVED})) == (accepted.level, accepted.tabs)


@pytest.mark.rule("Q2", "Q4")
def test_people_added_are_those_who_have_not_been_asked() -> None:
    """Whoever has the request is skipped and reported; the others are added after those before."""
    agreement = agreement_after(new(), ask(recipients=Named((HEAD, DEPUTY))))
    command = AddRecipients(request=open_request(agreement).id, recipients=ALL)

    answer = decision_on(agreement, command)

    (event,) = answer.events
    assert isinstance(event, RecipientsAdded)
    assert (open_request(agreement).id, (DATA_MANAGER, EXECUTIVE)) == (event.request, event.recipients)
    (caution,) = answer.cautions
    assert (CautionCode.SKIPPED_ALREADY_ASKED, (DEPUTY, HEAD)) == (caution.code, caution.people)
    assert f"Left out, since they have been sent the request already: {DEPUTY}, {HEAD}." == str(caution)
    assert (HEAD, DEPUTY, DATA_MANAGER, EXECUTIVE) == open_request(fold_onto(agreement, [event])).recipients


@pytest.mark.rule("Q4")
def test_adding_only_new_people_reports_nobody() -> None:
    """Where nobody is skipped, nothing is reported."""
    agreement = agreement_after(new(), ask(recipients=Named((HEAD,))))
    command = AddRecipients(request=open_request(agreement).id, recipients=Named((DEPUTY,)))

    assert () == decision_on(agreement, command).cautions


@pytest.mark.rule("Q4", "Q2")
@pytest.mark.parametrize(
    "recipients", [ALL, WithRoles({"head_teacher"}), Named((HEAD, HEAD))], ids=["all", "role", "named"]
)
def test_adding_only_people_who_have_it_is_refused(recipients: Recipients) -> None:
    """If nobody is left to add, the addition is refused, and nobody is sent the request twice."""
    agreement = agreement_after(new(), ask())
    command = AddRecipients(request=open_request(agreement).id, recipients=recipients)

    assert (RefusalCode.ALREADY_ASKED,) == codes(agreement, command)


@pytest.mark.rule("Q4", "P11")
def test_adding_obeys_the_same_rules_about_recipients() -> None:
    """An addition is refused too if nobody is eligible or somebody named is unfit."""
    agreement = agreement_after(new(), ask(recipients=Named((HEAD,))))
    request = open_request(agreement).id

    assert (RefusalCode.RECIPIENT_NOT_ELIGIBLE,) == codes(
        agreement, AddRecipients(request=request, recipients=Named((DEPUTY, TEACHER)))
    )
    assert (RefusalCode.NO_ELIGIBLE_RECIPIENT,) == codes(
        agreement, AddRecipients(request=request, recipients=WithRoles({"teacher"}))
    )


@pytest.mark.rule("Q4", "R2")
def test_adding_to_an_older_request_says_nothing_about_the_open_one() -> None:
    """The recipients of the open request are not a reason against adding to a closed one."""
    first = agreement_after(new(), ask())
    declined = agreement_after(first, Decline(request=open_request(first).id, reason="No"), context(actor=HEAD))
    again = agreement_after(declined, ask())

    command = AddRecipients(request=open_request(first).id, recipients=ALL)

    assert (RefusalCode.REQUEST_NOT_OPEN,) == codes(again, command)


@pytest.mark.rule("Q2", "Q3")
def test_same_head_can_be_asked_for_the_upgrade() -> None:
    """The exclusion lasts as long as the request: the head can be asked again for the upgrade."""
    pending = agreement_after(new(), ask(recipients=Named((HEAD,))))
    approved = agreement_after(pending, answer_to(pending), context(actor=HEAD))
    assert None is approved.request

    assert (HEAD,) == open_request(agreement_after(approved, ask(ACTIONS, Named((HEAD,))))).recipients
