"""What a group sees at one instant: its table, what is hidden from it, and whom it can ask."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import TypedDict, Unpack

import attrs

from datashare.domain.agreements import Agreement, AgreementId, Tab, granted
from datashare.domain.browsing import Column, Facet, FacetValue, Filters, Listing, Page, browse, facets, paged
from datashare.domain.coverage import Coverage, coverage
from datashare.domain.eligibility import SuggestedRecipient, approvers, suggested_recipients
from datashare.domain.instants import Instant, london_day
from datashare.domain.levels import AccessLevel
from datashare.domain.policy import Policy
from datashare.domain.register import Group, Institution, Phase
from datashare.domain.text import folded
from datashare.domain.timeline import Present, Reading
from datashare.domain.visibility import Visibility, date_warnings, visible_institutions

from .host import Host, by_school


class FilterChoices(TypedDict, total=False):
    """What a page can filter by, as keywords; see `datashare.domain.browsing.Filters` (B2, B3).

    Attributes:
        search: Words that begin words of the name or town, a postcode or its outward part, a URN, a UKPRN or a DfE
            number (B4).
        phase: Phases.
        cluster: Names of clusters (B6).
        establishment_type: Codes of types.
        ofsted_rating: Ratings that the host supplies.
        local_authority: LA codes.
        tab: Tabs (T4).
        level: Levels in force.
    """

    search: str
    phase: Iterable[Phase]
    cluster: Iterable[str]
    establishment_type: Iterable[str]
    ofsted_rating: Iterable[str]
    local_authority: Iterable[str]
    tab: Iterable[Tab]
    level: Iterable[AccessLevel]


@attrs.frozen(kw_only=True, eq=False, repr=False)
class SchoolTable:
    """The group's schools as one reading found them; a page takes its list and its facets from the same rows.

    Attributes:
        rows: A row for each school that the group sees.
    """

    rows: tuple[Listing, ...]

    def browse(
        self,
        *,
        sort: Column = Column.NAME,
        descending: bool = False,
        offset: int = 0,
        limit: int | None = None,
        **filters: Unpack[FilterChoices],
    ) -> Page[Listing]:
        """List the schools, searched, filtered and sorted (rules B).

        Args:
            sort: The column to sort by (B5).
            descending: Whether to sort downwards.
            offset: How many rows to skip (B9).
            limit: How many rows to return at most; all by default.
            filters: What to look for.

        Returns:
            The page, with the total of all rows that match.
        """
        matches = browse(self.rows, Filters(**filters), sort=sort, descending=descending)
        return paged(matches, offset=offset, limit=limit)

    def facets(self, **filters: Unpack[FilterChoices]) -> Mapping[Facet, tuple[FacetValue, ...]]:
        """Count what each filter offers, given the other filters (B8)."""
        return facets(self.rows, Filters(**filters))


@attrs.frozen(kw_only=True)
class HiddenAgreement:
    """An agreement with an institution that the group no longer sees (T4).

    Attributes:
        agreement: The agreement as it stands.
        visibility: Every reason that hides the institution.
        unreadable: Whether what is kept of the agreement cannot be read; then *agreement* holds nothing but its id.
    """

    agreement: Agreement
    visibility: Visibility
    unreadable: bool = False


@attrs.frozen(kw_only=True)
class SchoolRecipients:
    """Whom a page can offer to ask at one school (P8, Q2).

    Attributes:
        visibility: Whether the group sees the school; if not, no people are shown.
        has_school_site: Whether it has an MIS site; without one it cannot be asked (V11).
        people: Who can be asked: Head Teachers first, without those who have the open request.
        somebody_can_approve: Whether anybody at the school can answer (P10).
        unreadable: Whether what is kept of the agreement cannot be read, so that nobody can be asked.
    """

    visibility: Visibility
    has_school_site: bool
    people: tuple[SuggestedRecipient, ...]
    somebody_can_approve: bool
    unreadable: bool = False

    @property
    def urn(self) -> int:
        """The school."""
        return self.visibility.urn


@attrs.frozen(kw_only=True, eq=False, repr=False)
class View:
    """What a group sees at the present instant.

    Attributes:
        host: The host's ports.
        group: The group, as the register knows it.
        policy: The group's choices.
        now: The present instant, in UTC.
    """

    host: Host
    group: Group
    policy: Policy
    now: Instant

    @property
    def day(self) -> date:
        """The present day, in Europe/London."""
        return london_day(self.now)

    def reading(self, urn: int | None = None) -> Reading:
        """Return how to read the record of one institution, or of all: what the group sees now counts too (X2)."""
        if urn is not None:
            visible = [urn] if self.visibility([urn])[urn].visible else []
        else:
            visible = [institution.urn for institution in self.visible()]
        return Reading(policy=self.policy, present=Present(at=self.now, visible=frozenset(visible)))

    def visible(self) -> tuple[Institution, ...]:
        """List the institutions that the group sees, by folded name."""
        linked = self.host.institutions.linked(self.group.id)
        return visible_institutions(linked, group=self.group, policy=self.policy, day=self.day)

    def visibility(self, urns: Collection[int]) -> dict[int, Visibility]:
        """Return for each institution whether the group sees it, with every reason that hides it (V9)."""
        return self.host.visibility(self.group, self.policy, urns, self.day)

    def listings(self) -> tuple[Listing, ...]:
        """Read the whole table, at a constant number of port calls (B1)."""
        visible = self.visible()
        sites = self.host.people.sites([institution.urn for institution in visible])
        agreements, unreadable = by_school(self.host.store.states(self.group.id))
        clusters = self.host.institutions.clusters(self.group.id)
        rows = []
        for institution in visible:
            urn = institution.urn
            agreement = agreements.get(urn) or Agreement(id=AgreementId(self.group.id, urn))
            names = [name for name, urns in clusters.items() if urn in urns]
            row = Listing(
                institution=institution,
                agreement=agreement,
                has_school_site=urn in sites,
                granted=granted(agreement, visible=True, policy=self.policy, day=self.day),
                clusters=tuple(sorted(names, key=lambda name: (folded(name), name))),
                warnings=date_warnings(institution, self.day),
                unreadable=urn in unreadable,
            )
            rows.append(row)
        return tuple(rows)

    def no_longer_visible(self) -> tuple[HiddenAgreement, ...]:
        """List the agreements with institutions that the group no longer sees (T4)."""
        agreements, unreadable = by_school(self.host.store.states(self.group.id))
        standing = {urn: agreement for urn, agreement in agreements.items() if agreement.stands}
        standing |= {urn: Agreement(id=AgreementId(self.group.id, urn)) for urn in unreadable}
        visibility = self.visibility(standing)
        return tuple(
            HiddenAgreement(agreement=standing[urn], visibility=visibility[urn], unreadable=urn in unreadable)
            for urn in sorted(standing)
            if not visibility[urn].visible
        )

    def recipients(self, urns: Collection[int]) -> tuple[SchoolRecipients, ...]:
        """List whom to ask at each school, at a constant number of port calls (P8, Q2)."""
        visibility = self.visibility(urns)
        visible = [urn for urn in urns if visibility[urn].visible]
        loaded = self.host.store.load([AgreementId(self.group.id, urn) for urn in visible])
        open_requests = [agreement.request for agreement in loaded.agreements.values() if agreement.request]
        asked = {request.id.urn: request.recipients for request in open_requests}
        unreadable = {agreement.urn for agreement in loaded.unreadable}
        staff, sites = self.host.staff(visible), self.host.people.sites(visible)
        policy, day = self.policy, self.day
        answers = []
        for urn in urns:
            people = {} if urn in unreadable else staff.get(urn, {})
            already = frozenset(asked.get(urn, ()))
            answer = SchoolRecipients(
                visibility=visibility[urn],
                has_school_site=urn in sites,
                people=suggested_recipients(people, urn=urn, asked=already, policy=policy, day=day),
                somebody_can_approve=bool(approvers(people, policy=policy, day=day)),
                unreadable=urn in unreadable,
            )
            answers.append(answer)
        return tuple(answers)

    def coverage(self) -> Coverage:
        """Count how far the group has come, at a constant number of port calls (X5)."""
        rows = self.listings()
        return coverage(
            rows,
            self.host.staff([row.urn for row in rows]),
            group=self.group,
            policy=self.policy,
            day=self.day,
            hidden=len(self.no_longer_visible()),
            register_day=self.host.institutions.register_day(),
        )
