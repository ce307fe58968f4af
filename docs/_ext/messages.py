"""A directive that shows every kind of message as people see it, made from the templates by the build.

``{message-pictures}`` shows pictures taken in Chromium where that is installed. Elsewhere it shows the pages themselves
in frames, and says so, unless the environment variable DATASHARE_REQUIRE_CHROMIUM is 1; then the build fails.
"""

import os
from contextlib import ExitStack
from html import escape
from pathlib import Path
from typing import TypeAlias

from browser import DESKTOP, PHONE, Browser, BrowserFailed, Screen, chromium
from docutils import nodes
from sample_messages import Sample, samples
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

from datashare.adapters.email import EmailRenderer

REQUIRE = "DATASHARE_REQUIRE_CHROMIUM"
SCREENS = (DESKTOP, PHONE)
LETTERS = EmailRenderer(sender="no-reply@data-sharing.example")

Pictures: TypeAlias = dict[tuple[str, str], str]
"""Where a picture is, from the folder of the documentation's sources, by the names of message and screen."""

WITHOUT_CHROMIUM = (
    "Pictures need Chromium, which was not there when this documentation was built. "
    "So each message is shown as a page in a frame, as your own browser lays it out."
)
STYLE = """<style>
.message { display: flex; flex-wrap: wrap; gap: 1rem; align-items: flex-start; margin-block: 1rem }
.message > * { margin: 0 }
.message img { border: 1px solid var(--color-background-border, #ccc); height: auto }
.message .desktop { flex: 1024 1 20rem }
.message .phone { flex: 390 1 9rem; max-width: 390px }
.message iframe { width: 100%; height: 34rem; border: 1px solid var(--color-background-border, #ccc) }
</style>"""


class MessagePictures(SphinxDirective):
    """Each message in a section of its own, with pictures and its words."""

    def run(self) -> list[nodes.Node]:
        """Build the sections."""
        found = samples()
        pictures = self._pictures(found)
        note = [] if pictures else [nodes.note("", nodes.paragraph(text=WITHOUT_CHROMIUM))]
        return [nodes.raw("", STYLE, format="html"), *note, *(section(one, pictures) for one in found)]

    def _pictures(self, found: list[Sample]) -> Pictures:
        required = os.environ.get(REQUIRE) == "1"
        program = chromium()
        if program is None:
            if required:
                raise ExtensionError(
                    f"The pictures of messages need Chromium ({REQUIRE}=1), and it is not on the PATH. "
                    "On Debian: apt-get install chromium."
                )
            return {}
        try:
            return self._taken(found, program)
        except BrowserFailed as exc:
            if required:
                raise ExtensionError(f"The pictures of messages could not be taken. {exc}") from exc
            return {}

    def _taken(self, found: list[Sample], program: str) -> Pictures:
        # Beside the pages that are built, whose folder differs by Python, so that builds do not meet.
        folder = Path(self.env.app.doctreedir) / "pictures"
        folder.mkdir(parents=True, exist_ok=True)
        pictures: Pictures = {}
        with ExitStack() as running:
            browser = running.enter_context(Browser.running(program))
            for one in found:
                for screen in SCREENS:
                    path = folder / f"message-{one.name}-{screen.name}.png"
                    browser.show(LETTERS.html(one.notice), screen)
                    path.write_bytes(browser.picture())
                    pictures[one.name, screen.name] = os.path.relpath(path, self.env.srcdir)
        return pictures


def section(one: Sample, pictures: Pictures) -> nodes.section:
    """Show one message: its subject, how it looks, and its words."""
    made = nodes.section(ids=[f"message-{one.name}"], names=[one.name])
    made += nodes.title(text=one.title)
    made += nodes.paragraph("", "", nodes.strong(text=LETTERS.subject(one.notice)))
    made += seen(one, pictures) if pictures else framed(one)
    made += words(one)
    return made


def seen(one: Sample, pictures: Pictures) -> nodes.container:
    """Show the pictures of a message, side by side."""
    made = nodes.container(classes=["message"])
    for screen in SCREENS:
        uri = "/" + pictures[one.name, screen.name]
        made += nodes.container(
            "", nodes.image(uri=uri, alt=alternative(one, screen), width="100%"), classes=[screen.name]
        )
    return made


def alternative(one: Sample, screen: Screen) -> str:
    """Say what a picture shows to who cannot see it; the words of the message follow it."""
    _, _, said, *_ = LETTERS.text(one.notice).splitlines()
    return f"{one.title}, {screen.width} pixels wide. {said}"


def framed(one: Sample) -> nodes.raw:
    """Show the page itself, which can do nothing there."""
    page = escape(LETTERS.html(one.notice))
    frame = f'<iframe sandbox title="{escape(one.title)}" srcdoc="{page}"></iframe>'
    return nodes.raw("", f'<div class="message">{frame}</div>', format="html")


def words(one: Sample) -> list[nodes.Node]:
    """Show the part in plain text, folded away."""
    return [
        nodes.raw("", "<details><summary>The part in plain text</summary>", format="html"),
        nodes.literal_block("", LETTERS.text(one.notice), language="none"),
        nodes.raw("", "</details>", format="html"),
    ]


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx of the directive."""
    app.add_directive("message-pictures", MessagePictures)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
