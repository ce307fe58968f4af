"""Pure: commands, each about one agreement, and the batch that makes one action of many."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import date
from typing import Annotated, Any

import attrs

from datashare.domain.levels import AccessLevel
from datashare.domain.people import PersonId, RoleKey, to_role_keys
from datashare.domain.register import GroupId
from datashare.domain.text import Labelled, hides_its_host
from datashare.domain.validation import Key, Text, TextOrEmpty, Urn, matching, to_tuple, validated_input, whole_number
from datashare.errors import InvalidInput

from .ids import Actor, AgreementId, RequestId, SystemActor, Terms


@attrs.frozen
class AllEligible:
    """Ask every eligible person of the school (Q10)."""


ALL = AllEligible()
"""Every eligible person of each school."""


@attrs.frozen(field_transformer=validated_input)
class WithRoles:
    """Ask the eligible people who hold one of these business roles (Q10).

    Attributes:
        roles: Keys of roles, such as ``{"head_teacher"}``.
    """

    roles: frozenset[RoleKey] = attrs.field(converter=to_role_keys)


def _to_people(value: Iterable[PersonId]) -> tuple[PersonId, ...]:
    return to_tuple(value)


@attrs.frozen(field_transformer=validated_input)
class Named:
    """Ask exactly these people of one school (Q10, P11).

    Attributes:
        people: Who they are; each is asked once.
    """

    people: tuple[PersonId, ...] = attrs.field(converter=_to_people)


Recipients = AllEligible | WithRoles | Named
"""The people to ask at one school (Q10)."""


def _check_link(_command: object, attribute: attrs.Attribute[Any], terms: Terms | None) -> None:
    """Refuse an address that hides where it leads; only here, so that terms that were stored earlier can be read."""
    if not terms:
        return
    is_no_link = terms.reference.lower().startswith("https:") and not terms.link
    if is_no_link or hides_its_host(terms.reference):
        expected = "an https address without spaces, or other text; no address in it may have user information"
        raise InvalidInput(f"The reference of {attribute.name}", terms.reference, expected)


CAME_LATER = "came_later"
"""The metadata key of fields that were added later.

