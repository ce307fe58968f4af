"""Access levels, what they allow and who may ask for them (rules L)."""

from itertools import count, product

import pytest

from datashare.domain.levels import AccessLevel, Capability
from datashare.domain.policy import Policy
from datashare.errors import InvalidValue

LEVELS = [AccessLevel.DFE_DATA, AccessLevel.MIS_DATA, AccessLevel.MIS_DATA_AND_GROUP_ACTIONS]
DFE, MIS, ACTIONS = LEVELS


@pytest.mark.rule("L1")
def test_there_are_three_levels_in_order() -> None:
    """The levels are three, and sorting puts them in the order of how much is shared."""
    assert LEVELS == list(AccessLevel)
    assert LEVELS == sorted([ACTIONS, DFE, MIS])
    assert [1, 2, 3] == [level.rank for level in LEVELS]


@pytest.mark.rule("L1")
def test_levels_are_a_total_order() -> None:
    """Every comparison of any two levels agrees with their places."""
    for (here, left), (there, right) in product(enumerate(LEVELS), repeat=2):
        assert (here < there, here <= there) == (left < right, left <= right)
        assert (here > there, here >= there) == (left > right, left >= right)


@pytest.mark.rule("L1")
@pytest.mark.parametrize("other", ["mis_data", 2, None, Capability.VIEW_MIS_DATA], ids=str)
def test_a_level_is_compared_with_levels_only(other: object) -> None:
    """A text or a number beside a level is an error that says what would be right, never a wrong answer."""
    for compare in (MIS.__lt__, MIS.__le__, MIS.__gt__, MIS.__ge__):
        with pytest.raises(InvalidValue, match=r"must be a member of AccessLevel \(such as AccessLevel\.DFE"):
            compare(other)


@pytest.mark.rule("L1", "L2")
def test_each_level_grants_its_own_and_all_below() -> None:
    """The capabilities of each level are exactly those of the rule, those below included."""
    assert {
        DFE: {Capability.VIEW_DFE_DATA},
        MIS: {Capability.VIEW_DFE_DATA, Capability.VIEW_MIS_DATA},
        ACTIONS: set(Capability),
    } == {level: level.capabilities for level in AccessLevel}


@pytest.mark.rule("L2", "U3")
@pytest.mark.parametrize(
    ("level", "lower", "expected"),
    [
        (DFE, None, (Capability.VIEW_DFE_DATA,)),
        (MIS, DFE, (Capability.VIEW_MIS_DATA,)),
        (ACTIONS, MIS, (Capability.PERFORM_GROUP_ACTIONS, Capability.LOG_IN_TO_SCHOOL)),
        (ACTIONS, None, tuple(Capability)),
        (MIS, MIS, ()),
        (DFE, ACTIONS, ()),
    ],
    ids=count(),
)
def test_a_level_adds_what_the_lower_does_not_grant(
    level: AccessLevel, lower: AccessLevel | None, expected: tuple[Capability, ...]
) -> None:
    """A level adds what it grants and the other does not; without an agreement it adds everything."""
    assert expected == level.adds_to(lower)


@pytest.mark.rule("L1", "L2")
def test_levels_and_capabilities_have_words() -> None:
    """Levels and capabilities have words for people, each its own."""
    assert ["DfE Data", "MIS Data", "MIS Data & Group Actions"] == [level.label for level in AccessLevel]
    assert [
        "view the DfE's data",
        "view live data from the MIS",
        "perform group actions",
        "log in to the MIS",
    ] == [capability.label for capability in Capability]


@pytest.mark.rule("L3")
def test_the_labels_differ_for_the_two_kinds_of_group() -> None:
    """The upper level is worded for each kind; what a policy does not name keeps its own label."""
    trust, authority = Policy.mat(), Policy.local_authority()

    assert ["DfE Data", "MIS Data", "MIS Data & Trust Actions"] == [trust.label(level) for level in LEVELS]
    assert ["DfE Data", "MIS Data", "MIS Data & Local Authority Actions"] == [
        authority.label(level) for level in LEVELS
    ]
