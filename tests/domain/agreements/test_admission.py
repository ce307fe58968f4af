"""What refuses an action as a whole, before any school is looked at (rules P, Q8, R1, K2)."""

from datetime import date
from functools import partial
from itertools import product

import attrs
import pytest

from datashare.domain.agreements.authorise import PERMISSIONS, not_permitted, side_of
from datashare.domain.agreements.commands import (
    AddRecipients,
    Approve,
    Command,
    Decline,
    EndCause,
    RecordApproval,
    RecordVisibility,
    Remind,
    RequestAccess,
    Withdraw,
)
from datashare.domain.agreements.ids import Actor, RequestId, SystemActor
from datashare.domain.agreements.lifecycle import CommandType
from datashare.domain.agreements.refusals import WHOLE, Reason, RefusalCode
from datashare.domain.agreements.state import State
from datashare.domain.levels import AccessLevel
from datashare.domain.people import Permission, PersonId
from datashare.domain.policy import Party, Policy
from datashare.domain.register import GroupId
from tests.builders import (
    ACTIONS,
    AGREEMENT,
    ANA,
    BEN,
    CARYS,
    DFE,
    EVERYBODY,
    GROUP_PERMISSIONS,
    HEAD,
    LA,
    MAT,
    MIS,
    NIGHTLY,
    OTHER_URN,
    TERMS,
    TRUST,
    URN,
    ask,
    batch,
    by_id,
    command_of,
    end,
    in_state,
    open_request,
    reasons_against,
    see,
    staff_member,
)

DAY = date(2026, 10, 25)
LENIENT = attrs.evolve(Policy.mat(), central_approval=True, enders=Party)
whole = partial(reasons_against, policy=LENIENT)
PENDING = in_state(State.PENDING)
BY_SCHOOL: list[CommandType] = [Approve, Decline]
BY_GROUP = [kind for kind in PERMISSIONS if kind not in BY_SCHOOL]
REQUEST_KINDS = [RequestAccess, AddRecipients, Remind, Withdraw]


def codes_of(reasons: list[Reason]) -> list[RefusalCode]:
    """Return the codes of *reasons*, in their order."""
    return [reason.code for reason in reasons]


def actor_of(kind: CommandType) -> PersonId:
    """Return a person who may do what *kind* asks."""
    return HEAD if kind in BY_SCHOOL else ANA


@pytest.mark.rule("P1", "P2", "A9", "A10", "E7")
@pytest.mark.parametrize("kind", PERMISSIONS, ids=lambda kind: kind.__name__)
def test_each_command_needs_exactly_its_own_permission(kind: CommandType) -> None:
    """The permission of a command alone is enough, and all the others together are not."""
    command, actor = command_of(kind, PENDING), actor_of(kind)
    ana = staff_member(ANA, permissions=[Permission.ADMINISTER_INSTITUTION_DETAILS])  # the sender
    own = PERMISSIONS[kind]
    with_own = staff_member(actor, permissions=[own])
    with_others = staff_member(actor, permissions=[permission for permission in Permission if permission is not own])

    assert [] == codes_of(whole(batch(command, actor=actor), people={ANA: ana, actor: with_own}))
    assert [RefusalCode.NOT_PERMITTED] == codes_of(
        whole(batch(command, actor=actor), people={ANA: ana, actor: with_others})
    )


@pytest.mark.rule("P1", "P2")
def test_permissions_are_those_of_the_rules() -> None:
    """Sending, adding, reminding and withdrawing need one permission, answering another."""
    assert {Permission.ADMINISTER_INSTITUTION_DETAILS} == {PERMISSIONS[kind] for kind in REQUEST_KINDS}
    assert {Permission.ADMINISTER_DATA_SHARING_REQUEST} == {PERMISSIONS[kind] for kind in (Approve, Decline)}
    assert "institution.administer_institution_details" == PERMISSIONS[RequestAccess].value
    assert "school.action.data_sharing_request.administer" == PERMISSIONS[Approve].value


@pytest.mark.rule("K2")
def test_whoever_lacks_the_permission_learns_nothing_else() -> None:
    """The refusal does not mention the closed group, the bad sender, the bad level or the missing terms."""
    action = batch(ask(DFE), actor=BEN)
    closed = attrs.evolve(TRUST, is_open=False)
    policy = attrs.evolve(LENIENT, terms_required=True)

    (reason,) = whole(action, group=closed, policy=policy)

    assert RefusalCode.NOT_PERMITTED is reason.code
    assert (
        "Not permitted here. Siân ben may not send data sharing requests: "
        "the permission “Institution: Administer Institution Details” is missing "
        "(institution.administer_institution_details). Ask somebody who has it."
    ) == str(reason)


