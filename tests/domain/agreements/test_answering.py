"""The school's answer, and agreements that were settled elsewhere (rules A, P)."""

from datetime import date

import attrs
import pytest

from datashare.domain.agreements.commands import Approve, Command, Decline, Named, Withdraw
from datashare.domain.agreements.decide import decide, needs_events
from datashare.domain.agreements.events import (
    AgreementImported,
    ApprovalRecorded,
    Event,
    RequestApproved,
    RequestDeclined,
)
from datashare.domain.agreements.ids import ClosedRequest, RequestId, RequestOutcome, Terms
from datashare.domain.agreements.lifecycle import CommandType
from datashare.domain.agreements.refusals import Refusal, RefusalCode
from datashare.domain.agreements.state import Agreement, Basis, InForce, State, Tab
from datashare.domain.people import Person, PersonId
from datashare.domain.policy import Policy
from datashare.domain.visibility import HiddenBecause
from tests.builders import (
    ACTIONS,
    AGREEMENT,
    ANA,
    AUTUMN,
    DEPUTY,
    DFE,
    EVERYBODY,
    EXECUTIVE,
    HEAD,
    LA,
    MAT,
    MIS,
    NOW,
    SCHOOL,
    TEACHER,
    TERMS,
    TRUST_STAFF,
    agreement_after,
    answer_to,
    ask,
    batch,
    codes,
    context,
    end,
    events_of,
    fold_onto,
    header,
    importing,
    in_state,
    new,
    only_event,
    open_request,
    reasons_against,
    record,
    refusal_of,
    replacing,
    staff_member,
)

STRICT = attrs.evolve(Policy.mat(), distinct_approver=True)
BY_HEAD = context(actor=HEAD, command_id="c-2")


def may(command: Command, actor: PersonId, people: dict[PersonId, Person] = EVERYBODY) -> bool:
    """Return whether *actor* is let through to the school with *command*."""
    return not reasons_against(batch(command, actor=actor), people=people)


@pytest.mark.rule("A1", "T3")
def test_acceptance_puts_the_requested_level_in_force() -> None:
    """One event puts the level asked for in force, from that instant, approved by the person who accepted."""
    agreement = in_state(State.PENDING)
    request = open_request(agreement).id

    event = only_event(agreement, answer_to(agreement), context(now=AUTUMN, actor=HEAD, command_id="c-2"))
    after = agreement_after(agreement, answer_to(agreement), context(now=AUTUMN, actor=HEAD))

    common = header(2, at=AUTUMN, actor=HEAD, command_id="c-2")
    assert RequestApproved(**common, request=request, level=MIS, terms=None) == event
    assert (
        InForce(level=MIS, since=AUTUMN, basis=Basis.REQUEST, approved_by=HEAD, request=request, sender=ANA)
        == after.in_force
    )
    assert (State.APPROVED, None, frozenset({Tab.APPROVED})) == (after.state, after.request, after.tabs)
    assert (ClosedRequest(id=request, outcome=RequestOutcome.APPROVED, by=HEAD, at=AUTUMN),) == after.closed


@pytest.mark.rule("A2")
@pytest.mark.parametrize("state", [State.PENDING, State.UPGRADING])
def test_declining_leaves_the_level_in_force(state: State) -> None:
    """The school declines with its reason; what was in force, if anything, stays."""
    agreement = in_state(state)
    command = Decline(request=open_request(agreement).id, reason="Les gouverneurs d’abord, s’il vous plaît")

    event = only_event(agreement, command, BY_HEAD)
    after = agreement_after(agreement, command, BY_HEAD)

    assert isinstance(event, RequestDeclined)
    assert (command.request, command.reason, HEAD) == (event.request, event.reason, event.actor)
    assert (None, agreement.in_force) == (after.request, after.in_force)
    closed = ClosedRequest(id=command.request, outcome=RequestOutcome.DECLINED, by=HEAD, at=NOW)
    assert closed == after.closed[-1]


@pytest.mark.rule("A3", "A4")
@pytest.mark.parametrize("outcome", list(RequestOutcome), ids=lambda outcome: outcome.name)
@pytest.mark.parametrize("kind", [Approve, Decline], ids=["approve", "decline"])
def test_answer_to_a_closed_request_says_who_decided_it_and_when(outcome: RequestOutcome, kind: CommandType) -> None:
    """However the request was closed, the refusal says by whom and when, in London time."""
    pending = in_state(State.PENDING)
    request = open_request(pending).id
    then = context(now=AUTUMN, actor=HEAD)
    closing: dict[RequestOutcome, Command] = {
        RequestOutcome.APPROVED: Approve(request=request),
        RequestOutcome.DECLINED: Decline(request=request, reason="No"),
        RequestOutcome.WITHDRAWN: Withdraw(request=request),
        RequestOutcome.ENDED: end(),
    }
    closed = agreement_after(pending, closing[outcome], then)
    answer = Approve(request=request) if kind is Approve else Decline(request=request, reason="Late")

    refusal = refusal_of(closed, answer, BY_HEAD)

    (reason,) = refusal.reasons
    assert RefusalCode.REQUEST_NOT_OPEN is reason.code
    assert ClosedRequest(id=request, outcome=outcome, by=HEAD, at=AUTUMN) == reason.closed
    name = BY_HEAD.people[HEAD].name
    assert name == reason.closed_by
    assert f"{outcome.value} by {name} ({HEAD}) on 25 October 2026 at 01:30 (London)" in str(refusal)


