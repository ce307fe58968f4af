"""The school's answer, and agreements that were settled elsewhere (rules A, P)."""

from datetime import date, timedelta

import attrs
import pytest

from datashare.domain.agreements import (
    AgreementImported,
    ApprovalRecorded,
    Approve,
    Basis,
    ClosedRequest,
    Command,
    Decline,
    ImportAgreement,
    InForce,
    Named,
    RecordApproval,
    RefusalCode,
    Remind,
    RequestApproved,
    RequestDeclined,
    RequestId,
    RequestOutcome,
    State,
    Tab,
    Terms,
    Withdraw,
)
from datashare.domain.agreements.lifecycle import CommandType
from datashare.domain.levels import AccessLevel
from datashare.domain.people import Permission, Person, PersonId
from datashare.domain.policy import Policy
from datashare.domain.register import GroupKind
from datashare.domain.visibility import HiddenBecause
from datashare.errors import InvalidValue
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
    TRUST,
    TRUST_STAFF,
    URN,
    agreement_after,
    answer_to,
    ask,
    batch,
    codes,
    command_of,
    context,
    end,
    events_of,
    importing,
    in_state,
    new,
    only_event,
    open_request,
    record,
    refusal_of,
    replacing,
    staff_member,
)
from tests.builders import (
    whole as refused_whole,
)

STRICT = attrs.evolve(Policy.mat(), distinct_approver=True)
DAY = date(2026, 3, 29)
BY_HEAD = context(actor=HEAD, command_id="c-2")


def may(command: Command, actor: PersonId, people: dict[PersonId, Person] = EVERYBODY) -> bool:
    """Tell whether *actor* is let through to the school with *command*."""
    action = batch(command, actor=actor)
    return () == refused_whole(action, group=TRUST, people=people, policy=Policy.mat(), day=DAY)


@pytest.mark.rule("A1", "T3")
def test_acceptance_puts_the_requested_level_in_force() -> None:
    """One event; the agreement is Approved at the level asked for, from that instant, by who accepted."""
    agreement = in_state(State.PENDING)
    request = open_request(agreement).id

    event = only_event(agreement, answer_to(agreement), context(now=AUTUMN, actor=HEAD, command_id="c-2"))
    after = agreement_after(agreement, answer_to(agreement), context(now=AUTUMN, actor=HEAD))

    expected = RequestApproved(
        agreement=AGREEMENT,
        sequence=2,
        at=AUTUMN,
        actor=HEAD,
        command_id="c-2",
        request=request,
        level=MIS,
        terms=None,
    )
    assert expected == event
    assert (
        InForce(level=MIS, since=AUTUMN, basis=Basis.REQUEST, approved_by=HEAD, request=request, sender=ANA)
        == after.in_force
    )
    assert (State.APPROVED, None, frozenset({Tab.APPROVED})) == (after.state, after.request, after.tabs)
    assert ClosedRequest(id=request, outcome=RequestOutcome.APPROVED, by=HEAD, at=AUTUMN) == after.closed_request(
        request
    )


@pytest.mark.rule("A1", "U2")
def test_accepted_upgrade_replaces_the_level() -> None:
    """The higher level is in force from the second acceptance, resting on the second request."""
    agreement = in_state(State.UPGRADING)

    after = agreement_after(agreement, answer_to(agreement), BY_HEAD)

    assert after.in_force is not None
    assert (ACTIONS, RequestId(AGREEMENT, 3)) == (after.level, after.in_force.request)


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


@pytest.mark.rule("A2")
@pytest.mark.parametrize("reason", ["", " \n", "x" * 10_001, "\0", None], ids=["empty", "blank", "long", "nul", "none"])
def test_declining_needs_a_reason(reason: str) -> None:
    """A refusal without words is no command at all."""
    with pytest.raises(InvalidValue, match=r"Decline\.reason"):
        Decline(request=RequestId(AGREEMENT, 1), reason=reason)


@pytest.mark.rule("A2", "T5")
def test_declining_needs_no_visibility() -> None:
    """A school that has left may still decline what was asked before."""
    agreement = in_state(State.PENDING)
    command = Decline(request=open_request(agreement).id, reason="We have left the trust")

    after = agreement_after(agreement, command, context(HiddenBecause.NOT_LINKED, actor=HEAD, site=None))

    assert State.NO_AGREEMENT is after.state


@pytest.mark.rule("A3")
@pytest.mark.parametrize("kind", [Approve, Decline])
def test_school_cannot_edit_what_it_approved(kind: CommandType) -> None:
    """Answering an approved request again is refused, and the agreement stands as it was."""
    pending = in_state(State.PENDING)
    request = open_request(pending).id
    approved = agreement_after(pending, answer_to(pending), BY_HEAD)
    command = Approve(request=request) if kind is Approve else Decline(request=request, reason="No!")

    assert (RefusalCode.REQUEST_NOT_OPEN,) == codes(approved, command, BY_HEAD)


