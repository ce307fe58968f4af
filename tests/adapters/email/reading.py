"""Messages as mail programs read them, and pages as people see them."""

import re
from email import message_from_string
from email.message import EmailMessage
from email.policy import default
from html.parser import HTMLParser

from datashare.testing import ReceivedMessage

VOID = {"br", "meta", "!doctype"}
UNSEEN = {"style", "title"}


def read(content: bytes) -> EmailMessage:
    """Read a message as a mail program does."""
    message = message_from_string(content.decode(), policy=default)  # SMTPUTF8 headers are UTF-8 as they are
    assert isinstance(message, EmailMessage)
    return message


def part(message: EmailMessage, kind: str) -> str:
    """Return the text (plain) or the page (html) of a message."""
    body = message.get_body((kind,))
    assert body is not None
    content = body.get_content()
    assert isinstance(content, str)
    return content.replace("\r\n", "\n")


def received(content: bytes, recipients: tuple[str, ...]) -> ReceivedMessage:
    """Describe a message for the contract of notifiers."""
    message = read(content)
    return ReceivedMessage(
        id=message["Message-ID"],
        recipients=recipients,
        headers=tuple(message.keys()),
        markup=tuple(Page(part(message, "html")).tags),
    )


class Page(HTMLParser):
    """A page: its tags, its words, and the colours that they have.

    Attributes:
        tags: Every tag that opens an element, with its attributes.
        colours: Each pair of a text's colour and the background that it stands on.
        unbalanced: Tags that close what is not open, or are never closed.
    """

    def __init__(self, page: str, *, dark: bool = False) -> None:
        super().__init__()
        rules = re.findall(r"^ {2}\.(\w+) \{ (.*) \}$", page, re.MULTILINE) if dark else []
        self.rules = {name: colours_of(style.replace(" !important", "")) for name, style in rules if "color" in style}
        self.rules |= {name: colours_of(style.replace(" !important", "")) for name, style in rules if "back" in style}
        self.stack: list[tuple[str, dict[str, str]]] = []
        self.tags: list[str] = []
        self.words: list[str] = []
        self.colours: set[tuple[str, str]] = set()
        self.unbalanced: list[str] = []
        self.feed(page)
        self.close()
        self.unbalanced += [tag for tag, _ in self.stack]

    @property
    def text(self) -> str:
        """The words of the page, without its title and styles; each run of white space is one space."""
        return " ".join("".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(f"{tag} {attrs}")
        if tag in VOID:
            return
        values = dict(attrs)
        colours = dict(self.stack[-1][1]) if self.stack else {}
        colours |= colours_of(values.get("style") or "")
        colours |= self.rules.get(values.get("class") or "", {})
        self.stack.append((tag, colours))

    def handle_endtag(self, tag: str) -> None:
        if not self.stack or self.stack[-1][0] != tag:
            self.unbalanced.append(tag)
            return
        self.stack.pop()

    def handle_data(self, data: str) -> None:
        if UNSEEN & {tag for tag, _ in self.stack}:
            return
        self.words.append(data)
        if data.strip():
            colours = self.stack[-1][1] if self.stack else {}
            self.colours.add((colours.get("color", ""), colours.get("background", "")))


def colours_of(style: str) -> dict[str, str]:
    """Read the colours from a style."""
    return {
        name: value.lower() for name, value in re.findall(r"(?:^|[;\s])(color|background):\s*(#[0-9a-fA-F]{6})", style)
    }


def contrast(*colours: str) -> float:
    """Compute the contrast of two colours, from 1 to 21, as WCAG 2 defines it."""
    darker, lighter = sorted(map(luminance, colours))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    """Compute how light a colour is, from 0 to 1, as WCAG 2 defines it."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
