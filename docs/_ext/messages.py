"""A directive that shows every kind of message, rendered by the templates of the library.

``{message-pictures}`` shows pictures that Chromium takes, if it is installed. Otherwise it shows the pages themselves
in frames, and a note. With DATASHARE_REQUIRE_CHROMIUM=1 in the environment, the build fails without Chromium.
"""

import os
from html import escape
from itertools import product
from pathlib import Path
from typing import TypeAlias

from browser import DESKTOP, PHONE, Browser, BrowserFailed, Screen
from docutils import nodes
from sample_messages import Sample, samples
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

from datashare.adapters.email import EmailRenderer

REQUIRE = "DATASHARE_REQUIRE_CHROMIUM"
SCREENS = (DESKTOP, PHONE)
RENDERER = EmailRenderer(sender="no-reply@data-sharing.example")

Pictures: TypeAlias = dict[tuple[str, str], str]
"""The path of each picture, relative to the documentation's sources, by the names of message and screen."""

WITHOUT_CHROMIUM = (
    "Pictures need Chromium, which was not installed when this documentation was built. "
    "So each message is shown as a page in a frame, as your own browser lays it out."
)


class MessagePictures(SphinxDirective):
    """Each message in a section of its own, with pictures and its words."""

    def run(self) -> list[nodes.Node]:
        """Build the sections."""
        messages = samples()
        pictures = self._pictures(messages)
        note = [] if pictures else [nodes.note("", nodes.paragraph(text=WITHOUT_CHROMIUM))]
        return [*note, *(section(sample, pictures) for sample in messages)]

    def _pictures(self, messages: list[Sample]) -> Pictures:
        try:
            return self._take(messages)
        except BrowserFailed as exc:
            if os.environ.get(REQUIRE) == "1":
                raise ExtensionError(f"The pictures of messages need Chromium ({REQUIRE}=1). {exc}") from exc
            return {}

    def _take(self, messages: list[Sample]) -> Pictures:
        # The folder differs by Python, so builds that run in parallel do not write the same files.
        folder = Path(self.env.app.doctreedir) / "pictures"
        folder.mkdir(parents=True, exist_ok=True)
        pictures: Pictures = {}
        with Browser.running() as browser:
            for sample, screen in product(messages, SCREENS):
                path = folder / f"message-{sample.name}-{screen.name}.png"
                browser.show(RENDERER.html(sample.notice), screen)
                path.write_bytes(browser.picture(screen))
                pictures[sample.name, screen.name] = os.path.relpath(path, self.env.srcdir)
        return pictures


def section(sample: Sample, pictures: Pictures) -> nodes.section:
    """Show a message: its subject, its pictures or its page, and its words."""
    content = nodes.section(ids=[f"message-{sample.name}"], names=[sample.name])
    content += nodes.title(text=sample.title)
    content += nodes.paragraph("", "", nodes.strong(text=RENDERER.subject(sample.notice)))
    content += side_by_side(sample, pictures) if pictures else framed(sample)
    content += words(sample)
    return content


def side_by_side(sample: Sample, pictures: Pictures) -> nodes.container:
    """Show the pictures of a message side by side."""
    container = nodes.container(classes=["pictures"])
    for screen in SCREENS:
        image = nodes.image(uri="/" + pictures[sample.name, screen.name], alt=alternative(sample, screen), width="100%")
        container += nodes.container("", image, classes=[screen.name])
    return container


def alternative(sample: Sample, screen: Screen) -> str:
    """Describe a picture for people who cannot see it."""
    _, _, first_sentences, *_ = RENDERER.text(sample.notice).splitlines()
    return f"{sample.title}, {screen.width} pixels wide. {first_sentences}"


def framed(sample: Sample) -> nodes.raw:
    """Show the page itself in a frame that runs no scripts."""
    page = escape(RENDERER.html(sample.notice))
    frame = f'<iframe sandbox title="{escape(sample.title)}" srcdoc="{page}"></iframe>'
    return nodes.raw("", f'<div class="pictures">{frame}</div>', format="html")


def words(sample: Sample) -> list[nodes.Node]:
    """Show the part in plain text, folded away."""
    return [
        nodes.raw("", "<details><summary>The part in plain text</summary>", format="html"),
        nodes.literal_block("", RENDERER.text(sample.notice), language="none"),
        nodes.raw("", "</details>", format="html"),
    ]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive with Sphinx."""
    app.add_directive("message-pictures", MessagePictures)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
