"""Headers whose values come from outside, written so that mail programs show exactly these values (O5).

The standard library decodes a value when it is put into a message, and decodes encoded words in it too: a name such as
``=?utf-8?q?=0D=0ABcc=3A…`` would become a line break and a header. So these values are encoded first, and are handed
over as objects that the library writes as they are.
"""

from __future__ import annotations

from email.header import Header
from email.policy import Policy
from email.utils import quote
from typing import Self

from ._values import LONGEST_IN_SUBJECT, shortened

_ONE_ENCODED_WORD = 75
"""The most characters of an encoded word (RFC 2047); several are shown by some programs with spaces between."""


class WrittenHeader(str):
    """A header that was encoded already; as text it is what is shown.

    Attributes:
        name: The header's name.
        written: Its value in ASCII, folded by line feeds.
    """

    __slots__ = ("name", "written")
    name: str
    written: str

    def __new__(cls, name: str, shown: str, written: str) -> Self:
        """Make a header of what is shown and of what is written."""
        made = super().__new__(cls, shown)
        made.name = name
        made.written = written
        return made

    def fold(self, *, policy: Policy) -> str:
        """Give the lines of the header, as the email package asks for them."""
        return f"{self.name}: {self.written}\n".replace("\n", policy.linesep)


def text_header(name: str, value: str) -> WrittenHeader:
    """Make a header of free text, which is on one line already."""
    return WrittenHeader(name, value, Header(value, _charset(value), header_name=name).encode())


def address_header(name: str, person: str, address: str) -> WrittenHeader:
    """Make a header of one address, with the name of whose it is, or without one.

    Args:
        name: The header's name.
        person: Whose address it is, on one line already; possibly empty.
        address: The address, as `written_address` gives it.
    """
    if not person:
        return WrittenHeader(name, address, address)
    shown = _short(person)
    return WrittenHeader(name, f"{shown} <{address}>", f"{_phrase(shown)} <{address}>")


def _charset(value: str) -> str:
    return "us-ascii" if value.isascii() and "=?" not in value else "utf-8"


def _short(person: str) -> str:
    """Cut a name, until it is short, and one encoded word at most."""
    most = LONGEST_IN_SUBJECT
    while not _is_one_word(shortened(person, most)):
        most -= 1
    return shortened(person, most)


def _is_one_word(shown: str) -> bool:
    return _charset(shown) == "us-ascii" or len(_encoded(shown)) <= _ONE_ENCODED_WORD


def _phrase(person: str) -> str:
    return f'"{quote(person)}"' if _charset(person) == "us-ascii" else _encoded(person)


def _encoded(person: str) -> str:
    return Header(person, "utf-8", maxlinelen=1_000).encode()
