"""Pure: what can be asked of one agreement, as values; they touch nothing but the standard library and attrs.

A bulk action is as many commands of one kind, under one command id.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from datetime import date

import attrs

from datashare.domain import validation
from datashare.domain.instants import to_day, to_optional_day
from datashare.domain.levels import AccessLevel
from datashare.domain.people import PersonId, require_role_key
from datashare.domain.register import GroupId
from datashare.domain.validation import to_tuple
from datashare.errors import InvalidValue

from .ids import AN_ACTOR, Actor, AgreementId, RequestId, Terms


@attrs.frozen
class AllEligible:
    """Ask every eligible person of the school (Q10)."""


ALL = AllEligible()
"""Every eligible person of each school."""


def _to_role_keys(value: Iterable[str]) -> frozenset[str]:
    found = validation.require_collection(value, "The roles to ask")
    return frozenset(require_role_key(one) for one in found)


@attrs.frozen
class WithRoles:
    """Ask the eligible people who hold one of these business roles (Q10).

    Attributes:
        roles: Keys of roles, such as ``{"head_teacher"}``.
    """

    roles: frozenset[str] = attrs.field(converter=_to_role_keys)


@attrs.frozen
class Named:
    """Ask exactly these people of one school (Q10, P11).

    Attributes:
        people: Who they are; each is asked once.
    """

    people: tuple[PersonId, ...] = attrs.field(converter=to_tuple, validator=validation.all_are(PersonId, "PersonIds"))


Recipients = AllEligible | WithRoles | Named

_RECIPIENTS = validation.is_a((AllEligible, WithRoles, Named), "ALL, WithRoles(roles) or Named(people)")
_A_REQUEST = validation.is_a(RequestId, "a RequestId; RequestId.parse reads one from text")
_A_LEVEL = validation.member(AccessLevel)
_TERMS_OR_NONE = validation.is_a((Terms, type(None)), "Terms or None")


CAME_LATER = "came_later"
"""The metadata key of fields that are written only where they hold something, so that older texts stay as they are."""


class EndCause(enum.Enum):
    """Why an agreement ends (E1)."""

    SCHOOL_CLOSED = "school_closed"
    SCHOOL_LEFT_GROUP = "school_left_group"
    GROUP_CLOSED = "group_closed"
    SUCCEEDED = "succeeded"
    BY_SCHOOL = "by_school"
    BY_GROUP = "by_group"
    ENTERED_IN_ERROR = "entered_in_error"


SHOWN_BY_REGISTER = frozenset(
    {EndCause.SCHOOL_CLOSED, EndCause.SCHOOL_LEFT_GROUP, EndCause.GROUP_CLOSED, EndCause.SUCCEEDED}
)
"""The causes that the register must show, and that a plan may name (E1, E2)."""


@attrs.frozen(kw_only=True)
class RequestAccess:
    """Ask a school for a level: the first time, or to raise the level in force (Q1, U1).

    Attributes:
        urn: The school.
        level: The level asked for.
        sender: Whom the request is from.
        recipients: Whom it is sent to.
        terms: The terms it carries (Q8).
    """

    urn: int = attrs.field(validator=validation.urn)
    level: AccessLevel = attrs.field(validator=_A_LEVEL)
    sender: PersonId = attrs.field(validator=validation.is_a(PersonId, "a PersonId"))
    recipients: Recipients = attrs.field(default=ALL, validator=_RECIPIENTS)
    terms: Terms | None = attrs.field(default=None, validator=_TERMS_OR_NONE)


@attrs.frozen(kw_only=True)
class AddRecipients:
    """Send an open request to more people (Q4).

    Attributes:
        request: The open request.
        recipients: Whom to add.
    """

    request: RequestId = attrs.field(validator=_A_REQUEST)
    recipients: Recipients = attrs.field(default=ALL, validator=_RECIPIENTS)

    @property
    def urn(self) -> int:
        """The school."""
        return self.request.urn


@attrs.frozen(kw_only=True)
class Remind:
    """Remind the recipients of an open request (N2).

    Attributes:
        request: The open request.
    """

    request: RequestId = attrs.field(validator=_A_REQUEST)

    @property
    def urn(self) -> int:
        """The school."""
        return self.request.urn


@attrs.frozen(kw_only=True)
class Withdraw:
    """Take back an open request (N6).

    Attributes:
        request: The open request.
        reason: Why, for those who were asked; possibly empty.
    """

    request: RequestId = attrs.field(validator=_A_REQUEST)
    reason: str = attrs.field(default="", validator=validation.text_or_empty)

    @property
    def urn(self) -> int:
        """The school."""
        return self.request.urn


@attrs.frozen(kw_only=True)
class Approve:
    """Accept an open request, for the school (A1).

    Attributes:
        request: The request that is answered (A4).
        terms_version: The version of the terms that was shown, where it carries terms (A6).
    """

    request: RequestId = attrs.field(validator=_A_REQUEST)
    terms_version: str | None = attrs.field(default=None, validator=attrs.validators.optional(validation.key))

    @property
    def urn(self) -> int:
        """The school."""
        return self.request.urn


@attrs.frozen(kw_only=True)
class Decline:
    """Refuse an open request, for the school (A2).

    Attributes:
        request: The request that is answered (A4).
        reason: Why, for those who asked.
    """

    request: RequestId = attrs.field(validator=_A_REQUEST)
    reason: str = attrs.field(validator=validation.text)

    @property
    def urn(self) -> int:
        """The school."""
        return self.request.urn


@attrs.frozen(kw_only=True)
class RecordApproval:
    """Record an approval that a trust has settled centrally (A9).

    Attributes:
        urn: The school.
        level: The level approved.
        basis: What it rests on, such as a board minute.
        terms: The terms it is on, if any.
    """

    urn: int = attrs.field(validator=validation.urn)
    level: AccessLevel = attrs.field(validator=_A_LEVEL)
    basis: str = attrs.field(validator=validation.text)
    terms: Terms | None = attrs.field(default=None, validator=_TERMS_OR_NONE)


@attrs.frozen(kw_only=True)
class ImportAgreement:
    """Import an agreement made before this library (A10).

    Attributes:
        urn: The school.
        level: The level agreed.
        agreed_on: The original day, in Europe/London; it is data, in force here is from the import.
        approver: Who approved it then, as text.
        evidence: Where the original can be found.
        terms: The terms it is on, if any.
    """

    urn: int = attrs.field(validator=validation.urn)
    level: AccessLevel = attrs.field(validator=_A_LEVEL)
    agreed_on: date = attrs.field(converter=to_day)
    approver: str = attrs.field(validator=validation.text)
    evidence: str = attrs.field(validator=validation.text)
    terms: Terms | None = attrs.field(default=None, validator=_TERMS_OR_NONE)


@attrs.frozen(kw_only=True)
class Planned:
    """What a planned end rests on (E2, E4).

    Attributes:
        plan: The digest of the plan.
        version: The version of the agreement that the plan was made on; in another one the end is a `CONFLICT`.
    """

    plan: str = attrs.field(validator=validation.key)
    version: int = attrs.field(validator=validation.whole(1))


@attrs.frozen(kw_only=True)
class EndAgreement:
    """End an agreement, and close its open request (E1).

    Attributes:
        urn: The school.
        cause: Why, as one of the known causes; a planned end has one that the register shows.
        note: Why, in words.
        planned: The plan that it carries out, if it does (E2).
    """

    urn: int = attrs.field(validator=validation.urn)
    cause: EndCause = attrs.field(validator=validation.member(EndCause))
    note: str = attrs.field(validator=validation.text)
    planned: Planned | None = attrs.field(
        default=None,
        validator=validation.is_a((Planned, type(None)), "Planned or None"),
        metadata={CAME_LATER: True},
    )

    def __attrs_post_init__(self) -> None:
        if self.planned and self.cause not in SHOWN_BY_REGISTER:
            raise InvalidValue("EndAgreement.cause", self.cause, "one that the register shows, where it is planned")


@attrs.frozen(kw_only=True)
class RecordVisibility:
    """Record what the register shows: that the school stopped being visible, or is visible again (E6).

    Attributes:
        urn: The school.
        register_day: The register's day, in Europe/London; the present day where it is not known.
    """

    urn: int = attrs.field(validator=validation.urn)
    register_day: date | None = attrs.field(default=None, converter=to_optional_day)


Command = (
    RequestAccess
    | AddRecipients
    | Remind
    | Approve
    | Decline
    | Withdraw
    | RecordApproval
    | ImportAgreement
    | EndAgreement
    | RecordVisibility
)

NamesRequest = AddRecipients | Remind | Approve | Decline | Withdraw
"""The commands that name one request."""


def request_of(command: Command) -> RequestId | None:
    """Tell which request *command* names, if it names one."""
    return command.request if isinstance(command, NamesRequest) else None


def require_command_id(value: object) -> str:
    """Return *value* if it can be a command id: 1 to 64 printable ASCII characters without spaces (K4).

    Raises:
        InvalidValue: It is something else.
    """
    if not isinstance(value, str) or not 1 <= len(value) <= 64 or not value.isascii() or not value.isprintable():
        raise InvalidValue("command_id", value, "1 to 64 printable ASCII characters, such as a UUID")
    if " " in value:
        raise InvalidValue("command_id", value, "text without spaces, such as a UUID")
    return value


def _to_commands(value: Iterable[Command]) -> tuple[Command, ...]:
    """Keep each command once (K5), and refuse a mixture, or two that differ about one school."""
    first: Command | None = None
    found: dict[tuple[int, RequestId | None], Command] = {}
    for command in validation.require_collection(value, "Batch.commands"):
        if not isinstance(command, Command):
            raise InvalidValue("Batch.commands", command, "commands such as RequestAccess(...)")
        first = first or command
        if type(command) is not type(first):
            raise InvalidValue("Batch.commands", command, f"commands of one kind, {type(first).__name__}")
        known = found.setdefault((command.urn, request_of(command)), command)
        if known is not command and known != command:
            raise InvalidValue("Batch.commands", command, "at most one command about each school")
    return tuple(found.values())


@attrs.frozen(kw_only=True)
class Batch:
    """One action of one actor about one or many schools; it can be carried through a queue.

    Attributes:
        group: The group whose agreements it is about.
        actor: Who acts.
        command_id: The caller's id for the action, unique within the group (K4).
        commands: One command for each school, all of one kind; repeated ones count once (K5).
    """

    group: GroupId = attrs.field(validator=validation.is_a(GroupId, "a GroupId"))
    actor: Actor = attrs.field(validator=AN_ACTOR)
    command_id: str = attrs.field(converter=require_command_id)
    commands: tuple[Command, ...] = attrs.field(converter=_to_commands)

    def agreement_of(self, command: Command) -> AgreementId:
        """Tell which agreement *command* is about."""
        request = request_of(command)
        return request.agreement if request else AgreementId(self.group, command.urn)
