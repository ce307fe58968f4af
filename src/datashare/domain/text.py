"""Pure: how names are compared (B4), and small pieces of text."""

from __future__ import annotations

import enum
import re
import unicodedata
from urllib.parse import quote

from datashare.errors import LONGEST_SENTENCE, plain_line

__all__ = [
    "LONGEST_SENTENCE",
    "counted",
    "folded",
    "hides_its_host",
    "https_link",
    "named",
    "named_school",
    "plain_line",
]

_APOSTROPHES = frozenset("'’‘ʼ`´′\u0091\u0092")
_REMEMBERED_BELOW = 0x3000


class Labelled(enum.Enum):
    """An enumeration whose members stand on pages."""

    @property
    def label(self) -> str:
        """What people read, as a heading or in a list of choices."""
        return re.sub(r"(?i)\burn\b", "URN", self.name.replace("_", " ").capitalize())


# Members are unique, so their identity suffices. This keeps `AccessMap.allows` as fast as a dictionary.
Labelled.__hash__ = object.__hash__  # type: ignore[method-assign]


def folded(text: str) -> str:
    """Fold *text* for comparing (B4).

    Drop marks and apostrophes, turn other punctuation into spaces, and fold case. Any text is allowed, even with
    NULs and broken surrogates. Cost: a few microseconds for a school's name.

    >>> folded("St. Hilda’s  C.E. Primary & Nursery, Areté")
    'st hildas c e primary nursery arete'
    """
    return " ".join(text.translate(_FOLDS).split())


def _fold_character(character: str) -> str:
    if character in _APOSTROPHES:  # before NFKD, which decomposes an acute accent to a space and a mark
        return ""
    return "".join(map(_kept, unicodedata.normalize("NFKD", character))).casefold()


def _kept(character: str) -> str:
    if character in _APOSTROPHES:
        return ""
    match unicodedata.category(character)[0]:
        case "M":
            return ""
        case "L" | "N":
            return character
        case _:
            return " "


class _Folds(dict[int, str]):
    """A table of folded characters; it remembers common ones, since a register holds 52,000 names."""

    def __missing__(self, code: int) -> str:
        text = _fold_character(chr(code))
        if code < _REMEMBERED_BELOW:
            self[code] = text
        return text


_FOLDS = _Folds()


def named(name: str, key: object) -> str:
    """Write a name with the key that a program needs, on one line.

    >>> named("Oak Academy", 100001)
    'Oak Academy (100001)'
    """
    return f"{plain_line(name)} ({key})"


def named_school(name: str, urn: int) -> str:
    """Write the name of a school with its URN, on one line; the URN alone if the name is empty.

    >>> named_school("Oak Academy", 100001), named_school("", 100001)
    ('Oak Academy (100001)', 'URN 100001')
    """
    return named(name, urn) if name else f"URN {urn}"


_HTTPS = re.compile(r"(?i:https)://([^/?#:]+)(:[0-9]{1,5})?([/?#].*)?")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_IPV4 = re.compile(r"(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(?:\.(?!$)|$)){4}")
_PLAIN = "".join(map(chr, range(0x21, 0x7F)))


def https_link(address: str) -> str:
    """Return the https *address* as it may be linked and shown, or empty text if it may not.

    The host stands as it is looked up: in lower case, without a final dot and in ASCII, so that letters that look alike
    cannot hide another one. An address with user information, which looks like a host, is no link. Other characters
    outside ASCII are percent-encoded.

    >>> https_link("https://Bücher.example/größe"), https_link("https://good.example@evil.example/")
    ('https://xn--bcher-kva.example/gr%C3%B6%C3%9Fe', '')
    """
    parts = _HTTPS.fullmatch(address)
    if not parts or not address.isprintable() or " " in address:
        return ""
    written = unicodedata.normalize("NFKC", parts[1]).lower().replace("。", ".").removesuffix(".")
    host = ".".join(map(_ascii_label, written.split(".")))
    is_name = all(map(_LABEL.fullmatch, host.split("."))) and len(host) <= 253
    # A browser reads a last part that is a number as that of an address, in whatever way it is written.
    if not is_name or (_NUMBER.fullmatch(host.rpartition(".")[2]) and not _IPV4.fullmatch(host)):
        return ""
    return f"https://{host}{parts[2] or ''}{quote(parts[3] or '', safe=_PLAIN)}"


_WITH_USER = re.compile(r"[a-z0-9+.-]://[^\s/?#]*@", re.IGNORECASE)


def hides_its_host(text: str) -> bool:
    """Return whether an address of any scheme in *text* has user information, which looks like its host.

    Mail programs link such an address wherever it stands.

    >>> hides_its_host("See http://good.example@evil.example/"), hides_its_host("http://good.example/@evil")
    (True, False)
    """
    return _WITH_USER.search(unicodedata.normalize("NFKC", text)) is not None


_LOOPBACK = re.compile(
    r"http://(?:localhost|127(?:\.(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])){3}|\[::1\])(?::[0-9]{1,5})?([/?#][!-~]*)?"
)


def page_link(address: str) -> str:
    """Return the *address* of a school's page as it may be linked and shown, or empty text if it may not (O1, O5).

    That is an https address, or an http address of this machine itself, for development.

    >>> page_link("http://localhost:5000/school/100000"), page_link("http://school.example/")
    ('http://localhost:5000/school/100000', '')
    """
    return address if _LOOPBACK.fullmatch(address) else https_link(address)


def _ascii_label(label: str) -> str:
    """Return a part of a host's name in ASCII (IDNA), or empty text if it holds anything but letters and digits."""
    if label.isascii():
        return label
    if not all(letter == "-" or unicodedata.category(letter) in _IN_NAMES for letter in label):
        return ""
    return f"xn--{label.encode('punycode').decode()}"


_IN_NAMES = frozenset({"Ll", "Lo", "Lm", "Mn", "Mc", "Nd"})


def one_line(text: str) -> str:
    r"""Join the lines of *text* by spaces; return text without line breaks as it is.

    >>> one_line("Siân\r\n ap  Huw"), one_line("Siân  ap Huw")
    ('Siân ap Huw', 'Siân  ap Huw')
    """
    return text if is_one_line(text) else " ".join(text.split())


def is_one_line(text: str) -> bool:
    """Return whether *text* has no line break of any kind in it."""
    return text.isprintable() or text.splitlines() == [text]  # no line break is printable


def counted(number: int, noun: str) -> str:
    """Write *number* with its noun, whose plural ends in an s.

    >>> counted(1, "school"), counted(1_200, "school")
    ('1 school', '1,200 schools')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
