"""What the host's views call, on behalf of whoever is logged in."""

from collections.abc import Collection

from datashare import AccessLevel, DataSharing, Outcomes, PersonId
from datashare.adapters.django.transactions import atomic
from datashare.domain.register import GroupId

from .models import Employee


def ask(user: Employee, urns: Collection[int], *, command_id: str) -> Outcomes:
    """Ask schools for access on behalf of a trust's user; the form brings the command id."""
    trust = GroupId.mat(user.trust_uid)
    actor = PersonId(trust, str(user.pk))

    def work(sharing: DataSharing) -> Outcomes:
        # What the host itself saves here is committed together with the request.
        group = sharing.for_group(trust, actor=actor)
        return group.request(urns, level=AccessLevel.MIS_DATA, command_id=command_id)

    return atomic(work)
