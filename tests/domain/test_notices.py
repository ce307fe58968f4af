"""Who gets which notice of every event, and under which id (rules O, and those that name a message)."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datashare.domain.agreements.commands import (
    AddRecipients,
    Approve,
    Command,
    Decline,
    EndCause,
    Named,
    Remind,
    Withdraw,
)
from datashare.domain.agreements.context import DecisionContext
from datashare.domain.agreements.events import (
    AgreementEnded,
    Event,
    RecipientsAdded,
    ReminderSent,
    RequestApproved,
    RequestDeclined,
    RequestSent,
    RequestWithdrawn,
)
from datashare.domain.agreements.ids import RequestId
from datashare.domain.agreements.state import Agreement, State, evolve
from datashare.domain.levels import AccessLevel, Capability
from datashare.domain.notices import ASKING, Addressee, Notice, NoticeKind, notices_for
from datashare.domain.people import BusinessRole, Grant, Period, Permission, Person, PersonId, address_key
from datashare.domain.policy import Party, Policy
from datashare.domain.register import GroupKind
from datashare.domain.visibility import HiddenBecause
from datashare.errors import InvalidValue
from datashare.testing import strategies
from tests.builders import (
    ACTIONS,
    AGREEMENT,
    ANA,
    BEN,
    CARYS,
    COUNCIL,
    COUNCIL_STAFF,
    DATA_MANAGER,
    DEPUTY,
    EXECUTIVE,
    HEAD,
    LA,
    MAT,
    MIS,
    MUTE_HEAD,
    NIGHTLY,
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
    by_id,
    context,
    end,
    events_of,
    header,
    importing,
    in_state,
    new,
    only_event,
    open_request,
    record,
    replacing,
    see,
    staff_member,
    without,
)

DAY = date(2026, 3, 29)
ASKED = Named((HEAD, DEPUTY, EXECUTIVE))


def notices_of(before: Agreement, command: Command, in_context: DecisionContext | None = None) -> tuple[Notice, ...]:
    """Return the notices of *command*, which must be allowed."""
    known = in_context or context()
    return notices_for(before, events_of(before, command, known), known)


def pending(level: AccessLevel = MIS) -> Agreement:
    """Return an open request from Ana to the head, the deputy and the executive head, on terms."""
    return agreement_after(new(), ask(level, recipients=ASKED, terms=TERMS))


def upgrading() -> Agreement:
    """Return an open request to raise MIS Data, sent to the same three."""
    return agreement_after(in_state(State.APPROVED), ask(ACTIONS, recipients=ASKED), context(command_id="c-2"))


def withdraw(agreement: Agreement, reason: str = "") -> Withdraw:
    """Return the command that withdraws the open request."""
    return Withdraw(request=open_request(agreement).id, reason=reason)


def approve(agreement: Agreement) -> Approve:
    """Return the command that accepts the open request on its terms."""
    return answer_to(agreement, TERMS.version if open_request(agreement).terms else None)


def decline(agreement: Agreement) -> Decline:
    """Return the command that declines the open request."""
    return Decline(request=open_request(agreement).id, reason="Not before the governors have met – sorry.")


def by_head(
    people: Mapping[PersonId, Person] = SCHOOL, others: Mapping[PersonId, Person] | None = None
) -> DecisionContext:
    """Return the facts where the head acts."""
    return context(actor=HEAD, command_id="c-9", people=people, others=others)


def whom(notices: Iterable[Notice], audience: Party | None = None) -> list[PersonId]:
    """Return whom notices name, of one side or of both."""
    return [person.id for notice in notices if audience in {None, notice.audience} for person in notice.people]


def kinds(notices: Iterable[Notice]) -> set[NoticeKind]:
    """Return the kinds of notices."""
    return {notice.kind for notice in notices}


def gone(who: PersonId) -> Person:
    """Return somebody who is no longer a user of their site, but still has role and address."""
    return attrs.evolve(staff_member(who, BusinessRole.HEAD_TEACHER), period=Period(None, DAY - timedelta(days=1)))


# Asking


@pytest.mark.rule("Q1", "U3")
def test_each_person_who_was_chosen_gets_the_request() -> None:
    """Each chosen person gets a notice that says who asks whom for what, and what the level adds."""
    head, deputy = notices_of(new(), ask(ACTIONS, recipients=Named((HEAD, DEPUTY)), terms=TERMS))

    assert (
        Notice(
            id=head.id,
            kind=NoticeKind.REQUEST,
            audience=Party.SCHOOL,
            agreement=AGREEMENT,
            sequence=1,
            request=RequestId(AGREEMENT, 1),
            address="head@site.example",
            people=(Addressee(id=HEAD, name="Siân head", can_approve=True),),
            created_at=NOW,
            group_kind=GroupKind.MULTI_ACADEMY_TRUST,
            group_name="Areté Learning Trust",
            institution_name="St Hilda’s {CE} Primary",
            sender_name="Siân ana",
            sender_address="ana@site.example",
            level=ACTIONS,
            level_label="MIS Data & Trust Actions",
            level_before=None,
            level_before_label="",
            link="https://hilda.example/data/sharing",
            terms=TERMS,
            reason=None,
            actor_name="Siân ana",
            cause=None,
            answerers=head.answerers,
            nobody_can_answer=False,
            asked_on=None,
        )
        == head
    )
    assert (Addressee(id=DEPUTY, name="Siân deputy", can_approve=False),) == deputy.people
    assert tuple(capability for capability in Capability if capability in ACTIONS.capabilities) == head.adds


BREAKS = ["\n", "\r", "\r\n", "\v", "\f", "\x1c", "\x85", "\u2028", "\u2029"]


@pytest.mark.rule("O5")
@pytest.mark.parametrize("line_break", BREAKS, ids=ascii)
def test_a_notice_has_names_on_one_line(line_break: str) -> None:
    """Names with line breaks are refused where a host makes them, and joined where a directory has them."""
    name = f"Siân{line_break}Bcc: all@evil.example"
    people = replacing(SCHOOL, attrs.evolve(staff_member(HEAD, BusinessRole.HEAD_TEACHER), name=name))
    notice, *_ = notices_of(new(), ask(recipients=ASKED), context(people=people))
    joined = "Siân Bcc: all@evil.example"

    assert [joined, joined] == [notice.people[0].name, notice.answerers[0].name]
    for field in ("group_name", "institution_name", "sender_name", "actor_name"):
        with pytest.raises(InvalidValue, match=rf"Notice\.{field} must be a name on one line"):
            attrs.evolve(notice, **{field: name})  # type: ignore[arg-type]  # by name
    for part in (notice.people[0], notice.answerers[0]):
        with pytest.raises(InvalidValue, match=r"\.name must be a name on one line"):
            attrs.evolve(part, name=f"Siân{line_break}")


@pytest.mark.rule("O5", "P6")
@pytest.mark.parametrize("address", ["a@b.example, c@d.example", "a@b.example\n", "Siân <a@b.example>", "a at b"])
def test_a_notice_goes_to_one_address(address: str) -> None:
    """What is not one address is refused, for the message and for the reply to it."""
    notice, *_ = notices_of(new(), ask(recipients=ASKED), context())

    for field in ("address", "sender_address"):
        with pytest.raises(InvalidValue, match=rf"Notice\.{field} must be one email address"):
            attrs.evolve(notice, **{field: address})  # type: ignore[arg-type]  # by name


@pytest.mark.rule("P7")
def test_two_people_with_one_address_get_one_notice_that_names_both() -> None:
    """Addresses compare trimmed and by case; the first spelling is used, and both are named."""
    people = replacing(
        SCHOOL,
        staff_member(HEAD, BusinessRole.HEAD_TEACHER, email=" Office@Straße.example "),
        staff_member(DEPUTY, BusinessRole.DEPUTY_HEAD_TEACHER, email="office@xn--strae-oqa.EXAMPLE"),
    )
    shared, own = notices_of(new(), ask(recipients=ASKED), context(people=people))

    assert shared.address == "Office@Straße.example"
    assert (
        Addressee(id=HEAD, name="Siân head", can_approve=True),
        Addressee(id=DEPUTY, name="Siân deputy", can_approve=False),
    ) == shared.people
    assert [EXECUTIVE] == whom([own])


@pytest.mark.rule("Q5")
def test_the_address_is_settled_when_the_request_is_sent() -> None:
    """A later change of address leaves the notice as it is; people who join later get none."""
    known = context(people=dict(SCHOOL))
    (notice,) = notices_of(new(), ask(recipients=Named((HEAD,))), known)
    joined = staff_member(PersonId(URN, "new"), BusinessRole.HEAD_TEACHER)
    people = replacing(SCHOOL, staff_member(HEAD, BusinessRole.HEAD_TEACHER, email="moved@site.example"), joined)
    standing = agreement_after(new(), ask(recipients=Named((HEAD,))), known)
    (reminder,) = notices_of(standing, Remind(request=open_request(standing).id), context(people=people))

    assert notice.address == "head@site.example"
    assert ("moved@site.example", [HEAD]) == (reminder.address, whom([reminder]))


@pytest.mark.rule("Q4")
def test_only_people_who_are_added_get_the_request() -> None:
    """People who have the request already do not get it again; the others get it as it was sent."""
    standing = pending()
    (added,) = notices_of(
        standing,
        AddRecipients(request=open_request(standing).id, recipients=Named((HEAD, DATA_MANAGER))),
        context(actor=BEN, command_id="c-2"),
    )

    assert [DATA_MANAGER] == whom([added])
    assert (NoticeKind.REQUEST, MIS, TERMS, 2) == (added.kind, added.level, added.terms, added.sequence)
    assert "Siân ana" == added.sender_name
    assert open_request(standing).id == added.request


@pytest.mark.rule("N2", "N3")
def test_a_reminder_reaches_those_who_still_can_be_asked() -> None:
    """Recipients who left, lost their role or lost their address are not reminded."""
    standing = pending()
    remind = Remind(request=open_request(standing).id)
    people = replacing(SCHOOL, gone(HEAD), staff_member(EXECUTIVE, BusinessRole.EXECUTIVE_HEAD_TEACHER, email="x"))
    notices = notices_of(standing, remind, context(people=people, command_id="c-2"))

    assert [HEAD, DEPUTY, EXECUTIVE] == whom(notices_of(standing, remind, context(command_id="c-2")))
    assert [DEPUTY] == whom(notices)
    assert {NoticeKind.REMINDER} == kinds(notices)
    assert (MIS, TERMS) == (notices[0].level, notices[0].terms)


@pytest.mark.rule("N5", "U3")
def test_what_asks_for_an_upgrade_names_both_levels() -> None:
    """Request, addition and reminder name the level in force and the level asked for, and what that adds."""
    asked = notices_of(in_state(State.APPROVED), ask(ACTIONS, recipients=ASKED))
    standing = upgrading()
    request = open_request(standing).id
    added = notices_of(standing, AddRecipients(request=request, recipients=Named((DATA_MANAGER,))))
    reminded = notices_of(standing, Remind(request=request))

    for notice in (*asked, *added, *reminded):
        assert (MIS, "MIS Data") == (notice.level_before, notice.level_before_label)
        assert (ACTIONS, "MIS Data & Trust Actions") == (notice.level, notice.level_label)
        assert (Capability.PERFORM_GROUP_ACTIONS, Capability.LOG_IN_TO_SCHOOL) == notice.adds
    assert [3, 1, 3] == [len(batch) for batch in (asked, added, reminded)]


@pytest.mark.rule("N5", "U3", "X2")
def test_a_lapsed_level_does_not_count_as_the_level_before() -> None:
    """A level that lapsed allows nothing, so the request that restores it adds everything."""
    lapsed = attrs.evolve(in_state(State.APPROVED), lapsed=True)
    asked = attrs.evolve(upgrading(), lapsed=True)
    sent = [only_event(in_state(State.APPROVED), ask(ACTIONS, recipients=ASKED))]  # after the lapse
    notices = [
        *notices_of(lapsed, ask(MIS, recipients=ASKED)),
        *notices_of(asked, Remind(request=open_request(asked).id), context(events=sent)),
        *notices_of(asked, withdraw(asked)),
        *notices_of(asked, approve(asked), attrs.evolve(by_head(), events=tuple(sent))),
    ]

    assert {(None, "")} == {(notice.level_before, notice.level_before_label) for notice in notices}
    assert all(notice.adds == notice.level.adds_to(None) for notice in notices if notice.level)
    assert len(notices) == 3 + 3 + 3 + 3


def answerers(notices: Iterable[Notice]) -> set[frozenset[tuple[str, bool]]]:
    """Return who is named as able to answer, and whether they were asked, in each notice."""
    return {frozenset((answerer.name, answerer.asked) for answerer in notice.answerers) for notice in notices}


@pytest.mark.rule("P3")
def test_what_asks_names_who_can_answer_and_whether_they_were_asked() -> None:
    """Each notice names all who can answer: recipients, people who were not asked, and people without an address."""
    people = replacing(SCHOOL, staff_member(TEACHER, permissions=[Permission.ADMINISTER_DATA_SHARING_REQUEST]))
    known, later = context(people=people), context(people=people, command_id="c-2")
    asked = notices_of(new(), ask(recipients=Named((HEAD, DEPUTY))), known)
    standing = agreement_after(new(), ask(recipients=Named((DEPUTY,))), known)
    request = open_request(standing).id
    reminded = notices_of(standing, Remind(request=request), later)
    added = notices_of(standing, AddRecipients(request=request, recipients=Named((HEAD, DATA_MANAGER))), later)
    others = {(people[TEACHER].name, False), (people[MUTE_HEAD].name, False)}

    assert {frozenset({("Siân head", True), *others})} == answerers(asked) == answerers(added)
    assert {frozenset({("Siân head", False), *others})} == answerers(reminded)
    assert [2, 2, 1] == [len(batch) for batch in (asked, added, reminded)]
    assert {False} == {notice.nobody_can_answer for notice in (*asked, *added, *reminded)}


@pytest.mark.rule("P10")
def test_what_asks_says_where_nobody_can_answer() -> None:
    """The school is asked all the same; notices that do not ask do not mention it."""
    people = without(SCHOOL, HEAD, MUTE_HEAD)
    known = context(people=people)
    standing = agreement_after(new(), ask(recipients=Named((DEPUTY,))), known)
    (asked,) = notices_of(new(), ask(recipients=Named((DEPUTY,))), known)
    later = context(people=people, command_id="c-2")
    (reminded,) = notices_of(standing, Remind(request=open_request(standing).id), later)
    (withdrawn,) = notices_of(standing, withdraw(standing), later)

    assert [True, True, False] == [notice.nobody_can_answer for notice in (asked, reminded, withdrawn)]
    assert {frozenset()} == answerers([asked, reminded, withdrawn])
    assert () == notices_of(pending(), approve(pending()), by_head())[0].answerers


@pytest.mark.rule("N2")
def test_a_reminder_names_the_day_of_the_request() -> None:
    """A reminder holds the day in Europe/London on which the request was sent; other notices hold no day."""
    standing = pending()
    reminders = notices_of(standing, Remind(request=open_request(standing).id), context(now=NOW + timedelta(days=40)))
    others = [*notices_of(new(), ask()), *notices_of(standing, withdraw(standing))]

    assert {DAY} == {notice.asked_on for notice in reminders}
    assert {None} == {notice.asked_on for notice in others}


# Withdrawing and answering


@pytest.mark.rule("N6")
def test_recipients_who_are_still_current_get_the_withdrawal() -> None:
    """Recipients who are still users with an address get the reason; nobody at the group gets a notice."""
    people = replacing(SCHOOL, gone(DEPUTY), staff_member(EXECUTIVE, email="head@other.example"))
    notices = notices_of(pending(), withdraw(pending(), "Wrong level."), context(actor=BEN, people=people))

    assert [HEAD, EXECUTIVE] == whom(notices)  # without the role they still get it
    assert {(NoticeKind.WITHDRAWN, Party.SCHOOL, "Wrong level.")} == {
        (notice.kind, notice.audience, notice.reason) for notice in notices
    }
    assert {(MIS, TERMS, "Siân ana")} == {(n.level, n.terms, n.sender_name) for n in notices}


def test_a_notice_holds_no_reason_if_none_was_written() -> None:
    """An empty reason becomes `None`."""
    assert {None} == {notice.reason for notice in notices_of(pending(), withdraw(pending()))}


@pytest.mark.rule("A8")
@pytest.mark.parametrize(
    ("answer", "kind", "reason"),
    [
        (approve, NoticeKind.APPROVED, None),
        (decline, NoticeKind.DECLINED, "Not before the governors have met – sorry."),
    ],
    ids=["approved", "declined"],
)
def test_the_sender_and_the_other_recipients_get_the_answer(
    answer: Callable[[Agreement], Command], kind: NoticeKind, reason: str | None
) -> None:
    """Both sides get the answer and its level; whoever answered does not."""
    standing = upgrading()
    notices = notices_of(standing, answer(standing), by_head())

    assert [ANA] == whom(notices, Party.GROUP)
    assert [DEPUTY, EXECUTIVE] == whom(notices, Party.SCHOOL)
    assert {kind} == kinds(notices)
    assert {reason} == {notice.reason for notice in notices}
    assert {(MIS, ACTIONS)} == {(notice.level_before, notice.level) for notice in notices}
    assert {open_request(standing).id} == {notice.request for notice in notices}
    assert {"Siân head"} == {notice.actor_name for notice in notices}


@pytest.mark.rule("A8")
def test_the_sender_of_an_upgrade_gets_its_answer() -> None:
    """The sender of the first request, which was answered before, gets no notice of it."""
    command = attrs.evolve(ask(ACTIONS, recipients=ASKED), sender=BEN)
    standing = agreement_after(in_state(State.APPROVED), command, context(command_id="c-2"))

    assert standing.in_force is not None
    assert (ANA, BEN) == (standing.in_force.sender, open_request(standing).sender)
    assert [BEN] == whom(notices_of(standing, approve(standing), by_head()), Party.GROUP)


@pytest.mark.rule("A8", "P3")
def test_all_recipients_get_the_answer_of_somebody_who_was_not_asked() -> None:
    """Somebody who was not asked may answer, and every recipient gets a notice."""
    people = replacing(SCHOOL, staff_member(TEACHER, permissions=[Permission.ADMINISTER_DATA_SHARING_REQUEST]))
    notices = notices_of(pending(), approve(pending()), context(actor=TEACHER, people=people))

    assert [ANA, HEAD, DEPUTY, EXECUTIVE] == whom(notices)


@pytest.mark.rule("A8")
def test_an_answer_goes_to_present_addresses_of_current_users() -> None:
    """A notice goes to the new address of whoever moved; nobody who left or has no address gets one."""
    standing = pending()
    known = by_head(
        people=replacing(
            SCHOOL, staff_member(DEPUTY, email="new@site.example"), staff_member(EXECUTIVE, email="not an address")
        ),
        others=by_id(staff_member(ANA, email="ana@new.example")),
    )
    notices = notices_of(standing, decline(standing), known)
    left = notices_of(standing, decline(standing), by_head(others=by_id(gone(ANA)), people=without(SCHOOL, DEPUTY)))

    assert ["ana@new.example", "new@site.example"] == [notice.address for notice in notices]
    assert [EXECUTIVE] == whom(left)


def test_an_answer_after_the_schools_return_calls_for_one_notice() -> None:
    """The return recorded before an answer calls for no message; the answer's own event does."""
    lost = agreement_after(pending(), see(DAY), context(HiddenBecause.CLOSED, actor=NIGHTLY, command_id="c-2"))
    notices = notices_of(lost, approve(lost), by_head())

    assert {(NoticeKind.APPROVED, 4)} == {(notice.kind, notice.sequence) for notice in notices}


