"""What is logged: events with stable names, and ids, counts and codes alone."""

import logging
import re
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from datashare.adapters.memory import MemoryAgreementStore
from datashare.adapters.sql import SqlAgreementStore, create_schema, sqlite_engine
from datashare.delivery import RetrySchedule, deliver
from datashare.domain.instants import Instant
from datashare.errors import Refused, StoreError
from datashare.ports import Delivered, LeasedNotice, NeverDeliverable, TryAgain, Unreadable
from datashare.testing import FailingNotifier, FailingStore, InterleavingStore, RecordingNotifier, WrappedStore
from tests.world import ANA, BEN, DFE, HILDA, MIS, OSCAR, TRUST, World

PROJECT = Path(__file__).parents[1]
OWN = set(vars(logging.makeLogRecord({}))) | {"message", "taskName"}


def documented() -> dict[str, tuple[str, str, set[str]]]:
    """Read the table of the docs: logger, level and attributes of each event."""
    text = (PROJECT / "docs/reference/logging.md").read_text(encoding="utf-8")
    rows = re.findall(r"(?m)^\| `(datashare\.\w+)` \| `([\w.]+)` \| (\w+) \| (.+) \|$", text)
    return {event: (logger, level.upper(), set(re.findall(r"\w+", facts))) for logger, event, level, facts in rows}


def facts_of(record: logging.LogRecord) -> dict[str, Any]:
    """Return what a record holds besides what every record holds."""
    return {name: value for name, value in vars(record).items() if name not in OWN}


def assert_documented(records: list[logging.LogRecord]) -> None:
    """Each record is as the table says, and holds no name, address or words of anybody."""
    table = documented()
    for record in records:
        facts = facts_of(record)
        assert (record.name, record.levelname, set(facts)) == table[record.getMessage()]
        assert record.exc_info is None
        assert not re.search("Siân|@|Hilda|Areté|Secret|example", str(facts) + record.getMessage())


def events(caplog: pytest.LogCaptureFixture) -> list[str]:
    """List the events that were logged, which must be as documented."""
    assert_documented(caplog.records)
    return [record.getMessage() for record in caplog.records]


@pytest.fixture(autouse=True)
def _every_level(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "datashare")


def test_an_action_is_logged_by_ids(caplog: pytest.LogCaptureFixture) -> None:
    """What was done and refused is counted; a preview and a question are not logged."""
    world = World()
    world.trust().preview.request([HILDA], level=MIS, command_id="c-0")
    world.trust().browse()
    (request,) = world.asked(HILDA)
    world.trust().request([HILDA, OSCAR], level=MIS, command_id="c-1")
    world.school().decline(request, reason="Secret")
    for level, actor in ((DFE, ANA), (MIS, BEN)):
        with pytest.raises(Refused):
            world.trust(actor).request([OSCAR], level=level, command_id="c-2")

    assert ["action.done"] * 3 + ["action.refused"] * 2 == events(caplog)
    assert {
        "group": "mat:5143",
        "command_id": "c-1",
        "command": "RequestAccess",
        "done": 1,
        "not_done": 1,
        "replayed": 0,
        "codes": ["request_already_open"],
        "in_host_transaction": False,
    } == facts_of(caplog.records[1])
    refused = [facts_of(record)["codes"] for record in caplog.records[3:]]
    assert [["level_not_requestable"], ["not_permitted"]] == refused


def test_a_lost_race_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """With the schools that are decided again."""
    world = World()
    inner = world.store
    meddle = world.over(inner).for_group(TRUST, actor=ANA)
    store = InterleavingStore(inner, lambda: meddle.request([HILDA], level=MIS, command_id="other"))
    world.over(store).for_group(TRUST, actor=ANA).request([HILDA, OSCAR], level=MIS, command_id="c-1")

    assert ["action.done", "action.raced", "action.done"] == events(caplog)
    assert [HILDA] == facts_of(caplog.records[1])["urns"]


@pytest.mark.parametrize(
    ("answer", "event"),
    [
        (Delivered(), "notice.delivered"),
        (TryAgain("Siân is away"), "notice.retried"),
        (NeverDeliverable("head@100000.example is unknown"), "notice.given_up"),
    ],
)
def test_each_delivery_is_logged_by_the_notice(caplog: pytest.LogCaptureFixture, answer: Any, event: str) -> None:  # noqa: ANN401 - any answer
    """The id of the notice and the agreement, and never why, which may hold an address."""
    world = World()
    world.asked(OSCAR)
    deliver(world.store, FailingNotifier(answer), clock=world.clock, schedule=RetrySchedule())

    assert ["action.done", event] == events(caplog)
    assert {"notice": world.notices(status=None)[0].id, "agreement": "mat:5143/100001", "attempts": 1} == facts_of(
        caplog.records[1]
    )


def test_a_failing_store_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """A result that could not be recorded, and a database that failed."""
    world = World(store=MemoryAgreementStore())
    world.asked(OSCAR)
    failing = FailingStore(world.store, "settle")
    deliver(failing, RecordingNotifier(), clock=world.clock)

    assert ["action.done", "notice.unsettled"] == events(caplog)


class NewerNotices(WrappedStore):
    """A store of which a later version wrote a notice."""

    def lease(self, *, now: Instant, until: Instant, limit: int) -> list[LeasedNotice | Unreadable]:
        """Lease nothing but that one, each time."""
        due = self.inner.lease(now=now, until=until, limit=limit)
        return [Unreadable(id="n-1", agreement=None), *due]


def test_a_notice_that_cannot_be_read_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """By its id, however often it is met in one run."""
    world = World()
    world.asked(OSCAR)
    deliver(NewerNotices(world.store), RecordingNotifier(), clock=world.clock)

    assert ["action.done", "notice.unreadable", "notice.delivered"] == events(caplog)


def test_a_failing_database_is_logged(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    """By the kind of the error, without its words, which may quote a row."""
    engine = sqlite_engine(tmp_path / "agreements.db")
    create_schema(engine)
    store = SqlAgreementStore(engine)
    with engine.begin() as connection:
        for name in sa.inspect(connection).get_table_names():
            connection.execute(sa.text(f"DROP TABLE {name}"))

    with pytest.raises(StoreError):
        store.states(TRUST)
    engine.dispose()

    assert ["database.failed"] == events(caplog)


def test_every_event_is_documented() -> None:
    """The table has every event that the source logs, and no other."""
    source = "".join(path.read_text(encoding="utf-8") for path in (PROJECT / "src").rglob("*.py"))
    named = set(re.findall(r'_log\.\w+\(\s*(?:level, )?"([\w.]+)"', source))
    settled = {f"notice.{name}" for name in ("delivered", "retried", "given_up", "lost", "unsettled")}

    assert set(documented()) == named | settled
