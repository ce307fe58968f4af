"""Pure: which institutions are found by what a person typed (B4)."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from .register import Institution
from .text import folded

SAME_WORDS = (
    ("saint", "st"),
    ("saints", "sts", "ss"),
    ("church of england", "c of e", "cofe", "coe", "ce", "c e"),
    ("roman catholic", "catholic", "rc", "r c"),
)
"""What the register writes in several ways, folded; each finds the others. It also writes "&" for "and"."""


def search(typed: str) -> Callable[[Institution], bool]:
    """Return the test whether an institution is found by what was *typed* (B4).

    It is found if every typed word begins a word of its name or town, or a word of another way to write what stands
    there; or is its postcode or the outward part of it, its URN, its UKPRN or its DfE number. These match as a whole
    only, but may be typed with spaces. Both sides are folded.

    Cost: the text of an institution is folded once, in some microseconds.
    """
    words = _folded(typed).split()
    whole = "".join(words)
    # Each part of a code that is typed in two parts finds it with the other.
    ways: dict[str, set[str]] = {word: {word} for word in words}
    for first, second in pairwise(words):
        ways[first].add(first + second)
        ways[second].add(first + second)
    # A space before each word makes "begins a word" a plain search for text; longest first fails soonest.
    wanted = [
        (f" {word}", _written_otherwise(word), {code for code in ways[word] if any(map(str.isdecimal, code))})
        for word in sorted(ways, key=len, reverse=True)
    ]
    has_code = any(codes for _, _, codes in wanted)

    def finds(institution: Institution) -> bool:
        codes = _codes(institution) if has_code else set()
        if whole in codes:
            return True
        text = f" {_folded(f'{institution.name} {institution.town}')} "
        return all(
            word in text or any(phrase in text for phrase in same) or not codes.isdisjoint(parts)
            for word, same, parts in wanted
        )

    return finds


def _folded(text: str) -> str:
    return folded(text.replace("&", " and "))


def _written_otherwise(typed: str) -> list[str]:
    """List the phrases that can be written with a word which begins with what was typed."""
    return [
        f" {phrase} "
        for phrases in SAME_WORDS
        if any(word.startswith(typed) for word in " ".join(phrases).split())
        for phrase in phrases
    ]


def _codes(institution: Institution) -> set[str]:
    """Return the codes that find an institution as a whole: postcode, outward postcode, URN, UKPRN and DfE number."""
    postcode = folded(institution.postcode).replace(" ", "")
    codes = {postcode, str(institution.urn), institution.ukprn}
    if postcode[-3:-2].isdecimal():  # the inward part of a whole one is a digit and two letters
        codes.add(postcode[:-3])
    la, number = institution.local_authority, institution.establishment_number
    if la and number:
        codes.add(f"{la.code}{number:0>4}")
    return codes
