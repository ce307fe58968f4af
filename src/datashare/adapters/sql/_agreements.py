"""What is done to agreements on a connection: each function is a constant number of round trips."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from datashare.domain.agreements import AgreementId
from datashare.domain.chain import BEFORE_THE_FIRST
from datashare.domain.instants import instant_text
from datashare.domain.register import GroupId
from datashare.ports import Loaded, NoticeStatus
from datashare.rows import AgreementRow, EventRow, Key, NoticeRow, OutcomeRow, PreparedChange, key_of, to_loaded

from ._bulk import Existing, insert_absent, is_serial, tells_what_it_inserted, write
from ._outbox import NOTICE_COLUMNS
from ._tables import agreements, events, notices, outcomes

_T = TypeVar("_T")

MOST_KEYS = 16_000
"""The most agreements or requests that one statement names; SQLite takes 32,766 parameters, PostgreSQL 65,535."""


# States and events as rows of one shape, so that one statement reads both.
_STATE = (
    agreements.c.group_id,
    agreements.c.urn,
    sa.cast(sa.null(), sa.Integer).label("sequence"),
    sa.null().label("at"),
    agreements.c.head.label("hash"),
    agreements.c.state.label("text"),
    sa.null().label("erasable"),
    agreements.c.version,
)
_EVENT = (*events.columns, sa.cast(sa.null(), sa.Integer).label("version"))
_OUTCOME = tuple(column for column in outcomes.columns if column.name not in {"group_id", "urn"})


def kept_row(row: sa.Row[Any]) -> AgreementRow | EventRow:
    """Return a row of that shape as the state or event that it is; a state has no sequence."""
    return _state_row(row) if row.sequence is None else _event_row(row)


def _state_row(row: sa.Row[Any]) -> AgreementRow:
    return AgreementRow(row.group_id, row.urn, row.version, row.hash, row.text)


def _event_row(row: sa.Row[Any]) -> EventRow:
    return EventRow._make(row[: len(EventRow._fields)])


def load(connection: sa.Connection, group: GroupId, ids: Sequence[AgreementId], command_id: str | None) -> Loaded:
    """Load agreements of one group, with the outcomes recorded in it under a command id."""
    first, *others = _chunks(ids)
    rows = [row for part in others for row in connection.execute(_states_of(part, connection))]
    statement = _states_of(first, connection)
    # One statement sees one state of the database: an agreement and what a command did to it.
    rows += connection.execute(sa.union_all(statement, _recorded(group, command_id)) if command_id else statement)
    states = {row.urn: _state_row(row) for row in rows if row.command_id is None}
    recorded = [row for row in rows if row.command_id is not None]
    if others and recorded:  # these were read before their outcomes: read again, so that none is older than its outcome
        with_outcome = {row.urn for row in recorded}
        for part in _chunks([agreement for agreement in ids if agreement.urn in with_outcome]):
            states |= {row.urn: _state_row(row) for row in connection.execute(_states_of(part, connection))}
    by_urn: dict[int, list[sa.Row[Any]]] = {}
    for row in recorded:
        by_urn.setdefault(row.urn, []).append(row)
    return to_loaded(states.values(), map(_outcome, by_urn.values()))


def _outcome(rows: Sequence[sa.Row[Any]]) -> tuple[OutcomeRow, list[EventRow]]:
    """Return an outcome from rows that hold one of its events each; none, if its range holds none."""
    outcome = OutcomeRow(**{name: getattr(rows[0], name) for name in OutcomeRow._fields})
    events = sorted((_event_row(row) for row in rows if row.sequence is not None), key=lambda row: row.sequence)
    return outcome, events


def _states_of(ids: Collection[AgreementId], connection: sa.Connection) -> sa.Select[Any]:
    """Select agreements, with the columns of `_recorded` for the union of the two."""
    nothing = (sa.cast(sa.null(), column.type).label(column.name) for column in _OUTCOME)
    return sa.select(*_STATE, *nothing).where(_any_of([key_of(agreement) for agreement in ids], connection))


def _recorded(group: GroupId, command_id: str) -> sa.Select[Any]:
    """Select the events of a command's outcomes in a group, each with its outcome, which may have lost its events."""
    caused = sa.and_(
        events.c.group_id == outcomes.c.group_id,
        events.c.urn == outcomes.c.urn,
        events.c.sequence.between(outcomes.c.first_sequence, outcomes.c.last_sequence),
    )
    return (
        sa.select(outcomes.c.group_id, outcomes.c.urn, *_EVENT[2:], *_OUTCOME)
        .join_from(outcomes, events, caused, isouter=True)
        .where(outcomes.c.group_id == str(group), outcomes.c.command_id == command_id)
    )


