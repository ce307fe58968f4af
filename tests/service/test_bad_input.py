"""Bad input of every kind gets a DatashareError that says what to do, and changes nothing (T2)."""

import inspect
import re
from collections.abc import AsyncIterator, Callable
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, cast

import attrs
import pendulum
import pytest

from datashare.adapters.memory import MemoryInstitutionDirectory
from datashare.codec import ExportFormat
from datashare.domain.agreements import AgreementId, EndCause, RequestAccess, RequestId, Tab
from datashare.domain.browsing import Filters
from datashare.domain.levels import Capability
from datashare.domain.people import PersonId
from datashare.domain.policy import Policy
from datashare.errors import InvalidInput, Misconfigured, Refused, UnknownGroup
from datashare.service import DataSharing, FilterChoices, GroupSide, SchoolSide
from tests.world import (
    ANA,
    COUNCIL,
    GENEROUS,
    HILDA,
    MIS,
    NIGHTLY,
    NOW,
    NOWHERE,
    OSCAR,
    TODAY,
    TRUST,
    World,
    assert_sound,
    head,
    imported,
    public_names,
)

REQUEST = RequestId(AgreementId(TRUST, HILDA), 1)
ANOTHER_COMMAND = RequestAccess(urn=OSCAR, level=MIS, sender=ANA)

Bad = dict[str, Any]

NO_URNS: list[Any] = ["100000", 100000, None, [100000.0], [True], [0], [10_000_000], [[1]]]
NO_URN: list[Any] = ["100000", None, True, 0]
NO_REQUESTS: list[Any] = ["mat:5143/100000/1", ["mat:5143/100000/1"], REQUEST, 7]
NO_COMMAND_IDS: list[Any] = ["", "a b", None]
NO_LEVELS: list[Any] = ["mis_data", None]
NO_RECIPIENTS: list[Any] = ["all", None, [head()], {HILDA: "head"}, {str(HILDA): [head()]}, {OSCAR: [head(OSCAR)]}]
NO_TEXT: list[Any] = ["   ", None, "a\0b", "x" * 10_001]
NO_PAST_INSTANTS: list[Any] = [None, TODAY, datetime(2026, 5, 3), NOW + timedelta(seconds=1)]  # noqa: DTZ001
NO_PAST_DAYS: list[Any] = [None, NOW, TODAY + timedelta(days=1)]
NO_ANSWERS: list[Any] = [None, "x", ["x"]]
NO_DAYS: list[Any] = ["2026-10-25", datetime(2026, 10, 25), pendulum.datetime(2026, 10, 25)]  # noqa: DTZ001
NO_REGISTERS: list[Any] = ["register", {}, MemoryInstitutionDirectory]
NO_PORTS = (str, dict, type)


def prepared() -> World:
    """Build a world in which each of the calls would succeed if its arguments were valid."""
    world = World(policies={TRUST: GENEROUS})
    world.asked(HILDA)
    return world


PLAN = prepared().trust().reconcile()
FUTURE_PLAN = attrs.evolve(PLAN, register_day=TODAY + timedelta(days=1))
ASKING: Bad = {"urns": [HILDA], "level": MIS, "command_id": "c-1"}
RECORDING: Bad = {**ASKING, "basis": "Minute 7"}
ENDING: Bad = {"urns": [HILDA], "cause": EndCause.BY_GROUP, "note": "Over.", "command_id": "c-1"}
NAMING: Bad = {"requests": [REQUEST], "command_id": "c-1"}
OF_ONE_SCHOOL = ({"urn": HILDA}, {"urn": NO_URN})
FILTERS: dict[str, list[Any]] = {
    "search": [None, 7],
    "phase": ["primary", ["primary"], None],
    "cluster": ["North", [7], [""]],
    "establishment_type": ["02", [2]],
    "ofsted_rating": ["Good", [1]],
    "local_authority": ["870", [870]],
    "tab": ["pending", ["pending"]],
    "level": ["mis_data", ["mis_data"]],
}

Calls = dict[str, tuple[Bad, dict[str, list[Any]]]]
"""For each method: valid arguments, and some invalid values for each of them; the domain's tests hold more values."""

