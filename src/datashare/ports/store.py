"""The port through which agreements are kept."""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, Protocol, get_args, runtime_checkable

import attrs

from datashare.domain import validation
from datashare.domain.agreements import Agreement, AgreementId, Caution, Event, RequestId, require_command_id
from datashare.domain.chain import Chain
from datashare.domain.instants import Instant, to_instant, to_optional_instant
from datashare.domain.notices import Notice
from datashare.domain.register import GroupId
from datashare.domain.validation import to_tuple
from datashare.errors import InvalidValue

_AN_AGREEMENT = validation.is_a(AgreementId, "an AgreementId")
_A_REQUEST_OR_NONE = validation.is_a((RequestId, type(None)), "a RequestId or None")
_EVENTS = validation.all_are(get_args(Event), "events such as RequestSent(...)")


@attrs.frozen(kw_only=True)
class RecordedOutcome:
    """What a command did to one agreement, kept so that a repetition can be answered (K4).

    Attributes:
        agreement: Which agreement.
        command_id: Under which command id.
        request: The request that the command named, if it named one.
        shared_digest: The digest of what the command says to every school.
        own_digest: The digest of all that it says to this school.
        events: What it caused; never empty.
        cautions: What deserved a look.
    """

    agreement: AgreementId = attrs.field(validator=_AN_AGREEMENT)
    command_id: str = attrs.field(converter=require_command_id)
    request: RequestId | None = attrs.field(validator=_A_REQUEST_OR_NONE)
    shared_digest: str = attrs.field(validator=validation.key)
    own_digest: str = attrs.field(validator=validation.key)
    events: tuple[Event, ...] = attrs.field(converter=to_tuple, validator=_EVENTS)
    cautions: tuple[Caution, ...] = attrs.field(converter=to_tuple, validator=validation.all_are(Caution, "Cautions"))

    def __attrs_post_init__(self) -> None:
        if {event.agreement for event in self.events} != {self.agreement}:
            raise InvalidValue("RecordedOutcome.events", self.events, f"one or more events of {self.agreement}")
        if self.request and self.request.agreement != self.agreement:
            raise InvalidValue("RecordedOutcome.request", self.request, f"a request of {self.agreement}")


@attrs.frozen(kw_only=True)
class Change:
    """One agreement's change: all of it is saved, or nothing (K1, O2).

    Attributes:
        decided_on: The version of the agreement that was decided on.
        after: The agreement as it stands after the events.
        events: What happened, in order; never empty.
        notices: The notices that the events call for.
        kept: What a repetition of the command is answered with.
        closes: The request whose undelivered request and reminder notices are cancelled (O7).
    """

    decided_on: int = attrs.field(validator=validation.whole(0))
    after: Agreement = attrs.field(validator=validation.is_a(Agreement, "an Agreement"))
    events: tuple[Event, ...] = attrs.field(converter=to_tuple, validator=_EVENTS)
    notices: tuple[Notice, ...] = attrs.field(converter=to_tuple, validator=validation.all_are(Notice, "Notices"))
    kept: RecordedOutcome = attrs.field(validator=validation.is_a(RecordedOutcome, "a RecordedOutcome"))
    closes: RequestId | None = attrs.field(validator=_A_REQUEST_OR_NONE)

    def __attrs_post_init__(self) -> None:
        numbers = [event.sequence for event in self.events]
        of_others = {self.kept.agreement, *(one.agreement for one in (*self.events, *self.notices))} - {self.id}
        if self.closes and self.closes.agreement != self.id:
            of_others.add(self.closes.agreement)
        expected = list(range(self.decided_on + 1, self.after.version + 1))
        if not numbers or numbers != expected or of_others:
            raise InvalidValue("A change's events", numbers, f"those numbered {expected} of one agreement")

    @property
    def id(self) -> AgreementId:
        """Which agreement."""
        return self.after.id


