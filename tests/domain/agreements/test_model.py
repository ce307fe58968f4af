"""The library does what an independent model of the rules says, in every state, by every command (rules T, X2)."""

from collections import deque
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from itertools import product

import attrs
import pytest

from datashare.domain.access import AccessMap
from datashare.domain.agreements import (
    Agreement,
    Command,
    DecisionContext,
    EndCause,
    Event,
    Named,
    Refusal,
    RequestId,
    decide,
)
from datashare.domain.agreements import commands as library
from datashare.domain.agreements.lifecycle import TRANSITIONS, CommandType
from datashare.domain.instants import Instant, later_by
from datashare.domain.levels import AccessLevel, Capability
from datashare.domain.policy import Party, Policy
from datashare.domain.register import EstablishmentStatus
from datashare.domain.timeline import AgreementPeriod, Present, as_of
from datashare.domain.visibility import HiddenBecause
from tests.builders import (
    ACTIONS,
    AGREEMENT,
    HEAD,
    MIS,
    MORNING,
    SITE,
    TRUST,
    URN,
    ask,
    context,
    fold_onto,
    importing,
    institution,
    new,
    record,
    see,
)
from tests.domain.agreements import model

LEVELS = {1: MIS, 2: ACTIONS}
CAUSES = {
    "by_group": EndCause.BY_GROUP,
    "school_closed": EndCause.SCHOOL_CLOSED,
    "entered_in_error": EndCause.ENTERED_IN_ERROR,
}
ALLOWS = {
    0: frozenset[str](),
    1: frozenset({"view_dfe_data", "view_mis_data"}),
    2: frozenset({"view_dfe_data", "view_mis_data", "perform_group_actions"}),
}
ASKED = [capability for capability in Capability if capability.value in ALLOWS[2]]
KINDS: dict[str, CommandType] = {
    "request": library.RequestAccess, "add": library.AddRecipients, "remind": library.Remind,
    "approve": library.Approve, "decline": library.Decline, "withdraw": library.Withdraw,
    "record": library.RecordApproval, "import": library.ImportAgreement, "end": library.EndAgreement,
    "see": library.RecordVisibility,
}  # fmt: skip
AT_A_LEVEL: dict[str, Callable[[AccessLevel], Command]] = {
    "request": lambda level: ask(level, Named((HEAD,))),
    "record": record,
    "import": importing,
}
NAMING: dict[str, Callable[[RequestId], Command]] = {
    "add": lambda request: library.AddRecipients(request=request),
    "remind": lambda request: library.Remind(request=request),
    "approve": lambda request: library.Approve(request=request),
    "decline": lambda request: library.Decline(request=request, reason="No."),
    "withdraw": lambda request: library.Withdraw(request=request),
}
VIEWS = ((True, True), (True, False), (False, True))
"""Whether the group sees the school, and whether the school has a site."""
POLICIES: list[model.Facts] = [
    {"window": 2, "interval": 1, "ends": True},
    {"window": 0, "interval": 0, "ends": False},
]


def day_of(number: int) -> date:
    """Return a day of the library for one of the model."""
    return MORNING.date() + timedelta(days=number)


def instant_of(day: int) -> Instant:
    """Return the instant of a day at which everything happens."""
    return later_by(MORNING, timedelta(days=day))


def commands(day: int) -> Iterator[model.Command]:
    """List every command that can be given on a day."""
    for name in ("request", "record", "import"):
        yield from ((name, level) for level in (1, 2))
    for name in ("add", "remind", "approve", "decline", "withdraw"):
        yield from ((name, which) for which in ("open", "another"))
    yield from (("end", cause) for cause in CAUSES)
    yield from (("see", register_day) for register_day in (None, day - 1, day + 5))


def command_of(command: model.Command, agreement: Agreement) -> Command:
    """Return the library's command."""
    name, argument = command
    if name in AT_A_LEVEL:
        return AT_A_LEVEL[name](LEVELS[argument])
    if name == "end":
        return library.EndAgreement(urn=URN, cause=CAUSES[argument], note="Over.")
    if name == "see":
        return see(None if argument is None else day_of(argument))
    request = agreement.request.id if agreement.request and argument == "open" else RequestId(AGREEMENT, 999)
    return NAMING[name](request)


def policy_of(facts: model.Facts) -> Policy:
    """Return the library's policy."""
    return attrs.evolve(
        Policy.mat(),
        correction_window=timedelta(days=facts["window"]),
        least_reminder_interval=timedelta(days=facts["interval"]),
        enders={Party.GROUP} if facts["ends"] else (),
    )


def context_of(facts: model.Facts, events: tuple[Event, ...], policy: Policy) -> DecisionContext:
    """Return the library's facts."""
    hidden = [] if facts["sees"] else [HiddenBecause.CLOSED]
    site = SITE if facts["site"] else None
    return context(*hidden, now=instant_of(facts["day"]), policy=policy, site=site, events=events)


