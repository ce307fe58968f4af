"""What became of an action, school by school (K1)."""

from __future__ import annotations

import attrs

from datashare.domain.agreements import Agreement, AgreementId, Caution, Event, Refusal, RequestId
from datashare.domain.notices import Notice


@attrs.frozen(kw_only=True)
class Done:
    """The action was done for one school; in a preview, it would be (K1, K3).

    Attributes:
        agreement: The agreement.
        request: The request that was opened or named, if any.
        events: What happened, in order; empty only if there was nothing to record.
        notices: The messages to send; empty for a replay. The store cancels those that tell only of a request that
            never arrived (O7). A group that does not see the school is shown only those to its own side, with the ids
            and people that they would have if nobody worked at the school (P12).
        cautions: What the user should look at.
        after: The agreement as it stands afterwards; for a replay, as it stands at present.
        replayed: Whether an earlier call with the same command id did it (K4).
        name: The school's name in the register; empty where the register has no such school.
    """

    agreement: AgreementId
    request: RequestId | None
    events: tuple[Event, ...]
    notices: tuple[Notice, ...]
    cautions: tuple[Caution, ...]
    after: Agreement
    replayed: bool = False
    name: str = ""

    @property
    def urn(self) -> int:
        """The school."""
        return self.agreement.urn


@attrs.frozen(kw_only=True)
class NotDone(Refusal):
    """The action was refused for one school, and changed nothing there (K1, T2).

    Attributes:
        reasons: Every reason, the primary one first (R2).
        agreement: The agreement.
        request: The request that was named, if any.
        name: The school's name in the register; empty where the register has no such school.
    """

    agreement: AgreementId
    request: RequestId | None
    name: str = ""

    @property
    def urn(self) -> int:
        """The school."""
        return self.agreement.urn


Outcome = Done | NotDone
"""The outcome of an action for one school."""


class Outcomes(tuple[Outcome, ...]):
    """One outcome for each school, in the order in which the schools were named (K1)."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"Outcomes({list(self)!r})"

    @property
    def done(self) -> tuple[Done, ...]:
        """The schools for which it was done."""
        return tuple(outcome for outcome in self if isinstance(outcome, Done))

    @property
    def not_done(self) -> tuple[NotDone, ...]:
        """The schools for which it was refused."""
        return tuple(outcome for outcome in self if isinstance(outcome, NotDone))

    @property
    def notices(self) -> tuple[Notice, ...]:
        """The messages to send, for all schools."""
        return tuple(notice for done in self.done for notice in done.notices)

    @property
    def requests(self) -> tuple[RequestId, ...]:
        """The requests that were opened or named where it was done."""
        return tuple(done.request for done in self.done if done.request)