@pytest.mark.rule("K2")
def test_one_command_that_is_not_permitted_refuses_all() -> None:
    """The head of one school may not answer for another in the same action, so nothing is answered."""
    other = RequestId(attrs.evolve(AGREEMENT, urn=OTHER_URN), 1)
    action = batch(Approve(request=RequestId(AGREEMENT, 1)), Approve(request=other), actor=HEAD)

    assert [RefusalCode.NOT_PERMITTED] == codes_of(whole(action))


@pytest.mark.rule("P12")
@pytest.mark.parametrize(
    ("kind", "actor"),
    [
        *product(BY_GROUP, [CARYS, HEAD, PersonId(GroupId.mat("5144"), "ana")]),
        *product(BY_SCHOOL, [ANA, PersonId(OTHER_URN, "head")]),
    ],
    ids=lambda value: str(value) if isinstance(value, PersonId) else value.__name__,
)
def test_actor_acts_only_for_their_own_group_or_school(kind: CommandType, actor: PersonId) -> None:
    """Somebody of another site, whatever they hold there, may not act for this group or answer for this school."""
    people = {**EVERYBODY, actor: staff_member(actor, "head_teacher", permissions=list(Permission))}

    (reason,) = whole(batch(command_of(kind, PENDING), actor=actor), people=people)

    assert RefusalCode.NOT_PERMITTED is reason.code
    assert f"{actor} may not" in str(reason)
    assert "Siân" not in str(reason)
    assert "they belong to another site" in str(reason)


@pytest.mark.rule("P12")
@pytest.mark.parametrize("kind", [AddRecipients, Remind, Withdraw, Approve, Decline], ids=lambda kind: kind.__name__)
def test_request_of_another_group_is_not_ours_to_touch(kind: CommandType) -> None:
    """A request id that names another group is refused, even for a head who may answer that one."""
    theirs = attrs.evolve(open_request(PENDING), id=RequestId(attrs.evolve(AGREEMENT, group=LA), 1))
    command = command_of(kind, attrs.evolve(PENDING, request=theirs))

    (reason,) = whole(batch(command, actor=actor_of(kind)))

    assert RefusalCode.NOT_PERMITTED is reason.code
    assert "la:870/100000 is not an agreement of mat:5143" in str(reason)


@pytest.mark.rule("E6", "P12")
@pytest.mark.parametrize("kind", PERMISSIONS, ids=lambda kind: kind.__name__)
def test_system_only_records_visibility(kind: CommandType) -> None:
    """A nightly refresh may record what the register shows, and nothing else."""
    expected = [] if kind is RecordVisibility else [RefusalCode.NOT_PERMITTED]

    assert expected == codes_of(whole(batch(command_of(kind, PENDING), actor=NIGHTLY)))


@pytest.mark.rule("P9")
def test_unknown_sender_is_refused() -> None:
    """A sender whom the directory does not know is refused, and only once for many schools."""
    nobody = PersonId(MAT, "nobody")
    commands = [RequestAccess(urn=urn, level=MIS, sender=nobody) for urn in (URN, OTHER_URN)]

    (reason,) = whole(batch(*commands))

    assert RefusalCode.SENDER_NOT_ELIGIBLE is reason.code
    assert "mat:5143/nobody is not known" in str(reason)


@pytest.mark.rule("L3", "Q7")
@pytest.mark.parametrize("level", AccessLevel)
def test_level_must_be_requestable(level: AccessLevel) -> None:
    """A trust asks for the two upper levels, an LA for all; the refusal names what may be asked."""
    refusals = whole(batch(ask(level)))
    theirs = RequestAccess(urn=URN, level=level, sender=CARYS, terms=TERMS)

    assert ([RefusalCode.LEVEL_NOT_REQUESTABLE] if level is DFE else []) == codes_of(refusals)
    assert all("MIS Data, MIS Data & Trust Actions" in str(reason) for reason in refusals)
    assert [] == whole(batch(theirs, actor=CARYS, group=LA), policy=Policy.local_authority())


@pytest.mark.rule("Q8")
def test_local_authority_needs_terms_and_a_trust_does_not() -> None:
    """An LA's request without its addendum is refused as a whole; with the addendum it is sent."""
    bare = RequestAccess(urn=URN, level=MIS, sender=CARYS)
    with_terms = attrs.evolve(bare, terms=TERMS)
    policy = Policy.local_authority()

    assert [RefusalCode.TERMS_REQUIRED] == codes_of(whole(batch(bare, actor=CARYS, group=LA), policy=policy))
    assert [] == whole(batch(with_terms, actor=CARYS, group=LA), policy=policy)
    assert [] == whole(batch(ask()))
    assert [] == whole(batch(ask(terms=TERMS)))


