"""Notices in a database are delivered by as many workers as there are."""

import traceback
from datetime import timedelta

import pytest
from sqlalchemy import Engine, select, text, update

from datashare.adapters.sql import SqlAgreementStore
from datashare.adapters.sql._outbox import _due
from datashare.adapters.sql._tables import notices
from datashare.delivery import DeliveryReport, deliver
from datashare.errors import StoreError
from datashare.testing import FrozenClock, RecordingNotifier
from datashare.testing.changes import NOW, TRUST, asked

from .databases import on_servers

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
        leased = store.lease(now=NOW, until=NOW + MINUTE, limit=2)

    assert longest_due[2:4] == [lease.notice.id for lease in leased]
    assert longest_due[:2] == [lease.notice.id for lease in store.lease(now=NOW, until=NOW + MINUTE, limit=2)]


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


@pytest.mark.rule("O3")
def test_a_notice_that_cannot_be_read_holds_up_nobody(engine: Engine) -> None:
    """It is given up visibly, with the reason, and the others are sent."""
    store = store_with(engine, 2)
    longest_due = store.notices(TRUST)[0].id
    with engine.begin() as connection:
        connection.execute(update(notices).where(notices.c.id == longest_due).values(text='{"v":2}'))

    assert DeliveryReport(delivered=3) == deliver(store, RecordingNotifier(), clock=FrozenClock(NOW), batch=9)
    with engine.begin() as connection:
        (row,) = connection.execute(select(notices.c.status, notices.c.error).where(notices.c.id == longest_due))
    assert "given_up" == row.status
    assert "cannot be read; it was damaged, or written by a later version" in row.error


def test_a_damaged_row_is_not_shown(sqlite: Engine) -> None:
    """What cannot be read may hold an address, and no trace of the error repeats it."""
    store = store_with(sqlite, 1)
    with sqlite.begin() as connection:
        connection.execute(update(notices).values(text='{"v":2,"value":{"address":"head@hilda.example"}}'))

    with pytest.raises(StoreError) as caught:
        store.notices(TRUST)
    assert "hilda" not in "".join(traceback.format_exception(caught.value))
