"""Pages as people see them: which colour stands on which, and whether every element is closed."""

import re
from html.parser import HTMLParser

VOID = {"br", "meta", "!doctype"}
UNSEEN = {"style", "title"}


class SeenPage(HTMLParser):
    """Walks over a page and notes the colours of all its words.

    Attributes:
        colours: Each pair of a text's colour and the background that it stands on.
        headings: The headings, by their tag.
        unbalanced: Tags that close what is not open.
    """

    def __init__(self, page: str, *, dark: bool) -> None:
        super().__init__()
        rules = re.findall(r"^ {2}\.(\w+) \{ (.*) \}$", page, re.MULTILINE) if dark else []
        self.rules = {name: colours_of(style.replace(" !important", "")) for name, style in rules if "color" in style}
        self.rules |= {name: colours_of(style.replace(" !important", "")) for name, style in rules if "back" in style}
        self.stack: list[tuple[str, dict[str, str]]] = []
        self.colours: set[tuple[str, str]] = set()
        self.headings: list[str] = []
        self.unbalanced: list[str] = []
        self.feed(page)
        self.close()
        self.unbalanced += [tag for tag, _ in self.stack]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in VOID:
            return
        given = dict(attrs)
        seen = dict(self.stack[-1][1]) if self.stack else {}
        seen |= colours_of(given.get("style") or "")
        seen |= self.rules.get(given.get("class") or "", {})
        self.stack.append((tag, seen))
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.stack or self.stack[-1][0] != tag:
            self.unbalanced.append(tag)
            return
        self.stack.pop()

    def handle_data(self, data: str) -> None:
        if data.strip() and not UNSEEN & {tag for tag, _ in self.stack}:
            seen = self.stack[-1][1]
            self.colours.add((seen["color"], seen["background"]))


def colours_of(style: str) -> dict[str, str]:
    """Read the colours from a style."""
    return {
        name: value.lower() for name, value in re.findall(r"(?:^|[;\s])(color|background):\s*(#[0-9a-fA-F]{6})", style)
    }


def contrast(one: str, other: str) -> float:
    """Compute the contrast of two colours, from 1 to 21, as WCAG 2 defines it."""
    darker, lighter = sorted(map(luminance, (one, other)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    """Compute how light a colour is, from 0 to 1, as WCAG 2 defines it."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