GROUP_CALLS: Calls = {
    "request": (
        ASKING,
        {
            "urns": NO_URNS,
            "level": NO_LEVELS,
            "command_id": NO_COMMAND_IDS,
            "sender": ["ana", HILDA],
            "recipients": NO_RECIPIENTS,
            "terms": ["v1"],
        },
    ),
    "add_recipients": (
        {**NAMING, "recipients": {HILDA: [head()]}},
        {"requests": NO_REQUESTS, "recipients": NO_RECIPIENTS, "command_id": NO_COMMAND_IDS},
    ),
    "remind": (NAMING, {"requests": NO_REQUESTS, "command_id": NO_COMMAND_IDS}),
    "withdraw": (NAMING, {"requests": NO_REQUESTS, "command_id": NO_COMMAND_IDS, "reason": [None, "a\0b"]}),
    "record_approval": (
        RECORDING,
        {"urns": NO_URNS, "level": NO_LEVELS, "basis": NO_TEXT, "command_id": NO_COMMAND_IDS, "terms": ["v1"]},
    ),
    "import_agreements": (
        {"agreements": [imported(OSCAR)], "command_id": "c-1"},
        {"agreements": ["x", None, [HILDA], imported(OSCAR), [ANOTHER_COMMAND]], "command_id": NO_COMMAND_IDS},
    ),
    "end": (ENDING, {"urns": NO_URNS, "cause": ["by_group", None], "note": NO_TEXT, "command_id": NO_COMMAND_IDS}),
    "record_visibility": ({"command_id": "c-1"}, {"command_id": NO_COMMAND_IDS, "register_day": NO_DAYS}),
    "reconcile": ({}, {"register": NO_REGISTERS, "register_day": NO_DAYS}),
    "apply": (
        {"plan": PLAN, "command_id": "c-1"},
        {
            "plan": ["plan", None, attrs.evolve(PLAN, group=COUNCIL), FUTURE_PLAN],
            "command_id": NO_COMMAND_IDS,
            "note": [None, "a\0b"],
            "confirmed": [None, 1],
            "urns": [[OSCAR + 100], "100000"],
        },
    ),
    "table": ({}, {}),
    "browse": (
        {},
        {
            **FILTERS,
            "sort": ["name", None],
            "descending": ["yes", None],
            "offset": [-1, None, True],
            "limit": [-1, "1", 1.5],
        },
    ),
    "facets": ({}, FILTERS),
    "agreements": ({"tab": Tab.PENDING}, {"tab": ["pending", None], "sort": ["name"], "descending": ["no"]}),
    "details": OF_ONE_SCHOOL,
    "why": OF_ONE_SCHOOL,
    "agreement": OF_ONE_SCHOOL,
    "history": OF_ONE_SCHOOL,
    "timeline": OF_ONE_SCHOOL,
    "as_of": ({"at": NOW, "urn": HILDA}, {"at": NO_PAST_INSTANTS, "urn": NO_URN}),
    "shared_on": ({"day": TODAY, "urn": HILDA}, {"day": NO_PAST_DAYS, "urn": NO_URN}),
    "all_as_of": ({"at": NOW}, {"at": NO_PAST_INSTANTS}),
    "in_force_on": ({"day": TODAY}, {"day": NO_PAST_DAYS}),
    "names": ({"answers": []}, {"answers": NO_ANSWERS}),
    "export": (
        {"form": ExportFormat.CSV},
        {"form": ["csv", None], "urn": ["100000", True, 0], "words": [None, "no"]},
    ),
    "recipients": ({"urns": [HILDA]}, {"urns": NO_URNS}),
    "requestable_levels": ({}, {}),
    "no_longer_visible": ({}, {}),
    "coverage": ({}, {}),
}
SCHOOL_CALLS: Calls = {
    "approve": (
        {"request": REQUEST},
        {
            "request": ["mat:5143/100000/1", None, RequestId(AgreementId(TRUST, OSCAR), 1)],
            "terms_version": ["", 2],
            "command_id": ["", "a b"],
        },
    ),
    "decline": ({"request": REQUEST, "reason": "No."}, {"request": ["x"], "reason": NO_TEXT, "command_id": ["", 7]}),
    "end": (
        {"group": COUNCIL, "note": "Over.", "command_id": "c-1"},
        {"group": ["la:870", None], "note": NO_TEXT, "command_id": NO_COMMAND_IDS},
    ),
    "page": ({}, {}),
    "shared_on": ({"day": TODAY}, {"day": NO_PAST_DAYS}),
    "names": ({"answers": []}, {"answers": NO_ANSWERS}),
}


