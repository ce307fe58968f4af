"""A real mail server on loopback, `aiosmtpd`, with a mailbox to look into and hooks to misbehave by."""

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Callable, Iterator
from email import message_from_string
from email.message import EmailMessage
from email.policy import default
from html.parser import HTMLParser
from typing import Any

import attrs
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from datashare.adapters.email import EmailRenderer
from datashare.testing import ReceivedMessage

USER, PASSWORD = "datashare", "correct horse"
OK = "250 Taken over"

Hook = Callable[[SMTP, Envelope], str | None]
"""Looks at what the server was told so far; what it answers is said to the client, nothing means that all is well."""


def letters(**settings: Any) -> EmailRenderer:
    """Make letters of a made-up host."""
    return EmailRenderer(**{"sender": "no-reply@trust.example", "sender_name": "Data sharing", **settings})


@attrs.frozen(kw_only=True)
class Mail:
    """A message as the server took it over."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes
    peer: Any

    @property
    def message(self) -> EmailMessage:
        """The message, as a mail program reads it."""
        return read(self.content)


@attrs.define(kw_only=True)
class Mailbox:
    """What the server does with what it is told: it keeps messages, unless a hook says otherwise."""

    kept: list[Mail] = attrs.field(factory=list)
    on_mail: Hook = lambda _server, _envelope: None
    on_recipient: Hook = lambda _server, _envelope: None
    on_data: Hook = lambda _server, _envelope: None
    after_data: Hook = lambda _server, _envelope: None
    seconds: float = 0.0
    commands: list[str] = attrs.field(factory=list)
    passwords: list[bytes] = attrs.field(factory=list)

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        await asyncio.sleep(self.seconds)
        self.commands.append("MAIL")
        said = self.on_mail(server, envelope)
        if said is None:
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return said or OK

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.commands.append("RCPT")
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        said = self.on_recipient(server, envelope)
        if said is not None:
            envelope.rcpt_tos.pop()
        return said or OK

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.commands.append("DATA")
        said = self.on_data(server, envelope)
        if said is None:
            content = envelope.original_content or b""
            self.kept.append(
                Mail(
                    sender=envelope.mail_from or "",
                    recipients=tuple(envelope.rcpt_tos),
                    content=content,
                    peer=session.peer,
                )
            )
            said = self.after_data(server, envelope)
        return said or OK

    def login(self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: object) -> AuthResult:
        """Let in who knows the password."""
        assert isinstance(data, LoginPassword)
        self.passwords.append(data.password)
        success = (USER, PASSWORD) == (data.login.decode(), data.password.decode())
        return AuthResult(success=success, handled=False)


class DyingServer(SMTP):
    """A server that dies while a message is on its way."""

    async def smtp_DATA(self, arg: str) -> None:  # noqa: ARG002, N802
        await self.push("354 Go on")
        hang_up(self)


def hang_up(server: SMTP) -> None:
    """Let a server end its connection at once."""
    transport = server.transport
    assert isinstance(transport, asyncio.WriteTransport)
    transport.abort()


@attrs.frozen(kw_only=True)
class RunningServer:
    """A server that listens.

    Attributes:
        port: Where, on 127.0.0.1.
        mailbox: What it took over.
    """

    port: int
    mailbox: Mailbox


@contextlib.contextmanager
def serving(
    mailbox: Mailbox | None = None,
    *,
    kind: type[SMTP] = SMTP,
    implicit_tls: ssl.SSLContext | None = None,
    **settings: Any,
) -> Iterator[RunningServer]:
    """Run a server in a thread of its own, until the block ends."""
    box = mailbox or Mailbox()
    loop = asyncio.new_event_loop()
    transports: list[asyncio.BaseTransport] = []

    def protocol() -> SMTP:
        made = kind(box, loop=loop, hostname="mx.example", **{"enable_SMTPUTF8": True, **settings})
        connected = made.connection_made

        def connection_made(transport: asyncio.BaseTransport) -> None:
            transports.append(transport)
            connected(transport)

        made.connection_made = connection_made  # type: ignore[method-assign]
        return made

    server = loop.run_until_complete(loop.create_server(protocol, "127.0.0.1", 0, ssl=implicit_tls))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield RunningServer(port=server.sockets[0].getsockname()[1], mailbox=box)
    finally:

        async def stop() -> None:
            server.close()
            for transport in transports:
                transport.abort()  # type: ignore[attr-defined]
            await asyncio.sleep(0)
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            await asyncio.sleep(0.01)

        asyncio.run_coroutine_threadsafe(stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def read(content: bytes) -> EmailMessage:
    """Read a message as a mail program does."""
    found = message_from_string(content.decode(), policy=default)  # SMTPUTF8 headers are UTF-8 as they are
    assert isinstance(found, EmailMessage)
    return found


class TagReader(HTMLParser):
    """Reads the tags and the words of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.words: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(f"{tag} {attributes}")

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        """The words of the page, each run of white space as one space."""
        return " ".join("".join(self.words).split())


def part(message: EmailMessage, kind: str) -> str:
    """Give the text or the page of a message."""
    found = message.get_body((kind,))
    assert found is not None
    content = found.get_content()
    assert isinstance(content, str)
    return content.replace("\r\n", "\n")


def received(content: bytes, recipients: tuple[str, ...]) -> ReceivedMessage:
    """Describe a message for the contract of notifiers."""
    message = read(content)
    return ReceivedMessage(
        id=message["Message-ID"],
        recipients=recipients,
        headers=tuple(message.keys()),
        markup=tuple(TagReader(part(message, "html")).tags),
    )
