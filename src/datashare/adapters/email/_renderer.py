"""Notices as messages: words from templates, headers and parts from the email package."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import attrs
from jinja2 import BaseLoader

from datashare.domain.notices import Notice
from datashare.domain.people import usable_address
from datashare.domain.policy import Party
from datashare.domain.validation import TextOrEmpty, matching, validated_setting
from datashare.errors import InvalidValue, Misconfigured

from ._templates import HTML, SUBJECT, TEXT, Templates
from ._values import WrittenHeader, address_header, one_line, text_header, written_address

_DomainName = Annotated[
    str, matching(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", "a name such as data-sharing.trust.example")
]


@attrs.frozen(kw_only=True, field_transformer=validated_setting)
class EmailRenderer:
    """Renders notices as messages: subject, a text and an HTML part, and headers (O1, O5).

    The message of a notice is always the same, byte for byte: its date is that of the event, and its id is derived
    from the notice's id (O3). Threads may share a renderer.

    Attributes:
        sender: The address that messages are from, ASCII before the @. SPF and DKIM of its domain are up to the host.
        sender_name: The name that mail programs show for that address; possibly empty.
        id_domain: The domain in the ids of messages; by default the domain of *sender*.
        list_id: The ``List-Id`` of all messages, such as ``data-sharing.trust.example``; by default they have none.
        templates: A folder or a Jinja2 loader, where templates are looked for before the shipped ones.
    """

    sender: str = attrs.field()
    sender_name: TextOrEmpty = ""
    id_domain: _DomainName = attrs.field()
    list_id: _DomainName | None = None
    templates: str | Path | BaseLoader | None = None
    _loaded: Templates = attrs.field(init=False, repr=False, eq=False)

    @id_domain.default
    def _domain_of_sender(self) -> str:
        return _ascii_address(self.sender).rpartition("@")[2]

    @sender.validator
    def _check_sender(self, _attribute: attrs.Attribute[Any], value: object) -> None:
        _ascii_address(value)

    @_loaded.default
    def _load_templates(self) -> Templates:
        return Templates(self.templates)

    @property
    def envelope_sender(self) -> str:
        """The sender's address on the envelope; the mail server sends its reports of failed deliveries there."""
        return _ascii_address(self.sender)

    def subject(self, notice: Notice, /) -> str:
        """Write the subject: one line, with long names shortened.

        Raises:
            Misconfigured: A template cannot be used.
        """
        return " ".join(self._loaded.render(SUBJECT, notice).split())

    def text(self, notice: Notice, /) -> str:
        """Write the part in plain text, which stands on its own.

        Raises:
            Misconfigured: A template cannot be used.
        """
        return re.sub(r"\n{3,}", "\n\n", self._loaded.render(TEXT, notice)).strip() + "\n"

    def html(self, notice: Notice, /) -> str:
        """Write the part in HTML: one page, without images, scripts or anything from elsewhere.

        Raises:
            Misconfigured: A template cannot be used.
        """
        return self._loaded.render(HTML, notice).strip() + "\n"

    def message(self, notice: Notice, /) -> EmailMessage:
        """Build the whole message, for the one address in its header ``To``.

        Raises:
            InvalidValue: No message can be sent to the notice's address, or a template cannot be used.
        """
        address = written_address(notice.address, "Notice.address")
        message = EmailMessage(policy=SMTP if address.isascii() else SMTPUTF8)
        for header in self._headers(notice, address):
            message[header.name] = header
        # In quoted-printable, no line of a body can look like the boundary.
        message.set_content(self.text(notice), cte="quoted-printable")
        message.add_alternative(self.html(notice), subtype="html", cte="quoted-printable")
        message.set_boundary(f"=_{hashlib.sha256(notice.id.encode()).hexdigest()[:32]}")
        return message

    def _headers(self, notice: Notice, address: str) -> Iterator[WrittenHeader]:
        yield address_header("From", one_line(self.sender_name), self.envelope_sender)
        yield address_header("To", "", address)  # P7: one address; the greeting names everybody who shares it
        reply_address = _reply_address(notice, address)
        if reply_address:
            yield address_header("Reply-To", one_line(notice.sender_name), reply_address)
        yield text_header("Subject", self.subject(notice))
        yield text_header("Date", format_datetime(notice.created_at))
        yield text_header("Message-ID", f"<{quote(notice.id, safe='')}@{self.id_domain}>")
        yield text_header("Auto-Submitted", "auto-generated")
        if self.list_id:
            yield text_header("List-Id", f"<{self.list_id}>")


def _ascii_address(sender: object) -> str:
    address = written_address(sender, "EmailRenderer.sender")
    if not address.isascii():
        raise Misconfigured("EmailRenderer.sender", sender, "an email address that is ASCII before the @")
    return address


def _reply_address(notice: Notice, address: str) -> str:
    """Return where the school's replies go: to the request's sender, if the message can hold that address."""
    if notice.audience is not Party.SCHOOL or usable_address(notice.sender_address) is None:
        return ""
    try:
        reply_address = written_address(notice.sender_address, "Notice.sender_address")
    except InvalidValue:
        return ""
    # Only a message that needs SMTPUTF8 anyway may hold an address that needs it; the text always names it.
    return reply_address if reply_address.isascii() or not address.isascii() else ""