# What nobody asked for


@pytest.mark.rule("A9")
def test_people_who_could_have_answered_get_a_recorded_approval() -> None:
    """Everybody with the permission, by role or by grant, gets a notice; nobody else does."""
    people = replacing(
        SCHOOL,
        staff_member(TEACHER, permissions=[Permission.ADMINISTER_DATA_SHARING_REQUEST]),
        staff_member(
            DATA_MANAGER,
            BusinessRole.DATA_MANAGER,
            permissions=[Grant(Permission.ADMINISTER_DATA_SHARING_REQUEST, Period(None, DAY - timedelta(days=1)))],
        ),
    )
    notices = notices_of(in_state(State.APPROVED), record(ACTIONS), context(people=people))

    assert [HEAD, TEACHER] == whom(notices)
    assert MUTE_HEAD in people  # a Head Teacher without an address
    assert {(NoticeKind.APPROVAL_RECORDED, Party.SCHOOL)} == {(n.kind, n.audience) for n in notices}
    assert {("Board minute 7 of 28 March 2026", MIS, ACTIONS)} == {
        (notice.reason, notice.level_before, notice.level) for notice in notices
    }
    assert {None} == {notice.request for notice in notices}
    assert all(person.can_approve for notice in notices for person in notice.people)


@pytest.mark.rule("A10", "E6")
def test_imports_and_what_the_register_shows_call_for_no_notice() -> None:
    """An older agreement, lost visibility and returned visibility are recorded without a message."""
    standing = in_state(State.UPGRADING)
    hidden = context(HiddenBecause.CLOSED, actor=NIGHTLY, command_id="c-2")
    lost = agreement_after(standing, see(DAY), hidden)

    assert notices_of(new(), importing()) == ()
    assert notices_of(standing, see(DAY), hidden) == ()
    assert lost.hidden_since == DAY
    assert notices_of(lost, see(DAY), context(actor=NIGHTLY, command_id="c-3")) == ()