@pytest.mark.rule("A4")
@pytest.mark.parametrize("kind", [Approve, Decline], ids=["approve", "decline"])
def test_answer_to_a_request_before_the_last_needs_the_events(kind: CommandType) -> None:
    """The state names the last request that was closed; of those before it the events tell."""
    told = list[Event]()
    first, last = RequestId(AGREEMENT, 1), RequestId(AGREEMENT, 3)
    for command in (ask(), Withdraw(request=first), ask(), Withdraw(request=last)):
        told += events_of(fold_onto(new(), told), command, context(now=AUTUMN))
    agreement = fold_onto(new(), told)
    old, recent, unknown = (
        Approve(request=request) if kind is Approve else Decline(request=request, reason="Late")
        for request in (first, last, RequestId(AGREEMENT, 2))
    )
    knowing = attrs.evolve(BY_HEAD, events=tuple(told))

    assert [True, False, True] == [needs_events(agreement, answer, BY_HEAD) for answer in (old, recent, unknown)]
    withdrawn = ClosedRequest(id=first, outcome=RequestOutcome.WITHDRAWN, by=ANA, at=AUTUMN)
    assert withdrawn == refusal_of(agreement, old, knowing).reasons[0].closed
    assert refusal_of(agreement, recent, BY_HEAD) == refusal_of(agreement, recent, knowing)
    assert None is refusal_of(agreement, unknown, knowing).reasons[0].closed


@pytest.mark.rule("A4")
@pytest.mark.parametrize("state", State)
def test_answer_to_a_request_that_never_was_is_refused(state: State) -> None:
    """An answer that names an unknown request never answers another one."""
    unknown = RequestId(AGREEMENT, 77)

    refusal = refusal_of(in_state(state), Approve(request=unknown), BY_HEAD)

    assert (RefusalCode.REQUEST_NOT_OPEN, None) == (refusal.code, refusal.reasons[0].closed)
    assert f"There is no request {unknown}." in str(refusal)


@pytest.mark.rule("A4")
def test_answer_to_an_older_request_does_not_answer_the_newer() -> None:
    """A page that still shows the earlier request cannot accept the one that is open now."""
    first = in_state(State.PENDING)
    stale = answer_to(first)
    withdrawn = agreement_after(first, Withdraw(request=stale.request))
    newer = agreement_after(withdrawn, ask(ACTIONS))

    assert (RefusalCode.REQUEST_NOT_OPEN,) == codes(newer, stale, BY_HEAD)
    assert (RefusalCode.REQUEST_NOT_OPEN,) == codes(newer, Decline(request=stale.request, reason="No"), BY_HEAD)


@pytest.mark.rule("A6")
@pytest.mark.parametrize(
    ("carried", "shown", "allowed"),
    [
        (TERMS, "2.1", True),
        (TERMS, "2.0", False),
        (TERMS, "2.1a", False),
        (TERMS, None, False),
        (None, "2.1", False),
        (None, None, True),
        (attrs.evolve(TERMS, version="Fassung ä"), "Fassung ä", True),
    ],
    ids=["same", "older", "longer", "none-shown", "none-carried", "no-terms", "non-ascii"],
)
def test_answer_names_the_version_that_was_shown(carried: Terms | None, shown: str | None, allowed: bool) -> None:
    """Only the version that the request carries is accepted; any other, or none, is a mismatch."""
    agreement = agreement_after(new(), ask(terms=carried))

    if allowed:
        after = agreement_after(agreement, answer_to(agreement, shown), BY_HEAD)
        assert after.in_force is not None
        assert carried == after.in_force.terms
        return
    refusal = refusal_of(agreement, answer_to(agreement, shown), BY_HEAD)
    assert RefusalCode.TERMS_VERSION_MISMATCH is refusal.code
    assert (f"version {shown}" if shown else "names no version") in str(refusal)
    assert (f"terms in version {carried.version}" if carried else "carries no terms") in str(refusal)


