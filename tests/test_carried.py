"""Every value goes through a queue or into a cache: pickled or copied, it is the same value."""

import copy
import importlib
import pickle
import pkgutil
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import attrs
import pytest

import datashare
from datashare.adapters.email import EmailRenderer, MailServer
from datashare.adapters.gias import EstablishmentLink, GroupLink, ReadingProgress, Register, RegisterWarning
from datashare.adapters.memory import MemoryAgreementStore
from datashare.delivery import RetrySchedule
from datashare.domain.access import AccessMap
from datashare.domain.agreements import (
    Caution,
    CautionCode,
    Decision,
    DecisionContext,
    Reason,
    Refusal,
    RefusalCode,
    WithRoles,
)
from datashare.domain.agreements.ids import AgreementId
from datashare.domain.browsing import Filters
from datashare.domain.eligibility import Eligibility
from datashare.domain.levels import Capability
from datashare.domain.reconciliation import FormerGroup, GroupFacts, RenamedSchool
from datashare.domain.reconciliation.reconcile import Comparison
from datashare.domain.reconciliation.successors import Links
from datashare.domain.register import SuccessorLink
from datashare.domain.timeline import NotRecorded, Present
from datashare.domain.validation import FrozenMapping, Rule
from datashare.domain.verification import Finding, FindingCode
from datashare.ports import Delivered, NeverDeliverable, Progress, Stage, TryAgain, Unreadable
from datashare.service import GroupActions, HiddenAgreement, Outcomes, SchoolSide
from datashare.service.checked import CheckedInstitutions, CheckedPeople
from datashare.service.host import Host
from datashare.service.view import View
from datashare.testing import ReceivedMessage, RegisterContents
from tests.adapters.sql.public_calls import CALLS, busy_world
from tests.domain.test_values import GOOD
from tests.golden.values import VALUES as GOLDEN
from tests.test_reprs import VALUES as STORED
from tests.world import ANA, CLOSED, GENEROUS, GROUPS, HILDA, MIS, NOW, OSCAR, SCHOOLS, TODAY, TRUST, World

NO_VALUES = (Host, CheckedInstitutions, CheckedPeople, GroupActions, SchoolSide, View, Rule, EmailRenderer, MailServer)
"""What acts, connects or checks, with its subclasses, beside the classes that others only derive from."""
ONLY_DERIVED_FROM = {"NamesRequest", "Recorded"}

SCHOOL, OTHER = SCHOOLS[:2]
LINK = SuccessorLink(predecessor=CLOSED, successor=HILDA, kind="Successor")
FACTS = GroupFacts(
    group=GROUPS[0],
    names_group=True,
    register_day=TODAY,
    linked=frozenset({HILDA}),
    urns=frozenset({CLOSED}),
    institutions={HILDA: SCHOOL},
    links=(LINK,),
)
SEEN = World().trust().why(CLOSED)
BY_HAND: tuple[object, ...] = (
    FACTS,
    Links(facts=FACTS, register_day=TODAY),
    Comparison(facts=FACTS, agreements={}, policy=GENEROUS, day=TODAY, register_day=TODAY),
    FormerGroup(group=TRUST, name="Areté", level=MIS, level_label="MIS"),
    RenamedSchool(urn=HILDA, name="St Hilda’s", before="Hilda"),
    NotRecorded(agreement=AgreementId(TRUST, HILDA), until=NOW, agreed_on=TODAY),
    Present(at=NOW, visible=frozenset({HILDA})),
    Finding(agreement=AgreementId(TRUST, HILDA), sequence=1, code=next(iter(FindingCode)), detail="Odd."),
    Unreadable(id="x", agreement=AgreementId(TRUST, HILDA)),
    HiddenAgreement(agreement=World().state(CLOSED), visibility=SEEN),
    Eligibility(ANA),
    Caution(next(iter(CautionCode)), (ANA,)),
    Decision((), ()),
    Refusal((Reason(code=RefusalCode.CONFLICT),)),
    DecisionContext(
        now=NOW,
        actor=ANA,
        command_id="c",
        group=GROUPS[0],
        policy=GENEROUS,
        visibility=SEEN,
        site=None,
        people={},
        others={},
    ),
    Filters(search="hilda"),
    Progress(stage=Stage.SAVED, done=1, total=2),
    Delivered(),
    TryAgain("Busy."),
    NeverDeliverable("Nobody."),
    RetrySchedule(),
    ReceivedMessage(id="1", recipients=("a@x.example",)),
    RegisterContents(),
    Register(institutions={HILDA: SCHOOL}, groups={TRUST: GROUPS[0]}, successors=(LINK,), rows=1),
    RegisterWarning(file="x.csv", column="URN", why="is odd"),
    GroupLink(urn=HILDA, uid="5143", is_trust=True),
    EstablishmentLink(urn=HILDA, link_urn=CLOSED, kind="Successor"),
    ReadingProgress(file="x.csv", rows=1, bytes_read=2, total_bytes=3),
    WithRoles({"head_teacher"}),
)