They are written only where they hold something, so that texts that were written earlier stay the same.
"""


class EndCause(Labelled):
    """Why an agreement ends (E1)."""

    SCHOOL_CLOSED = "school_closed"
    """The register shows that the school closed, and no successor is known."""
    SCHOOL_LEFT_GROUP = "school_left_group"
    """The register no longer links the school with the group."""
    GROUP_CLOSED = "group_closed"
    """The register shows that the group closed."""
    GROUP_REORGANISED = "group_reorganised"
    """The school moved to another group together with others; only a plan can show this (E8)."""
    SUCCEEDED = "succeeded"
    """The register shows that the school closed and was succeeded by another."""
    BY_SCHOOL = "by_school"
    """The school wants it; the policy must name the school among its `enders` (E7)."""
    BY_GROUP = "by_group"
    """The group wants it; the policy must name the group among its `enders` (E7)."""
    ENTERED_IN_ERROR = "entered_in_error"
    """It should never have been recorded."""


SHOWN_BY_REGISTER = frozenset(
    {
        EndCause.SCHOOL_CLOSED,
        EndCause.SCHOOL_LEFT_GROUP,
        EndCause.GROUP_CLOSED,
        EndCause.GROUP_REORGANISED,
        EndCause.SUCCEEDED,
    }
)
"""The causes that the register must show, and that a plan may name (E1, E2)."""


@attrs.frozen(kw_only=True, field_transformer=validated_input)
class RequestAccess:
    """Ask a school for a level: the first time, or to raise the level in force (Q1, U1).

    Attributes:
        urn: The school.
        level: The level asked for.
        sender: Whom the request is from.
        recipients: Whom it is sent to.
        terms: The terms it carries (Q8).
    """

    urn: Urn
    level: AccessLevel
    sender: PersonId
    recipients: Recipients = ALL
    terms: Terms | None = attrs.field(default=None, validator=_check_link)


@attrs.frozen(kw_only=True, field_transformer=validated_input)
class NamesRequest:
    """A command about one open request, which it names.

    Attributes:
        request: The open request.
    """

    request: RequestId

    @property
    def urn(self) -> int:
        """The school."""
        return self.request.urn


@attrs.frozen(kw_only=True, field_transformer=validated_input)
class AddRecipients(NamesRequest):
    """Send an open request to more people (Q4).

    Attributes:
        recipients: Whom to add.
    """

    recipients: Recipients = ALL


@attrs.frozen(kw_only=True, field_transformer=validated_input)
class Remind(NamesRequest):
    """Remind the recipients of an open request (N2)."""


@attrs.frozen(kw_only=True, field_transformer=validated_input)
class Withdraw(NamesRequest):
    """Take back an open request (N6).

    Attributes:
        reason: Why, for those who were asked; possibly empty.
    """

    reason: TextOrEmpty = attrs.field(default="", repr=False)


@attrs.frozen(kw_only=True, field_transformer=validated_input)
class Approve(NamesRequest):
    """Accept an open request, for the school (A1, A4).

    Attributes:
        terms_version: The version of the terms that was shown, where the request carries terms (A6).
    """

    terms_version: Key | None = None


@attrs.frozen(kw_only=True, field_transformer=validated_input)
class Decline(NamesRequest):
    """Refuse an open request, for the school (A2, A4).

    Attributes:
        reason: Why, for those who asked.
    """

    reason: Text = attrs.field(repr=False)


@attrs.frozen(kw_only=True, field_transformer=validated_input)
class RecordApproval:
    """Record an approval that a trust has settled centrally (A9).

    Attributes:
        urn: The school.
        level: The level approved.
        basis: What the approval rests on, such as a board minute.
        terms: The terms it is on, if any.
    """

    urn: Urn
    level: AccessLevel
    basis: Text = attrs.field(repr=False)
    terms: Terms | None = attrs.field(default=None, validator=_check_link)


@attrs.frozen(kw_only=True, field_transformer=validated_input)
class ImportAgreement:
    """Import an agreement that was made before this library was used (A10).

    Attributes:
        urn: The school.
        level: The level agreed.
        agreed_on: The original day, in Europe/London. It is kept as data; the agreement is in force from the import.
        approver: Who approved it then, as text.
        evidence: Where the original can be found.
        terms: The terms it is on, if any.
    """

    urn: Urn
    level: AccessLevel
    agreed_on: date
    approver: Text = attrs.field(repr=False)
    evidence: Text = attrs.field(repr=False)
    terms: Terms | None = attrs.field(default=None, validator=_check_link)


@attrs.frozen(kw_only=True, field_transformer=validated_input)
class Planned:
    """What a planned end rests on (E2, E4).

    Attributes:
        plan: The digest of the plan.
        version: The version of the agreement when the plan was made; at another version the end is a `CONFLICT`.
    """

    plan: Key
    version: Annotated[int, whole_number(1)]


@attrs.frozen(kw_only=True, field_transformer=validated_input)
class EndAgreement:
    """End an agreement, and close its open request (E1).

    Attributes:
        urn: The school.
        cause: Why, as one of the known causes; a planned end has one that the register shows.
        note: Why, in words.
        planned: The plan that it carries out, if it does (E2).
    """

    urn: Urn
    cause: EndCause
    note: Text = attrs.field(repr=False)
    planned: Planned | None = attrs.field(default=None, metadata={CAME_LATER: True})

    @planned.validator
    def _check_cause(self, _attribute: attrs.Attribute[Any], planned: Planned | None) -> None:
        if planned and self.cause not in SHOWN_BY_REGISTER:
            raise InvalidInput("EndAgreement.cause", self.cause, "one that the register shows, where it is planned")


@attrs.frozen(kw_only=True, field_transformer=validated_input)
class RecordVisibility:
    """Record what the register shows: that the school stopped being visible, or is visible again (E6).

    Attributes:
        urn: The school.
        register_day: The register's day, in Europe/London; without it, the present day. Another day than the one that
            the directory of institutions knows is refused (E3).
    """

    urn: Urn
    register_day: date | None = None


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
"""Any of the commands."""

_COMMAND_ID = matching("[!-~]{1,64}", "1 to 64 printable ASCII characters without spaces, such as a UUID")


def request_of(command: Command) -> RequestId | None:
    """Return the request that *command* names, if it names one."""
    return command.request if isinstance(command, NamesRequest) else None


def kept_under(command_id: str, actor: Actor) -> str:
    """Return under which id a store keeps what *actor* did, so that each side's command ids are its own (K4).

    A group's ids are kept as they come. A school's are kept under the school and a digest: a text of the same length at
    most, with spaces, which no id of a caller has.
    """
    if isinstance(actor, SystemActor) or isinstance(actor.site, GroupId):
        return command_id
    return f"school {actor.site} {hashlib.sha256(command_id.encode()).hexdigest()[:48]}"


_KEPT_UNDER = matching("[ -~]{1,64}", "1 to 64 printable ASCII characters, as kept_under() returns")


def require_kept_under(value: object) -> str:
    """Return *value* if a store can keep an outcome under it.

    Raises:
        InvalidValue: It cannot.
    """
    kept_id: str = _KEPT_UNDER.require(value, "command_id")
    return kept_id


def _to_commands(value: Iterable[Command]) -> tuple[Command, ...]:
    """Convert to a tuple that holds each command once (K5)."""
    commands = to_tuple(value)
    try:
        return tuple(dict.fromkeys(commands))
    except TypeError:  # something that is not a command
        return commands


@attrs.frozen(kw_only=True, field_transformer=validated_input)
class Batch:
    """One action of one actor, about one or many schools; a host can send it through a queue.

    Attributes:
        group: The group whose agreements it is about.
        actor: Who acts.
        command_id: The caller's id for the action, unique within the actor's side: the group, or the school (K4).
        commands: One command for each school, all of one kind; repeated ones count once (K5).
    """

    group: GroupId
    actor: Actor
    command_id: Annotated[str, _COMMAND_ID]
    commands: tuple[Command, ...] = attrs.field(converter=_to_commands)

    @commands.validator
    def _check_commands(self, _attribute: attrs.Attribute[Any], commands: tuple[Command, ...]) -> None:
        schools = set()
        for command in commands:
            if type(command) is not type(commands[0]):
                kind = type(commands[0]).__name__
                raise InvalidInput("Batch.commands", command, f"commands of one kind, {kind}")
            school = command.urn, request_of(command)
            if school in schools:
                raise InvalidInput("Batch.commands", command, "at most one command about each school")
            schools.add(school)

    def agreement_of(self, command: Command) -> AgreementId:
        """Return which agreement *command* is about."""
        request = request_of(command)
        return request.agreement if request else AgreementId(self.group, command.urn)
