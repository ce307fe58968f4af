"""Pure: the history of an agreement, chained by hash, and the digest of a group (H3, H4).

There is one chain for each agreement, so that writers of different agreements never wait for one another.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable
from typing import Any

import attrs

from datashare.errors import InvalidValue

from . import validation
from .agreements import AgreementId
from .instants import Instant, instant_text, parse_instant
from .register import GroupId

# Built once, since json.dumps builds an encoder for each value; no value that is written here contains itself.
canonical: Callable[[Any], str] = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, sort_keys=True, separators=(",", ":")
).encode
"""Write a value as canonical JSON text: keys sorted, no spaces, so that equal values give equal text."""

BEFORE_THE_FIRST = "0" * 64
"""The hash that stands in for a predecessor's before the first event of an agreement."""


@attrs.frozen(kw_only=True)
class EventRecord:
    """An event as a store keeps it: what is chained and kept for ever, and what can be erased (H3, H4).

    Attributes:
        text: The event as canonical JSON text; a seal stands in for what people wrote.
        erasable: What people wrote with its salt, as JSON text; `None` if nobody wrote anything, or it was erased.
    """

    text: str = attrs.field(repr=False)
    erasable: str | None = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class ChainedRecord(EventRecord):
    """An event as it is kept in the chain of its agreement, unread (H3).

    Attributes:
        sequence: The number under which it is kept; the event's own number, unless somebody moved it.
        at: The instant that is kept beside the event, by which the store finds and orders it; no hash covers it. It is
            written like `datashare.domain.instants.instant_text`, but may hold anything.
        hash: The hash that is kept with it, as `chained` returns it.
    """

    sequence: int
    at: str
    hash: str


@attrs.frozen(kw_only=True)
class StateRecord:
    """The present state of an agreement as it is kept beside the events, unread; access is decided from it.

    Attributes:
        version: The number of the last event.
        head: The hash of the last event.
        text: What the events fold to, as `datashare.codec.encode` writes an `Agreement`.
    """

    version: int
    head: str
    text: str = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class Chain:
    """All that is kept of the history of one agreement, at one moment, unread (H3).

    Attributes:
        agreement: The agreement under which it is kept; the key itself, as text, if it names no agreement.
        state: The present state; `None` if none is kept.
        records: The events, in the order of the numbers under which they are kept.
    """

    agreement: AgreementId | str
    state: StateRecord | None
    records: tuple[ChainedRecord, ...]


def agreement_under(key: str) -> AgreementId | str:
    """Return the agreement of a key such as ``mat:5143/100000``; the key itself, if it names no agreement."""
    try:
        agreement = AgreementId.parse(key)
    except InvalidValue:
        return key
    return agreement if str(agreement) == key else key


def chained(previous: str, text: str) -> str:
    """Hash an event's canonical text together with its predecessor's hash (H3).

    Args:
        previous: The predecessor's hash, `BEFORE_THE_FIRST` for the first event.
        text: The event's text as it is kept for ever, without what people wrote.

    Returns:
        SHA-256 of *previous*, a line feed and *text* in UTF-8, as 64 lower-case hexadecimal digits.
    """
    return hashlib.sha256(f"{previous}\n{text}".encode()).hexdigest()


def sealed(salt: str, field: str, text: str) -> str:
    """Hash what somebody wrote, so that it can be erased and the chain still holds (H4).

    Args:
        salt: Random text that is kept beside *text* and erased with it; without it nobody can try out guesses.
        field: The name of the event's field.
        text: What was written.

    Returns:
        SHA-256 of the three, joined by line feeds, in UTF-8, as 64 lower-case hexadecimal digits.
    """
    return hashlib.sha256(f"{salt}\n{field}\n{text}".encode()).hexdigest()


def words_fit(record: EventRecord) -> bool:
    """Return whether the texts beside an event are what people wrote, or a part of it (H4).

    Texts may have been erased, all of them or some. Changed or added texts do not fit.
    """
    if record.erasable is None:
        return True
    try:
        value, beside = json.loads(record.text)["value"], json.loads(record.erasable)
        salt, texts = beside["salt"], beside["texts"]
        if record.erasable != canonical({"salt": salt, "texts": texts}) or type(salt) is not str:
            return False
        seals = {name: {"sha256": sealed(salt, name, text)} for name, text in texts.items() if type(text) is str}
        return bool(texts) and texts.keys() == seals.keys() and all(value[name] == seals[name] for name in seals)
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return False


_HASH = re.compile("[0-9a-f]{64}")
_FIRST_LINE = "datashare digest 1"
_HEADS = "(?:[0-9]{1,7} [0-9]{1,9} [0-9a-f]{64}\n)*"
_LISTING = re.compile(f"{_FIRST_LINE}\ngroup ([^\n]+)\nat ([^\n]+)\n({_HEADS})sha256 [0-9a-f]{{64}}\n")
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

    urn: int
    version: int
    head: str

    def __attrs_post_init__(self) -> None:
        validation.require_urn(self.urn, "NotedHead.urn")
        if not 1 <= self.version <= _MOST_EVENTS:  # more digits could not be read back
            raise InvalidValue("NotedHead.version", self.version, f"a whole number from 1 to {_MOST_EVENTS}")
        if not _HASH.fullmatch(self.head):
            raise InvalidValue("NotedHead.head", self.head, "64 lower-case hexadecimal digits")

    def __str__(self) -> str:
        return f"{self.urn} {self.version} {self.head}"


@attrs.frozen(kw_only=True)
class GroupDigest:
    """Where every chain of a group ended at one moment, to detect later what is cut off or rewritten (H3).

    It is a listing that can be noted outside: `str` writes it, `parse` reads it. It holds hashes, numbers and URNs, and
    nothing about people. Its last line is the SHA-256 of the lines before it, as ``head -n -1 FILE | sha256sum``
    prints it; if there is no room for a listing, note that one hash and keep the listing anywhere.

    Attributes:
        group: The group.
        at: When it was taken, in UTC.
        heads: Where each chain ended, by URN.
    """

    group: GroupId
    at: Instant
    heads: tuple[NotedHead, ...]

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
            InvalidValue: It is not such a text, or was changed since.
        """
        listing = _LISTING.fullmatch(text) if isinstance(text, str) else None
        if listing is None:
            raise InvalidValue("A digest", text, _EXPECTED)
        lines = map(str.split, listing[3].splitlines())
        heads = [NotedHead(urn=int(urn), version=int(version), head=head) for urn, version, head in lines]
        digest = cls(group=GroupId.parse(listing[1]), at=parse_instant(listing[2]), heads=tuple(heads))
        if str(digest) != text:
            raise InvalidValue("A digest", text, _EXPECTED)
        return digest


def digest_of(group: GroupId, chains: Iterable[Chain], *, at: Instant) -> GroupDigest:
    """Return where the chains of a group end.

    A chain that does not end in an event with a number and a hash is left out, so that one damaged row does not
    prevent a digest of the others. `verify` reports each chain that is left out.

    Args:
        group: The group.
        chains: Its chains, in the order of URNs; read once, and not kept.
        at: The present instant, in UTC.
    """
    return GroupDigest(group=group, at=at, heads=tuple(filter(None, map(_head_of, chains))))


def _head_of(chain: Chain) -> NotedHead | None:
    if isinstance(chain.agreement, str) or not chain.records:
        return None
    last = chain.records[-1]
    try:
        return NotedHead(urn=chain.agreement.urn, version=last.sequence, head=last.hash)
    except InvalidValue:
        return None
