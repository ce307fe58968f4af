"""What a group's user sees: the schools, the agreements, whom to ask, and why not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from typing import Any

import attrs

from datashare.codec import ExportFormat
from datashare.domain import validation
from datashare.domain.agreements import Actor, Agreement, AgreementId, Batch, Command, Event, Reason, RefusalCode, Tab
from datashare.domain.browsing import Column, Facet, FacetValue, Filters, Listing, Page, browse, facets, paged
from datashare.domain.coverage import Coverage
from datashare.domain.instants import Instant, london_day
from datashare.domain.levels import AccessLevel
from datashare.domain.reconciliation import Plan
from datashare.domain.register import GroupId, Phase
from datashare.domain.timeline import AgreementPeriod, AsOf
from datashare.domain.timeline_text import Names
from datashare.domain.visibility import Visibility
from datashare.errors import Refused
from datashare.ports import InstitutionDirectory, ProgressCallback

from . import history
from .actions import GroupActions, distinct_urns
from .execute import run
from .host import Host, present, require_any
from .outcomes import Outcomes
from .reconcile import PlanApplication, apply, reconcile
from .view import HiddenAgreement, SchoolRecipients, View


@attrs.frozen
class GroupSide(GroupActions[Outcomes]):
    """A group's side, on behalf of one of its users.

    Reading needs the permission that the group's policy names (P12); each call reads it, and the register, anew.
    """

    @property
    def preview(self) -> GroupActions[Outcomes]:
        """The same actions, telling exactly what they would do, and doing nothing (K3)."""
        return GroupActions(self._host, self.group, self.actor, _through(self._host, preview=True))

    @property
    def queued(self) -> GroupActions[Batch]:
        """The same actions as values, to be carried through a queue and given to `DataSharing.run`."""
        return GroupActions(self._host, self.group, self.actor, lambda batch, _kind, _progress: batch)

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
        several: dict[str, Iterable[Any]] = {
            "phase": phase,
            "cluster": cluster,
            "establishment_type": establishment_type,
            "ofsted_rating": ofsted_rating,
            "local_authority": local_authority,
            "tab": tab,
            "level": level,
        }
        for name, values in several.items():
            validation.require_collection(values, name)
        wanted = Filters(search=search, **several)
        found = browse(self._view().listings(), wanted, sort=sort, descending=descending)
        return paged(found, offset=offset, limit=limit)

    def agreements(self, tab: Tab, *, sort: Column = Column.NAME, descending: bool = False) -> tuple[Listing, ...]:
        """List the schools under one tab (T4, N1)."""
        validation.require_member(tab, Tab, "tab")
        return browse(self._view().listings(), Filters(tab={tab}), sort=sort, descending=descending)

    def facets(self, filters: Filters | None = None) -> Mapping[Facet, tuple[FacetValue, ...]]:
        """Give the values that each filter offers, with counts, given the other filters (B8)."""
        return facets(self._view().listings(), Filters() if filters is None else filters)

    def details(self, urn: int) -> Listing:
        """Give one school's row (B1).

        Raises:
            Refused: The group does not see it; the reason says why.
        """
        validation.require_urn(urn)
        found = next((one for one in self._view().listings() if one.institution.urn == urn), None)
        if found is None:
            raise Refused([Reason(code=RefusalCode.NOT_VISIBLE, visibility=self.why(urn))])
        return found

    def why(self, urn: int) -> Visibility:
        """Tell of any URN whether the group sees it, with every reason that hides it (V9)."""
        validation.require_urn(urn)
        return self._view().see([urn])[urn]

    def no_longer_visible(self) -> tuple[HiddenAgreement, ...]:
        """List what stands at institutions that the group no longer sees, with the reasons (T4)."""
        return self._view().no_longer_visible()

    def recipients(self, urns: Iterable[int]) -> tuple[SchoolRecipients, ...]:
        """Tell whom to ask at each school: Head Teachers first; who was asked already is left out (P8, Q2).

        Cost: a constant number of port calls, whatever the number of schools.
        """
        return self._view().recipients(distinct_urns(urns))

    def coverage(self) -> Coverage:
        """Count how far the group has come with its schools (X5); `str` words the answer for a weekly mail.

        Cost: a constant number of port calls, whatever the number of schools.
        """
        return self._view().coverage()

    def agreement(self, urn: int) -> Agreement:
        """Give the agreement with one institution as it stands, visible or not."""
        self._view()
        key = AgreementId(self.group, urn)
        return present(self._host.store.load([key]).agreements, [key])[key]

    def history(self, urn: int) -> tuple[Event, ...]:
        """Give what has happened to the agreement with one institution, in order (H2)."""
        self._view()
        return tuple(self._host.store.history(AgreementId(self.group, urn)))

    def reconcile(self, register: InstitutionDirectory | None = None, *, register_day: date | None = None) -> Plan:
        """Say what a register means for the group's agreements, as a plan that does nothing (E2, E5).

        Holders of `Permission.APPLY_REGISTER` and whoever may read may ask for it, and so may a named system.

        Cost: a constant number of port calls, and two for each generation of successors.

        Args:
            register: A newer register that is not in place yet; then the one in place tells what the group saw
                before, and names what the newer one does not know. Without one, the register in place, and who joined
                cannot be told.
            register_day: The register's day in Europe/London, where the directory does not tell it.

        Raises:
            NotPermitted: The actor may not see it.
            Refused: The register holds nothing of the group, or is older than the last one applied to it (E3).
            InvalidValue: The register is none, or its day is not known or to come.
            UnknownGroup: No register and no agreement knows the group.
            StoreError: The store could not do its work.
        """
        return reconcile(self._host, self.group, self.actor, register, register_day)

    def apply(
        self,
        plan: Plan,
        *,
        command_id: str,
        note: str = "",
        confirmed: bool = False,
        urns: Iterable[int] | None = None,
        progress: ProgressCallback | None = None,
    ) -> PlanApplication:
        """Apply a plan: end what it ends, then record of everything else what the register shows (E2-E4, E6).

        It needs a person with `Permission.APPLY_REGISTER`, and the very register that the plan was made from in
        place. Both sides are told of each end. A school whose agreement changed since the plan is a `CONFLICT`, and
        the others go through. Repeated with the same command id, it does what is left to do and answers the rest.
        What the plan says of itself is not relied on: every cause, and how much would end, is taken afresh from the
        register in place and from what stands.

        Args:
            plan: What `reconcile` gave.
            command_id: The caller's id for this action (K4).
            note: Why, in words, for the history and for those who are told; what the register shows, unless given.
            confirmed: Whether a person confirmed it, as `Plan.needs_confirmation` may demand; asked of all that the
                register would end now, not of *urns* alone (E3).
            urns: Only these of the schools that it ends; the others need a new plan.
            progress: As for the other actions, of the ends and then of the record.

        Raises:
            NotPermitted: The actor may not, or is a system.
            Refused: The register in place is another, older or empty of the group's schools, or does not show a cause
                that the plan names, or the plan must be confirmed; nothing happened.
            InvalidValue: The plan is none of this group or of a day to come, or does not end one of *urns*.
            StoreError: The store could not do its work; repeat with the same command id.
        """
        return apply(
            self._host,
            plan,
            group=self.group,
            actor=self.actor,
            command_id=command_id,
            note=note,
            confirmed=confirmed,
            urns=urns,
            progress=progress,
        )

    def timeline(self, urn: int) -> tuple[AgreementPeriod, ...]:
        """Give the stretches of time in which the agreement with one institution stood the same, in order (H1).

        Before the first of them nothing is recorded here; the last one still lasts.
        """
        self._view()
        return history.timeline(self._host, AgreementId(self.group, urn))

    def as_of(self, at: Instant, urn: int) -> AsOf:
        """Tell what the group could do at one institution at an instant, and by whose word (H1, A10).

        Raises:
            InvalidValue: The instant has no time zone, or is to come.
        """
        self._view()
        return history.as_of(self._host, AgreementId(self.group, urn), at)

    def shared_on(self, day: date, urn: int) -> tuple[AsOf, ...]:
        """Tell what the group could see of one institution in the course of a day in Europe/London (H1, A10).

        Where an agreement of that day or before was imported later, the first answer is that this is not recorded
        here. Those about recorded time come in its order, and each tells by whose word it was.

        Raises:
            InvalidValue: It is no day, or one to come.
        """
        self._view()
        return history.shared_on(self._host, [AgreementId(self.group, urn)], day)

    def all_as_of(self, at: Instant) -> tuple[AsOf, ...]:
        """Tell the same of every agreement whose record had begun, by URN (H1, A10).

        Where one of that day or before was imported later, the answer is that this is not recorded here.

        Cost: one pass over the group's history.

        Raises:
            InvalidValue: The instant has no time zone, or is to come.
        """
        self._view()
        return history.all_as_of(self._host, self.group, at)

    def in_force_on(self, day: date) -> tuple[AsOf, ...]:
        """List what was in force at any time of a day in Europe/London, by URN, then instant (H1, A10).

        What was in force at an institution that the register did not show is listed too, without capabilities. Where
        an agreement of that day or before was imported later, the answer is that this is not recorded here.

        Cost: one pass over the group's history.

        Raises:
            InvalidValue: It is no day, or one to come.
        """
        self._view()
        return history.in_force_on(self._host, self.group, day)

    def names(self, answers: Iterable[AsOf]) -> Names:
        """Look up what those whom answers about the past name are called now (H4); who has gone is told as such.

        Cost: one port call for all people, one for all institutions.

        Raises:
            InvalidValue: They are no such answers, or about another group.
        """
        self._view()
        return history.names(self._host, answers, ours=lambda one: one.group == self.group)

    def export(self, form: ExportFormat, *, urn: int | None = None, words: bool = True) -> Iterator[str]:
        """Write down the group's history, or that with one institution, line by line as it is taken (H2).

        The lines bring their ends along: write them to a file that is opened with ``newline=""``, and for CSV with
        the encoding ``utf-8-sig``. `datashare.codec.export_lines` says what they hold.

        Args:
            form: JSON Lines, the exact form, or CSV that a spreadsheet opens safely.
            urn: The institution; the whole group by instant, URN and sequence, unless one is named.
            words: Whether to write what people wrote, such as a reason, which may name somebody.

        Raises:
            InvalidValue: The form or the URN is none.
        """
        self._view()
        return history.export(self._host, self.group, form, urn=urn, words=words)

    def _view(self) -> View:
        """Read the group anew, for somebody who may read (P12)."""
        policy, group = self._host.policy(self.group), self._host.group(self.group)
        day = london_day(self._host.now())
        person = self._host.person(self.actor)
        require_any(person, policy.readers, who=self.actor, site=self.group, policy=policy, day=day)
        return View(host=self._host, group=group, policy=policy, day=day)


def for_user(host: Host, group: GroupId, actor: Actor) -> GroupSide:
    """Give the side of *group* on which *actor* acts and reads."""
    return GroupSide(host, group, actor, _through(host, preview=False))


def _through(host: Host, *, preview: bool) -> Callable[[Batch, type[Command], ProgressCallback | None], Outcomes]:
    return lambda batch, kind, progress: run(host, batch, kind=kind, preview=preview, progress=progress)
