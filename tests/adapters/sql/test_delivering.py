"""Notices in a database are delivered by as many workers as there are."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine, select, text, update

from datashare.adapters.sql import SqlAgreementStore
from datashare.adapters.sql._outbox import _due
from datashare.adapters.sql._tables import notices
from datashare.delivery import deliver
from datashare.ports import NoticeStatus, readable
from datashare.testing import FrozenClock, RecordingNotifier
from datashare.testing.changes import NOW, TRUST, asked

from .databases import on_servers, statements_of

MINUTE = timedelta(minutes=1)


def store_with(engine: Engine, schools: int) -> SqlAgreementStore:
    """Return a store in which that many schools were asked, with two notices each."""
    store = SqlAgreementStore(engine)
    store.append([asked(urn) for urn in range(1, schools + 1)])
    return store


@pytest.mark.rule("O3")
@on_servers
def test_what_another_worker_is_leasing_is_passed_over(engine: Engine) -> None:
    """A worker does not wait for another one's lock; it takes what comes next."""
    store = store_with(engine, 3)
    longest_due = [stored.id for stored in store.notices(TRUST)]
    with engine.execution_options(isolation_level="READ COMMITTED").connect() as other:
        held = select(notices.c.id).where(notices.c.id.in_(longest_due[:2])).with_for_update()
        assert 2 == len(other.execute(held).all())
        leased = readable(store.lease(now=NOW, until=NOW + MINUTE, limit=2))

    assert longest_due[2:4] == [lease.notice.id for lease in leased]
    assert longest_due[:2] == [lease.notice.id for lease in readable(store.lease(now=NOW, until=NOW + MINUTE, limit=2))]


@pytest.mark.rule("O3")
@pytest.mark.parametrize("status", [NoticeStatus.WAITING, NoticeStatus.LEASED])
def test_what_is_still_to_be_sent_is_found_by_an_index(sqlite: Engine, status: NoticeStatus) -> None:
    """However many notices of all groups were settled, a list of what waits or is leased does not look at them."""
    store = store_with(sqlite, 1)
    statement, parameters = statements_of(sqlite, lambda: store.notices(status=status))[-1]
    with sqlite.connect() as connection:
        plan = str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all())

    assert "USING INDEX datashare_notices_by_due (is_open=?)" in plan


@pytest.mark.rule("O3")
@on_servers
def test_the_longest_due_are_found_by_an_index(engine: Engine) -> None:
    """However many notices were delivered, leasing looks only at those that wait."""
    store = store_with(engine, 300)
    deliver(store, RecordingNotifier(), clock=FrozenClock(NOW), batch=100)
    store.append([asked(urn) for urn in range(1001, 1004)])
    due = _due(NOW.add(years=1), 5).compile(engine, compile_kwargs={"literal_binds": True})
    with engine.begin() as connection:
        connection.execute(
            text("ANALYZE" if engine.dialect.name == "postgresql" else "ANALYZE TABLE datashare_notices")
        )
        plan = "\n".join(str(row) for row in connection.execute(text(f"EXPLAIN {due}")))

    assert "datashare_notices_by_due" in plan
    assert "filesort" not in plan


@pytest.mark.rule("O3", "T6")
def test_a_notice_that_cannot_be_read_holds_up_nobody(engine: Engine) -> None:
    """It is left for a worker that can read it, and reported; the others are sent."""
    store = store_with(engine, 2)
    longest_due = store.notices(TRUST)[0].id
    with engine.begin() as connection:
        connection.execute(update(notices).where(notices.c.id == longest_due).values(text='{"v":2}'))

    for batch in (1, 9):
        report = deliver(store, RecordingNotifier(), clock=FrozenClock(NOW), batch=batch)
        assert ({1: 3, 9: 0}[batch], (longest_due,)) == (report.delivered, report.unreadable)
    listed = store.notices(TRUST)[0]
    assert (longest_due, True, None) == (listed.id, listed.unreadable, listed.notice)
    assert (NoticeStatus.WAITING, 0, NOW) == (listed.status, listed.attempts, listed.due_at)
    assert [] == [stored for stored in store.notices(TRUST)[1:] if stored.unreadable]
