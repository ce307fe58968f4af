"""What the rows of the SQL store hold for an auditor: the chain, and what can be erased."""

import gc
import json
from collections.abc import Callable, Iterator
from itertools import count

import attrs
import pytest
from sqlalchemy import Engine, text

from datashare.adapters.sql import SqlAgreementStore
from datashare.adapters.sql._pages import PAGE
from datashare.codec import decode_agreement, read_event
from datashare.domain.agreements import Decline, Event, Remind, RequestDeclined
from datashare.domain.verification import verify
from datashare.errors import StoreUnreadable
from datashare.ports import Unreadable
from datashare.testing.changes import AGREEMENT, OTHER_URN, TRUST, URN, asked, then
from datashare.testing.contracts._store_suite import OTHER, do, long_history

from .databases import round_trips, statements_of


def rows(engine: Engine, urn: int) -> list[tuple[str, str]]:
    """Read hashes and texts of an agreement's events, without the library."""
    statement = text("SELECT hash, text FROM datashare_events WHERE urn = :urn ORDER BY sequence")
    with engine.connect() as connection:
        return [(row.hash, row.text) for row in connection.execute(statement, {"urn": urn})]


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
    """Text and salt are kept beside the event; without them it is read, hashes as before, and is still verified."""
    store = SqlAgreementStore(engine)
    store.append([asked()])
    do(store, Decline)
    before, whole = rows(engine, URN), list(store.history(AGREEMENT))
    with engine.begin() as connection:
        connection.execute(text("UPDATE datashare_events SET erasable = NULL WHERE urn = :urn"), {"urn": URN})
    *_, declined = store.history(AGREEMENT)

    assert isinstance(whole[-1], RequestDeclined)
    assert whole[-1].reason
    assert attrs.evolve(whole[-1], reason=None) == declined
    assert before == rows(engine, URN)
    assert "sha256" in json.loads(before[-1][1])["value"]["reason"]
    assert verify(store.chains(TRUST), read_event=read_event, read_state=decode_agreement).sound


def damaged(engine: Engine, damage: str) -> SqlAgreementStore:
    """Return a store in which two schools were asked, and one row of the first is not as it was written."""
    store = SqlAgreementStore(engine)
    store.append([asked(), asked(OTHER_URN)])
    with engine.begin() as connection:
        connection.execute(text(f"{damage} WHERE urn = {URN}"))
    return store


UNREADABLE = {
    "state": "UPDATE datashare_agreements SET state = '{}'",
    "state-of-another": "UPDATE datashare_agreements SET state = REPLACE(state, '100000', '100001')",
    "version": "UPDATE datashare_agreements SET version = 7",
    "cautions": "UPDATE datashare_outcomes SET cautions = ''",
    "range": "UPDATE datashare_outcomes SET first_sequence = 5, last_sequence = 5",
    "event": "UPDATE datashare_events SET text = '{'",
}


@pytest.mark.rule("T6")
@pytest.mark.parametrize("damage", UNREADABLE.values(), ids=UNREADABLE)
def test_an_agreement_that_cannot_be_read_hinders_no_other(engine: Engine, damage: str) -> None:
    """It is named, and nothing is told of it, its outcomes included."""
    loaded = damaged(engine, damage).load([AGREEMENT, OTHER], command_id="c-1")

    assert {AGREEMENT} == loaded.unreadable
    assert [OTHER] == list(loaded.agreements)
    assert [OTHER] == [outcome.agreement for outcome in loaded.outcomes]


@pytest.mark.rule("T6")
def test_a_list_names_the_agreement_that_cannot_be_read(engine: Engine) -> None:
    """It stands in its place in the order."""
    store = damaged(engine, UNREADABLE["state"])
    unreadable = Unreadable(id="mat:5143/100000", agreement=AGREEMENT)

    assert [unreadable, asked(OTHER_URN).after] == store.states(TRUST)
    assert [unreadable] == store.states_at(URN)
    assert "mat:5143/100000 cannot be read; it was damaged, or written by a later version." == str(unreadable)


