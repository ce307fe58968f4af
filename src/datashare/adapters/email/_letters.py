"""Notices as messages: the words from templates, the headers and the two parts from the email package."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import attrs
from jinja2 import BaseLoader

from datashare.domain import validation
from datashare.domain.notices import Notice
from datashare.domain.people import usable_address
from datashare.domain.policy import Party
from datashare.errors import InvalidValue

from ._addresses import written_address
from ._facts import facts_for
from ._headers import WrittenHeader, address_header, text_header
from ._templates import HTML, SUBJECT, TEXT, Templates
from ._values import IN_HTML, IN_SUBJECT, IN_TEXT, one_line


@attrs.frozen(kw_only=True)
class EmailRenderer:
    """Makes messages of notices: subject, text and HTML alternatives, and headers (O1, O5).

    Messages of one notice are the same, byte for byte, however often they are made: the date is that of the event,
    and the id is derived from the notice's (O3). It may be shared by threads.

    Attributes:
        sender: The address that messages are from, ASCII before the @; SPF and DKIM of its domain are the host's.
        sender_name: Whose address that is, as mail programs show it; possibly empty.
        id_domain: What the ids of messages end in; the domain of *sender*, if none is named.
        list_id: The ``List-Id`` of all messages, such as ``data-sharing.trust.example``; none by default.
        templates: Where to look for templates before those that come along: a folder, or a loader of Jinja2.
    """

    sender: str = attrs.field()
    sender_name: str = attrs.field(default="", validator=validation.text_or_empty)
    id_domain: str = attrs.field()
    list_id: str | None = attrs.field(default=None)
    templates: str | Path | BaseLoader | None = attrs.field(default=None)
    _found: Templates = attrs.field(init=False, repr=False, eq=False)

    @id_domain.default
    def _domain_of_sender(self) -> str:
        return _ascii_address(self.sender).rpartition("@")[2]

    @sender.validator
    def _check_sender(self, _attribute: attrs.Attribute[Any], value: object) -> None:
        _ascii_address(value)

    @id_domain.validator
    @list_id.validator
    def _check_domain(self, attribute: attrs.Attribute[Any], value: object) -> None:
        if value is None and attribute.name == "list_id":
            return
        if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", value):
            raise InvalidValue(f"EmailRenderer.{attribute.name}", value, "a name such as data-sharing.trust.example")

    @_found.default
    def _find_templates(self) -> Templates:
        return Templates(self.templates)

    def subject(self, notice: Notice, /) -> str:
        """Word the subject: one line, long names shortened.

        Raises:
            InvalidValue: A template cannot be used.
        """
        return " ".join(self._found.render(SUBJECT, notice.kind, facts_for(notice, IN_SUBJECT)).split())

    def text(self, notice: Notice, /) -> str:
        """Word the part in plain text, which stands on its own.

        Raises:
            InvalidValue: A template cannot be used.
        """
        made = self._found.render(TEXT, notice.kind, facts_for(notice, IN_TEXT))
        return re.sub(r"\n{3,}", "\n\n", made).strip() + "\n"

    def html(self, notice: Notice, /) -> str:
        """Word the part in HTML: one page, without images, scripts or anything from elsewhere.

        Raises:
            InvalidValue: A template cannot be used.
        """
        return self._found.render(HTML, notice.kind, facts_for(notice, IN_HTML)).strip() + "\n"

    def message(self, notice: Notice, /) -> EmailMessage:
        """Make the whole message, to be sent to the one address that its header ``To`` names.

        Raises:
            InvalidValue: The notice's address is none that a message can be sent to, or a template cannot be used.
        """
        address = written_address(notice.address, "Notice.address")
        made = EmailMessage(policy=SMTP if address.isascii() else SMTPUTF8)
        for header in self._headers(notice, address):
            made[header.name] = header
        # In quoted-printable no line of a body can look like the boundary.
        made.set_content(self.text(notice), cte="quoted-printable")
        made.add_alternative(self.html(notice), subtype="html", cte="quoted-printable")
        made.set_boundary(f"=_{hashlib.sha256(notice.id.encode()).hexdigest()[:32]}")
        return made

    def _headers(self, notice: Notice, address: str) -> Iterator[WrittenHeader]:
        yield address_header("From", one_line(self.sender_name), _ascii_address(self.sender))
        yield address_header("To", "", address)  # P7: one address; who shares it is named in the greeting
        reply_to = _reply_address(notice, address)
        if reply_to:
            yield address_header("Reply-To", one_line(notice.sender_name), reply_to)
        yield text_header("Subject", self.subject(notice))
        yield text_header("Date", format_datetime(notice.created_at))
        yield text_header("Message-ID", f"<{quote(notice.id, safe='')}@{self.id_domain}>")
        yield text_header("Auto-Submitted", "auto-generated")
        if self.list_id:
            yield text_header("List-Id", f"<{self.list_id}>")


def _ascii_address(sender: object) -> str:
    found = written_address(sender, "EmailRenderer.sender")
    if not found.isascii():
        raise InvalidValue("EmailRenderer.sender", sender, "an email address that is ASCII before the @")
    return found


def _reply_address(notice: Notice, address: str) -> str:
    """Tell where the school's replies go: to the sender of the request, if the message can name the address."""
    if notice.audience is not Party.SCHOOL or usable_address(notice.sender_address) is None:
        return ""
    try:
        found = written_address(notice.sender_address, "Notice.sender_address")
    except InvalidValue:
        return ""
    # Only a message that goes by SMTPUTF8 anyway may hold such an address; its text names it in any case.
    return found if found.isascii() or not address.isascii() else ""
