"""What a group may choose, and what is usual for its kind (rules V, L, P, N, A, E)."""

from datetime import timedelta

import attrs
import pytest

from datashare.domain.levels import AccessLevel
from datashare.domain.people import BusinessRole, Permission
from datashare.domain.policy import MAINTAINED_TYPES, Party, Policy
from datashare.domain.register import GroupKind
from datashare.errors import InvalidValue

BOTH = pytest.mark.parametrize("policy", [Policy.mat(), Policy.local_authority()], ids=["mat", "la"])


@pytest.mark.parametrize("kind", list(GroupKind), ids=str)
def test_each_kind_of_group_has_its_usual_policy(kind: GroupKind) -> None:
    """The usual policy of a kind is for that kind."""
    assert kind is Policy.for_kind(kind).kind


@pytest.mark.rule("V3", "V6")
@BOTH
def test_nothing_open_is_left_out_by_default(policy: Policy) -> None:
    """Neither kind of group narrows by status or by type unless it chooses to."""
    assert policy.include_proposed_to_close
    assert policy.establishment_types is None


@pytest.mark.rule("V6")
def test_an_authority_can_choose_maintained_types() -> None:
    """The narrowed policy lists the types that an LA maintains, and no academies or free schools."""
    policy = Policy.local_authority(maintained_only=True)

    assert MAINTAINED_TYPES == policy.establishment_types
    assert MAINTAINED_TYPES.isdisjoint({"28", "33", "34", "35", "40", "44"})


@pytest.mark.rule("P2")
@BOTH
def test_only_head_teachers_may_approve_by_default(policy: Policy) -> None:
    """The permission to answer comes with the role Head Teacher, and with no other role."""
    may_answer = {
        role
        for role, permissions in policy.role_permissions.items()
        if Permission.ADMINISTER_DATA_SHARING_REQUEST in permissions
    }

    assert {BusinessRole.HEAD_TEACHER} == may_answer


@pytest.mark.rule("P4")
@BOTH
def test_four_roles_may_be_asked_by_default(policy: Policy) -> None:
    """The eligible roles are the four of the rule."""
    assert {
        "executive_head_teacher",
        "head_teacher",
        "deputy_head_teacher",
        "data_manager",
    } == policy.eligible_roles


@pytest.mark.rule("P12")
@BOTH
def test_reading_needs_the_permission_to_send_by_default(policy: Policy) -> None:
    """Who may send may read, and nobody else, unless the policy widens it."""
    assert {Permission.ADMINISTER_INSTITUTION_DETAILS} == policy.readers


@pytest.mark.rule("Q8")
def test_only_an_authority_must_attach_terms() -> None:
    """Terms are required of a local authority, and not of a trust."""
    assert [False, True] == [Policy.mat().terms_required, Policy.local_authority().terms_required]


@pytest.mark.rule("N4", "A7", "A9", "X2")
@BOTH
def test_what_is_off_by_default(policy: Policy) -> None:
    """No least interval, no second person, no central approval; thirty days to correct the register."""
    assert timedelta(0) == policy.least_reminder_interval
    assert not policy.distinct_approver
    assert not policy.central_approval
    assert timedelta(days=30) == policy.correction_window


@pytest.mark.rule("A9")
def test_only_a_trust_can_settle_centrally() -> None:
    """A trust may choose central approval; for an authority the policy itself is refused."""
    assert attrs.evolve(Policy.mat(), central_approval=True).central_approval
    with pytest.raises(InvalidValue, match=r"Policy\.central_approval must be False for a local authority"):
        attrs.evolve(Policy.local_authority(), central_approval=True)


@pytest.mark.rule("E7")
def test_who_may_end_by_default() -> None:
    """With an authority both sides may end, with a trust neither."""
    assert set(Party) == Policy.local_authority().enders
    assert frozenset() == Policy.mat().enders


@pytest.mark.rule("E7")
def test_a_head_teacher_may_end_with_an_authority_only() -> None:
    """The permission to end comes with the role only where the school may end at all."""
    for policy, expected in ((Policy.mat(), False), (Policy.local_authority(), True)):
        held = policy.role_permissions[BusinessRole.HEAD_TEACHER]
        assert expected is (Permission.END_AGREEMENT in held)


def test_a_policy_keeps_copies() -> None:
    """What a policy was made from can change without changing the policy, and the policy itself cannot."""
    labels = {AccessLevel.MIS_DATA: "Échange"}
    roles = {"head_teacher": [Permission.END_AGREEMENT]}
    policy = attrs.evolve(Policy.mat(), labels=labels, role_permissions=roles)

    labels.clear()
    roles["head_teacher"].clear()

    assert "Échange" == policy.label(AccessLevel.MIS_DATA)
    assert {"head_teacher": {Permission.END_AGREEMENT}} == policy.role_permissions
    with pytest.raises(TypeError):
        policy.labels[AccessLevel.MIS_DATA] = "Changed"  # type: ignore[index]