@pytest.mark.rule("T6")
def test_a_damaged_event_is_named_when_it_is_reached(engine: Engine) -> None:
    """An answer about the past that leaves it out would be wrong."""
    store = damaged(engine, UNREADABLE["event"])

    for events in (store.history(AGREEMENT), store.group_history(TRUST)):
        with pytest.raises(StoreUnreadable, match="Event 1 of mat:5143/100000 cannot be read"):
            list(events)


def test_a_history_is_read_a_page_at_a_time(postgresql: Engine) -> None:
    """The first page comes with the call, and further ones when they are needed."""
    store = SqlAgreementStore(postgresql)
    store.append([asked(urn) for urn in range(1, 2 * PAGE + 2)])
    streams: list[Iterator[Event]] = []

    assert 2 == round_trips(postgresql, lambda: streams.append(store.group_history(TRUST)))
    assert 2 == round_trips(postgresql, lambda: streams.extend([iter(list(streams[0]))]))
    assert list(range(1, 2 * PAGE + 2)) == [event.agreement.urn for event in streams[1]]


@pytest.mark.rule("H2")
def test_a_history_is_of_the_moment_of_the_call(engine: Engine) -> None:
    """What is saved meanwhile is left out, however early its instant, so that no event lacks its predecessor."""
    store = SqlAgreementStore(engine)
    store.append([asked(urn) for urn in range(1, PAGE + 2)])
    history = store.group_history(TRUST)
    next(history)
    store.append([then(asked(PAGE + 1).after, Remind, command_id="c-2"), asked(9_000)])

    assert list(range(2, PAGE + 2)) == [event.agreement.urn for event in history]


@pytest.mark.rule("H2")
def test_a_long_history_is_read_whole(engine: Engine) -> None:
    """The pages of one agreement follow one another without a gap, and so do the chains of which it is one."""
    store = SqlAgreementStore(engine)
    with engine.begin() as connection:
        for change in long_history(PAGE + 2):
            SqlAgreementStore(connection).append([change])
    store.append([asked(URN - 1), asked(OTHER_URN)])

    assert list(range(1, PAGE + 3)) == [event.sequence for event in store.history(AGREEMENT)]
    assert [1, PAGE + 2, 1] == [len(chain.records) for chain in store.chains(TRUST)]


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"], indirect=True)
def test_an_abandoned_history_returns_its_connection(engine: Engine) -> None:
    """A reader that stops early, or never begins, holds nothing for long."""
    store = SqlAgreementStore(engine)
    store.append([asked(urn) for urn in range(1, 20)])
    begun, untouched = store.group_history(TRUST), store.group_history(TRUST)
    next(begun)
    del begun, untouched
    gc.collect()

    assert 0 == engine.pool.checkedout()  # type: ignore[attr-defined]  # a pool of connections counts them


READING: dict[str, Callable[[SqlAgreementStore], object]] = {
    "history": lambda store: list(store.history(AGREEMENT)),
    "group_history": lambda store: list(store.group_history(TRUST)),
}


@pytest.mark.rule("H1")
@pytest.mark.parametrize("call", READING.values(), ids=count())
@pytest.mark.parametrize(
    ("engine", "explain", "by_key", "walking"),
    [
        ("sqlite", "EXPLAIN QUERY PLAN", "SEARCH datashare_events USING PRIMARY KEY (group_id=?", "SCAN"),
        ("postgresql", "EXPLAIN", "datashare_events_pkey", "Seq Scan"),
    ],
    indirect=["engine"],
    ids=count(),
)
def test_events_are_found_by_their_key(
    engine: Engine, explain: str, by_key: str, walking: str, call: Callable[[SqlAgreementStore], object]
) -> None:
    """No plan walks through the table, which holds other groups' events."""
    store = SqlAgreementStore(engine)
    store.append([asked()])
    statement, parameters = statements_of(engine, lambda: call(store))[-1]
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":  # which otherwise walks through any table as small as this one
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        plan = str(connection.exec_driver_sql(f"{explain} {statement}", parameters).all())

    assert by_key in plan
    assert walking not in plan
