"""Every value that a page or an API returns goes to JSON by one converter, and has words for people."""

import enum
import json
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest

from datashare.codec import ExportFormat, converter
from datashare.delivery import deliver
from datashare.domain import (
    access,
    agreements,
    browsing,
    eligibility,
    levels,
    notices,
    people,
    policy,
    register,
    visibility,
)
from datashare.domain.agreements import Tab
from datashare.domain.levels import Capability
from datashare.domain.reconciliation import plan
from datashare.domain.text import Labelled
from datashare.domain.verification import FindingCode
from datashare.ports import NoticeStatus
from datashare.service import DataSharing, GroupSide, SchoolSide
from datashare.testing import RecordingNotifier
from tests.builders import MIS, open_request
from tests.world import (
    ANA,
    CLOSED,
    FOREIGN,
    GENEROUS,
    HILDA,
    NO_APPROVER,
    NOW,
    OSCAR,
    PEOPLE,
    SITES,
    TODAY,
    TRUST,
    UNKNOWN,
    World,
    head,
    imported,
    public_names,
)


def prepared() -> World:
    """Let one school approve and another be asked."""
    world = World(policies={TRUST: GENEROUS})
    world.approved(HILDA)
    world.asked(OSCAR, command_id="more")
    return world


Call = Callable[[World], Any]
GROUP: dict[str, Call] = {
    "request": lambda world: world.trust().request([NO_APPROVER, FOREIGN], level=MIS, command_id="c-1"),
    "add_recipients": lambda world: world.trust().add_recipients([], recipients={}, command_id="c-1"),
    "remind": lambda world: world.trust().remind([open_request(world.state(OSCAR)).id], command_id="c-1"),
    "withdraw": lambda world: world.trust().withdraw([open_request(world.state(OSCAR)).id], command_id="c-1"),
    "record_approval": lambda world: world.trust().record_approval(
        [NO_APPROVER], level=MIS, basis="Minute 7", command_id="c-1"
    ),
    "import_agreements": lambda world: world.trust().import_agreements([imported(NO_APPROVER)], command_id="c-1"),
    "end": lambda world: world.trust().end([HILDA], cause=agreements.EndCause.BY_GROUP, note="Over.", command_id="c-1"),
    "record_visibility": lambda world: world.trust().record_visibility(command_id="c-1"),
    "reconcile": lambda world: world.trust().reconcile(),
    "apply": lambda world: world.trust().apply(world.trust().reconcile(), command_id="c-1"),
    "table": lambda world: world.trust().table(),
    "browse": lambda world: world.trust().browse(limit=2),
    "facets": lambda world: world.trust().facets(),
    "agreements": lambda world: world.trust().agreements(Tab.PENDING),
    "details": lambda world: world.trust().details(HILDA),
    "why": lambda world: world.trust().why(CLOSED),
    "agreement": lambda world: world.trust().agreement(HILDA),
    "history": lambda world: world.trust().history(HILDA),
    "timeline": lambda world: world.trust().timeline(HILDA),
    "as_of": lambda world: world.trust().as_of(NOW, HILDA),
    "shared_on": lambda world: world.trust().shared_on(TODAY, HILDA),
    "all_as_of": lambda world: world.trust().all_as_of(NOW),
    "in_force_on": lambda world: world.trust().in_force_on(TODAY),
    "names": lambda world: world.trust().names(world.trust().timeline(HILDA)),
    "export": lambda world: list(world.trust().export(ExportFormat.JSON_LINES)),
    "recipients": lambda world: world.trust().recipients([HILDA]),
    "requestable_levels": lambda world: world.trust().requestable_levels(),
    "no_longer_visible": lambda world: world.trust().no_longer_visible(),
    "coverage": lambda world: world.trust().coverage(),
    "preview": lambda world: world.trust().preview.request([NO_APPROVER], level=MIS, command_id="c-1"),
    "queued": lambda world: world.trust().queued.request([NO_APPROVER], level=MIS, command_id="c-1"),
}
SCHOOL: dict[str, Call] = {
    "approve": lambda world: world.school(OSCAR).approve(open_request(world.state(OSCAR)).id),
    "decline": lambda world: world.school(OSCAR).decline(open_request(world.state(OSCAR)).id, reason="No."),
    "end": lambda world: world.sharing.preview(
        world.trust().queued.end([HILDA], cause=agreements.EndCause.BY_GROUP, note="Over.", command_id="c-1")
    ),
    "page": lambda world: world.school().page(),
    "shared_on": lambda world: world.school().shared_on(TODAY),
    "names": lambda world: world.school().names(world.school().shared_on(TODAY)),
}
SHARING: dict[str, Call] = {
    "explain": lambda world: world.sharing.explain(TRUST, HILDA, Capability.VIEW_MIS_DATA),
    "explain_log_in": lambda world: world.sharing.explain_log_in(ANA, HILDA),
    "groups": lambda world: world.sharing.groups(),
    "verify": lambda world: world.sharing.verify(TRUST),
    "digest": lambda world: world.sharing.digest(TRUST),
    "policy": lambda world: world.policy(TRUST),
    "notices": lambda world: world.notices(),
    "person": lambda _world: PEOPLE,
    "site": lambda _world: SITES,
    "institution": lambda world: world.schools[HILDA],
    "group": lambda world: world.groups,
    "delivery": lambda world: deliver(world.store, RecordingNotifier(), clock=world.clock),
}
CALLS = {
    f"{side}-{name}": call
    for side, calls in {"group": GROUP, "school": SCHOOL, "sharing": SHARING}.items()
    for name, call in calls.items()
}