@pytest.mark.rule("E1")
def test_both_sides_get_an_end() -> None:
    """The senders, the recipients and those who can answer get the note, each once; the actor does not."""
    approved = agreement_after(new(), attrs.evolve(ask(recipients=Named((DEPUTY,))), sender=ANA))
    approved = agreement_after(approved, approve(approved), context(actor=HEAD, command_id="c-2"))
    both = agreement_after(
        approved, attrs.evolve(ask(ACTIONS, recipients=ASKED), sender=BEN), context(command_id="c-3")
    )
    notices = notices_of(both, end(), context(actor=NIGHTLY, command_id="c-4"))

    assert [BEN, ANA] == whom(notices, Party.GROUP)
    assert [HEAD, DEPUTY, EXECUTIVE] == whom(notices, Party.SCHOOL)
    assert {(NoticeKind.ENDED, end().note, MIS, open_request(both).id)} == {
        (notice.kind, notice.reason, notice.level, notice.request) for notice in notices
    }
    assert {(end().cause, "")} == {(notice.cause, notice.actor_name) for notice in notices}  # a system has no name
    assert [BEN] == whom(notices_of(both, end(), context(actor=ANA, command_id="c-4")), Party.GROUP)


@pytest.mark.rule("E1")
def test_people_who_can_answer_get_the_end_of_an_imported_agreement() -> None:
    """Where there was no request, the people with the permission get a notice."""
    assert [HEAD] == whom(notices_of(agreement_after(new(), importing()), end(), context(command_id="c-2")))


