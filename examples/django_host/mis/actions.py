"""What people do by the pages, saved together with the host's own rows."""

from collections.abc import Collection

from datashare import AccessLevel, DataSharing, Outcomes, RequestId
from datashare.adapters.django.transactions import atomic
from datashare.domain.agreements import Terms

from .models import Activity, Employee, Trust


def terms_of(trust: Trust) -> Terms | None:
    """Return the terms on which a trust asks, if it has any."""
    return Terms(reference=trust.terms, version=trust.terms_version) if trust.terms else None


def ask(user: Employee, trust: Trust, urns: Collection[int], *, level: AccessLevel, command_id: str) -> Outcomes:
    """Ask schools for access on behalf of a trust's user; the form brings the command id."""

    def work(sharing: DataSharing) -> Outcomes:
        group = sharing.for_group(trust.group, actor=user.person_id)
        outcomes = group.request(urns, level=level, terms=terms_of(trust), command_id=command_id)
        note(user, "Asked for data", outcomes)
        return outcomes

    return atomic(work)


def remind(user: Employee, trust: Trust, requests: Collection[RequestId], *, command_id: str) -> Outcomes:
    """Remind schools of open requests."""

    def work(sharing: DataSharing) -> Outcomes:
        group = sharing.for_group(trust.group, actor=user.person_id)
        outcomes = group.remind(requests, command_id=command_id)
        note(user, "Reminded", outcomes)
        return outcomes

    return atomic(work)


def note(user: Employee, what: str, outcomes: Outcomes) -> None:
    """Keep who did what at which schools, unless it is a repetition."""
    Activity.objects.bulk_create(
        Activity(employee=user, what=f"{what}: {done.name}") for done in outcomes.done if not done.replayed
    )
