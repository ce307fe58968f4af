"""Values from outside, made safe to show: in text, on pages, in headers and as addresses (O5)."""

from __future__ import annotations

import re
import unicodedata
from email.header import Header
from email.policy import Policy
from email.utils import quote
from typing import Self

import idna
from markupsafe import Markup

from datashare.domain.people import usable_address
from datashare.errors import InvalidValue

NAMELESS = "(no name)"

_LONGEST_IN_HEADER = 60
_LONGEST_ENCODED_WORD = 75
"""The most characters of an encoded word (RFC 2047); some programs show several with spaces between them."""

_JOINERS = {"\u200c", "\u200d"}  # some scripts and pictures need them
_SPACES = {"Cc", "Zl", "Zp", "Zs"}
_DROPPED = {"Cf", "Cs"}  # invisible characters that direct the layout, and broken surrogates
_RIGHT_TO_LEFT = {"R", "AL", "AN"}


# Text


def one_line(value: str) -> str:
    """Return *value* as one line, or empty text if nothing in it is visible.

    White space, line breaks and control characters become single spaces. Invisible characters that direct the layout,
    such as U+202E, are removed: they hold no letter, and could show the text in another order.
    """
    plain = value if value.isascii() and value.isprintable() else "".join(map(_shown, value))
    line = " ".join(plain.split())
    return line if any(character.isprintable() and character != " " for character in line) else ""


def _shown(character: str) -> str:
    category = unicodedata.category(character)
    if category in _SPACES:
        return " "
    return "" if category in _DROPPED and character not in _JOINERS else character


def lines(value: str) -> list[str]:
    """Split a person's text into lines, without blank lines at the beginning and the end."""
    return "\n".join(map(one_line, value.splitlines())).strip("\n").splitlines()


def shortened(value: str, most: int = _LONGEST_IN_HEADER) -> str:
    """Cut *value* to at most *most* characters; the last one is then an ellipsis."""
    return value if len(value) <= most else f"{value[: most - 1].rstrip()}…"


def isolated(value: str) -> str:
    """Wrap a value that holds right-to-left letters in Unicode isolates, so that the words around it keep their order.

    Other values are returned as they are.
    """
    if value.isascii() or not any(unicodedata.bidirectional(character) in _RIGHT_TO_LEFT for character in value):
        return value
    return f"\u2068{value}\u2069"


def joined(values: list[str]) -> str:
    """Join values as *a, b and c*; escaped values stay escaped, and no values give empty text."""
    if not values:
        return ""
    *most, last = values
    comma = Markup(", ") if isinstance(last, Markup) else ", "
    return comma.join(most) + " and " + last if most else last


# Addresses


def written_address(address: object, what: str) -> str:
    """Return *address* as a mail server takes it, with its domain in ASCII by IDNA 2008.

    The local part is unchanged. If it is not ASCII, the server must support SMTPUTF8.

    Raises:
        InvalidValue: No message can be sent to this address.
    """
    usable = usable_address(address)
    if usable is None:
        raise InvalidValue(what, address, "an email address such as head@school.example")
    local, _, domain = usable.rpartition("@")
    if "=?" in local:  # legal, but mail programs decode it, and may then see another address or header
        raise InvalidValue(what, address, "an email address without =? in it")
    try:
        return f"{local}@{domain if domain.isascii() else idna.encode(domain, uts46=True).decode()}"
    except idna.IDNAError as exc:
        raise InvalidValue(what, address, f"an email address whose domain can exist ({exc})") from exc


# Headers


class WrittenHeader(str):
    """A header that is already encoded; as text, it is what people see.

    The standard library decodes a value that is put into a message, and decodes encoded words in it too: a name such
    as ``=?utf-8?q?=0D=0ABcc=3A…`` would become a line break and a header. It writes an object of this class unchanged.

    Attributes:
        name: The header's name.
        written: Its value in ASCII, folded by line feeds.
    """

    __slots__ = ("name", "written")
    name: str
    written: str

    def __new__(cls, name: str, shown: str, written: str) -> Self:
        """Build a header from what people see and what is written."""
        header = super().__new__(cls, shown)
        header.name = name
        header.written = written
        return header

    def fold(self, *, policy: Policy) -> str:
        """Return the lines of the header; the email package calls this."""
        return f"{self.name}: {self.written}\n".replace("\n", policy.linesep)


def text_header(name: str, value: str) -> WrittenHeader:
    """Build a header from free text of one line."""
    charset = "us-ascii" if _is_plain(value) else "utf-8"
    return WrittenHeader(name, value, Header(value, charset, header_name=name).encode())


def address_header(name: str, person: str, address: str) -> WrittenHeader:
    """Build a header from one address, with its owner's name in front where there is one.

    Args:
        name: The header's name.
        person: The owner's name on one line, possibly empty. It is shortened until it is one encoded word.
        address: The address, as `written_address` returns it.
    """
    if not person:
        return WrittenHeader(name, address, address)
    candidates = (shortened(person, most) for most in range(_LONGEST_IN_HEADER, 0, -1))
    shown = next(text for text in candidates if _is_plain(text) or len(_phrase(text)) <= _LONGEST_ENCODED_WORD)
    # A program that reads the address from what is shown must find it, whatever the name.
    quoted = f'"{quote(shown)}"' if _SPECIAL.search(shown) else shown
    return WrittenHeader(name, f"{quoted} <{address}>", f"{_phrase(shown)} <{address}>")


_SPECIAL = re.compile(r'[][\\()<>@,:;".]')
"""Characters that a name holds only in quotes (RFC 5322)."""


def _is_plain(value: str) -> bool:
    return value.isascii() and "=?" not in value


def _phrase(person: str) -> str:
    return f'"{quote(person)}"' if _is_plain(person) else Header(person, "utf-8", maxlinelen=1_000).encode()
