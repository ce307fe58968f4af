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
from datashare.errors import InvalidValue
from datashare.ports import Delivered, NeverDeliverable, SendResult, TryAgain

from ._addresses import written_address
from ._letters import EmailRenderer

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

    The folder is a Maildir for any mail program. Beside it, ``index.html`` lists the messages in the order in which
    they came, with a page for each, in the folder ``pages``, and the message itself as an ``.eml`` file.

    Attributes:
        index: The page to open in a browser, once there is a message.
    """

    def __init__(self, letters: EmailRenderer, folder: str | Path, *, refusing: Collection[str] = ()) -> None:
        """Write what *letters* makes into *folder*, which is made with the first message, if it is not there.

        Args:
            letters: Makes the messages.
            folder: Where to keep them.
            refusing: Addresses that are answered as if the mail server did not know them, to see what a host does
                with notices that are given up.

        Raises:
            InvalidValue: The letters are something else.
        """
        self._letters = validation.require_a(letters, EmailRenderer, "letters", "EmailRenderer")
        self._folder = Path(folder)
        self._refused = {address_key(address) for address in refusing}
        self.index = self._folder / "index.html"

    def send(self, notice: Notice, /) -> SendResult:
        """Write *notice* down, and tell whether that could be done."""
        try:
            written_address(notice.address, "Notice.address")
        except InvalidValue as exc:
            return NeverDeliverable(str(exc))
        if address_key(notice.address) in self._refused:
            return NeverDeliverable(f"{notice.address} is among those that this folder refuses.")
        try:
            self._keep(notice)
        except (InvalidValue, OSError, mailbox.Error) as exc:
            return TryAgain(f"The message could not be written to {self._folder}: {exc}")
        return Delivered()

    def _keep(self, notice: Notice) -> None:
        message = self._letters.message(notice)
        name = quote(notice.id, safe="")
        for part in ("tmp", "new", "cur", "pages"):  # mailbox makes them only where there is no folder yet
            (self._folder / part).mkdir(parents=True, exist_ok=True)
        with contextlib.closing(mailbox.Maildir(self._folder)) as box:
            box.add(message.as_bytes())
        pages = self._folder / "pages"
        (pages / f"{name}.eml").write_bytes(message.as_bytes())
        (pages / f"{name}.html").write_text(self._letters.html(notice), encoding="utf-8")
        self._list(name, str(message["To"]), str(message["Subject"]))

    def _list(self, name: str, address: str, subject: str) -> None:
        """Add a line to the list; a page of HTML needs no end, so that lines can always be added."""
        file = quote(name)  # the name in the folder holds percent signs of its own
        line = (
            f'<p><a href="pages/{file}.html"><bdi>{escape(subject)}</bdi></a><br>'
            f'to <bdi>{escape(address)}</bdi> (<a href="pages/{file}.eml">as a message</a>)</p>\n'
        )
        with self.index.open("a", encoding="utf-8") as index:
            index.write(line if index.tell() else _TOP + line)
