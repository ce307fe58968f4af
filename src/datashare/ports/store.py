"""The port through which agreements are kept."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Protocol, TypeVar, runtime_checkable

import attrs

from datashare.domain.agreements import Agreement, AgreementId, Caution, Event, RequestId
from datashare.domain.agreements.commands import kept_under
from datashare.domain.chain import Chain
from datashare.domain.instants import Instant
from datashare.domain.notices import Notice
from datashare.domain.register import GroupId
from datashare.domain.text import plain_line

_T = TypeVar("_T")


@attrs.frozen(kw_only=True)
class Unreadable:
    """What a store keeps and this version of the library cannot read: it was damaged, or a later version wrote it.

    It is left as it is, and stands in the way of nothing else; a later version may read it.

    Attributes:
        id: The id of the agreement or the notice, as text.
        agreement: The agreement that it is about; `None` if its key names none.
    """

    id: str
    agreement: AgreementId | None

    def __str__(self) -> str:
        return f"{plain_line(self.id)} cannot be read; it was damaged, or written by a later version."


def readable(values: Iterable[_T | Unreadable]) -> list[_T]:
    """Return the values that could be read, in their order."""
    return [value for value in values if not isinstance(value, Unreadable)]


@attrs.frozen(kw_only=True)
class RecordedOutcome:
    """What a command did to one agreement, recorded so that a repetition can be answered (K4).

    A store keeps the range of the events, not the events a second time; see `datashare.rows.OutcomeRow`.

    Attributes:
        agreement: Which agreement.
        command_id: Under which command id it is kept, as `Change.command_id` says.
        request: The request that the command named, if it named one.
        shared_digest: The digest of what the command says to every school.
        own_digest: The digest of everything that it says to this school.
        events: What it caused, in the order of their sequence; never empty.
        cautions: What deserved a look.
    """

    agreement: AgreementId
    command_id: str
    request: RequestId | None
    shared_digest: str
    own_digest: str
    events: tuple[Event, ...]
    cautions: tuple[Caution, ...]


@attrs.frozen(kw_only=True)
class Change:
    """What a command changes at one agreement: all of it is saved, or nothing (K1, O2).

    Attributes:
        decided_on: The version of the agreement that was decided on; 0 where it has no history yet.
        now: The present instant when it was decided, in UTC. An event's own instant may lie ahead of it (T3).
        after: The agreement as it stands after the events; its version is the number of the last one.
        events: What happened, in order, numbered from `decided_on` + 1; never empty, and all of one command.
        notices: The notices that the events call for.
        closes: The request whose undelivered request and reminder notices are cancelled (O7).
        request: The request that the command named, if it named one.
        shared_digest: The digest of what the command says to every school.
        own_digest: The digest of everything that it says to this school.
        cautions: What deserved a look.
    """

    decided_on: int
    now: Instant
    after: Agreement
    events: tuple[Event, ...]
    notices: tuple[Notice, ...]
    closes: RequestId | None
    request: RequestId | None
    shared_digest: str
    own_digest: str
    cautions: tuple[Caution, ...]

    @property
    def id(self) -> AgreementId:
        """Which agreement."""
        return self.after.id

    @property
    def command_id(self) -> str:
        """Under which command id the outcome is kept; a school's are apart from those of the group (K4)."""
        return kept_under(self.events[0].command_id, self.events[0].actor)

    @property
    def outcome(self) -> RecordedOutcome:
        """What a repetition of the command is answered with (K4)."""
        return RecordedOutcome(
            agreement=self.id,
            command_id=self.command_id,
            request=self.request,
            shared_digest=self.shared_digest,
            own_digest=self.own_digest,
            events=self.events,
            cautions=self.cautions,
        )


@attrs.frozen(kw_only=True)
class Loaded:
    """What a decision about many agreements rests on.

    Attributes:
        agreements: Those that have a history, by their ids; the others are left out.
        outcomes: Every outcome recorded in the group under the command id that was asked for, in any order.
        unreadable: The agreements whose state, or whose outcome under that command id, cannot be read; neither
            *agreements* nor *outcomes* holds anything of them.
    """

    agreements: Mapping[AgreementId, Agreement]
    outcomes: tuple[RecordedOutcome, ...]
    unreadable: frozenset[AgreementId] = frozenset()


