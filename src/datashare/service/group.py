"""What a group's user does and sees: the schools, the agreements, whom to ask, and why not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Unpack

from datashare.codec import ExportFormat, export_lines
from datashare.domain import timeline as past
from datashare.domain import validation
from datashare.domain.agreements import Agreement, AgreementId, Batch, Command, Event, Reason, RefusalCode, Tab
from datashare.domain.browsing import Column, Facet, FacetValue, Listing, Page
from datashare.domain.coverage import Coverage
from datashare.domain.instants import Instant
from datashare.domain.levels import AccessLevel
from datashare.domain.timeline import AgreementPeriod, AsOf
from datashare.domain.timeline_text import Names
from datashare.domain.visibility import Visibility
from datashare.errors import Refused, StoreUnreadable
from datashare.ports import ProgressCallback

from . import history
from .actions import GroupActions, distinct_urns
from .execute import run
from .host import present
from .outcomes import Outcomes
from .reconcile import GroupReconciliation
from .register import with_successors
from .view import FilterChoices, HiddenAgreement, SchoolRecipients, SchoolTable, View


class GroupPreview(GroupActions[Outcomes]):
    """The actions of a group's user, which find out what they would do, and do nothing (K3)."""

    def _finish(self, batch: Batch, kind: type[Command], progress: ProgressCallback | None) -> Outcomes:
        return run(self._host, batch, kind=kind, preview=True, progress=progress)


class GroupQueue(GroupActions[Batch]):
    """The actions of a group's user as values, to be carried through a queue and given to `DataSharing.run`."""

    def _finish(self, batch: Batch, kind: type[Command], progress: ProgressCallback | None) -> Batch:  # noqa: ARG002
        return batch


