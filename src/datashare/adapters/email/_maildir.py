"""Keeps notices in a folder instead of sending them, for development."""

from __future__ import annotations

import contextlib
import mailbox
from collections.abc import Collection
from html import escape
from pathlib import Path
from urllib.parse import quote

from datashare.domain import validation
from datashare.domain.notices import Notice
from datashare.domain.people import address_key
from datashare.errors import InvalidValue, Misconfigured
from datashare.ports import Delivered, NeverDeliverable, SendResult, TryAgain

from ._renderer import EmailRenderer
from ._values import written_address

_TOP = """<!doctype html>
<html lang="en-GB">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Messages that would have been sent</title>
<style>body { font: 1rem/1.5 sans-serif; margin: 2rem auto; max-width: 45rem; padding: 0 1rem }</style>
<h1>Messages that would have been sent</h1>
"""


class MaildirNotifier:
    """Writes each message into a Maildir where a person can open it, and never sends any.

    Any mail program can read the folder. In it, ``index.html`` lists the messages in the order of their arrival, and
    the folder ``pages`` holds a page of each and the message itself as an ``.eml`` file.

    Attributes:
        index: The page to open in a browser, once there is a message.
    """

    def __init__(self, renderer: EmailRenderer, folder: str | Path, *, refusing: Collection[str] = ()) -> None:
        """Write the messages of *renderer* into *folder*; the first message creates it.

        Args:
            renderer: Makes the messages.
            folder: Where to keep them.
            refusing: Addresses to refuse as a mail server refuses unknown ones, to see what the host does with notices
                that are given up.

        Raises:
            Misconfigured: *renderer* is not an EmailRenderer.
        """
        self._renderer = validation.require_a(renderer, EmailRenderer, "renderer", "an EmailRenderer", Misconfigured)
        self._folder = Path(folder)
        self._refused = {address_key(address) for address in refusing}
        self.index: Path = self._folder / "index.html"

    def send(self, notice: Notice, /) -> SendResult:
        """Write *notice* into the folder, and return whether that worked."""
        try:
            written_address(notice.address, "Notice.address")
        except InvalidValue as exc:
            return NeverDeliverable(str(exc))
        if address_key(notice.address) in self._refused:
            return NeverDeliverable(f"This folder is set to refuse {notice.address}.")
        try:
            self._keep(notice)
        except (InvalidValue, OSError, mailbox.Error) as exc:
            return TryAgain(f"The message could not be written to {self._folder}: {exc}")
        return Delivered()

    def _keep(self, notice: Notice) -> None:
        message = self._renderer.message(notice)
        name = quote(notice.id, safe="")
        for part in ("tmp", "new", "cur", "pages"):  # mailbox creates them only if the folder does not exist
            (self._folder / part).mkdir(parents=True, exist_ok=True)
        with contextlib.closing(mailbox.Maildir(self._folder)) as box:
            box.add(message.as_bytes())
        pages = self._folder / "pages"
        (pages / f"{name}.eml").write_bytes(message.as_bytes())
        (pages / f"{name}.html").write_text(self._renderer.html(notice), encoding="utf-8")
        file = quote(name)  # the name in the folder holds percent signs of its own
        entry = (
            f'<p><a href="pages/{file}.html"><bdi>{escape(message["Subject"])}</bdi></a><br>'
            f'to <bdi>{escape(message["To"])}</bdi> (<a href="pages/{file}.eml">as a message</a>)</p>\n'
        )
        with self.index.open("a", encoding="utf-8") as index:  # a page of HTML needs no end, so it can always grow
            index.write(entry if index.tell() else _TOP + entry)