@pytest.mark.rule("R1", "V8", "T5")
@pytest.mark.parametrize("kind", PERMISSIONS, ids=lambda kind: kind.__name__)
def test_closed_group_starts_nothing_but_may_close_what_is_open(kind: CommandType) -> None:
    """A closed group may only answer, withdraw, end and record visibility."""
    closed = attrs.evolve(TRUST, is_open=False, closed_on=date(2026, 8, 31))
    goes_on = {"Withdraw", "Approve", "Decline", "EndAgreement", "RecordVisibility"}

    refusals = codes_of(whole(batch(command_of(kind, PENDING), actor=actor_of(kind)), group=closed))

    assert ([] if kind.__name__ in goes_on else [RefusalCode.GROUP_CLOSED]) == refusals


@pytest.mark.rule("R1", "R2")
def test_all_reasons_are_given_once_the_primary_one_first() -> None:
    """A bad sender, level, terms and group are given together, once each, in the rule's order."""
    commands = [RequestAccess(urn=urn, level=DFE, sender=BEN) for urn in (URN, OTHER_URN)]
    policy = attrs.evolve(LENIENT, terms_required=True)

    reasons = whole(batch(*commands), group=attrs.evolve(TRUST, is_open=False), policy=policy)

    assert [
        RefusalCode.SENDER_NOT_ELIGIBLE,
        RefusalCode.LEVEL_NOT_REQUESTABLE,
        RefusalCode.TERMS_REQUIRED,
        RefusalCode.GROUP_CLOSED,
    ] == codes_of(reasons)
    assert set(codes_of(reasons)) < WHOLE


@pytest.mark.rule("K5")
@pytest.mark.parametrize("is_open", [True, False])
def test_empty_selection_is_not_refused(is_open: bool) -> None:
    """An action about no school is never refused to somebody who may act at all."""
    assert [] == whole(batch(actor=ANA), group=attrs.evolve(TRUST, is_open=is_open))


@pytest.mark.rule("K2", "K5")
@pytest.mark.parametrize("actor", [BEN, HEAD, SystemActor("nightly")], ids=str)
@pytest.mark.parametrize("kind", [None, Remind], ids=["queued", "remind"])
def test_empty_selection_needs_the_permission_too(actor: Actor, kind: CommandType | None) -> None:
    """Somebody without permission is refused even if there is nothing to do; a system may refresh."""
    people = {ANA: EVERYBODY[ANA], BEN: EVERYBODY[BEN]}

    reason = not_permitted(batch(actor=actor), people=people, policy=LENIENT, day=DAY, kind=kind)

    may = isinstance(actor, SystemActor) and kind is None
    assert may is (reason is None)


@pytest.mark.rule("K2", "K5")
@pytest.mark.parametrize("kind", [None, Remind, RecordApproval], ids=["queued", "remind", "record-approval"])
@pytest.mark.parametrize("permission", Permission, ids=lambda permission: permission.name)
def test_an_empty_selection_needs_a_permission(permission: Permission, kind: CommandType | None) -> None:
    """If the kind is not known, each permission to act for a group suffices, and none to act for a school."""
    known = by_id(staff_member(ANA, permissions=[permission]))

    reason = not_permitted(batch(actor=ANA), people=known, policy=LENIENT, day=DAY, kind=kind)

    suffices = {PERMISSIONS[kind]} if kind else set(GROUP_PERMISSIONS)
    assert (permission in suffices) is (reason is None)
    assert reason is None or all(each.value in str(reason) for each in suffices)


@pytest.mark.rule("P12", "E7")
@pytest.mark.parametrize(
    ("command", "side"),
    [
        (ask(ACTIONS), Party.GROUP),
        (Approve(request=RequestId(AGREEMENT, 1)), Party.SCHOOL),
        (Decline(request=RequestId(AGREEMENT, 1), reason="No"), Party.SCHOOL),
        (Withdraw(request=RequestId(AGREEMENT, 1)), Party.GROUP),
        (end(EndCause.BY_SCHOOL), Party.SCHOOL),
        (end(EndCause.SCHOOL_CLOSED), Party.GROUP),
        (see(), Party.GROUP),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, Party) else value.value,
)
def test_commands_come_from_one_side(command: Command, side: Party) -> None:
    """Answers, and an end by the school, come from the school; all else from the group."""
    assert side is side_of(command)