class GroupSide(GroupReconciliation):
    """A group's side, on behalf of one of its users.

    Reading needs the permission that the group's policy names (P12). Each call reads it, and the register, anew.
    """

    def _finish(self, batch: Batch, kind: type[Command], progress: ProgressCallback | None) -> Outcomes:
        return run(self._host, batch, kind=kind, progress=progress)

    @property
    def preview(self) -> GroupPreview:
        """The same actions, which find out exactly what they would do, and do nothing (K3)."""
        return GroupPreview(self._host, self.group, self.actor)

    @property
    def queued(self) -> GroupQueue:
        """The same actions as values, to be carried through a queue and given to `DataSharing.run`."""
        return GroupQueue(self._host, self.group, self.actor)

    def table(self) -> SchoolTable:
        """Read the group's schools once, for a page that shows a list and its facets (rules B).

        Cost: a constant number of port calls, whatever the number of schools; none for what the table then answers.
        """
        return SchoolTable(rows=self._view().listings())

    def browse(
        self,
        *,
        sort: Column = Column.NAME,
        descending: bool = False,
        offset: int = 0,
        limit: int | None = None,
        **filters: Unpack[FilterChoices],
    ) -> Page[Listing]:
        """List the group's schools, searched, filtered and sorted; see `SchoolTable.browse` (rules B)."""
        return self.table().browse(sort=sort, descending=descending, offset=offset, limit=limit, **filters)

    def facets(self, **filters: Unpack[FilterChoices]) -> Mapping[Facet, tuple[FacetValue, ...]]:
        """Count what each filter offers, given the other filters; see `SchoolTable.facets` (B8)."""
        return self.table().facets(**filters)

    def requestable_levels(self) -> tuple[tuple[AccessLevel, str], ...]:
        """List the levels that may be requested, lowest first, each in the words of the group's policy (L3).

        These are the choices of a form that asks schools.
        """
        policy = self._view().policy
        return tuple((level, policy.label(level)) for level in AccessLevel if level in policy.requestable_levels)

    def agreements(self, tab: Tab, *, sort: Column = Column.NAME, descending: bool = False) -> tuple[Listing, ...]:
        """List the schools under one tab (T4, N1)."""
        validation.require_member(tab, Tab, "tab")
        return self.browse(tab=[tab], sort=sort, descending=descending).items

    def details(self, urn: int) -> Listing:
        """Return one school's row (B1).

        Raises:
            Refused: The group does not see it; the reason says why.
        """
        validation.require_urn(urn)
        for row in self.table().rows:
            if row.urn == urn:
                return row
        raise Refused([Reason(code=RefusalCode.NOT_VISIBLE, visibility=self.why(urn))])

    def why(self, urn: int) -> Visibility:
        """Return whether the group sees any URN, with every reason that hides it; name what succeeded it (V9).

        Cost: a constant number of port calls, and for a closed school two for each generation of successors.
        """
        validation.require_urn(urn)
        return with_successors(self._host, self._view().visibility([urn])[urn])

    def no_longer_visible(self) -> tuple[HiddenAgreement, ...]:
        """List the agreements with institutions that the group no longer sees, with the reasons (T4)."""
        return self._view().no_longer_visible()

    def recipients(self, urns: Iterable[int]) -> tuple[SchoolRecipients, ...]:
        """List whom to ask at each school: Head Teachers first, without those who were asked already (P8, Q2).

        Cost: a constant number of port calls, whatever the number of schools.
        """
        return self._view().recipients(distinct_urns(urns))

    def coverage(self) -> Coverage:
        """Count how far the group has come with its schools (X5); `str` words the answer for a weekly mail.

        Cost: a constant number of port calls, whatever the number of schools.
        """
        return self._view().coverage()

    def agreement(self, urn: int) -> Agreement:
        """Return the agreement with one institution as it stands, visible or not.

        Raises:
            StoreUnreadable: What is kept of it was damaged, or written by a later version.
        """
        self._view()
        key = AgreementId(self.group, urn)
        loaded = self._host.store.load([key])
        if loaded.unreadable:
            raise StoreUnreadable(f"{key} cannot be read; it was damaged, or written by a later version.")
        return present(loaded.agreements, [key])[key]

    def history(self, urn: int) -> tuple[Event, ...]:
        """List what has happened to the agreement with one institution, in order (H2)."""
        self._view()
        return tuple(self._host.store.history(AgreementId(self.group, urn)))

    def timeline(self, urn: int) -> tuple[AgreementPeriod, ...]:
        """List the periods in which the agreement with one institution stayed the same, in order (H1).

        Nothing is recorded here before the first period; the last one still lasts.
        """
        key = AgreementId(self.group, urn)
        return past.timeline(self._host.store.history(key), **self._view().reading(urn))

    def as_of(self, at: Instant, urn: int) -> AsOf:
        """Return what the group could do at one institution at an instant, and who approved that (H1, A10).

        At the present instant the register itself answers, as it does for access (X2). About an earlier one the record
        answers: an event counts from the instant that it bears, and a school is hidden from a recorded loss until a
        recorded return. That is what access was then, if every clock was right and every loss and return was recorded
        at once. Access may have shown more or less where a clock was wrong, and where a loss or a return of visibility
        was recorded later or never.

        Raises:
            InvalidValue: The instant has no time zone, or is in the future.
        """
        view, agreement = self._view(), AgreementId(self.group, urn)
        at = history.past_instant(at, view.now)
        return past.as_of(agreement, self._host.store.history(agreement), at, **view.reading(urn))

    def shared_on(self, day: date, urn: int) -> tuple[AsOf, ...]:
        """List what the group could see of one institution on a day in Europe/London, in order (H1, A10).

        If an agreement of that day or before was imported later, the first answer is that this is not recorded
        here. Every other answer says who approved it.

        Raises:
            InvalidValue: It is not a day, or is in the future.
        """
        view, agreement = self._view(), AgreementId(self.group, urn)
        day = history.past_day(day, view.now)
        return past.shared_on(agreement, self._host.store.history(agreement), day, **view.reading(urn))

    def all_as_of(self, at: Instant) -> tuple[AsOf, ...]:
        """List what the group could do at an instant, for every agreement that had a history, by URN (H1, A10).

        They rest on what `as_of` rests on. If an agreement of that day or before was imported later, the answer is
        that this is not recorded here.

        Cost: one pass over the group's history, and one call for what it sees at present.

        Raises:
            InvalidValue: The instant has no time zone, or is in the future.
        """
        view = self._view()
        at = history.past_instant(at, view.now)
        return past.all_as_of(self._host.store.group_history(self.group), at, **view.reading())

    def in_force_on(self, day: date) -> tuple[AsOf, ...]:
        """List what was in force at any time of a day in Europe/London, by URN, then instant (H1, A10).

        An agreement with an institution that the group did not see is listed without capabilities. If an agreement of
        that day or before was imported later, the answer is that this is not recorded here.

        Cost: one pass over the group's history, and one call for what it sees at present.

        Raises:
            InvalidValue: It is not a day, or is in the future.
        """
        view = self._view()
        day = history.past_day(day, view.now)
        return past.in_force_on(self._host.store.group_history(self.group), day, **view.reading())

    def names(self, answers: Iterable[AsOf | Event]) -> Names:
        """Look up the present names of the people and schools in answers about the past, or in events (H4).

        Whoever has left the directory has no name here, nor has who or what does not stand in the group's record.

        Cost: one port call for all people, one for all institutions, and one pass over the history.

        Raises:
            InvalidValue: They are not such answers, or are about another group.
        """
        self._view()
        return history.names(self._host, answers, ours=lambda agreement: agreement.group == self.group)

    def export(self, form: ExportFormat, *, urn: int | None = None, words: bool = True) -> Iterator[str]:
        """Write the group's history, or that with one institution, line by line as it is read (H2).

        The lines include their line ends: open the file with ``newline=""``, and for CSV with the encoding
        ``utf-8-sig``. `datashare.codec.export_lines` describes their content.

        Args:
            form: JSON Lines, the exact form, or CSV that a spreadsheet opens safely.
            urn: The institution; by default the whole group, by instant, URN and sequence.
            words: Whether to include what people wrote, such as a reason, which may name somebody.

        Raises:
            InvalidValue: The form or the URN is not valid.
        """
        self._view()
        store = self._host.store
        events = store.group_history(self.group) if urn is None else store.history(AgreementId(self.group, urn))
        return export_lines(events, form, words=words)

    def _view(self) -> View:
        """Read the group anew, for somebody who may read (P12)."""
        policy, group, now = self._host.policy(self.group), self._host.group(self.group), self._host.now()
        view = View(host=self._host, group=group, policy=policy, now=now)
        self._host.require_any(self.actor, policy.readers, group=self.group, policy=policy, day=view.day)
        return view