@pytest.mark.rule("E1", "A9", "A10")
@pytest.mark.parametrize("entered", [record(), importing()], ids=["recorded", "imported"])
def test_whoever_entered_an_agreement_without_a_request_gets_its_end(entered: Command) -> None:
    """They get the notice beside the sender of a request to raise the level, and the school can ask them."""
    central = attrs.evolve(Policy.mat(), central_approval=True)
    standing = agreement_after(new(), entered, context(actor=BEN, policy=central))
    raising = agreement_after(standing, ask(ACTIONS), context(command_id="c-2"))
    notices = notices_of(standing, end(), context(actor=NIGHTLY, command_id="c-3"))

    assert [BEN] == whom(notices, Party.GROUP)
    assert {TRUST_STAFF[BEN].name} == {notice.sender_name for notice in notices}
    assert [ANA, BEN] == whom(notices_of(raising, end(), context(actor=NIGHTLY, command_id="c-3")), Party.GROUP)
    assert [] == whom(notices_of(standing, end(), context(actor=BEN, command_id="c-3")), Party.GROUP)
    assert standing.in_force is not None
    system = attrs.evolve(standing, in_force=attrs.evolve(standing.in_force, approved_by=NIGHTLY))
    assert [] == whom(notices_of(system, end(), context(command_id="c-3")), Party.GROUP)


