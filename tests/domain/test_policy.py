"""What a group may choose, and what is usual for its kind (rules V, L, P, N, A, E)."""

from datetime import timedelta

import attrs
import pytest

from datashare.domain.levels import AccessLevel
from datashare.domain.people import Permission
from datashare.domain.policy import MAINTAINED_TYPES, Party, Policy
from datashare.domain.register import GroupKind
from datashare.errors import InvalidValue

DFE, MIS, ACTIONS = AccessLevel
USUAL = Policy(
    kind=GroupKind.MAT,
    requestable_levels={MIS, ACTIONS},
    labels={ACTIONS: "MIS Data & Trust Actions"},
    include_proposed_to_close=True,
    establishment_types=None,
    eligible_roles={"executive_head_teacher", "head_teacher", "deputy_head_teacher", "data_manager"},
    role_permissions={"head_teacher": {Permission.ADMINISTER_DATA_SHARING_REQUEST}},
    readers={Permission.ADMINISTER_INSTITUTION_DETAILS},
    terms_required=False,
    least_reminder_interval=timedelta(0),
    distinct_approver=False,
    central_approval=False,
    enders=(),
    correction_window=timedelta(days=30),
    stale_register_after=timedelta(days=90),
    most_gone_percent=10,
)


@pytest.mark.rule("L3", "V3", "V6", "P2", "P4", "P12", "N4", "A7", "A9", "X2", "E7")
def test_the_usual_policy_of_a_trust() -> None:
    """A trust asks for the two upper levels; nothing is left out or demanded, and neither side may end."""
    assert USUAL == Policy.mat() == Policy.for_kind(GroupKind.MAT)


@pytest.mark.rule("L3", "Q8", "E7")
def test_the_usual_policy_of_a_local_authority() -> None:
    """An authority asks for every level, on terms; both sides may end, and Head Teachers hold the permission."""
    expected = attrs.evolve(
        USUAL,
        kind=GroupKind.LA,
        requestable_levels={DFE, MIS, ACTIONS},
        labels={ACTIONS: "MIS Data & Local Authority Actions"},
        role_permissions={"head_teacher": {Permission.ADMINISTER_DATA_SHARING_REQUEST, Permission.END_AGREEMENT}},
        terms_required=True,
        enders={Party.GROUP, Party.SCHOOL},
    )

    assert expected == Policy.local_authority() == Policy.for_kind(GroupKind.LA)


@pytest.mark.rule("V6")
def test_an_authority_can_choose_maintained_types() -> None:
    """The narrowed policy lists the types that an LA maintains, and no academies or free schools."""
    policy = Policy.local_authority(maintained_only=True)

    assert MAINTAINED_TYPES == policy.establishment_types
    assert MAINTAINED_TYPES.isdisjoint({"28", "33", "34", "35", "40", "44"})


@pytest.mark.rule("A9")
def test_only_a_trust_can_settle_centrally() -> None:
    """A trust may choose central approval; for an authority the policy itself is refused."""
    assert attrs.evolve(Policy.mat(), central_approval=True).central_approval
    with pytest.raises(InvalidValue, match=r"Policy\.central_approval must be False for a local authority"):
        attrs.evolve(Policy.local_authority(), central_approval=True)


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