def _any_of(keys: Collection[Key], connection: sa.Connection) -> sa.ColumnElement[bool]:
    """Pick the agreements with one of these keys."""
    by_group: dict[str, list[int]] = {}
    for group, urn in keys:
        by_group.setdefault(group, []).append(urn)
    pick = _in_array if connection.dialect.name == "postgresql" else agreements.c.urn.in_
    return sa.or_(
        sa.false(), *(sa.and_(agreements.c.group_id == group, pick(urns)) for group, urns in by_group.items())
    )


def _in_array(urns: list[int]) -> sa.ColumnElement[bool]:
    """Look for a URN among many that are passed as one value."""
    return agreements.c.urn == sa.any_(sa.literal(urns, postgresql.ARRAY(sa.Integer)))


def chains_of(group: Any, *, after: Any = None, only: Any = None) -> sa.CompoundSelect[Any]:  # noqa: ANN401 - damaged
    """Select the chains of a group, for `to_chains`: in one statement, so that each is of one moment.

    It is not a join, which would leave out the events of an agreement whose row is gone.

    Args:
        group: The group.
        after: Only those of later URNs than this one.
        only: Only the one of this URN.
    """
    states = sa.select(*_STATE).where(agreements.c.group_id == group)
    happened = sa.select(*_EVENT).where(events.c.group_id == group)
    if after is not None:
        states, happened = states.where(agreements.c.urn > after), happened.where(events.c.urn > after)
    if only is not None:
        states, happened = states.where(agreements.c.urn == only), happened.where(events.c.urn == only)
    # Ordered as a whole and by columns alone, so that a database can merge the two in the order of their keys.
    return sa.union_all(states, happened).order_by("urn", "sequence")


def append(connection: sa.Connection, changes: Sequence[PreparedChange]) -> frozenset[AgreementId]:
    """Write changes, which come in the order of their keys; return the agreements that lost a race."""
    first = [prepared for prepared in changes if not prepared.change.decided_on]
    later = [prepared for prepared in changes if prepared.change.decided_on]
    if tells_what_it_inserted(connection):
        written = _begun(connection, first) + _continued(connection, later)
    else:
        claims = [prepared.claim() for prepared in first if not is_serial(connection)]
        write(connection, agreements, claims, existing=Existing.STAYS)
        written = _continued(connection, changes)
    winners = [prepared for prepared, _ in written]
    write(connection, events, [row for _, rows in written for row in rows])
    # A new agreement has no outcome yet; elsewhere the first one under a command id stays (K4).
    write(connection, outcomes, [prepared.outcome for prepared in winners if not prepared.change.decided_on])
    write(
        connection,
        outcomes,
        [prepared.outcome for prepared in winners if prepared.change.decided_on],
        existing=Existing.STAYS,
    )
    asking = _asking(connection, [prepared for prepared in winners if prepared.reads_asking])
    _cancel(connection, winners)
    rows = [row for prepared in winners for row in prepared.notices(asking.get(prepared.key, ()))]
    write(connection, notices, rows)
    return frozenset(prepared.change.id for prepared in changes) - {prepared.change.id for prepared in winners}


_Written = list[tuple[PreparedChange, list[EventRow]]]
"""The changes that won, each with the rows of its events."""