@pytest.mark.rule("A9", "E1")
def test_a_notice_names_whom_the_school_can_ask() -> None:
    """That is who acted for the group; if the school or a system acted, it is the sender, if still there."""
    standing = in_state(State.APPROVED)
    gone = without(TRUST_STAFF, ANA)
    assert standing.in_force is not None
    by_ben = attrs.evolve(standing, in_force=attrs.evolve(standing.in_force, sender=BEN))

    def contacts(before: Agreement, command: Command, known: DecisionContext) -> set[tuple[str, str | None]]:
        notices = notices_of(before, command, known)
        return {(notice.sender_name, notice.sender_address) for notice in notices if notice.audience is Party.SCHOOL}

    ana, ben = ((TRUST_STAFF[who].name, TRUST_STAFF[who].address) for who in (ANA, BEN))
    assert {ana} == contacts(standing, record(ACTIONS), context(command_id="c-2"))
    assert {ana} == contacts(by_ben, end(), context(command_id="c-2"))
    assert {ben} == contacts(by_ben, end(), context(actor=NIGHTLY, command_id="c-2"))
    assert {("", None)} == contacts(standing, end(), context(actor=NIGHTLY, command_id="c-2", others=gone))
    assert {ana} == contacts(pending(), end(EndCause.BY_SCHOOL), by_head())


