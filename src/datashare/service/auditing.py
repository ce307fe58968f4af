"""Whether what the store keeps is as it was written, and what can be noted of it outside (H3)."""

from __future__ import annotations

from datashare.codec import decode_agreement, read_event
from datashare.domain import checks
from datashare.domain.history import GroupDigest, Verification, digest_of, verify
from datashare.domain.institutions import GroupId
from datashare.errors import InvalidValue
from datashare.ports.arguments import require_group

from .host import Host


def verified(host: Host, group: GroupId | None, noted: GroupDigest | None) -> Verification:
    """Walk over the chains of a group, or of all groups.

    Raises:
        InvalidValue: The group is none, or the digest is none of this group.
    """
    if group is not None:
        require_group(group)
    if noted is not None:
        checks.require_a(noted, GroupDigest, "noted", "a GroupDigest, as digest() answers")
        if group not in {None, noted.group}:
            raise InvalidValue("noted", noted.group, f"a digest of {group}")
    return verify(host.store.chains(group), read_event=read_event, read_state=decode_agreement, noted=noted)


def digested(host: Host, group: GroupId) -> GroupDigest:
    """Take down where the chains of a group end.

    Raises:
        InvalidValue: The group is none.
    """
    now = host.now()
    return digest_of(group, host.store.chains(require_group(group)), at=now)
