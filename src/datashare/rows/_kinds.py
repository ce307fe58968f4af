"""The kinds of rows, with the columns of the tables in their order."""

from __future__ import annotations

from typing import NamedTuple

from datashare.domain.agreements import AgreementId
from datashare.domain.text import plain_line

Key = tuple[str, int]
"""The key of an agreement's row: the group as text, and the URN."""


def _key_alone(key: tuple[object, ...]) -> str:
    """Word a row by its key: the rest may hold names, addresses and what people wrote."""
    return f"<row {' '.join(map(short, key))}>"


class AgreementRow(NamedTuple):
    """An agreement as it stands, one row for each; writers lock it.

    Attributes:
        group_id: The group as text, such as ``mat:5143``.
        urn: The institution.
        version: The number of the last event.
        head: The hash of the last event.
        state: What the events fold to, as JSON.
    """

    group_id: str
    urn: int
    version: int
    head: str
    state: str

    def __repr__(self) -> str:
        return _key_alone(self[:2])


class EventRow(NamedTuple):
    """One event; the key is the agreement's with the sequence.

    Attributes:
        group_id: The group as text.
        urn: The institution.
        sequence: The number of the event, from 1.
        at: When it happened.
        hash: SHA-256 of the hash before it and the text.
        text: The event as JSON, without what people wrote.
        erasable: What people wrote, with its salt, as JSON; may be set to NULL.
    """

    group_id: str
    urn: int
    sequence: int
    at: str
    hash: str
    text: str
    erasable: str | None

    def __repr__(self) -> str:
        return _key_alone(self[:3])


class OutcomeRow(NamedTuple):
    """What a command did to an agreement; the key is group, command id and URN, and the first one stays (K4).

    Attributes:
        group_id: The group as text.
        command_id: The command id.
        urn: The institution.
        request: The number of the request that the command named.
        shared_digest: The digest of what the command says to every school.
        own_digest: The digest of everything that it says to this school.
        first_sequence: The number of the command's first event.
        last_sequence: The number of its last event.
        cautions: What deserved a look, as JSON.
    """

    group_id: str
    command_id: str
    urn: int
    request: int | None
    shared_digest: str
    own_digest: str
    first_sequence: int
    last_sequence: int
    cautions: str

    def __repr__(self) -> str:
        return _key_alone(self[:3])


class NoticeRow(NamedTuple):
    """A notice and what has become of it; the key is the agreement's with the id.

    Attributes:
        group_id: The group as text.
        urn: The institution.
        id: The notice's id.
        request: The number of the request that it is about.
        asks: Whether closing the request cancels it.
        status: The value of a `NoticeStatus`.
        is_open: Whether it is waiting or leased.
        due_at: When it is to be sent.
        attempts: How often it was leased.
        error: Why the last attempt failed.
        settled_at: When it was delivered, given up or cancelled.
        lease: The name of the present lease.
        leased_until: When that ends.
        text: The notice as JSON; NULL once it was purged.
    """

    group_id: str
    urn: int
    id: str
    request: int | None
    asks: bool
    status: str
    is_open: bool
    due_at: str
    attempts: int
    error: str | None
    settled_at: str | None
    lease: str | None
    leased_until: str | None
    text: str | None

    def __repr__(self) -> str:
        return _key_alone(self[:3])


def key_of(agreement: AgreementId) -> Key:
    """Return the key of an agreement's row."""
    return str(agreement.group), agreement.urn


def key_in(row: AgreementRow | EventRow | OutcomeRow | NoticeRow) -> str:
    """Return the agreement's key in a row, as text."""
    return f"{short(row.group_id)}/{short(row.urn)}"


def short(value: object) -> str:
    """Return a value of a key, which may be damaged, as a short line."""
    return plain_line(str(value))[:LONGEST_KEY]


LONGEST_KEY = 200