@pytest.mark.rule("A3")
@pytest.mark.parametrize(
    "kind",
    [RecordApproval, ImportAgreement, Withdraw, Remind],
    ids=lambda kind: kind.__name__,
)
def test_school_commands_are_answers_only(kind: CommandType) -> None:
    """The one who approves holds no permission that would let them change the agreement otherwise."""
    agreement = in_state(State.PENDING)

    assert not may(command_of(kind, agreement), HEAD)


@pytest.mark.rule("A4")
@pytest.mark.parametrize("outcome", list(RequestOutcome), ids=lambda outcome: outcome.name)
@pytest.mark.parametrize("kind", [Approve, Decline], ids=["approve", "decline"])
def test_answer_to_a_closed_request_says_who_decided_it_and_when(outcome: RequestOutcome, kind: CommandType) -> None:
    """However the request was closed, the refusal tells by whom and when, in London time."""
    pending = in_state(State.PENDING)
    request = open_request(pending).id
    given = context(now=AUTUMN, actor=HEAD)
    closing: dict[RequestOutcome, Command] = {
        RequestOutcome.APPROVED: Approve(request=request),
        RequestOutcome.DECLINED: Decline(request=request, reason="No"),
        RequestOutcome.WITHDRAWN: Withdraw(request=request),
        RequestOutcome.ENDED: end(),
    }
    closed = agreement_after(pending, closing[outcome], given)
    answer = Approve(request=request) if kind is Approve else Decline(request=request, reason="Late")

    refusal = refusal_of(closed, answer, BY_HEAD)

    (reason,) = refusal.reasons
    assert RefusalCode.REQUEST_NOT_OPEN is reason.code
    assert ClosedRequest(id=request, outcome=outcome, by=HEAD, at=AUTUMN) == reason.closed
    name = BY_HEAD.people[HEAD].name
    assert name == reason.closed_by
    assert f"{outcome.value} by {name} ({HEAD}) on 25 October 2026 at 01:30 (London)" in str(refusal)


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
    """A page that shows the request before cannot accept the one that is open now."""
    first = in_state(State.PENDING)
    stale = answer_to(first)
    withdrawn = agreement_after(first, Withdraw(request=stale.request))
    newer = agreement_after(withdrawn, ask(ACTIONS))

    assert (RefusalCode.REQUEST_NOT_OPEN,) == codes(newer, stale, BY_HEAD)
    assert (RefusalCode.REQUEST_NOT_OPEN,) == codes(newer, Decline(request=stale.request, reason="No"), BY_HEAD)


@pytest.mark.rule("A5", "T5")
def test_hidden_school_cannot_accept() -> None:
    """Acceptance is refused while the group does not see the school, and possible afterwards."""
    agreement = in_state(State.PENDING)

    assert (RefusalCode.NOT_VISIBLE,) == codes(
        agreement, answer_to(agreement), context(HiddenBecause.NOT_LINKED, actor=HEAD)
    )
    assert State.APPROVED is agreement_after(agreement, answer_to(agreement), BY_HEAD).state


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


@pytest.mark.rule("A7", "P6")
@pytest.mark.parametrize(
    ("sender", "approver", "same"),
    [
        ("ana@trust.example", "head@hilda.example", False),
        ("ana@trust.example", "ana@trust.example", True),
        (" Ana@Trust.example", "ANA@trust.EXAMPLE ", True),
        ("", "", False),
        (None, None, False),
        ("not an address", "not an address", False),
    ],
    ids=["different", "same", "folded", "blank", "absent", "malformed"],
)
def test_sender_cannot_approve_by_whatever_address(sender: str | None, approver: str | None, same: bool) -> None:
    """Where the policy demands it, a shared address makes two people one; no address makes nobody one."""
    agreement = in_state(State.PENDING)
    given = context(
        actor=HEAD,
        policy=STRICT,
        people=replacing(SCHOOL, staff_member(HEAD, "head_teacher", email=approver)),
        others=replacing(TRUST_STAFF, staff_member(ANA, email=sender)),
    )

    if same:
        assert (RefusalCode.SAME_PERSON,) == codes(agreement, answer_to(agreement), given)
    else:
        assert State.APPROVED is agreement_after(agreement, answer_to(agreement), given).state


@pytest.mark.rule("A7")
def test_same_host_id_at_two_sites_is_two_people() -> None:
    """Ids compare within one site only: the trust's ana and the school's ana are different."""
    school_ana = PersonId(URN, ANA.id)
    people = replacing(SCHOOL, staff_member(school_ana, "head_teacher", email="ana@hilda.example"))
    agreement = in_state(State.PENDING)

    given = context(actor=school_ana, policy=STRICT, people=people)

    assert State.APPROVED is agreement_after(agreement, answer_to(agreement), given).state


