"""Histories and chains, read a page at a time: between two pages no connection is held."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from datashare.rows import AgreementRow, EventRow, Key

from ._agreements import chains_of, kept_row
from ._bulk import bound
from ._tables import agreements, events

PAGE = 500
"""The most rows that are held at once, unless the events of one agreement are more."""

Statement = sa.Select[Any] | sa.CompoundSelect[Any]
Read = Callable[[Statement], Sequence[sa.Row[Any]]]
"""Executes one statement, with a connection for it alone."""


def history(read: Read, key: Key) -> Iterator[EventRow]:
    """Return the events of one agreement, in the order of their sequence."""
    of_agreement = sa.select(events).where(events.c.group_id == key[0], events.c.urn == key[1])
    return _events(read, of_agreement, (events.c.sequence,))


def group_history(read: Read, group: str) -> Iterator[EventRow]:
    """Return the events that a group has at present, by instant, URN and sequence.

    What is saved meanwhile is left out, since an event may come to stand before one that was returned already.
    """
    of_group = events.c.group_id == group
    last = read(
        sa.select(events.c.urn, sa.func.max(events.c.sequence).label("last")).where(of_group).group_by(events.c.urn)
    )
    present = {row.urn: row.last for row in last}
    rows = _events(read, sa.select(events).where(of_group), (events.c.at, events.c.urn, events.c.sequence))
    return (row for row in rows if row.urn in present and not _is_later(row.sequence, present[row.urn]))


def _is_later(sequence: object, last: object) -> bool:
    # A damaged number is of another type, and is reported where its row is read.
    return isinstance(sequence, int) and isinstance(last, int) and sequence > last


def _events(read: Read, statement: sa.Select[Any], order: tuple[sa.Column[Any], ...]) -> Iterator[EventRow]:
    ordered = statement.order_by(*order).limit(PAGE)
    names = [column.name for column in order]

    def page_after(row: EventRow | None) -> list[EventRow]:
        after = ordered
        if row is not None:
            values = (bound(getattr(row, name)) for name in names)
            after = ordered.where(_comes_after(order, tuple(values)))
        return [*map(EventRow._make, read(after))]

    def following(page: list[EventRow]) -> Iterator[EventRow]:
        yield from page
        while len(page) == PAGE:
            page = page_after(page[-1])
            yield from page

    return following(page_after(None))  # the first page at once, so that an error is raised by the call


def _comes_after(columns: tuple[sa.Column[Any], ...], values: tuple[Any, ...]) -> sa.ColumnElement[bool]:
    """Return the condition that a row comes after another, in the order of these columns."""
    (column, *columns_left), (value, *values_left) = columns, values
    further: sa.ColumnElement[bool] = column > value
    if not columns_left:
        return further
    return sa.or_(further, sa.and_(column == value, _comes_after(tuple(columns_left), tuple(values_left))))


def chains(read: Read, group: str | None) -> Iterator[AgreementRow | EventRow]:
    """Return the rows of the chains of a group, or of all, by group and URN; those of one chain are of one moment."""
    if group is not None:
        return _of_group(read, group)
    either = sa.union(sa.select(agreements.c.group_id), sa.select(events.c.group_id)).order_by("group_id")
    groups = [row.group_id for row in read(either)]
    return (row for known in groups for row in _of_group(read, known))


def _of_group(read: Read, group: str) -> Iterator[AgreementRow | EventRow]:
    last: object = None
    while True:
        rows = read(chains_of(bound(group), after=None if last is None else bound(last)).limit(PAGE))
        whole = [row for row in rows if row.urn != rows[-1].urn] if len(rows) == PAGE else rows
        if rows and not whole:  # one chain is longer than a page
            whole = read(chains_of(bound(group), only=bound(rows[-1].urn)))
        yield from map(kept_row, whole)
        if len(rows) < PAGE:
            return
        last = whole[-1].urn