# What every notice says


@pytest.mark.rule("L3")
def test_levels_are_in_the_words_of_the_groups_policy() -> None:
    """Every notice words its levels as the group's policy does."""
    standing = upgrading()
    policy = attrs.evolve(Policy.mat(), labels={MIS: "Stufe 2", ACTIONS: "Stufe 3 {§}"})
    notices = notices_of(standing, Remind(request=open_request(standing).id), context(policy=policy))

    assert {("Stufe 3 {§}", "Stufe 2")} == {(notice.level_label, notice.level_before_label) for notice in notices}


@pytest.mark.rule("L3")
def test_an_authoritys_notices_use_its_own_words() -> None:
    """A local authority's notices use its own words for the levels, its kind and its name."""
    known = context(group=COUNCIL, actor=CARYS, others=COUNCIL_STAFF)
    command = attrs.evolve(ask(ACTIONS, recipients=Named((HEAD,)), terms=TERMS), sender=CARYS)
    (notice,) = notices_of(new(LA), command, known)

    assert notice.level_label == "MIS Data & Local Authority Actions"
    assert (GroupKind.LOCAL_AUTHORITY, "Llanfair {Borough}") == (notice.group_kind, notice.group_name)


def test_only_the_schools_side_gets_the_link() -> None:
    """The link leads to the school's own page, so it is of no use to the group."""
    standing = pending()
    notices = notices_of(standing, decline(standing), by_head())

    assert {
        (Party.GROUP, None),
        (Party.SCHOOL, "https://hilda.example/data/sharing"),
    } == {(notice.audience, notice.link) for notice in notices}