def _begun(connection: sa.Connection, changes: Sequence[PreparedChange]) -> _Written:
    """Write the agreements that nobody else has begun, without a claim first, which would cost a second write."""
    chained = [(prepared, *prepared.chained_to(BEFORE_THE_FIRST)) for prepared in changes]
    inserted = insert_absent(connection, agreements, [state for _, state, _ in chained])
    return [(prepared, rows) for prepared, _, rows in chained if prepared.key in inserted]


def _continued(connection: sa.Connection, changes: Sequence[PreparedChange]) -> _Written:
    """Lock agreements, and write those that still are at the version that was decided on."""
    standing = _locked(connection, [prepared.key for prepared in changes])
    winners = [prepared for prepared in changes if standing.get(prepared.key, _ABSENT)[0] == prepared.change.decided_on]
    chained = [(prepared, *prepared.chained_to(standing.get(prepared.key, _ABSENT)[1])) for prepared in winners]
    write(connection, agreements, [state for _, state, _ in chained], existing=Existing.IS_REPLACED)
    return [(prepared, rows) for prepared, _, rows in chained]


_ABSENT = (0, BEFORE_THE_FIRST)
"""The version and head of an agreement that does not exist; nobody else can begin it, since its place is locked."""


def _locked(connection: sa.Connection, keys: Sequence[Key]) -> dict[Key, tuple[int, str]]:
    """Lock agreements in the order of their keys, so that no two writers wait for each other; return where each is."""
    standing: dict[Key, tuple[int, str]] = {}
    for part in _chunks(keys):
        statement = (
            sa.select(agreements.c.group_id, agreements.c.urn, agreements.c.version, agreements.c.head)
            .where(_any_of(part, connection))
            .order_by(agreements.c.group_id, agreements.c.urn)
            .with_for_update()
        )
        standing |= {(row.group_id, row.urn): (row.version, row.head) for row in connection.execute(statement)}
    return standing


_CANCEL = (
    sa.update(notices)
    .where(
        notices.c.group_id == sa.bindparam("of_group"),
        notices.c.urn == sa.bindparam("of_urn"),
        notices.c.request == sa.bindparam("of_request"),
        notices.c.asks,
        notices.c.status != NoticeStatus.DELIVERED.value,
    )
    .values(
        status=NoticeStatus.CANCELLED.value,
        is_open=False,
        settled_at=sa.bindparam("cancelled_at"),
        lease=None,
        leased_until=None,
    )
)


def _asking(connection: sa.Connection, changes: Sequence[PreparedChange]) -> Mapping[Key, Sequence[NoticeRow]]:
    """Lock the notices that ask for an answer to closed requests, so that none begins to be sent meanwhile (O7)."""
    requests: dict[str, list[tuple[int, int]]] = {}
    for (group, urn), closes in ((prepared.key, prepared.change.closes) for prepared in changes):
        requests.setdefault(group, []).extend([(urn, closes.number)] if closes else [])
    asking: dict[Key, list[NoticeRow]] = {}
    for group, pairs in requests.items():
        for part in _chunks(pairs):
            closed = sa.tuple_(notices.c.urn, notices.c.request).in_(part)
            own = sa.select(*NOTICE_COLUMNS).where(notices.c.group_id == group, notices.c.asks, closed)
            for row in map(NoticeRow._make, connection.execute(own.with_for_update())):
                asking.setdefault((row.group_id, row.urn), []).append(row)
    return asking


def _cancel(connection: sa.Connection, changes: Sequence[PreparedChange]) -> None:
    """Cancel what asks for an answer to closed requests and was not delivered, given up or not (O7)."""
    closed = [
        {
            "of_group": prepared.key[0],
            "of_urn": prepared.key[1],
            "of_request": prepared.change.closes.number,
            "cancelled_at": instant_text(prepared.change.now),
        }
        for prepared in changes
        if prepared.change.closes
    ]
    if closed:
        connection.execute(_CANCEL, closed)


def _chunks(values: Sequence[_T]) -> Iterator[Sequence[_T]]:
    return (values[start : start + MOST_KEYS] for start in range(0, len(values), MOST_KEYS))