def test_the_tables_of_bad_input_are_whole() -> None:
    """Every public method is in them, with each of its arguments except the callback."""
    assert {*GROUP_CALLS, "preview", "queued"} == public_names(GroupSide)
    assert set(SCHOOL_CALLS) == public_names(SchoolSide)
    for kind, calls in ((GroupSide, GROUP_CALLS), (SchoolSide, SCHOOL_CALLS)):
        for method, (_, bad) in calls.items():
            names = set(inspect.signature(getattr(kind, method)).parameters) - {"self", "progress"}
            if "filters" in names:
                names = names - {"filters"} | set(FilterChoices.__annotations__)
            assert names == set(bad), method


@pytest.mark.rule("B2", "B4")
def test_every_filter_can_be_chosen_by_keyword() -> None:
    """The keywords of `browse` and `facets` are the fields of `Filters`."""
    assert {field.name for field in attrs.fields(Filters)} == set(FilterChoices.__annotations__)


@pytest.mark.rule("T2")
@pytest.mark.parametrize(
    ("side", "method", "arguments"),
    [
        pytest.param(side, method, {**valid, name: value}, id=f"{side}-{method}-{name}-{place}")
        for side, calls in {"group": GROUP_CALLS, "school": SCHOOL_CALLS}.items()
        for method, (valid, bad) in calls.items()
        for name, values in bad.items()
        for place, value in enumerate(values)
    ],
)
def test_bad_input_is_an_error_and_changes_nothing(side: str, method: str, arguments: Bad) -> None:
    """The error names what is wrong and what would be right, for a program and for a form."""
    world = prepared()
    before = world.snapshot("c-1")

    with pytest.raises((InvalidInput, Misconfigured), match="must be") as raised:
        getattr(world.trust() if side == "group" else world.school(), method)(**arguments)

    assert str(raised.value).endswith(").")
    assert raised.value.expected
    assert isinstance(raised.value, Misconfigured if isinstance(arguments.get("register"), NO_PORTS) else InvalidInput)
    if isinstance(raised.value, InvalidInput):
        assert re.fullmatch("[a-z_]+", raised.value.field)
        assert str(raised.value).startswith(raised.value.what)
        assert raised.value.sentence.endswith(f" must be {raised.value.expected}.")
    assert before == world.snapshot("c-1")


@pytest.mark.rule("K3", "K5", "T2")
def test_a_preview_and_an_empty_selection_check_their_input_too() -> None:
    """Invalid arguments are rejected immediately, for any number of schools."""
    trust, text = prepared().trust(), cast(Any, "mis_data")

    for actions in (trust, trust.preview, trust.queued):
        for urns in ([HILDA], []):
            with pytest.raises(InvalidInput, match="level must be"):
                actions.request(urns, level=text, command_id="c-1")


SHARING_CALLS: dict[str, list[tuple[Any, ...]]] = {
    "for_group": [("mat:5143", ANA), (None, ANA), (head(), ANA), (TRUST, "mat:5143/ana"), (TRUST, None)],
    "for_school": [("100000", ANA), (True, ANA), (TRUST, ANA), (HILDA, TRUST), (HILDA, HILDA)],
    "run": [("batch",), ({},)],
    "preview": [("batch",), (None,)],
    "access": [("mat:5143",), (5143,)],
    "allows": [
        ("mat:5143", HILDA, Capability.VIEW_MIS_DATA),
        (TRUST, "100000", Capability.VIEW_MIS_DATA),
        (TRUST, HILDA, "view_mis_data"),
        (TRUST, HILDA, Capability.LOG_IN_TO_SCHOOL),
    ],
    "explain": [
        (None, HILDA, Capability.VIEW_MIS_DATA),
        (TRUST, 100000.0, Capability.VIEW_MIS_DATA),
        (TRUST, HILDA, MIS),
    ],
    "over": [(None,), ("agreements.db",)],
    "groups": [],  # it takes nothing
    "problems": [("mat:5143",), (None,)],
    "verify": [("mat:5143",), (HILDA,)],
    "digest": [("mat:5143",), (None,)],
    "may_log_in": [("ana", HILDA), (head(), HILDA), (ANA, "100000")],
    "explain_log_in": [(None, HILDA), (head(), HILDA), (ANA, 1.5)],
}


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        pytest.param(method, arguments, id=f"{method}-{place}")
        for method, bad in SHARING_CALLS.items()
        for place, arguments in enumerate(bad)
    ],
)
def test_bad_input_to_the_service_is_an_error(method: str, arguments: tuple[Any, ...]) -> None:
    """What is not a group, a URN, a batch, a person or an actor is refused immediately."""
    world = prepared()
    assert set(SHARING_CALLS) == public_names(DataSharing)
    call = getattr(world.sharing, method)

    with pytest.raises(Misconfigured if method == "over" else InvalidInput, match="must be"):
        call(arguments[0], actor=arguments[1]) if method.startswith("for_") else call(*arguments)