def test_a_notice_does_without_a_site_and_a_name_of_the_school() -> None:
    """Without a site there is no link, and a school that is gone from the register is named by its URN."""
    known = context(site=None)
    known = attrs.evolve(known, visibility=attrs.evolve(known.visibility, institution=None))
    notices = notices_of(pending(), withdraw(pending()), known)

    assert {(None, "URN 100000")} == {(notice.link, notice.institution_name) for notice in notices}
    assert len(notices) == 3


REQUEST = RequestId(AGREEMENT, 1)
STRAY: tuple[Event, ...] = (
    RecipientsAdded(**header(9), request=REQUEST, recipients=(HEAD,)),
    ReminderSent(**header(9), request=REQUEST, recipients=(HEAD,)),
    RequestApproved(**header(9, actor=HEAD), request=REQUEST, level=MIS, terms=None),
    RequestDeclined(**header(9, actor=HEAD), request=REQUEST),
    RequestWithdrawn(**header(9), request=REQUEST),
)


@pytest.mark.parametrize("event", STRAY, ids=lambda event: type(event).__name__)
def test_an_event_without_its_request_still_calls_for_notices(event: Event) -> None:
    """The people whom the event itself names get a notice, without level or sender."""
    notices = notices_for(new(), [event], context())
    named = getattr(event, "recipients", ())

    assert list(named) == whom(notices)
    assert all((None, "", None, ()) == (n.level, n.sender_name, n.terms, n.adds) for n in notices)


