"""Pure: how the history of an agreement is chained by hash; it touches nothing but the standard library and attrs.

There is one chain for each agreement, so that writers of different agreements never wait for one another (H3).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from typing import Any

import attrs

from datashare.errors import InvalidValue

from . import validation
from .agreements import AgreementId
from .instants import Instant, instant_text, parse_instant, to_instant
from .register import GroupId

_ENCODER = json.JSONEncoder(ensure_ascii=False, check_circular=False, sort_keys=True, separators=(",", ":"))
_BUILD: Any = getattr(json.encoder, "c_make_encoder", None)
# Built once: `encode` builds it anew for each value, which takes a fifth of the time of writing an event.
_CHUNKS: Any = _BUILD and _BUILD(
    None, _ENCODER.default, json.encoder.encode_basestring, None, ":", ",", _ENCODER.sort_keys, False, True
)


def canonical(value: object) -> str:
    """Write a value as canonical JSON text: keys sorted, no spaces, so that equal values give equal text.

    The value must not contain itself.
    """
    return "".join(_CHUNKS(value, 0)) if _CHUNKS else _ENCODER.encode(value)


BEFORE_THE_FIRST = "0" * 64
"""What stands in the place of a predecessor's hash for the first event of an agreement."""


@attrs.frozen(kw_only=True)
class EventRecord:
    """An event as a store keeps it: what is chained and kept for ever, and what can be erased (H3, H4).

    Attributes:
        text: The event as canonical JSON text; in the place of what people wrote stands its seal.
        erasable: What people wrote with its salt, as JSON text; `None` where nobody wrote anything, or it was erased.
    """

    text: str
    erasable: str | None


@attrs.frozen(kw_only=True)
class ChainedRecord(EventRecord):
    """An event as it is kept in the chain of its agreement, unread (H3).

    Attributes:
        sequence: Under which number it is kept; that of the event itself, if nobody moved it.
        at: The instant by which the store finds and orders it, as kept beside it; no hash covers it. It is written as
            `datashare.domain.instants.instant_text` does, and whatever else is there in any form.
        hash: The hash that is kept with it, as `chained` gives it.
    """

    sequence: int = attrs.field(validator=validation.is_a(int, "a whole number"))
    at: str = attrs.field(validator=validation.is_a(str, "text"))
    hash: str = attrs.field(validator=validation.is_a(str, "text"))


@attrs.frozen(kw_only=True)
class StateRecord:
    """An agreement's present state as it is kept beside the events, unread; access is decided from it.

    Attributes:
        version: The number of the last event.
        head: The hash of the last event.
        text: What the events fold to, as `datashare.codec.encode` writes an `Agreement`.
    """

    version: int = attrs.field(validator=validation.is_a(int, "a whole number"))
    head: str = attrs.field(validator=validation.is_a(str, "text"))
    text: str = attrs.field(validator=validation.is_a(str, "text"))


AN_AGREEMENT_OR_KEY = validation.is_a((AgreementId, str), "an AgreementId, or the text of a key that names none")
_STATE_OR_NONE = validation.is_a((StateRecord, type(None)), "a StateRecord or None")


@attrs.frozen(kw_only=True)
class Chain:
    """All that is kept of the history of one agreement, at one moment, unread (H3).

    Attributes:
        agreement: Under which agreement it is kept; the key as it is, where it names none.
        state: The present state; `None` where none is kept.
        records: The events, in the order of the numbers under which they are kept.
    """

    agreement: AgreementId | str = attrs.field(validator=AN_AGREEMENT_OR_KEY)
    state: StateRecord | None = attrs.field(validator=_STATE_OR_NONE)
    records: tuple[ChainedRecord, ...] = attrs.field(
        converter=validation.to_tuple, validator=validation.all_are(ChainedRecord, "ChainedRecords")
    )


def agreement_under(key: str) -> AgreementId | str:
    """Name the agreement of a key such as ``mat:5143/100000``; the key itself, where it names none."""
    try:
        found = AgreementId.parse(key)
    except InvalidValue:
        return key
    return found if str(found) == key else key


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
    """Tell whether what stands beside an event is what people wrote, or less of it (H4).

    What was erased fits: the whole, or one text of several. Whatever else was changed does not, nor does anything that
    was added.
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

    urn: int = attrs.field(validator=validation.urn)
    version: int = attrs.field(validator=validation.whole(1))
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

    group: GroupId = attrs.field(validator=validation.is_a(GroupId, "a GroupId"))
    at: Instant = attrs.field(converter=to_instant)
    heads: tuple[NotedHead, ...] = attrs.field(
        converter=validation.to_tuple, validator=validation.all_are(NotedHead, "NotedHeads")
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
