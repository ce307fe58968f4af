"""The rules of the lifecycle once more, in plain values that share nothing with the library (rules Q, N, A, T, X, E).

A state is a dictionary, a level is a number from 1 (0 for none), a day is a number. A command is a name with an
argument. `step` says which reasons refuse it, or else which events it causes and what stands then.
"""

from typing import Any

State = dict[str, Any]
Command = tuple[str, Any]
Facts = dict[str, Any]

NOTHING: State = {
    "history": False,  # whether anything ever happened
    "level": 0,  # the level in force
    "accepted": False,  # whether the school itself accepted that level
    "asked": 0,  # the level of the open request
    "all_asked": False,  # whether everybody has been sent the request
    "nudged": 0,  # the day of the request or of its last reminder
    "away": None,  # the day of the recorded loss, until a return is recorded
    "over": False,  # whether the level lapsed with an absence that has ended
    "late": False,  # whether the open request did
}

# T1: the command, and the state that it leads to from no agreement, pending, approved and upgrading.
TABLE = {
    "request": ("pending", "", "upgrading", ""),
    "add": ("", "pending", "", "upgrading"),
    "remind": ("", "pending", "", "upgrading"),
    "approve": ("", "approved", "", "approved"),
    "decline": ("", "no_agreement", "", "approved"),
    "withdraw": ("", "no_agreement", "", "approved"),
    "record": ("approved", "", "approved", ""),
    "import": ("approved", "", "", ""),
    "end": ("", "no_agreement", "no_agreement", "no_agreement"),
    "see": ("", "pending", "approved", "upgrading"),
}

# T4, U2
TABS = {
    "no_agreement": {"no_agreement"},
    "pending": {"pending"},
    "approved": {"approved"},
    "upgrading": {"pending", "approved"},
}


def name_of(state: State) -> str:
    """Return which of the four states it is."""
    if state["level"]:
        return "upgrading" if state["asked"] else "approved"
    return "pending" if state["asked"] else "no_agreement"


def over(state: State, facts: Facts, what: str) -> bool:
    """X2: return whether the level, or the open request, has lapsed by the day."""
    away = state["away"]
    return state[what] or (away is not None and facts["day"] - away > facts["window"])


def granted(state: State, facts: Facts) -> int:
    """X1, X2: return the level that counts: in force, at a school that is visible now, and not lapsed."""
    return state["level"] if facts["sees"] and not over(state, facts, "over") else 0


def reasons(state: State, command: Command, facts: Facts) -> list[str]:
    """Return every reason that refuses a command, in the order of R2."""
    (name, argument), level, day = command, state["level"], facts["day"]
    if not facts["sees"] and name in {"request", "add", "remind", "record", "import"}:
        return ["NOT_VISIBLE"]  # T5; R2: alone
    names_request = name in {"add", "remind", "approve", "decline", "withdraw"}
    is_open = names_request and state["asked"] and argument == "open"
    has_lapsed, stands = over(state, facts, "over"), level or state["asked"]
    against = {
        "NOT_VISIBLE": name == "approve" and not facts["sees"],  # A5
        "NO_SCHOOL_SITE": name in {"request", "add", "remind"} and not facts["site"],  # V11
        "REQUEST_ALREADY_OPEN": name in {"request", "record", "import"} and state["asked"],  # Q6
        "REQUEST_NOT_OPEN": names_request and not is_open,  # A4
        "NOTHING_TO_END": name in {"end", "see"} and not stands,  # E1, E6
        "CAUSE_NOT_SHOWN": name == "end"
        and (
            (argument == "school_closed" and facts["sees"])  # E1
            or (argument == "entered_in_error" and state["accepted"] and not facts["ends"])  # E7
        ),
        "HISTORY_EXISTS": name == "import" and state["history"],  # A10
        "LAPSED": (name in {"record", "import"} and level and has_lapsed)  # X2
        or (name in {"add", "remind", "approve"} and is_open and over(state, facts, "late")),
        "LEVEL_UNCHANGED": name in {"request", "record"} and argument == level and not has_lapsed,  # Q7
        "LEVEL_REDUCTION": name in {"request", "record"} and argument < level,  # L4
        "ALREADY_ASKED": name == "add" and is_open and state["all_asked"],  # Q4
        "REMINDER_TOO_SOON": name == "remind" and is_open and day - state["nudged"] < facts["interval"],  # N4
    }
    return [code for code, holds in against.items() if holds]


def step(state: State, command: Command, facts: Facts) -> tuple[list[str], list[str], State]:
    """Return the reasons that refuse a command; or else its events, and what stands then."""
    against = reasons(state, command, facts)
    if against:
        return against, [], state
    seen, after = register(state, command, facts)
    done, changes = effect(state, command, facts["day"])
    events = [event for event in (seen, done) if event]
    after |= {**changes, "history": state["history"] or bool(events)}
    if not after["asked"]:
        after |= {"late": False, "all_asked": False, "nudged": 0}
    if not after["level"]:
        after |= {"accepted": False, "over": False}
    if not (after["level"] or after["asked"]):
        after["away"] = None  # E6: visibility is recorded for what stands
    return [], events, after


def register(state: State, command: Command, facts: Facts) -> tuple[str, State]:
    """E6, X2: return what is recorded of the register with a command, and what stands then."""
    (name, argument), away, day = command, state["away"], facts["day"]
    register_day = min(argument, day) if name == "see" and argument else day  # never a day to come
    if facts["sees"] and away is not None and name in {"see", "request", "approve", "record"}:
        lapses = register_day - away > facts["window"]
        over, late = state["over"] or lapses, state["late"] or lapses
        return "VisibilityReturned", {**state, "away": None, "over": over, "late": late}
    if not facts["sees"] and away is None and name == "see":
        return "VisibilityLost", {**state, "away": register_day}
    return "", {**state}


def effect(state: State, command: Command, day: int) -> tuple[str, State]:
    """Return the event of a command, and what it changes (A1, A2, A9, A10, E1, N2, N6, Q1, Q4)."""
    name, argument = command
    effects: dict[str, tuple[str, State]] = {
        "request": ("RequestSent", {"asked": argument, "all_asked": False, "nudged": day, "late": False}),
        "add": ("RecipientsAdded", {"all_asked": True}),
        "remind": ("ReminderSent", {"nudged": day}),
        "approve": ("RequestApproved", {"level": state["asked"], "accepted": True, "asked": 0, "over": False}),
        "decline": ("RequestDeclined", {"asked": 0}),
        "withdraw": ("RequestWithdrawn", {"asked": 0}),
        "record": ("ApprovalRecorded", {"level": argument, "accepted": False, "over": False}),
        "import": ("AgreementImported", {"level": argument, "accepted": False, "over": False}),
        "end": ("AgreementEnded", {"level": 0, "asked": 0}),
        "see": ("", {}),
    }
    return effects[name]
