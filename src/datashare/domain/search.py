"""Pure: which institutions are found by what a person typed (B4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from .register import Institution
from .text import folded

SAME_WORDS = (
    ("saint", "st"),
    ("saints", "sts", "ss"),
    ("church of england", "c of e", "cofe", "coe", "ce", "c e"),
    ("roman catholic", "catholic", "rc", "r c"),
)
"""What the register writes in several ways, folded; each finds the others. It also writes "&" for "and"."""

_Words = tuple[str, ...]
_SAME: Mapping[_Words, _Words] = {
    tuple(phrase.split()): tuple(f" {same} " for same in phrases) for phrases in SAME_WORDS for phrase in phrases
}
_LONGEST = max(map(len, _SAME))


def search(typed: str) -> Callable[[Institution], bool]:
    """Return the test whether an institution is found by what was *typed* (B4).

    It is found if every typed word begins a word of its name or town, or means the same as words there; or if the
    whole of the search is its postcode or the outward part of it, its URN, its UKPRN or its DfE number. Both sides
    are folded.

    Cost: each text of an institution is folded once.
    """
    whole = folded(typed)
    if not whole:
        return lambda _institution: True
    # A space before each word makes "begins a word" a plain search for text; longest first fails soonest.
    phrases = sorted(set(_phrases(whole.split())), key=lambda phrase: sum(map(len, phrase)), reverse=True)
    wanted = [(tuple(f" {word}" for word in phrase), _SAME.get(phrase, ())) for phrase in phrases]
    compact = whole.replace(" ", "")
    code = compact if any(map(str.isdecimal, compact)) else None

    def finds(institution: Institution) -> bool:
        if code and (whole == str(institution.urn) or code in _codes(institution)):
            return True
        text = f" {folded(institution.name.replace('&', ' and '))} {folded(institution.town)} "
        return all(
            all(word in text for word in words) or any(phrase in text for phrase in same) for words, same in wanted
        )

    return finds


def _phrases(words: list[str]) -> Iterator[_Words]:
    """Split what was typed into words, and phrases that can be written in another way."""
    place = 0
    while place < len(words):
        ahead = (tuple(words[place : place + length]) for length in range(_LONGEST, 1, -1))
        phrase = next((words for words in ahead if words in _SAME), (words[place],))
        yield phrase
        place += len(phrase)


def _codes(institution: Institution) -> list[str]:
    """List the codes that find an institution as a whole: postcode, outward postcode, UKPRN and DfE number."""
    postcode = folded(institution.postcode).replace(" ", "")
    codes = [postcode, institution.ukprn]
    if postcode[-3:-2].isdecimal():  # the inward part of a whole one is a digit and two letters
        codes.append(postcode[:-3])
    la, number = institution.local_authority, institution.establishment_number
    if la and number:
        codes.append(f"{la.code}{number:0>4}")
    return codes
