"""Pure: how names are compared (B4); it touches nothing but the standard library."""

from __future__ import annotations

import unicodedata

_APOSTROPHES = frozenset("'’‘ʼ`´′\u0091\u0092")
_REMEMBERED = 0x3000


def folded(text: str) -> str:
    """Fold *text* for comparing (B4).

    Marks and apostrophes are dropped, other punctuation becomes a space, case is folded. Any text is safe,
    NULs and broken surrogates included. Cost: a few microseconds for a school's name.

    >>> folded("St. Hilda’s  C.E. Primary & Nursery, Areté")
    'st hildas c e primary nursery arete'
    """
    return " ".join(text.translate(_FOLDS).split())


def _fold_character(character: str) -> str:
    # An acute accent that stands alone would be decomposed to a space and a mark, so it goes first.
    if character in _APOSTROPHES:
        return ""
    kept = "".join(map(_kept, unicodedata.normalize("NFKD", character)))
    # Case folding can bring marks back, as for İ; a second NFKD settles them.
    settled = unicodedata.normalize("NFKD", kept.casefold())
    return "".join(c for c in settled if not unicodedata.combining(c))


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
    """What each character folds to; common ones are remembered, since a register holds 52,000 names."""

    def __missing__(self, code: int) -> str:
        found = _fold_character(chr(code))
        if code < _REMEMBERED:
            self[code] = found
        return found


_FOLDS = _Folds()


def plain_line(text: str) -> str:
    r"""Put a space for whatever in *text* would break the line or command a terminal, whoever gave the name (O5).

    >>> plain_line("Elm\n- share nothing: 9 of 9")
    'Elm - share nothing: 9 of 9'
    """
    return "".join(letter if letter.isprintable() else " " for letter in text)


def counted(number: int, noun: str) -> str:
    """Write *number* with its noun, which forms its plural by an s.

    >>> counted(1, "school"), counted(1_200, "school")
    ('1 school', '1,200 schools')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
