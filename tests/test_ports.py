"""The values that cross the ports are valid from construction."""

from collections.abc import Callable
from datetime import datetime

import attrs
import pendulum
import pytest

from datashare.domain.agreements import AgreementId, RequestId
from datashare.errors import InvalidValue
from datashare.ports import Change, LeasedNotice, Loaded, NeverDeliverable, NoticeStatus, StoredNotice, TryAgain
from datashare.testing.changes import AGREEMENT, NOW, OTHER_URN, TRUST, asked, imported

OTHER = AgreementId(TRUST, OTHER_URN)
LEASED_NOTICE = LeasedNotice(notice=asked().notices[0], lease="1", attempts=1)
STORED = StoredNotice(id="n", agreement=AGREEMENT, notice=None, status=NoticeStatus.WAITING, due_at=NOW)
LOADED = Loaded(agreements={AGREEMENT: asked().after}, kept=())
evolved: Callable[..., object] = attrs.evolve  # with what the type checker would not let pass

WRONG: list[tuple[object, str, list[object]]] = [
    (asked(), "decided_on", [-1, "0", None, True]),
    (asked(), "after", [None, "x", asked(OTHER_URN).after]),
    (asked(), "events", [None, "x", [], [5], asked(OTHER_URN).events]),
    (asked(), "notices", [None, [5], asked(OTHER_URN).notices]),
    (asked(), "kept", [None, asked(OTHER_URN).kept]),
    (asked(), "closes", ["x", RequestId(OTHER, 1)]),
    (asked().kept, "agreement", [None, "mat:5143/100000", OTHER]),
    (asked().kept, "command_id", [None, "", "a b"]),
    (asked().kept, "request", ["x", RequestId(OTHER, 1)]),
    (asked().kept, "shared_digest", [None, ""]),
    (asked().kept, "own_digest", [None, 5]),
    (asked().kept, "events", [None, [], [5]]),
    (asked().kept, "cautions", [None, ["x"]]),
    (LOADED, "agreements", [None, [], {"x": asked().after}, {AGREEMENT: "x"}, {OTHER: asked().after}]),
    (LOADED, "kept", [None, [5]]),
    (STORED, "id", [None, "", 5]),
    (STORED, "agreement", [None, "x"]),
    (STORED, "notice", ["x", 5]),
    (STORED, "status", ["waiting", None]),
    (STORED, "due_at", [None, datetime(2026, 5, 3)]),  # noqa: DTZ001 - naive
    (STORED, "attempts", [-1, "1", True]),
    (STORED, "error", [5, OSError()]),
    (STORED, "settled_at", ["x", datetime(2026, 5, 3)]),  # noqa: DTZ001 - naive
    (LEASED_NOTICE, "notice", [None, "x"]),
    (LEASED_NOTICE, "lease", [None, "", 5]),
    (LEASED_NOTICE, "attempts", [0, "1", None]),
    (TryAgain("x"), "why", [None, 5, b"x"]),
    (NeverDeliverable("x"), "why", [None, OSError()]),
]


@pytest.mark.parametrize(
    ("good", "name", "values"), WRONG, ids=[f"{type(good).__name__}.{name}" for good, name, _ in WRONG]
)
def test_values_of_the_ports_are_valid_from_construction(good: object, name: str, values: list[object]) -> None:
    """None of them can be made with what a field may not hold."""
    for value in values:
        with pytest.raises(InvalidValue, match="must be"):
            evolved(good, **{name: value})


def test_values_of_the_ports_are_told_instants_in_utc() -> None:
    """An instant of another zone is the same instant, and what the other side said may be any text."""
    summer = pendulum.datetime(2026, 7, 1, 9, tz="Europe/London")
    stored = StoredNotice(
        id="n",
        agreement=AGREEMENT,
        notice=None,
        status=NoticeStatus.DELIVERED,
        due_at=summer,
        settled_at=summer,
        error="",
    )

    assert ("UTC", "UTC", 8) == (stored.due_at.timezone_name, stored.due_at.tzname(), stored.due_at.hour)
    assert summer == stored.settled_at
    assert "\0" == TryAgain("\0").why


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(lambda one: attrs.evolve(one, events=()), id="no-event"),
        pytest.param(
            lambda one: attrs.evolve(one, events=(), after=attrs.evolve(one.after, version=0)), id="nothing-at-all"
        ),
        pytest.param(lambda one: attrs.evolve(one, decided_on=1), id="gap"),
        pytest.param(lambda one: attrs.evolve(one, after=attrs.evolve(one.after, version=2)), id="ahead"),
        pytest.param(lambda one: attrs.evolve(one, events=one.events * 2), id="twice"),
        pytest.param(lambda one: attrs.evolve(one, events=imported(OTHER_URN).events), id="another-school"),
        pytest.param(lambda one: attrs.evolve(one, kept=imported(OTHER_URN).kept), id="another-outcome"),
        pytest.param(lambda one: attrs.evolve(one, after=imported(OTHER_URN).after), id="another-state"),
    ],
)
def test_changes_that_contradict_themselves_are_refused(wrong: Callable[[Change], Change]) -> None:
    """A change whose numbers or identities do not fit cannot be made, so that no store is handed one."""
    with pytest.raises(InvalidValue, match="A change's events"):
        wrong(imported())
