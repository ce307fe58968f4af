"""A real mail server on loopback, `aiosmtpd`, with a mailbox to look into and hooks to misbehave by."""

import asyncio
import contextlib
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import attrs
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from datashare.adapters.email import EmailNotifier, EmailRenderer, MailServer, Security
from datashare.delivery import DeliveryReport, deliver
from datashare.domain.agreements import State
from datashare.domain.notices import Notice
from datashare.ports import NoticeStatus, Notifier
from tests.adapters.email.notices import RENDERER
from tests.golden.values import NOTICES
from tests.world import HILDA, MIS, World, head

USER, PASSWORD = "datashare", "correct horse"
NOTICE = attrs.evolve(NOTICES["notice"], address="head@hilda.example")

Hook = Callable[[SMTP, Envelope], str | None]
"""Looks at what the client sent so far; its answer goes to the client, None means that all is well."""


@attrs.frozen(kw_only=True)
class Mail:
    """A message that the server accepted; each connection has another *peer*."""

    recipient: str
    sender: str | None
    content: bytes
    peer: Any


@attrs.define(kw_only=True)
class Mailbox:
    """What the server does with messages: it keeps them, unless a hook answers otherwise."""

    kept: list[Mail] = attrs.field(factory=list)
    on_mail: Hook = lambda _server, _envelope: None
    on_recipient: Hook = lambda _server, _envelope: None
    on_data: Hook = lambda _server, _envelope: None
    after_data: Hook = lambda _server, _envelope: None
    commands: list[str] = attrs.field(factory=list)
    passwords: list[bytes] = attrs.field(factory=list)

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.commands.append("MAIL")
        refusal = self.on_mail(server, envelope)
        if refusal is None:
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return refusal or "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        refusal = self.on_recipient(server, envelope)
        if refusal is not None:
            envelope.rcpt_tos.pop()
        return refusal or "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        refusal = self.on_data(server, envelope)
        if refusal is None:
            (recipient,) = envelope.rcpt_tos
            content, sender = envelope.original_content or b"", envelope.mail_from
            self.kept.append(Mail(recipient=recipient, sender=sender, content=content, peer=session.peer))
            refusal = self.after_data(server, envelope)
        return refusal or "250 OK"

    def login(self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: object) -> AuthResult:
        """Let in who knows the password."""
        assert isinstance(data, LoginPassword)
        self.passwords.append(data.password)
        return AuthResult(success=(USER, PASSWORD) == (data.login.decode(), data.password.decode()), handled=False)

    @property
    def addresses(self) -> list[str]:
        """Where the messages went, in order of address."""
        return sorted(mail.recipient for mail in self.kept)

    @property
    def connections(self) -> int:
        """How many connections the messages came over."""
        return len({mail.peer for mail in self.kept})


class DyingServer(SMTP):
    """A server that dies while a message is on its way."""

    async def smtp_DATA(self, arg: str) -> None:  # noqa: ARG002, N802
        await self.push("354 Go on")
        hang_up(self)


def hang_up(server: SMTP) -> None:
    """End a server's connection at once."""
    transport = server.transport
    assert isinstance(transport, asyncio.WriteTransport)
    transport.abort()


@contextlib.contextmanager
def serving(
    mailbox: Mailbox | None = None, *, kind: type[SMTP] = SMTP, implicit_tls: ssl.SSLContext | None = None, **ways: Any
) -> Iterator[int]:
    """Run a server in a thread of its own until the block ends, and give its port on 127.0.0.1."""
    loop = asyncio.new_event_loop()
    transports: list[asyncio.BaseTransport] = []

    def protocol() -> SMTP:
        server = kind(mailbox or Mailbox(), loop=loop, hostname="mx.example", **{"enable_SMTPUTF8": True, **ways})
        connected = server.connection_made

        def connection_made(transport: asyncio.BaseTransport) -> None:
            transports.append(transport)
            connected(transport)

        server.connection_made = connection_made  # type: ignore[method-assign]
        return server

    server = loop.run_until_complete(loop.create_server(protocol, "127.0.0.1", 0, ssl=implicit_tls))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:

        async def stop() -> None:
            server.close()
            for transport in transports:
                transport.abort()  # type: ignore[attr-defined]
            await asyncio.sleep(0)
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.sleep(0.01)

        asyncio.run_coroutine_threadsafe(stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def listening(security: Security, context: ssl.SSLContext) -> dict[str, Any]:
    """Return the settings of a server that wants encryption."""
    if security is Security.IMPLICIT_TLS:
        return {"implicit_tls": context, "auth_require_tls": False}
    return {"tls_context": context, "require_starttls": True, "auth_required": True}


def at(port: int, **settings: Any) -> MailServer:
    """Name a server on this machine, without encryption unless *settings* say otherwise."""
    return MailServer(**{"host": "127.0.0.1", "port": port, "security": Security.NONE, **settings})


@contextlib.contextmanager
def sending(
    *, renderer: EmailRenderer = RENDERER, settings: Mapping[str, Any] | None = None, **server: Any
) -> Iterator[tuple[EmailNotifier, Mailbox]]:
    """Build a notifier with *settings*, and the mailbox of the *server* that it sends to."""
    mailbox = server.pop("mailbox", None) or Mailbox()
    with serving(mailbox, **server) as port, EmailNotifier(renderer, at(port, **(settings or {}))) as notifier:
        yield notifier, mailbox


# What becomes of notices


def ask_the_head(world: World) -> World:
    """Ask one school in such a way that one notice waits."""
    world.trust().request([HILDA], level=MIS, recipients={HILDA: [head(HILDA)]}, command_id="ask")
    return world


def run(world: World, notifier: Notifier) -> DeliveryReport:
    """Deliver what is due by the world's clock; what fails is due half a minute later."""
    return deliver(world.store, notifier, clock=world.clock, random=lambda: 0.5)


def stored(world: World) -> dict[NoticeStatus, list[Notice]]:
    """Return the notices by what became of them."""
    rows = world.notices(status=None)
    return {status: [row.notice for row in rows if row.notice and row.status is status] for status in NoticeStatus}


def errors(world: World) -> str:
    """Return why notices are not delivered."""
    return "\n".join(sorted({row.error for row in world.notices(status=None) if row.error}))


def agree(world: World, arrived: Iterable[str], **expected: int) -> None:
    """Check that the request is open, how many notices have each status, and that those delivered have arrived."""
    notices = stored(world)
    assert State.PENDING == world.state(HILDA).state  # O4: whatever became of the messages
    assert Counter(expected) == Counter({status.name.lower(): len(notices[status]) for status in notices})
    assert sorted(notice.address for notice in notices[NoticeStatus.DELIVERED]) == sorted(arrived)
