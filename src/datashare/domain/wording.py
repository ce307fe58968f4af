"""Pure: what texts for people have in common; it touches nothing but the standard library."""

from __future__ import annotations


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