def test_the_kinds_that_ask_are_requests_and_reminders() -> None:
    """Only notices that ask for an answer are cancelled by it."""
    assert {NoticeKind.REQUEST, NoticeKind.REMINDER} == ASKING


# Ids


@pytest.mark.rule("K3")
def test_ids_derive_from_event_command_and_people_alone() -> None:
    """Another command id, event or person gives other ids; other names, addresses and wording do not."""
    command = ask(recipients=Named((HEAD, DEPUTY)))
    ids = [notice.id for notice in notices_of(new(), command)]
    renamed = replacing(
        SCHOOL,
        attrs.evolve(SCHOOL[HEAD], name="Someone Else", email="someone@else.example"),
        attrs.evolve(SCHOOL[DEPUTY], name="Another", email="another@else.example"),
    )
    worded = attrs.evolve(TRUST, name="Renamed Trust")
    standing = agreement_after(new(), command)
    reminder = notices_of(standing, Remind(request=open_request(standing).id))

    assert ids == [notice.id for notice in notices_of(new(), command, context(people=renamed, group=worded))]
    assert not set(ids) & {notice.id for notice in notices_of(new(), command, context(command_id="c-2"))}
    assert not set(ids) & {notice.id for notice in reminder}
    assert not set(ids) & {
        notice.id for notice in notices_of(new(LA), attrs.evolve(command, terms=TERMS), context(group=COUNCIL))
    }
    assert len(set(ids)) == 2


# Any school at all


@st.composite
def schools(draw: st.DrawFn) -> dict[PersonId, Person]:
    """Return people of the usual school, many of whom share an address."""
    names = draw(st.sets(st.sampled_from(["head", "deputy", "executive", "datamanager", "other"])))
    return by_id(*(draw(strategies.people(URN, name, DAY)) for name in sorted(names)))


EVENTS: tuple[Event, ...] = (
    RequestSent(
        **header(),
        level=MIS,
        raises=None,
        sender=ANA,
        recipients=(HEAD, DEPUTY, EXECUTIVE, DATA_MANAGER),
        terms=None,
    ),
    *STRAY,
    AgreementEnded(**header(9, actor=HEAD), cause=EndCause.BY_SCHOOL, request=None),
)


@pytest.mark.rule("P7")
@given(people=schools(), event=st.sampled_from(EVENTS), actor=st.sampled_from([HEAD, DEPUTY, ANA]))
def test_every_address_gets_at_most_one_notice_of_an_event(
    people: dict[PersonId, Person], event: Event, actor: PersonId
) -> None:
    """Each address gets one notice, each person is named once and current, and the actor is never named."""
    before = evolve(new(), EVENTS[0])
    known = context(people=people, actor=actor)
    notices = notices_for(before, [event], known)
    named = whom(notices)

    assert len({(notice.audience, address_key(notice.address)) for notice in notices}) == len(notices)
    assert len(set(named)) == len(named)
    assert len({notice.id for notice in notices}) == len(notices)
    assert actor not in named
    everybody = {**people, **TRUST_STAFF}
    for notice in notices:
        for person in notice.people:
            assert everybody[person.id].is_current(DAY)
            assert address_key(notice.address) == address_key(everybody[person.id].address or "")
            assert (person.id.site == MAT) == (notice.audience is Party.GROUP)


@pytest.mark.rule("P7", "A8")
def test_one_address_on_both_sides_gets_one_notice() -> None:
    """Somebody who works for the trust and at the school gets one notice at one address, by both names."""
    shared = replacing(SCHOOL, staff_member(DEPUTY, "deputy_head_teacher", email=" ANA@site.example"))

    notices = notices_of(pending(), approve(pending()), by_head(shared))

    (both,) = (notice for notice in notices if ANA in whom([notice]))
    assert [ANA, DEPUTY] == whom([both])
    assert Party.GROUP is both.audience
    assert len(notices) == len({notice.address.strip().casefold() for notice in notices})