def test_every_answer_is_in_the_tables() -> None:
    """Every call of the two sides; of the service, all but those that answer yes or no, or with something to ask."""
    assert set(GROUP) == public_names(GroupSide)
    assert set(SCHOOL) == public_names(SchoolSide)
    others = {"for_group", "for_school", "over", "run", "preview", "access", "allows", "may_log_in", "problems"}
    assert public_names(DataSharing) - others <= set(SHARING)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_every_answer_goes_to_json(call: Call) -> None:
    """What the converter writes survives JSON, so it holds nothing but plain values."""
    plain = converter().unstructure(call(prepared()))

    assert plain == json.loads(json.dumps(plain, allow_nan=False))


@pytest.mark.rule("B9", "K1")
def test_a_page_and_outcomes_are_written_whole() -> None:
    """The items of a page and the outcomes of an action are objects, with ids as text."""
    world = prepared()

    page = converter().unstructure(world.trust().browse(limit=1))
    done, not_done = converter().unstructure(GROUP["request"](world))

    assert (5, "Abbey Infants") == (page["total"], page["items"][0]["institution"]["name"])
    assert ("mat:5143/100005", "Abbey Infants") == (done["agreement"], done["name"])
    assert ("not_visible", "Elsewhere Academy") == (not_done["reasons"][0]["code"], not_done["name"])


@pytest.mark.rule("K1", "K4")
def test_an_outcome_names_the_school() -> None:
    """Done, refused or repeated; a URN that the register does not have has no name."""
    world = prepared()
    outcomes = world.trust().request([NO_APPROVER, FOREIGN, UNKNOWN], level=MIS, command_id="c-1")
    again = world.trust().request([NO_APPROVER], level=MIS, command_id="c-1")
    answer = world.school(OSCAR).decline(open_request(world.state(OSCAR)).id, reason="No.")

    assert ["Abbey Infants", "Elsewhere Academy", ""] == [outcome.name for outcome in outcomes]
    assert ["Abbey Infants"] == [outcome.name for outcome in again]
    assert "Óscar Romero Academy" == answer.name


def enumerations() -> Iterator[type[Labelled]]:
    """List the enumerations that a page can show."""
    modules = (agreements, browsing, eligibility, levels, notices, people, policy, register, visibility, plan)
    for module in (*modules, access, agreements.ids, agreements.context):
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, enum.Enum) and list(value):
                yield cast(type[Labelled], value)
    yield from (FindingCode, NoticeStatus, ExportFormat)


@pytest.mark.parametrize("kind", sorted(set(enumerations()), key=str))
def test_every_enumeration_has_labels(kind: type[Labelled]) -> None:
    """Each member has words of its own that begin like a heading, and none is a key."""
    labels = [member.label for member in kind]

    assert len(set(labels)) == len(labels)
    for label in labels:
        assert label == label.strip()
        assert "_" not in label
        assert "Urn" not in label


@pytest.mark.rule("L3")
def test_the_levels_that_may_be_requested_are_choices_of_a_form() -> None:
    """Lowest first, in the words of the policy."""
    assert (
        (levels.AccessLevel.MIS_DATA, "MIS Data"),
        (levels.AccessLevel.MIS_DATA_AND_GROUP_ACTIONS, "MIS Data & Trust Actions"),
    ) == World().trust().requestable_levels()
    assert [*levels.AccessLevel] == [level for level, _ in World().council().requestable_levels()]


@pytest.mark.rule("H4")
def test_the_names_of_events_can_be_looked_up() -> None:
    """Whoever stands in the history of this side is named, so that each event can be described."""
    world = prepared()
    events = world.trust().history(HILDA)

    names = world.trust().names(events)

    assert "Siân Ana" == names.people[ANA]
    assert "Siân Head" == names.people[head()]
    assert "St Hilda’s Primary School" == names.schools[HILDA]
