"""What a group sees at one instant: its table, what is hidden from it, and whom it can ask."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date

import attrs

from datashare.domain.agreements import Agreement, AgreementId, granted
from datashare.domain.browsing import Listing
from datashare.domain.coverage import Coverage, coverage
from datashare.domain.eligibility import SuggestedRecipient, approvers, suggested_recipients
from datashare.domain.people import Person, PersonId
from datashare.domain.policy import Policy
from datashare.domain.register import Group
from datashare.domain.text import folded
from datashare.domain.visibility import Visibility, date_warnings, visible_institutions

from .host import Host, of_site


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


@attrs.frozen(kw_only=True)
class View:
    """What a group sees on a day, read anew for each call of a user's.

    Attributes:
        host: The host's ports.
        group: The group, as the register knows it.
        policy: The group's choices.
        day: The present day, in Europe/London.
    """

    host: Host
    group: Group
    policy: Policy
    day: date

    def see(self, urns: Iterable[int]) -> dict[int, Visibility]:
        """Tell of each institution whether the group sees it, with every reason that hides it (V9)."""
        return self.host.see(self.group, self.policy, urns, self.day)

    def listings(self) -> tuple[Listing, ...]:
        """Read the whole table, at a constant number of port calls (B1)."""
        linked = tuple(self.host.institutions.linked(self.group.id))
        seen = visible_institutions(linked, group=self.group, policy=self.policy, day=self.day)
        sites = self.host.people.sites([one.urn for one in seen])
        agreements = {one.urn: one for one in self.host.store.states(self.group.id)}
        clusters = self.host.institutions.clusters(self.group.id)
        rows = []
        for institution in seen:
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
            )
            rows.append(row)
        return tuple(rows)

    def no_longer_visible(self) -> tuple[HiddenAgreement, ...]:
        """List what stands at institutions that the group no longer sees (T4)."""
        standing = [one for one in self.host.store.states(self.group.id) if one.stands]
        seen = self.see(one.urn for one in standing)
        return tuple(
            HiddenAgreement(agreement=one, visibility=seen[one.urn]) for one in standing if not seen[one.urn].visible
        )

    def recipients(self, urns: Collection[int]) -> tuple[SchoolRecipients, ...]:
        """Tell whom to ask at each school, at a constant number of port calls (P8, Q2)."""
        seen = self.see(urns)
        visible = [urn for urn in urns if seen[urn].visible]
        loaded = self.host.store.load([AgreementId(self.group.id, urn) for urn in visible]).agreements
        open_requests = {one.urn: one.request for one in loaded.values() if one.request}
        people = self.host.people.at_schools(visible)
        sites = self.host.people.sites(visible)
        return tuple(
            self._offered(
                seen[urn],
                has_site=urn in sites,
                people=people.get(urn, ()),
                asked=frozenset(open_requests[urn].recipients if urn in open_requests else ()),
            )
            for urn in urns
        )

    def _offered(
        self, seen: Visibility, *, has_site: bool, people: Iterable[Person], asked: frozenset[PersonId]
    ) -> SchoolRecipients:
        known = of_site(seen.urn, people)
        return SchoolRecipients(
            visibility=seen,
            has_school_site=has_site,
            people=suggested_recipients(known, urn=seen.urn, asked=asked, policy=self.policy, day=self.day),
            somebody_can_approve=bool(approvers(known, policy=self.policy, day=self.day)),
        )

    def coverage(self) -> Coverage:
        """Count how far the group has come, at a constant number of port calls (X5)."""
        rows = self.listings()
        urns = [row.urn for row in rows]
        people = self.host.people.at_schools(urns)
        return coverage(
            rows,
            {urn: of_site(urn, people.get(urn, ())) for urn in urns},
            group=self.group,
            policy=self.policy,
            day=self.day,
            hidden=len(self.no_longer_visible()),
        )
