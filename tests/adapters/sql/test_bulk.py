"""A bulk action costs a constant number of round trips, and a lost race concerns its school alone."""

import pytest
from sqlalchemy import Engine, Table

from datashare.adapters.sql import SqlAgreementStore
from datashare.adapters.sql._agreements import append
from datashare.adapters.sql._bulk import Existing, _text, write
from datashare.adapters.sql._tables import agreements, registers
from datashare.domain.agreements import AgreementId
from datashare.ports import Loaded
from datashare.rows import prepare
from datashare.service import Outcomes
from datashare.testing.changes import asked
from tests.world import BULK_ACTIONS, TRUST, large_world

from .databases import MARIADB, emptied, round_trips


def costs(engine: Engine, name: str, count: int) -> tuple[int, int]:
    """Preview a bulk action over so many schools, then do it; count the round trips of both."""
    world, urns = large_world(count, SqlAgreementStore(emptied(engine)))
    act = BULK_ACTIONS[name](world, urns)
    side = world.trust()
    world.store.states(TRUST)  # the first call of a store looks at the version of the schema besides
    answers = list[Outcomes]()
    preview = round_trips(engine, lambda: answers.append(act(side.preview, "c-1")))
    action = round_trips(engine, lambda: answers.append(act(side, "c-1")))

    assert [count, count] == [len(outcomes.done) for outcomes in answers]
    assert answers[0] == answers[1]
    return preview, action


@pytest.mark.rule("K1")
@pytest.mark.parametrize("name", BULK_ACTIONS)
def test_a_bulk_action_is_a_constant_number_of_round_trips(engine: Engine, name: str) -> None:
    """The number is the same for 700 schools as for one; an action saves in at most eight, or ten with visibility."""
    (preview, action), *others = [costs(engine, name, count) for count in (1, 7, 700)]

    assert [(preview, action)] * 2 == others
    assert preview == (3 if name == "record_visibility" else 1)
    assert preview < action <= preview + (10 if name == "record_visibility" else 8)


def test_more_agreements_than_one_statement_takes_are_loaded_in_parts(engine: Engine) -> None:
    """Nobody has so many, but a call about them works, in as few round trips as the database allows."""
    store = SqlAgreementStore(engine)
    first, last = asked(1), asked(45_000)
    store.append([first, last])
    ids = [AgreementId(TRUST, urn) for urn in range(1, 45_001)]
    answers = list[Loaded]()

    assert 4 == round_trips(engine, lambda: answers.append(store.load(ids, command_id="c-1")))
    (loaded,) = answers
    assert {first.id: first.after, last.id: last.after} == loaded.agreements
    assert (first.outcome, last.outcome) == loaded.outcomes


@pytest.mark.parametrize("engine", ["sqlite", MARIADB], indirect=True)
def test_a_claim_holds_an_agreements_place_until_it_is_written(engine: Engine) -> None:
    """MariaDB needs a claim: the writer that holds it writes the first event, and a second claim changes nothing."""
    change = asked()
    with engine.begin() as connection:
        write(connection, agreements, [prepare(change).claim()], existing=Existing.STAYS)
        write(connection, agreements, [prepare(change).claim()], existing=Existing.STAYS)
        assert frozenset() == append(connection, [prepare(change)])
        assert frozenset({change.id}) == append(connection, [prepare(change)])

    assert [change.after] == SqlAgreementStore(engine).states(TRUST)


def test_nothing_to_do_costs_nothing(engine: Engine) -> None:
    """Empty calls do not reach the database."""
    store = SqlAgreementStore(engine)

    assert 0 == round_trips(engine, lambda: store.append([]))
    assert 0 == round_trips(engine, lambda: store.load([], command_id="c-1"))


@pytest.mark.parametrize(
    ("table", "dialect", "existing", "expected"),
    [
        pytest.param(
            registers, "mariadb", Existing.CANNOT_BE,
            "INSERT INTO datashare_registers (group_id, day) VALUES (%s, %s)", id="mariadb-new",
        ),
        pytest.param(
            registers, "mysql", Existing.STAYS,
            "INSERT INTO datashare_registers (group_id, day) VALUES (%s, %s) "
            "ON DUPLICATE KEY UPDATE group_id = datashare_registers.group_id", id="mariadb-stays",
        ),
        pytest.param(
            registers, "mariadb", Existing.IS_REPLACED,
            "INSERT INTO datashare_registers (group_id, day) VALUES (%s, %s) "
            "ON DUPLICATE KEY UPDATE day = VALUES(day)", id="mariadb-replaced",
        ),
        pytest.param(
            registers, "sqlite", Existing.IS_REPLACED,
            "INSERT INTO datashare_registers (group_id, day) VALUES (?, ?) "
            "ON CONFLICT (group_id) DO UPDATE SET day = excluded.day", id="sqlite-replaced",
        ),
    ],
)  # fmt: skip
def test_rows_are_written_in_the_words_of_each_database(
    table: Table, dialect: str, existing: Existing, expected: str
) -> None:
    """Each database has its own words for what becomes of an existing row."""
    assert expected == _text(table, dialect, existing, tuple(table.columns.keys()))