@attrs.frozen(kw_only=True)
class Loaded:
    """What a decision about many agreements rests on.

    Attributes:
        agreements: Those that have a history; the others are left out.
        kept: Every outcome kept in the group under the command id that was asked for.
    """

    agreements: Mapping[AgreementId, Agreement] = attrs.field()
    kept: tuple[RecordedOutcome, ...] = attrs.field(
        converter=to_tuple, validator=validation.all_are(RecordedOutcome, "KeptOutcomes")
    )

    @agreements.validator
    def _check_agreements(self, _attribute: attrs.Attribute[Any], value: object) -> None:
        if not isinstance(value, Mapping) or not all(
            isinstance(key, AgreementId) and isinstance(one, Agreement) and key == one.id for key, one in value.items()
        ):
            raise InvalidValue("Loaded.agreements", value, "a mapping from AgreementIds to their Agreements")


class NoticeStatus(enum.Enum):
    """What has become of a notice so far."""

    WAITING = "waiting"
    LEASED = "leased"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"
    CANCELLED = "cancelled"


@attrs.frozen(kw_only=True)
class StoredNotice:
    """A notice with what has become of it.

    Attributes:
        id: The notice's id; it stays when the rest is purged.
        agreement: Which agreement it is about.
        notice: The notice; `None` once names and addresses were purged (O6).
        status: What has become of it.
        due_at: When it is to be sent, in UTC.
        attempts: How often it was leased for sending.
        error: What the other side said last, if it said no.
        settled_at: When it was delivered, given up or cancelled, in UTC.
    """

    id: str = attrs.field(validator=validation.key)
    agreement: AgreementId = attrs.field(validator=_AN_AGREEMENT)
    notice: Notice | None = attrs.field(validator=validation.is_a((Notice, type(None)), "a Notice or None"))
    status: NoticeStatus = attrs.field(validator=validation.member(NoticeStatus))
    due_at: Instant = attrs.field(converter=to_instant)
    attempts: int = attrs.field(default=0, validator=validation.whole(0))
    error: str | None = attrs.field(default=None, validator=validation.optional_text)
    settled_at: Instant | None = attrs.field(default=None, converter=to_optional_instant)


@attrs.frozen(kw_only=True)
class LeasedNotice:
    """A notice that one worker may send until the lease ends, and then settles by showing it.

    Attributes:
        notice: What to send.
        lease: The lease's name; no later lease of the same notice has the same.
        attempts: How often it was leased, this time included.
    """

    notice: Notice = attrs.field(validator=validation.is_a(Notice, "a Notice"))
    lease: str = attrs.field(validator=validation.key)
    attempts: int = attrs.field(validator=validation.whole(1))


