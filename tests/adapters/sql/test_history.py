"""What the rows of the SQL store hold for an auditor: the chain, and what can be erased."""

import gc
import json
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text

from datashare.adapters.sql import SqlAgreementStore
from datashare.domain.agreements import Decline, Event, RequestDeclined
from datashare.errors import StoreUnreadable
from datashare.testing.changes import AGREEMENT, TRUST, URN, asked
from datashare.testing.contracts._store_suite import do

from .databases import round_trips


def rows(engine: Engine, urn: int) -> list[tuple[str, str]]:
    """Read hashes and texts of an agreement's events, without the library."""
    with engine.connect() as connection:
        found = connection.execute(
            text("SELECT hash, text FROM datashare_events WHERE urn = :urn ORDER BY sequence"), {"urn": urn}
        )
        return [(row.hash, row.text) for row in found]


@pytest.mark.rule("H4")
def test_events_hold_ids_and_neither_names_nor_addresses(engine: Engine) -> None:
    """What is kept for ever names people by id alone."""
    SqlAgreementStore(engine).append([asked()])
    ((_, written),) = rows(engine, URN)
    (notice, *_) = SqlAgreementStore(engine).notices(TRUST)

    assert notice.notice is not None
    assert "urn:100000/head" in written
    assert notice.notice.address not in written
    assert notice.notice.people[0].name not in written


@pytest.mark.rule("H4")
def test_what_people_wrote_can_be_erased_and_the_chain_still_holds(engine: Engine) -> None:
    """Text and salt stand beside the event; without them it is read, and hashes as before."""
    store = SqlAgreementStore(engine)
    store.append([asked()])
    do(store, Decline)
    before, whole = rows(engine, URN), list(store.history(AGREEMENT))
    with engine.begin() as connection:
        connection.execute(text("UPDATE datashare_events SET erasable = NULL WHERE urn = :urn"), {"urn": URN})
    *_, declined = store.history(AGREEMENT)

    assert isinstance(whole[-1], RequestDeclined)
    assert isinstance(declined, RequestDeclined)
    assert (None, whole[-1].request) == (declined.reason, declined.request)
    assert whole[-1].reason
    assert before == rows(engine, URN)
    assert "sha256" in json.loads(before[-1][1])["value"]["reason"]


def read_all(store: SqlAgreementStore) -> None:
    """Read everything about one agreement."""
    store.load([AGREEMENT], command_id="c-1")
    list(store.history(AGREEMENT))
    store.notices(TRUST)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("UPDATE datashare_agreements SET state = '{}'", "The state of mat:5143/100000 cannot be read"),
        ("UPDATE datashare_events SET text = '{'", "Event 1 of mat:5143/100000 cannot be read"),
        ("UPDATE datashare_notices SET text = '{}'", "cannot be read; it was damaged, or written by a later version"),
        ("UPDATE datashare_outcomes SET cautions = ''", "An outcome of mat:5143/100000 cannot be read"),
    ],
    ids=["state", "event", "notice", "outcome"],
)
def test_a_damaged_row_is_named(engine: Engine, damage: str, said: str) -> None:
    """Whatever stands where a row should is an error that names the row."""
    store = SqlAgreementStore(engine)
    store.append([asked()])
    with engine.begin() as connection:
        connection.execute(text(damage))

    with pytest.raises(StoreUnreadable, match=said):
        read_all(store)


def test_a_history_is_read_a_page_at_a_time(postgresql: Engine) -> None:
    """The first event of a group is answered before the last one was fetched, whatever the length."""
    store = SqlAgreementStore(postgresql)
    store.append([asked(urn) for urn in range(1, 1202)])
    found: list[Iterator[Event]] = []

    assert 1 == round_trips(postgresql, lambda: found.append(store.group_history(TRUST)))
    assert 1201 == len(list(found[0]))


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_history_that_is_let_go_gives_its_connection_back(database: str, request: pytest.FixtureRequest) -> None:
    """A reader that stops early, or never begins, holds nothing for long."""
    engine: Engine = request.getfixturevalue(database)
    store = SqlAgreementStore(engine)
    store.append([asked(urn) for urn in range(1, 20)])
    begun, untouched = store.group_history(TRUST), store.group_history(TRUST)
    next(begun)
    del begun, untouched
    gc.collect()

    assert 0 == engine.pool.checkedout()  # type: ignore[attr-defined]  # a pool of connections counts them