def public_modules() -> Iterator[Any]:
    """Yield every module that a host may import from; the app for Django holds models, not values."""
    for module in pkgutil.walk_packages(datashare.__path__, "datashare."):
        if not any(part.startswith("_") or part == "django" for part in module.name.split(".")):
            yield importlib.import_module(module.name)


def public_values() -> set[type]:
    """List the public attrs classes whose instances are values."""
    classes = {value for module in public_modules() for value in vars(module).values() if isinstance(value, type)}
    return {
        value
        for value in classes
        if attrs.has(value)
        and value.__module__.startswith("datashare.")
        and not value.__name__.startswith("_")
        and not issubclass(value, (*NO_VALUES, Exception))
        and value.__name__ not in ONLY_DERIVED_FROM
    }


def content(value: object) -> object:
    """Return what a value holds, for classes whose instances are equal to themselves only."""
    return tuple(getattr(value, field.name) for field in attrs.fields(type(value)))  # type: ignore[arg-type]


def parts_of(value: object) -> Iterator[object]:
    """Yield every attrs value within a value, itself included."""
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from parts_of(key)
            yield from parts_of(part)
    elif isinstance(value, (tuple, list, set, frozenset)):
        for part in value:
            yield from parts_of(part)
    elif attrs.has(type(value)):
        yield value
        yield from parts_of(content(value))


def carried(value: object) -> tuple[object, ...]:
    """Carry a value in each way."""
    return pickle.loads(pickle.dumps(value)), copy.copy(value), copy.deepcopy(value)  # noqa: S301


def answers() -> Iterator[object]:
    """Yield what a busy host is answered, one world long."""
    world = busy_world(MemoryAgreementStore())
    yield world.trust().coverage()
    yield world.store.load([AgreementId(TRUST, HILDA)], command_id="ask")
    yield list(world.store.chains())
    yield world.sharing.verify()
    yield world.sharing.digest(TRUST)
    for call in CALLS.values():
        yield call(world)


def test_every_public_value_can_be_carried() -> None:
    """Whatever was computed before, it is equal afterwards, and its properties can still be asked for."""
    samples = dict[type, list[Any]]()
    for value in parts_of([*answers(), GOOD, GOLDEN, STORED, *BY_HAND]):
        if not isinstance(value, NO_VALUES) and len(kept := samples.setdefault(type(value), [])) < 3:
            kept.append(value)

    assert set() == public_values() - samples.keys()
    for kind, values in samples.items():
        lazy = [name for name in dir(kind) if isinstance(getattr(kind, name), property | cached_property)]
        for value in values:
            for state in ("fresh", "computed"):
                for same in carried(value):
                    assert content(value) == content(same), (kind, state)
                    assert [getattr(value, name) for name in lazy] == [getattr(same, name) for name in lazy]


def test_outcomes_can_be_carried() -> None:
    """They are a tuple of their own kind, with its properties."""
    outcomes = World().trust().request([HILDA, CLOSED], level=MIS, command_id="ask")

    for same in carried(outcomes):
        assert isinstance(same, Outcomes)
        assert (outcomes, outcomes.done, outcomes.not_done) == (same, same.done, same.not_done)


@pytest.mark.rule("X4")
def test_an_access_map_can_be_carried() -> None:
    """It answers as before, in another process too."""
    world = World()
    world.approved(HILDA)
    world.asked(OSCAR, command_id="ask-too")
    access = world.sharing.access(TRUST)

    for same in carried(access):
        assert isinstance(same, AccessMap)
        assert (access.group, access.at, access.day) == (same.group, same.at, same.day)
        for capability in set(Capability) - {Capability.LOG_IN_TO_SCHOOL}:
            assert access.urns(capability) == same.urns(capability)
            for urn in world.schools:
                assert access.explain(urn, capability) == same.explain(urn, capability)


def test_a_frozen_mapping_is_a_mapping() -> None:
    """It is equal to a dict of the same content, shows it, and cannot be changed."""
    given = {1: "a", 2: "b"}
    frozen = FrozenMapping(given)
    given[3] = "c"

    assert {1: "a", 2: "b"} == frozen
    assert [1, 2] == list(frozen)
    assert ("a", None, "z", 2) == (frozen.get(1), frozen.get(3), frozen.get(3, "z"), len(frozen))
    assert "FrozenMapping({1: 'a', 2: 'b'})" == repr(frozen)
    with pytest.raises(TypeError):
        frozen[3] = "c"  # type: ignore[index]
