"""Pure: how names are compared (B4), and small pieces of text."""

from __future__ import annotations

import unicodedata

_APOSTROPHES = frozenset("'’‘ʼ`´′\u0091\u0092")
_REMEMBERED_BELOW = 0x3000


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


def plain_line(text: str) -> str:
    r"""Replace what could break a line or control a terminal with spaces (O5).

    >>> plain_line("Elm\n- share nothing: 9 of 9")
    'Elm - share nothing: 9 of 9'
    """
    return "".join(letter if letter.isprintable() else " " for letter in text)


def counted(number: int, noun: str) -> str:
    """Write *number* with its noun, whose plural ends in an s.

    >>> counted(1, "school"), counted(1_200, "school")
    ('1 school', '1,200 schools')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