@pytest.mark.rule("A7")
def test_one_id_within_one_site_is_one_person_whatever_the_address() -> None:
    """Where sender and actor bear one id of one site, they are the same even without an address."""
    agreement = in_state(State.PENDING)
    given = context(actor=ANA, policy=STRICT, others={ANA: staff_member(ANA, email=None)})

    assert (RefusalCode.SAME_PERSON,) == codes(agreement, answer_to(agreement), given)


@pytest.mark.rule("A7")
def test_policy_decides_whether_sender_and_approver_must_differ() -> None:
    """By default one person may be both; where they must differ, a sender who is gone cannot be told apart."""
    shared = replacing(SCHOOL, staff_member(HEAD, "head_teacher", email="ana@site.example"))
    agreement = in_state(State.PENDING)

    assert agreement_after(agreement, answer_to(agreement), context(actor=HEAD, people=shared)).stands
    gone = context(actor=HEAD, people=shared, others={}, policy=STRICT)
    refusal = refusal_of(agreement, answer_to(agreement), gone)
    assert RefusalCode.SAME_PERSON is refusal.code
    assert "The sender is no longer known" in str(refusal)
    assert agreement_after(agreement, answer_to(agreement), context(actor=HEAD, others={})).stands


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


@pytest.mark.rule("P2")
def test_permission_to_answer_may_be_granted_directly() -> None:
    """A teacher with the permission of their own may answer."""
    granted = staff_member(TEACHER, "teacher", permissions=[Permission.ADMINISTER_DATA_SHARING_REQUEST])

    assert may(answer_to(in_state(State.PENDING)), TEACHER, {**EVERYBODY, TEACHER: granted})


@pytest.mark.rule("P2", "P12")
def test_group_cannot_answer_its_own_request() -> None:
    """Nobody of the group may answer, even with the school's permission at the group's site."""
    mighty = staff_member(ANA, "head_teacher", permissions=list(Permission))

    assert not may(answer_to(in_state(State.PENDING)), ANA, {**EVERYBODY, ANA: mighty})


@pytest.mark.rule("A9")
def test_recorded_approval_is_in_force_without_a_request() -> None:
    """One event, with its basis; the agreement is Approved and rests on what was recorded."""
    event = only_event(new(), record(MIS))
    after = agreement_after(new(), record(MIS))

    assert isinstance(event, ApprovalRecorded)
    assert (MIS, None, "Board minute 7 of 28 March 2026") == (event.level, event.terms, event.basis)
    assert InForce(level=MIS, since=NOW, basis=Basis.RECORDED, approved_by=ANA) == after.in_force
    assert () == after.closed


@pytest.mark.rule("A9", "Q7", "L4")
@pytest.mark.parametrize("in_force", AccessLevel)
@pytest.mark.parametrize("wanted", AccessLevel)
def test_recorded_approval_raises_and_never_reduces(in_force: AccessLevel, wanted: AccessLevel) -> None:
    """What Q7 refuses for a request is refused for a recorded approval."""
    agreement = agreement_after(new(), record(in_force))

    if wanted > in_force:
        assert wanted is agreement_after(agreement, record(wanted)).level
    else:
        code = RefusalCode.LEVEL_UNCHANGED if wanted is in_force else RefusalCode.LEVEL_REDUCTION
        assert (code,) == codes(agreement, record(wanted))


@pytest.mark.rule("A9", "T5")
def test_recorded_approval_needs_visibility_and_no_open_request() -> None:
    """A hidden school or an open request refuses it; both together are both named."""
    assert (RefusalCode.NOT_VISIBLE,) == codes(new(), record(), context(HiddenBecause.CLOSED))
    assert (RefusalCode.NOT_VISIBLE, RefusalCode.REQUEST_ALREADY_OPEN) == codes(
        in_state(State.PENDING), record(), context(HiddenBecause.CLOSED)
    )


@pytest.mark.rule("A9")
@pytest.mark.parametrize(
    ("policy", "permitted", "codes_expected"),
    [
        (Policy.mat(), True, [RefusalCode.NOT_PERMITTED]),
        (attrs.evolve(Policy.mat(), central_approval=True), True, []),
        (attrs.evolve(Policy.mat(), central_approval=True), False, [RefusalCode.NOT_PERMITTED]),
    ],
    ids=["off-by-default", "on", "own-permission"],
)
def test_recording_needs_the_policy_and_a_permission_of_its_own(
    policy: Policy, permitted: bool, codes_expected: list[RefusalCode]
) -> None:
    """Off by default; where it is on, only holders of its own permission may."""
    ana = staff_member(
        ANA,
        permissions=[Permission.RECORD_APPROVAL] if permitted else [Permission.ADMINISTER_INSTITUTION_DETAILS],
    )

    reasons = refused_whole(batch(record()), group=TRUST, people={ANA: ana}, policy=policy, day=DAY)

    assert codes_expected == [reason.code for reason in reasons]


