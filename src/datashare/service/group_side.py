"""What a group's user can do: browse, ask, remind, withdraw, record, import and end; and see what it would do."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date

import attrs

from datashare.domain import checks
from datashare.domain.agreements import (
    ALL,
    Actor,
    AddRecipients,
    Agreement,
    AgreementId,
    Batch,
    Command,
    EndAgreement,
    EndCause,
    Event,
    ImportAgreement,
    Named,
    Reason,
    Recipients,
    RecordApproval,
    RecordVisibility,
    RefusalCode,
    Remind,
    RequestAccess,
    RequestId,
    Tab,
    Terms,
    Withdraw,
)
from datashare.domain.browsing import (
    Column,
    Facet,
    FacetValue,
    Filters,
    Listing,
    Page,
    browse,
    facets,
    paged,
)
from datashare.domain.instants import london_day, to_optional_day
from datashare.domain.institutions import (
    Group,
    GroupId,
    Phase,
    Visibility,
    date_warnings,
    visible_institutions,
)
from datashare.domain.levels import AccessLevel
from datashare.domain.people import (
    Permission,
    Person,
    PersonId,
    SuggestedRecipient,
    approvers,
    suggested_recipients,
)
from datashare.domain.policy import Policy
from datashare.errors import InvalidValue, Refused
from datashare.ports import ProgressReport

from .acting import run
from .host import Host, require_any
from .outcomes import Outcomes

Chosen = Recipients | Mapping[int, Collection[PersonId]]
"""Whom to ask: `ALL`, the holders of roles, or people for each URN (Q10)."""


@attrs.frozen
class GroupActions:
    """The actions of a group's user; as previews they tell what they would do, and do nothing (K3).

    Every action takes a command id of the caller's: repeated with the same id, what was done is answered and
    not done again (K4). Draw one, such as a UUID, when the page opens that offers the action.

    Every action raises `NotPermitted` or `Refused` where it is refused as a whole (R1), `InvalidValue` for values
    that cannot be right, `UnknownGroup` and `StoreError`; what is refused for one school is that school's outcome.
    """

    _host: Host = attrs.field(repr=False)
    group: GroupId
    actor: Actor
    _preview: bool

    def request(
        self,
        urns: Iterable[int],
        *,
        level: AccessLevel,
        command_id: str,
        sender: PersonId | None = None,
        recipients: Chosen = ALL,
        terms: Terms | None = None,
        progress: ProgressReport | None = None,
    ) -> Outcomes:
        """Ask schools for a level: the first time, or to raise the level in force (rules Q, U1).

        Args:
            urns: The schools; one named twice is asked once (K5).
            level: The level asked for.
            command_id: The caller's id for this action.
            sender: Whom the request is from; the actor, unless somebody else is named (P9).
            recipients: Whom it is sent to (Q10).
            terms: The terms it carries; an LA's request needs them (Q8).
            progress: Called as schools are decided, then when they are saved (K6).
        """
        schools = _urns(urns)
        chosen = _for_each(recipients, schools)
        writer = self.actor if sender is None else sender
        if not isinstance(writer, PersonId):
            raise InvalidValue("sender", writer, "a PersonId, since a system cannot be a sender")
        commands = [
            RequestAccess(urn=urn, level=level, sender=writer, recipients=chosen(urn), terms=terms) for urn in schools
        ]
        return self._run(command_id, commands, progress)

    def add_recipients(
        self,
        requests: Iterable[RequestId],
        *,
        recipients: Chosen,
        command_id: str,
        progress: ProgressReport | None = None,
    ) -> Outcomes:
        """Send open requests to more people; who has one already is skipped and reported (Q4)."""
        named = _requests(requests)
        chosen = _for_each(recipients, [request.urn for request in named])
        commands = [AddRecipients(request=request, recipients=chosen(request.urn)) for request in named]
        return self._run(command_id, commands, progress)

    def remind(
        self, requests: Iterable[RequestId], *, command_id: str, progress: ProgressReport | None = None
    ) -> Outcomes:
        """Remind the recipients of open requests who can still be reached (N2-N5)."""
        commands = [Remind(request=request) for request in _requests(requests)]
        return self._run(command_id, commands, progress)

    def withdraw(
        self,
        requests: Iterable[RequestId],
        *,
        command_id: str,
        reason: str = "",
        progress: ProgressReport | None = None,
    ) -> Outcomes:
        """Take open requests back; their recipients are told (N6)."""
        commands = [Withdraw(request=request, reason=reason) for request in _requests(requests)]
        return self._run(command_id, commands, progress)

    def record_approval(
        self,
        urns: Iterable[int],
        *,
        level: AccessLevel,
        basis: str,
        command_id: str,
        terms: Terms | None = None,
        progress: ProgressReport | None = None,
    ) -> Outcomes:
        """Record approvals that a trust has settled centrally, with their basis (A9)."""
        commands = [RecordApproval(urn=urn, level=level, basis=basis, terms=terms) for urn in _urns(urns)]
        return self._run(command_id, commands, progress)

    def import_agreements(
        self,
        agreements: Iterable[ImportAgreement],
        *,
        command_id: str,
        progress: ProgressReport | None = None,
    ) -> Outcomes:
        """Import agreements made before this library, where there is no history yet; no notices (A10)."""
        commands = tuple(checks.require_collection(agreements, "agreements"))
        for command in commands:
            if not isinstance(command, ImportAgreement):
                raise InvalidValue("agreements", command, "ImportAgreements")
        return self._run(command_id, commands, progress)

    def end(
        self,
        urns: Iterable[int],
        *,
        cause: EndCause,
        note: str,
        command_id: str,
        progress: ProgressReport | None = None,
    ) -> Outcomes:
        """End agreements, closing their open requests too (E1, E7)."""
        commands = [EndAgreement(urn=urn, cause=cause, note=note) for urn in _urns(urns)]
        return self._run(command_id, commands, progress)

    def record_visibility(
        self,
        *,
        command_id: str,
        register_day: date | None = None,
        progress: ProgressReport | None = None,
    ) -> Outcomes:
        """Record, after a refresh of the register, which schools stopped or resumed being visible (E6).

        It ends nothing. A named system may do it.

        Args:
            command_id: The caller's id for this refresh.
            register_day: The register's day, where the directory of institutions does not tell it.
            progress: As for the other actions.
        """
        self._require_register_permission()
        day = to_optional_day(register_day) or self._host.institutions.register_day()
        standing = (agreement for agreement in self._host.store.states(self.group) if agreement.stands)
        commands = [RecordVisibility(urn=agreement.urn, register_day=day) for agreement in standing]
        outcomes = self._run(command_id, commands, progress)
        if day and not self._preview:
            self._host.store.note_register(self.group, day)
        return outcomes

    def _require_register_permission(self) -> None:
        """Refuse who may not apply a register, since one is noted even where no agreement stands (K2)."""
        if isinstance(self.actor, PersonId):
            policy, person = self._host.policy(self.group), self._host.person(self.actor)
            wanted, day = (Permission.APPLY_REGISTER,), london_day(self._host.now())
            require_any(person, wanted, who=self.actor, site=self.group, policy=policy, day=day)

    def _run(self, command_id: str, commands: Iterable[Command], progress: ProgressReport | None) -> Outcomes:
        batch = Batch(group=self.group, actor=self.actor, command_id=command_id, commands=commands)
        return run(self._host, batch, preview=self._preview, progress=progress)


@attrs.frozen(kw_only=True)
class HiddenAgreement:
    """What still stands at an institution that the group no longer sees (T4).

    Attributes:
        agreement: The agreement as it stands.
        visibility: Every reason that hides the institution.
    """

    agreement: Agreement
    visibility: Visibility


@attrs.frozen(kw_only=True)
class SchoolRecipients:
    """Whom a page can offer to ask at one school (P8, Q2).

    Attributes:
        visibility: Whether the group sees the school; if not, no people are shown.
        has_school_site: Whether it has an MIS site; without one it cannot be asked (V11).
        people: Who can be asked: Head Teachers first; who has the open request is left out.
        somebody_can_approve: Whether anybody at the school can answer (P10).
    """

    visibility: Visibility
    has_school_site: bool
    people: tuple[SuggestedRecipient, ...]
    somebody_can_approve: bool

    @property
    def urn(self) -> int:
        """The school."""
        return self.visibility.urn


@attrs.frozen
class _View:
    """What a group sees at one instant."""

    group: Group
    policy: Policy
    day: date


@attrs.frozen
class GroupSide(GroupActions):
    """A group's side, on behalf of one of its users.

    Reading needs the permission that the group's policy names (P12); each call reads it, and the register, anew.
    """

    @property
    def preview(self) -> GroupActions:
        """The same actions, telling exactly what they would do, and doing nothing (K3)."""
        return GroupActions(self._host, self.group, self.actor, True)

    def browse(
        self,
        *,
        search: str = "",
        phase: Iterable[Phase] = (),
        cluster: Iterable[str] = (),
        establishment_type: Iterable[str] = (),
        ofsted_rating: Iterable[str] = (),
        local_authority: Iterable[str] = (),
        tab: Iterable[Tab] = (),
        level: Iterable[AccessLevel] = (),
        sort: Column = Column.NAME,
        descending: bool = False,
        offset: int = 0,
        limit: int | None = None,
    ) -> Page[Listing]:
        """List the group's schools, searched, filtered and sorted (rules B).

        Args:
            search: Words that begin words of the name or town, a postcode, or a URN (B4).
            phase: Phases.
            cluster: Names of clusters (B6).
            establishment_type: Codes of types.
            ofsted_rating: Ratings that the host supplies.
            local_authority: LA codes.
            tab: Tabs (T4).
            level: Levels in force.
            sort: The column to sort by (B5).
            descending: Whether to sort downwards.
            offset: How many to pass over (B9).
            limit: How many to give at the most; all, unless a number is named.

        Returns:
            The page, with the total of all that match.
        """
        wanted = Filters(
            search=search,
            phase=phase,
            cluster=cluster,
            establishment_type=establishment_type,
            ofsted_rating=ofsted_rating,
            local_authority=local_authority,
            tab=tab,
            level=level,
        )
        found = browse(self._listings(), wanted, sort=sort, descending=descending)
        return paged(found, offset=offset, limit=limit)

    def agreements(self, tab: Tab, *, sort: Column = Column.NAME, descending: bool = False) -> tuple[Listing, ...]:
        """List the schools under one tab (T4, N1)."""
        checks.require_member(tab, Tab, "tab")
        return browse(self._listings(), Filters(tab={tab}), sort=sort, descending=descending)

    def facets(self, filters: Filters | None = None) -> Mapping[Facet, tuple[FacetValue, ...]]:
        """Give the values that each filter offers, with counts, given the other filters (B8)."""
        return facets(self._listings(), Filters() if filters is None else filters)

    def details(self, urn: int) -> Listing:
        """Give one school's row (B1).

        Raises:
            Refused: The group does not see it; the reason says why.
        """
        checks.require_urn(urn)
        found = next((one for one in self._listings() if one.institution.urn == urn), None)
        if found is None:
            raise Refused([Reason(code=RefusalCode.NOT_VISIBLE, visibility=self.why(urn))])
        return found

    def why(self, urn: int) -> Visibility:
        """Tell of any URN whether the group sees it, with every reason that hides it (V9)."""
        checks.require_urn(urn)
        view = self._view()
        return self._host.see(view.group, view.policy, [urn], view.day)[urn]

    def no_longer_visible(self) -> tuple[HiddenAgreement, ...]:
        """List what stands at institutions that the group no longer sees, with the reasons (T4)."""
        view = self._view()
        standing = [one for one in self._host.store.states(self.group) if one.stands]
        seen = self._host.see(view.group, view.policy, (one.urn for one in standing), view.day)
        return tuple(
            HiddenAgreement(agreement=one, visibility=seen[one.urn]) for one in standing if not seen[one.urn].visible
        )

    def recipients(self, urns: Iterable[int]) -> tuple[SchoolRecipients, ...]:
        """Tell whom to ask at each school: Head Teachers first; who was asked already is left out (P8, Q2).

        Cost: a constant number of port calls, whatever the number of schools.
        """
        view, wanted = self._view(), _urns(urns)
        seen = self._host.see(view.group, view.policy, wanted, view.day)
        visible = [urn for urn in wanted if seen[urn].visible]
        loaded = self._host.store.load([AgreementId(self.group, urn) for urn in visible]).agreements
        open_requests = {one.urn: one.request for one in loaded.values() if one.request}
        people = self._host.people.at_schools(visible)
        sites = self._host.people.sites(visible)
        return tuple(
            _offered(
                seen[urn],
                has_site=urn in sites,
                people=people.get(urn, ()),
                asked=frozenset(open_requests[urn].recipients if urn in open_requests else ()),
                policy=view.policy,
            )
            for urn in wanted
        )

    def agreement(self, urn: int) -> Agreement:
        """Give the agreement with one institution as it stands, visible or not."""
        self._view()
        key = AgreementId(self.group, urn)
        return self._host.store.load([key]).agreements.get(key) or Agreement(id=key)

    def history(self, urn: int) -> tuple[Event, ...]:
        """Give what has happened to the agreement with one institution, in order (H2)."""
        self._view()
        return tuple(self._host.store.history(AgreementId(self.group, urn)))

    def _view(self) -> _View:
        """Read the group anew, for somebody who may read (P12)."""
        policy, group = self._host.policy(self.group), self._host.group(self.group)
        day = london_day(self._host.now())
        person = self._host.person(self.actor)
        require_any(person, policy.readers, who=self.actor, site=self.group, policy=policy, day=day)
        return _View(group, policy, day)

    def _listings(self) -> tuple[Listing, ...]:
        """Read the whole table, at a constant number of port calls."""
        view = self._view()
        linked = tuple(self._host.institutions.linked(self.group))
        seen = visible_institutions(linked, group=view.group, policy=view.policy, day=view.day)
        sites = self._host.people.sites([one.urn for one in seen])
        agreements = {one.urn: one for one in self._host.store.states(self.group)}
        clusters = self._host.institutions.clusters(self.group)
        return tuple(
            Listing(
                institution=one,
                clusters=sorted(name for name, urns in clusters.items() if one.urn in urns),
                has_school_site=one.urn in sites,
                agreement=agreements.get(one.urn) or Agreement(id=AgreementId(self.group, one.urn)),
                warnings=date_warnings(one, view.day),
            )
            for one in seen
        )


def _offered(
    seen: Visibility, *, has_site: bool, people: Iterable[Person], asked: frozenset[PersonId], policy: Policy
) -> SchoolRecipients:
    known = {person.id: person for person in people}
    return SchoolRecipients(
        visibility=seen,
        has_school_site=has_site,
        people=suggested_recipients(known, urn=seen.urn, asked=asked, policy=policy, day=seen.day),
        somebody_can_approve=bool(approvers(known, policy=policy, day=seen.day)),
    )


def _urns(urns: Iterable[int]) -> tuple[int, ...]:
    """Give each URN once, in the order in which they were named (K5)."""
    found = checks.require_collection(urns, "urns")
    return tuple(dict.fromkeys(checks.require_urn(urn) for urn in found))


def _requests(requests: Iterable[RequestId]) -> tuple[RequestId, ...]:
    found = checks.require_collection(requests, "requests")
    for request in found:
        if not isinstance(request, RequestId):
            raise InvalidValue("requests", request, "RequestIds; RequestId.parse reads one from text")
    return tuple(dict.fromkeys(found))


def _for_each(recipients: Chosen, urns: Collection[int]) -> Callable[[int], Recipients]:
    """Give the choice of recipients for each school (Q10)."""
    if not isinstance(recipients, Mapping):
        return lambda _urn: recipients
    known = frozenset(urns)
    strangers = [urn for urn in recipients if urn not in known]
    if strangers:
        raise InvalidValue("recipients", strangers[0], "people of schools that are among those named")
    return lambda urn: Named(recipients.get(urn, ()))