def shown(agreement: Agreement) -> dict[str, object]:
    """Return what an agreement of the library says of what the model says too."""
    return {
        "state": agreement.state.value,
        "tabs": {tab.value for tab in agreement.tabs},
        "level": agreement.level,
        "asked": agreement.request and agreement.request.level,
        "away": agreement.hidden_since,
        "lapsed": agreement.lapsed,
        "history": agreement.version > 0,
    }


def expected(state: model.State) -> dict[str, object]:
    """Return what the model says, in the library's values."""
    name = model.name_of(state)
    return {
        "state": name,
        "tabs": model.TABS[name],
        "level": LEVELS.get(state["level"]),
        "asked": LEVELS.get(state["asked"]),
        "away": None if state["away"] is None else day_of(state["away"]),
        "lapsed": state["over"] if state["level"] else state["late"],
        "history": state["history"],
    }


def check_access(state: model.State, facts: model.Facts, events: tuple[Event, ...], agreement: Agreement) -> None:
    """Compare what may be done, and what the record says of this instant, with the model (X1, X2, X4, H1)."""
    policy, now = policy_of(facts), instant_of(facts["day"])
    allowed = ALLOWS[model.granted(state, facts)]
    status = EstablishmentStatus.OPEN if facts["sees"] else EstablishmentStatus.CLOSED
    access = AccessMap(
        group=TRUST, policy=policy, agreements=[agreement], institutions={URN: institution(status=status)}, at=now
    )
    assert allowed == {capability.value for capability in ASKED if access.allows(URN, capability)}
    assert allowed == {capability.value for capability in ASKED if access.explain(URN, capability).allowed}
    present = Present(at=now, visible=frozenset({URN} if facts["sees"] else ()))
    answer = as_of(AGREEMENT, events, now, policy=policy, present=present)
    recorded = answer.capabilities if isinstance(answer, AgreementPeriod) else frozenset()
    assert allowed == {capability.value for capability in recorded if capability in ASKED}


def key_of(state: model.State, facts: model.Facts) -> tuple[object, ...]:
    """Return what tells two states apart for all that can come; days count back from the present one."""
    away, nudged = state["away"], state["nudged"]
    back = None if away is None else min(facts["day"] - away, facts["window"] + 2)
    others = (value for name, value in state.items() if name not in {"away", "nudged"})
    return (*others, back, min(facts["day"] - nudged, facts["interval"]))


@pytest.mark.rule("T1", "T2", "T4", "T5", "L4", "Q6", "Q7", "N4", "A4", "A5", "E1", "E6", "X1", "X2", "X4", "R2", "H1")
@pytest.mark.parametrize("policy", POLICIES, ids=["usual", "hasty"])
def test_library_and_model_agree_in_every_state_by_every_command(policy: model.Facts) -> None:
    """All states that differ are reached from nothing; in each, every command is tried, on each day of the window."""
    choices = policy_of(policy)
    waiting = deque([(model.NOTHING, 1, new(), tuple[Event, ...]())])
    known, moves = set[tuple[object, ...]](), set[tuple[str, str, str]]()
    while waiting:
        state, since, agreement, events = waiting.popleft()
        for day, (sees, site) in product(range(since, since + policy["window"] + 2), VIEWS):
            facts = {**policy, "day": day, "sees": sees, "site": site}
            known_to_library = context_of(facts, events, choices)
            if site:
                check_access(state, facts, events, agreement)
            for command in commands(day):
                refused, happened, after = model.step(state, command, facts)
                answer = decide(agreement, command_of(command, agreement), known_to_library)
                if isinstance(answer, Refusal):
                    assert refused == [reason.code.name for reason in answer.reasons], (state, command, facts)
                    continue
                assert [] == refused, (state, command, facts)
                assert happened == [type(event).__name__ for event in answer.events], (state, command, facts)
                moves.add((model.name_of(state), command[0], model.name_of(after)))
                if key_of(after, facts) not in known:
                    known.add(key_of(after, facts))
                    reached = fold_onto(agreement, answer.events)
                    assert expected(after) == shown(reached), (state, command, facts)
                    waiting.append((after, day, reached, (*events, *answer.events)))

    cells = {
        (name, command): to for command, row in model.TABLE.items() for name, to in zip(model.TABS, row, strict=True)
    }
    assert moves == {(name, command, to) for (name, command), to in cells.items() if to}


@pytest.mark.rule("T1")
def test_table_is_the_one_of_the_model() -> None:
    """The data says what the model's table says, cell by cell."""
    cells = {
        (name, KINDS[command]): to
        for command, row in model.TABLE.items()
        for name, to in zip(model.TABS, row, strict=True)
    }
    table = {(state.value, kind): to.value for state, row in TRANSITIONS.items() for kind, to in row.items()}

    assert table == {pair: to for pair, to in cells.items() if to}