@pytest.mark.rule("A9")
def test_recording_is_never_for_a_local_authority() -> None:
    """A policy that would let an LA record approvals cannot be made."""
    with pytest.raises(InvalidValue, match="False for a local authority"):
        attrs.evolve(Policy.local_authority(), central_approval=True)
    with pytest.raises(InvalidValue, match="False for a local authority"):
        Policy(kind=GroupKind.LOCAL_AUTHORITY, requestable_levels=AccessLevel, central_approval=True)


@pytest.mark.rule("A9", "Q7")
def test_recorded_level_must_be_one_that_the_group_asks_for() -> None:
    """A level that cannot be requested cannot be recorded either."""
    central = attrs.evolve(Policy.mat(), central_approval=True)

    reasons = refused_whole(batch(record(DFE)), group=TRUST, people=EVERYBODY, policy=central, day=DAY)

    assert [(RefusalCode.LEVEL_NOT_REQUESTABLE, DFE)] == [(reason.code, reason.level) for reason in reasons]


@pytest.mark.rule("A10")
@pytest.mark.parametrize("group", [MAT, LA], ids=str)
def test_import_is_in_force_from_the_import_with_its_old_day_as_data(group: object) -> None:
    """One event with level, original day, approver, terms and evidence; in force here from now."""
    agreement = new(LA if group is LA else MAT)

    event = only_event(agreement, importing(DFE), context(now=AUTUMN))
    after = agreement_after(agreement, importing(DFE), context(now=AUTUMN))

    assert isinstance(event, AgreementImported)
    assert (DFE, date(2024, 2, 29), TERMS) == (event.level, event.agreed_on, event.terms)
    assert ("Mrs Ó Briain, Head", "Filing cabinet 3") == (event.approver, event.evidence)
    assert InForce(level=DFE, since=AUTUMN, basis=Basis.IMPORTED, approved_by=ANA, terms=TERMS) == after.in_force


@pytest.mark.rule("A10")
def test_import_needs_no_policy_but_a_permission_of_its_own() -> None:
    """The permission to import is enough, and no other one is."""
    importer = {ANA: staff_member(ANA, permissions=[Permission.IMPORT_AGREEMENTS])}
    other = {ANA: staff_member(ANA, permissions=[p for p in Permission if p is not Permission.IMPORT_AGREEMENTS])}

    assert may(importing(), ANA, importer)
    assert not may(importing(), ANA, other)


@pytest.mark.rule("A10", "T5")
@pytest.mark.parametrize("state", [State.PENDING, State.APPROVED, State.UPGRADING])
def test_import_is_only_for_an_agreement_without_history(state: State) -> None:
    """Where anything ever happened, an import is refused, the open request named first if there is one."""
    refusals = codes(in_state(state), importing())

    assert RefusalCode.HISTORY_EXISTS is refusals[-1]
    assert (RefusalCode.REQUEST_ALREADY_OPEN in refusals) is (state is not State.APPROVED)
    assert (RefusalCode.NOT_VISIBLE,) == codes(new(), importing(), context(HiddenBecause.UNKNOWN_URN))


@pytest.mark.rule("A10", "E1")
def test_ended_agreement_cannot_be_imported_over() -> None:
    """What ended stays in the history, so that nothing can be imported there."""
    ended = agreement_after(agreement_after(new(), importing()), end())

    assert State.NO_AGREEMENT is ended.state
    assert (RefusalCode.HISTORY_EXISTS,) == codes(ended, importing())


@pytest.mark.rule("A1", "T3")
def test_acceptance_follows_the_request_even_if_the_clock_went_back() -> None:
    """What is in force is never older than the request it rests on."""
    agreement = in_state(State.PENDING)

    (event,) = events_of(agreement, answer_to(agreement), context(now=NOW - timedelta(hours=1), actor=HEAD))

    assert open_request(agreement).asked_at == event.at


@pytest.mark.rule("A11")
def test_agreement_holds_what_the_schools_page_shows() -> None:
    """The open request, the level in force, its terms and the closed requests stand side by side."""
    asked = agreement_after(new(), ask(MIS, Named((HEAD,)), TERMS))
    approved = agreement_after(asked, answer_to(asked, TERMS.version), BY_HEAD)
    upgrading = agreement_after(approved, ask(ACTIONS))

    assert upgrading.in_force is not None
    assert (MIS, TERMS) == (upgrading.level, upgrading.in_force.terms)
    assert ACTIONS is open_request(upgrading).level
    assert [RequestOutcome.APPROVED] == [one.outcome for one in upgrading.closed]