@pytest.mark.rule("A7")
@pytest.mark.parametrize(
    ("policy", "approver", "staff", "allowed"),
    [
        (Policy.mat(), "ana@site.example", TRUST_STAFF, True),
        (Policy.mat(), "ana@site.example", {}, True),
        (STRICT, "head@site.example", TRUST_STAFF, True),
        (STRICT, "ana@site.example", TRUST_STAFF, False),
        (STRICT, "head@site.example", {}, False),
    ],
    ids=["by-default", "sender-gone", "different", "same-address", "strict-and-sender-gone"],
)
def test_policy_decides_whether_sender_and_approver_must_differ(
    policy: Policy, approver: str, staff: dict[PersonId, Person], allowed: bool
) -> None:
    """By default one person may be both; where they must differ, a sender who is gone counts as the same."""
    agreement = in_state(State.PENDING)
    people = replacing(SCHOOL, staff_member(HEAD, "head_teacher", email=approver))

    answer = decide(agreement, answer_to(agreement), context(actor=HEAD, policy=policy, people=people, others=staff))

    codes = [reason.code for reason in answer.reasons] if isinstance(answer, Refusal) else []
    assert ([] if allowed else [RefusalCode.SAME_PERSON]) == codes
    assert ("The sender is no longer known" in str(answer)) is (not allowed and not staff)


@pytest.mark.rule("P3", "P2")
def test_permission_decides_who_answers_not_having_been_asked() -> None:
    """A head who was never a recipient may answer; a deputy who was, and an Executive Head, may not."""
    agreement = agreement_after(new(), ask(recipients=Named((DEPUTY, EXECUTIVE))))
    answer = answer_to(agreement)

    assert may(answer, HEAD)
    assert may(Decline(request=answer.request, reason="No"), HEAD)
    assert [False, False, False] == [may(answer, who) for who in (DEPUTY, EXECUTIVE, TEACHER)]
    assert HEAD not in open_request(agreement).recipients
    assert State.APPROVED is agreement_after(agreement, answer, BY_HEAD).state


@pytest.mark.rule("A9")
def test_recorded_approval_is_in_force_without_a_request() -> None:
    """One event, with its basis; the agreement is Approved and rests on what was recorded."""
    event = only_event(new(), record(MIS))
    after = agreement_after(new(), record(MIS))

    assert isinstance(event, ApprovalRecorded)
    assert (MIS, None, "Board minute 7 of 28 March 2026") == (event.level, event.terms, event.basis)
    assert InForce(level=MIS, since=NOW, basis=Basis.RECORDED, approved_by=ANA) == after.in_force
    assert () == after.closed


@pytest.mark.rule("A9")
def test_recording_is_off_unless_the_policy_allows_it() -> None:
    """By default nobody may record an approval, with the permission for it or not."""
    central = attrs.evolve(Policy.mat(), central_approval=True)

    assert [RefusalCode.NOT_PERMITTED] == [reason.code for reason in reasons_against(batch(record()))]
    assert [] == reasons_against(batch(record()), policy=central)


@pytest.mark.rule("A9", "Q7")
def test_recorded_level_must_be_one_that_the_group_asks_for() -> None:
    """A level that cannot be requested cannot be recorded either."""
    central = attrs.evolve(Policy.mat(), central_approval=True)

    reasons = reasons_against(batch(record(DFE)), policy=central)

    assert [(RefusalCode.LEVEL_NOT_REQUESTABLE, DFE)] == [(reason.code, reason.level) for reason in reasons]


@pytest.mark.rule("A10")
@pytest.mark.parametrize("agreement", [new(MAT), new(LA)], ids=["mat", "la"])
def test_import_is_in_force_from_the_import_with_its_old_day_as_data(agreement: Agreement) -> None:
    """One event with level, original day, approver, terms and evidence; in force here from now."""
    event = only_event(agreement, importing(DFE), context(now=AUTUMN))
    after = agreement_after(agreement, importing(DFE), context(now=AUTUMN))

    assert isinstance(event, AgreementImported)
    assert (DFE, date(2024, 2, 29), TERMS) == (event.level, event.agreed_on, event.terms)
    assert ("Mrs Ó Briain, Head", "Filing cabinet 3") == (event.approver, event.evidence)
    assert InForce(level=DFE, since=AUTUMN, basis=Basis.IMPORTED, approved_by=ANA, terms=TERMS) == after.in_force


@pytest.mark.rule("A10", "T5")
@pytest.mark.parametrize("state", [State.PENDING, State.APPROVED, State.UPGRADING])
def test_import_is_only_for_an_agreement_without_history(state: State) -> None:
    """If anything ever happened, an import is refused; an open request is named first."""
    refusals = codes(in_state(state), importing())

    assert RefusalCode.HISTORY_EXISTS is refusals[-1]
    assert (RefusalCode.REQUEST_ALREADY_OPEN in refusals) is (state is not State.APPROVED)
    assert (RefusalCode.NOT_VISIBLE,) == codes(new(), importing(), context(HiddenBecause.UNKNOWN_URN))
