"""Values from outside, made fit to be shown: on one line, without what directs the layout, kept apart (O5)."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

import attrs
from markupsafe import Markup, escape

LONGEST_IN_SUBJECT = 60
NAMELESS = "(no name)"

_JOINERS = {"\u200c", "\u200d"}  # letters of some scripts, and some pictures, are made with them
_SPACES = {"Cc", "Zl", "Zp", "Zs"}
_DROPPED = {"Cf", "Cs"}  # what directs the layout and shows nothing, and halves of characters
_RIGHT_TO_LEFT = {"R", "AL", "AN"}


def one_line(value: str) -> str:
    """Give *value* as it is shown on one line.

    A run of white space, line breaks and control characters is one space. Invisible characters that direct the
    layout, such as U+202E, are left out: no letter is lost with them, and they could show a text in another order
    than it is written in. Where nothing would be seen, nothing is given.
    """
    plain = value if value.isascii() and value.isprintable() else "".join(map(_shown, value))
    line = " ".join(plain.split())
    return line if any(one.isprintable() and one != " " for one in line) else ""


def _shown(character: str) -> str:
    category = unicodedata.category(character)
    if category in _SPACES:
        return " "
    return "" if category in _DROPPED and character not in _JOINERS else character


def name(value: str) -> str:
    """Give a name as it is shown, or say that there is none."""
    return one_line(value) or NAMELESS


def lines(value: str) -> list[str]:
    """Give what somebody wrote, line by line, without blank lines at its beginning and end."""
    return "\n".join(map(one_line, value.splitlines())).strip("\n").splitlines()


def shortened(value: str, most: int = LONGEST_IN_SUBJECT) -> str:
    """Cut *value* to at most so many characters, the last of which then says so."""
    return value if len(value) <= most else f"{value[: most - 1].rstrip()}…"


def in_text(value: str) -> str:
    """Keep a value with right-to-left letters apart from the words around it, by the isolates of Unicode."""
    isolated = not value.isascii() and any(unicodedata.bidirectional(one) in _RIGHT_TO_LEFT for one in value)
    return f"\u2068{value}\u2069" if isolated else value


def _in_subject(value: str) -> str:
    return in_text(shortened(value))


def _in_html(value: str) -> Markup:
    return Markup("<bdi>{}</bdi>").format(escape(value))


@attrs.frozen(kw_only=True)
class Medium:
    """How values from outside become part of words.

    Attributes:
        value: Shows a value within a sentence, kept apart from the words around it.
        line: Shows one line of what somebody wrote, which stands alone.
    """

    value: Callable[[str], str]
    line: Callable[[str], str]


IN_TEXT = Medium(value=in_text, line=in_text)
IN_SUBJECT = Medium(value=_in_subject, line=_in_subject)
IN_HTML = Medium(value=_in_html, line=escape)


def listed(values: list[str]) -> str:
    """Write values in a row: *a, b and c*; escaped, if they are."""
    *most, last = values
    comma = Markup(", ") if isinstance(last, Markup) else ", "
    return comma.join(most) + " and " + last if most else last