@runtime_checkable
class AgreementStore(Protocol):
    """Keeps agreements: events as the truth, the state they fold to, notices, and outcomes of commands.

    Implementers must:

    1. Save of each change events, state, notices, cancellations and kept outcome together, or nothing of it.
    2. Save a change only if the agreement's version is still the one it was decided on; answer the others as
       losers, without raising, and save the rest.
    3. Let exactly one of several writers win who decided on the same version, however they are timed.
    4. Give back what was saved: equal values, instants to the microsecond, text to the character.
    5. Give back the events of an agreement in the order of their sequence.
    6. Keep groups apart: no answer about one group contains anything of another.
    7. Answer values that no later call changes.
    8. Serve a call about many agreements at a cost that does not grow with a round trip an agreement.
    9. Answer agreements that equal the fold of their events.
    10. Lease a notice to one worker at a time, and again only when the lease has ended.
    11. Settle a notice only for the holder of its present lease.
    12. Raise only `datashare.errors.StoreError` for what goes wrong below, a row that cannot be read included.
    13. Never commit, roll back or repeat a transaction of the host's, where it is joined to one, and lease and settle
        no notices within it.
    14. Keep of each event the text and the hash for ever, as `datashare.codec.record_events` gives them, and what
        people wrote beside it until the host erases that.
    15. Give each chain as it is kept, state and events of one moment, whether it can be read or not: a state without
        events, events without a state, and what is kept under a key that names no agreement, too.
    16. Give with each record of a chain the instant by which the store orders events, as it is kept, written as
        `datashare.domain.instants.instant_text` does where it is one.
    """

    @property
    def joined(self) -> bool:
        """Whether it writes within a transaction of the host's, so that what it answers holds when the host commits.

        Then a lost race is a `CONFLICT` at once: to decide again is for the host, with a new transaction.
        """
        ...

    def load(self, ids: Collection[AgreementId], /, *, command_id: str | None = None) -> Loaded:
        """Load agreements of one group, with the outcomes kept in it under *command_id*, if one is named.

        No agreement is newer or older than its outcome: what the command did shows in both, or in neither.
        """
        ...

    def append(self, changes: Sequence[Change], /) -> frozenset[AgreementId]:
        """Save *changes*, at most one for each agreement; answer the agreements that lost a race.

        Raises:
            StoreError: The store could not do its work; then nothing of the call was saved. Only where the connection
                broke while saving may all of it have been; a repetition under the same command id answers what was.
            TransactionLost: The store is joined to a transaction of the host's, which has to be rolled back.
        """
        ...

    def states(self, group: GroupId, /) -> Sequence[Agreement]:
        """List every agreement of *group* that has a history, in the order of URNs."""
        ...

    def states_at(self, urn: int, /) -> Sequence[Agreement]:
        """List every agreement of institution *urn* that has a history, in the order of the groups' text."""
        ...

    def history(self, agreement: AgreementId, /) -> Iterator[Event]:
        """Stream the events of one agreement, in the order of their sequence."""
        ...

    def group_history(self, group: GroupId, /) -> Iterator[Event]:
        """Stream the events of a group by instant, then URN, then sequence (H2)."""
        ...

    def chains(self, group: GroupId | None = None, /) -> Iterator[Chain]:
        """Stream the chains of a group, or of all groups, by the group's text, then URN (H3).

        Each is given as it is kept, unread, and all of one agreement's is of one moment. No more than a page of rows
        and one chain is held at a time, unless the store is joined.
        """
        ...

    def last_register(self, group: GroupId, /) -> date | None:
        """Tell the day of the newest register that was applied to *group*, if any was."""
        ...

    def note_register(self, group: GroupId, day: date, /) -> None:
        """Note that the register of *day* was applied to *group*; an older day changes nothing."""
        ...

    def notices(self, group: GroupId, /, *, status: NoticeStatus | None = None) -> Sequence[StoredNotice]:
        """List the notices of *group*, by due instant, then id; of one status, if one is named (O3)."""
        ...

    def lease(self, *, now: Instant, until: Instant, limit: int) -> Sequence[LeasedNotice]:
        """Lease up to *limit* notices that are due and not leased, the longest due first (O3).

        Args:
            now: The present instant, in UTC.
            until: When the leases end, in UTC; after *now*.
            limit: The most notices to lease.

        Raises:
            InvalidValue: An instant has no time zone, *until* is not after *now*, or *limit* is no whole number; or
                the store is joined, for what was sent cannot be rolled back. So it is for whatever settles a notice.
        """
        ...

    def complete(self, leased: LeasedNotice, /, *, at: Instant) -> bool:
        """Settle a leased notice as delivered; tell whether the lease was still held."""
        ...

    def retry(self, leased: LeasedNotice, /, *, due_at: Instant, error: str) -> bool:
        """Let a leased notice wait until *due_at*; tell whether the lease was still held."""
        ...

    def give_up(self, leased: LeasedNotice, /, *, at: Instant, error: str) -> bool:
        """Settle a leased notice as given up; tell whether the lease was still held."""
        ...

    def requeue(self, group: GroupId, notices: Collection[str], /, *, due_at: Instant) -> int:
        """Let given-up notices of *group* that were not purged wait again, with no attempts; tell how many (O3)."""
        ...

    def purge(self, *, settled_before: Instant) -> int:
        """Erase names and addresses of notices settled before an instant; tell of how many (O6)."""
        ...
