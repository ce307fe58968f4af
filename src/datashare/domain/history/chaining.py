"""Pure: how the history of an agreement is chained by hash; it touches nothing but the standard library and attrs.

There is one chain for each agreement, so that writers of different agreements never wait for one another (H3).
"""

from __future__ import annotations

import hashlib

import attrs

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