@runtime_checkable
class AgreementStore(Protocol):
    """Keeps agreements: their events, which are the truth, the state they fold to, notices, and outcomes of commands.

    It writes the notices that an `Outbox` hands out; one class may be both. `datashare.rows` turns changes into plain
    rows, and rows into values.

    Implementers must:

    1. Save of each change events, state, notices, cancellations and outcome together, or nothing of it. A new notice
       is waiting. A cancelled one is no longer leased. It is by the change's `now` that notices fall due and count as
       settled, not by the instants of its events. A new notice is cancelled at once where
       `datashare.ports.outbox.cancelled_at_once` says so: it tells of a closed request that never arrived.
    2. Save a change only if the agreement's version is still the one it was decided on; return the others as
       losers, without raising, and save the rest.
    3. Let exactly one of several writers win who decided on the same version, however they are timed, in one process or
       in several. What one instance saved, every other one returns at once.
    4. Return what was saved: equal values, instants to the microsecond, text to the character.
    5. Return the events of an agreement in the order of their sequence.
    6. Keep groups apart: no answer about one group contains anything of another, even if their codes begin alike. The
       same goes for schools and for command ids, which may be 64 characters long.
    7. Return values that no later call changes.
    8. Serve a call about many agreements without a round trip for each of them.
    9. Return agreements that equal the fold of their events.
    10. Record a command's outcome as the range of its events, and keep the first one where an agreement has an outcome
        under the same command id already (K4).
    11. Leave nothing of a call that failed behind, within the host's transaction either (as by a savepoint), unless
        the transaction can only be rolled back.
    12. Raise `datashare.errors.StoreError`, and nothing else, for what goes wrong below; never answer as if a call that
        failed had worked. A row that cannot be read hinders no other: in an answer about many, `Unreadable` or
        `Loaded.unreadable` stands for it; a history raises `datashare.errors.StoreUnreadable` when it is reached.
    13. Never commit, roll back or repeat a transaction of the host's, whatever the call and its answer.
    14. Keep of each event the text and the hash for ever, as `datashare.codec.record_events` makes them, and what
        people wrote beside it until the host erases that.
    15. Return each chain as it is kept, state and events of one moment, whether it can be read or not: a state without
        events, events without a state, and what is kept under a key that names no agreement, too.
    16. Return with each record of a chain the instant by which the store orders events, as it is kept, written as
        `datashare.domain.instants.instant_text` does where it is an instant.
    17. Let a history or chains that nobody reads to the end hinder no later call: they hold neither a lock nor the only
        connection, whether they are closed or not.
    18. List each group that has an agreement once, whether its agreements can be read or not. A key that names no group
        is passed over there; `chains` shows it.
    """

    @property
    def in_host_transaction(self) -> bool:
        """Whether it works within a transaction of the host's, so that what it returns holds once the host commits.

        Then a lost race is a `CONFLICT` at once: the host decides again, in a new transaction.
        """
        ...

    def load(self, ids: Collection[AgreementId], /, *, command_id: str | None = None) -> Loaded:
        """Load agreements of one group, with the outcomes recorded in it under *command_id*, if one is named.

        A command id is 1 to 64 printable ASCII characters; that of a school's command holds spaces.

        No agreement is newer or older than its outcome: what the command did shows in both, or in neither.
        """
        ...

    def append(self, changes: Sequence[Change], /) -> frozenset[AgreementId]:
        """Save *changes*, at most one for each agreement; return the agreements that lost a race.

        Raises:
            StoreError: The store could not do its work; then nothing of the call was saved. Only where the connection
                broke while saving may all of it have been saved; a repetition under the same command id answers it.
            TransactionLost: The host's transaction was lost, and has to be rolled back.
        """
        ...

    def states(self, group: GroupId, /) -> Sequence[Agreement | Unreadable]:
        """List every agreement of *group* that has a history, in the order of URNs."""
        ...

    def states_at(self, urn: int, /) -> Sequence[Agreement | Unreadable]:
        """List every agreement of institution *urn* that has a history, in the order of the groups' text."""
        ...

    def groups(self) -> Sequence[GroupId]:
        """List every group that has an agreement with a history, in the order of the groups' text."""
        ...

    def history(self, agreement: AgreementId, /) -> Iterator[Event]:
        """Stream the events of one agreement, in the order of their sequence."""
        ...

    def group_history(self, group: GroupId, /) -> Iterator[Event]:
        """Stream the events of a group by instant, then URN, then sequence (H2)."""
        ...

    def chains(self, group: GroupId | None = None, /) -> Iterator[Chain]:
        """Stream the chains of a group, or of all groups, by the group's text, then URN (H3).

        Each is returned as it is kept, unread, and all of one agreement's is of one moment. No more than a page of
        rows and one chain is held at a time, except within a transaction of the host's.
        """
        ...

    def last_register(self, group: GroupId, /) -> date | None:
        """Return the day of the newest register that was applied to *group*, if any was."""
        ...

    def note_register(self, group: GroupId, day: date, /) -> None:
        """Note that the register of *day* was applied to *group*; an older day changes nothing."""
        ...