Call = Callable[[World], object]
EVERY_ENTRY: dict[str, Call] = {
    "request": lambda world: world.trust().request([OSCAR], level=MIS, command_id="c-1"),
    "record-visibility": lambda world: world.trust().record_visibility(command_id="c-1"),
    "browse": lambda world: world.trust().browse(),
    "page": lambda world: world.school().page(),
    "approve": lambda world: world.school().approve(REQUEST),
    "access": lambda world: world.sharing.access(TRUST),
    "allows": lambda world: world.sharing.allows(TRUST, HILDA, Capability.VIEW_MIS_DATA),
    "log-in": lambda world: world.sharing.may_log_in(ANA, HILDA),
}


@pytest.mark.rule("T2")
@pytest.mark.parametrize("now", [datetime(2026, 10, 25, 1, 30), date(2026, 10, 25), "now"], ids=type)  # noqa: DTZ001
@pytest.mark.parametrize("name", EVERY_ENTRY)
def test_a_naive_clock_is_an_error(name: str, now: object) -> None:
    """Nothing is decided on an instant without a time zone."""
    world = prepared()
    before = world.snapshot("c-1")
    world.clock.instant = now  # type: ignore[assignment]

    with pytest.raises(Misconfigured, match=r"Clock\.now\(\)"):
        EVERY_ENTRY[name](world)

    assert before == world.snapshot("c-1")


@pytest.mark.rule("T2")
@pytest.mark.parametrize("policy", [Policy.local_authority(), "mat"], ids=["other-kind", "text"])
@pytest.mark.parametrize("name", sorted(EVERY_ENTRY.keys() - {"page"}))  # which shows the other groups (T7)
def test_a_policy_of_the_wrong_kind_is_an_error(name: str, policy: object) -> None:
    """A trust cannot have an authority's policy; the error names the host's mistake."""
    world = prepared()
    before = world.snapshot("c-1")
    world.policies[TRUST] = policy  # type: ignore[assignment]

    with pytest.raises(Misconfigured, match="The policy of mat:5143 must be a Policy for"):
        EVERY_ENTRY[name](world)

    assert before == world.snapshot("c-1")


@pytest.mark.parametrize("name", ["run", "access", "log-in"])
def test_an_unknown_group_is_an_error_that_says_what_to_check(name: str) -> None:
    """The message says to check the code, and that the register is loaded."""
    world = World()
    nobody = PersonId(NOWHERE, "ana")
    side = world.sharing.for_group(NOWHERE, actor=nobody)
    calls: dict[str, Callable[[], object]] = {
        "run": lambda: side.request([HILDA], level=MIS, command_id="c-1"),
        "access": lambda: world.sharing.access(NOWHERE),
        "log-in": lambda: world.sharing.may_log_in(nobody, HILDA),
    }

    with pytest.raises(UnknownGroup, match="Check the group UID"):
        calls[name]()


@pytest.mark.rule("K5", "Q10")
def test_a_huge_choice_of_people_is_looked_up_quickly() -> None:
    """For twenty thousand schools with people chosen for each, the time does not grow with the square."""
    world = World()
    chosen = {urn: [head(urn)] for urn in range(1_000_000, 1_020_000)}

    outcomes = world.trust().request(chosen, level=MIS, recipients=chosen, command_id="c-1")

    assert len(chosen) == len(outcomes.not_done)
    assert () == world.notices(status=None)


@pytest.mark.rule("E6", "T2")
def test_a_bad_register_day_is_an_error_where_no_agreement_stands() -> None:
    """It is checked before anything else, also by a preview that has nothing to decide."""
    world = World()

    for side in (world.trust(), world.trust().preview):
        with pytest.raises(InvalidInput, match="a date without a time"):
            side.record_visibility(command_id="c-1", register_day=datetime(2026, 10, 25))  # noqa: DTZ001

    assert world.store.last_register(TRUST) is None


