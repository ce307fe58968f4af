"""Pure: what a group's history amounts to at one moment, to be noted outside (H3).

It touches nothing but the standard library and attrs.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Any

import attrs

from datashare.domain import checks
from datashare.domain.instants import Instant, instant_text, parse_instant, to_instant
from datashare.domain.institutions import GroupId
from datashare.errors import InvalidValue

from .chaining import Chain

_HASH = re.compile("[0-9a-f]{64}")
_FIRST_LINE = "datashare digest 1"
_LISTING = re.compile(f"{_FIRST_LINE}\ngroup ([^\n]+)\nat ([^\n]+)\n((?:[^\n]+\n)*)sha256 [0-9a-f]{{64}}\n")
_HEAD = re.compile("([0-9]{1,7}) ([0-9]{1,9}) ([0-9a-f]{64})")
_MOST_EVENTS = 999_999_999
_EXPECTED = "a listing as str() writes it, unchanged: its last line is the SHA-256 of the lines before it"


@attrs.frozen(kw_only=True)
class NotedHead:
    """Where the chain of one agreement ended when the digest was taken.

    Attributes:
        urn: The institution.
        version: The number of the last event.
        head: Its hash.
    """

    urn: int = attrs.field(validator=checks.urn)
    version: int = attrs.field(validator=checks.whole(1))
    head: str = attrs.field()

    @version.validator
    def _check_version(self, _attribute: attrs.Attribute[Any], value: int) -> None:
        if value > _MOST_EVENTS:  # more digits could not be read back
            raise InvalidValue("NotedHead.version", value, f"a whole number from 1 to {_MOST_EVENTS}")

    @head.validator
    def _check_head(self, _attribute: attrs.Attribute[Any], value: object) -> None:
        if not isinstance(value, str) or not _HASH.fullmatch(value):
            raise InvalidValue("NotedHead.head", value, "64 lower-case hexadecimal digits")

    def __str__(self) -> str:
        return f"{self.urn} {self.version} {self.head}"


@attrs.frozen(kw_only=True)
class GroupDigest:
    """Where every chain of a group ended at one moment, so that what is cut off or rewritten later shows (H3).

    It is a listing that can be noted outside: `str` writes it, `parse` reads it. It holds hashes, numbers and URNs, and
    nothing about people. Its last line is the SHA-256 of the lines before it, as ``head -n -1 FILE | sha256sum`` gives
    it; where there is no room for a listing, that one hash can be noted, and the listing kept anywhere.

    Attributes:
        group: The group.
        at: When it was taken, in UTC.
        heads: Where each chain ended, by URN.
    """

    group: GroupId = attrs.field(validator=checks.is_a(GroupId, "a GroupId"))
    at: Instant = attrs.field(converter=to_instant)
    heads: tuple[NotedHead, ...] = attrs.field(
        converter=checks.to_tuple, validator=checks.all_are(NotedHead, "NotedHeads")
    )

    def __attrs_post_init__(self) -> None:
        urns = [head.urn for head in self.heads]
        if urns != sorted(set(urns)):
            raise InvalidValue("GroupDigest.heads", urns, "in the order of URNs, one for each")

    @property
    def digest(self) -> str:
        """The SHA-256 of the listing without its last line, as 64 lower-case hexadecimal digits."""
        return hashlib.sha256(self._listing().encode()).hexdigest()

    def _listing(self) -> str:
        lines = [_FIRST_LINE, f"group {self.group}", f"at {instant_text(self.at)}", *map(str, self.heads)]
        return "".join(f"{line}\n" for line in lines)

    def __str__(self) -> str:
        return f"{self._listing()}sha256 {self.digest}\n"

    @classmethod
    def parse(cls, text: object) -> GroupDigest:
        """Read what `str` writes.

        Raises:
            InvalidValue: It is no such text, or was changed since.
        """
        found = _LISTING.fullmatch(text) if isinstance(text, str) else None
        heads = [_HEAD.fullmatch(line) for line in found[3].splitlines()] if found else []
        if found is None or not all(heads):
            raise InvalidValue("A digest", text, _EXPECTED)
        digest = cls(
            group=GroupId.parse(found[1]),
            at=parse_instant(found[2]),
            heads=[NotedHead(urn=int(head[1]), version=int(head[2]), head=head[3]) for head in heads if head],
        )
        if str(digest) != text:
            raise InvalidValue("A digest", text, _EXPECTED)
        return digest


def digest_of(group: GroupId, chains: Iterable[Chain], *, at: Instant) -> GroupDigest:
    """Take down where the chains of a group end.

    What does not end in an event with a number and a hash is left out, so that one damaged row keeps nobody from noting
    the rest; `verify` names each of these.

    Args:
        group: The group.
        chains: Its chains, in the order of URNs; walked once, and none is kept.
        at: The present instant, in UTC.
    """
    heads = filter(None, map(_head_of, chains))
    return GroupDigest(group=group, at=at, heads=tuple(heads))


def _head_of(chain: Chain) -> NotedHead | None:
    """Take down where a chain ends; nothing where it ends in no event, or in what is no number and hash."""
    if isinstance(chain.agreement, str) or not chain.records:
        return None
    last = chain.records[-1]
    try:
        return NotedHead(urn=chain.agreement.urn, version=last.sequence, head=last.hash)
    except InvalidValue:
        return None