@pytest.mark.rule("P9")
def test_a_system_needs_a_sender_and_still_may_not_ask() -> None:
    """A system cannot be a sender, and only a person may ask."""
    world = World()
    nightly = world.trust(NIGHTLY)

    with pytest.raises(InvalidInput, match="a system cannot be a sender"):
        nightly.request([HILDA], level=MIS, command_id="c-1")
    with pytest.raises(Refused, match="only a person may do this"):
        nightly.request([HILDA], level=MIS, sender=ANA, command_id="c-1")

    assert () == world.events()


def test_good_values_of_the_same_arguments_are_taken() -> None:
    """Each call of the tables succeeds without the bad value."""
    for method, (good, _) in GROUP_CALLS.items():
        world = prepared()
        getattr(world.trust(), method)(**good)
        assert_sound(world)
    for method, (good, _) in SCHOOL_CALLS.items():
        world = prepared()
        if method == "end":
            continue  # there is nothing to end with the council; see test_ending
        getattr(world.school(), method)(**good)
        assert_sound(world)


@pytest.mark.rule("H3")
@pytest.mark.parametrize("noted", ["datashare digest 1", World().sharing.digest(TRUST)], ids=["text", "another-group"])
def test_a_digest_of_something_else_is_an_error(noted: object) -> None:
    """A digest that was noted is a `GroupDigest`, and of the group that is verified."""
    with pytest.raises(InvalidInput, match="noted must be"):
        World().sharing.verify(COUNCIL, noted=noted)  # type: ignore[arg-type]  # what is tested


class Halfway:
    """An object with hardly any of a port's methods."""

    now = "now"

    def load(self) -> None:
        """Load nothing."""


@pytest.mark.parametrize("port", ["store", "institutions", "people", "clock"])
@pytest.mark.parametrize("broken_port", [None, {}, Halfway(), Halfway], ids=["none", "mapping", "halfway", "class"])
def test_a_port_without_its_methods_is_refused(port: str, broken_port: object) -> None:
    """The service cannot be built with it, and the error says what is missing; a class cannot answer a call."""
    world = World()
    ports: Bad = {"store": world.store, "institutions": world.institutions, "people": world.people, port: broken_port}
    if port == "clock" and broken_port is None:
        assert isinstance(DataSharing(**ports), DataSharing)  # the machine's clock
        return

    with pytest.raises(
        Misconfigured, match=rf"{port} must be an object with all methods of \w+; it (lacks .*\w+|is a class)"
    ):
        DataSharing(**ports)


class AsyncCall:
    """An object whose call has to be awaited."""

    async def __call__(self, *_args: object, **_named: object) -> None:
        """Answer later."""


class PartlyAsync:
    """A port over another one, with one method that is async."""

    def __init__(self, port: object, method: str, later: object) -> None:
        self.port = port
        setattr(self, method, later)

    def __getattr__(self, name: str) -> object:
        """Return a method of the port."""
        return getattr(self.port, name)


async def call_later(*_args: object, **_named: object) -> None:
    """Answer later."""


async def stream_later(*_args: object, **_named: object) -> AsyncIterator[None]:
    """Answer piece by piece, later."""
    yield


@pytest.mark.parametrize(
    "later",
    [call_later, stream_later, partial(call_later, 1), AsyncCall()],
    ids=["call", "stream", "partial", "object"],
)
@pytest.mark.parametrize(
    ("port", "method"), [("store", "append"), ("institutions", "linked"), ("people", "sites"), ("clock", "now")]
)
def test_a_port_that_is_async_is_refused(port: str, method: str, later: object) -> None:
    """Nothing here awaits an answer, so the error names the methods, instead of a `TypeError` in the middle."""
    world = World()
    ports: Bad = {
        "store": world.store,
        "institutions": world.institutions,
        "people": world.people,
        "clock": world.clock,
    }
    ports[port] = PartlyAsync(ports[port], method, later)

    with pytest.raises(Misconfigured, match=rf"{port} must be .*, none of them async; async are {method}; got"):
        DataSharing(**ports)


@pytest.mark.parametrize("policies", [None, Policy.mat()], ids=["none", "policy"])
def test_policies_are_a_function(policies: object) -> None:
    """A value that cannot be called is refused."""
    world = World()

    with pytest.raises(Misconfigured, match="policies must be a function from a GroupId to its Policy"):
        DataSharing(store=world.store, institutions=world.institutions, people=world.people, policies=policies)  # type: ignore[arg-type]
