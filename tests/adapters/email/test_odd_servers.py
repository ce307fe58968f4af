"""Mail servers that are slow, odd or rude (rules O3 and O4)."""

import asyncio
import contextlib
import smtplib
import socket
import threading
import time
from datetime import timedelta
from typing import Any

import attrs
import pytest
from aiosmtpd.smtp import SMTP

from datashare.adapters.email import EmailNotifier, Security
from datashare.ports import Delivered, NeverDeliverable, TryAgain
from tests.adapters.email.conftest import Certificates
from tests.adapters.email.notices import RENDERER
from tests.adapters.email.reading import part, read
from tests.adapters.email.servers import NOTICE, PASSWORD, USER, Mailbox, at, listening, sending, serving

SHORT = timedelta(seconds=0.3)
LATE = TryAgain("The mail server did not answer in time.")


# Slow ones


class Dripping(SMTP):
    """A server that sends a byte now and then, and never a whole answer."""

    async def drip(self) -> None:
        """Send a little, for ten seconds."""
        assert isinstance(self.transport, asyncio.WriteTransport)
        for _ in range(200):
            self.transport.write(b"2")
            await asyncio.sleep(0.05)

    async def smtp_RCPT(self, arg: str | None) -> None:  # noqa: ARG002, N802
        await self.drip()


class DrippingLines(Dripping):
    """A server that sends one line after the other of an answer that never ends."""

    async def drip(self) -> None:
        """Send more lines, for ten seconds."""
        for _ in range(200):
            await self.push("250-There is more")
            await asyncio.sleep(0.05)


class DrippingGreeting(Dripping):
    """A server that drips from the beginning."""

    async def smtp_EHLO(self, hostname: str) -> None:  # noqa: ARG002, N802
        await self.drip()


class Silent(Dripping):
    """A server that sends nothing for a long time."""

    async def drip(self) -> None:
        """Wait for ten seconds."""
        await asyncio.sleep(10)


@pytest.mark.rule("O3")
@pytest.mark.parametrize("kind", [Dripping, DrippingLines, DrippingGreeting, Silent], ids=lambda kind: kind.__name__)
def test_a_slow_server_is_not_waited_for(kind: type[SMTP]) -> None:
    """The time-out is for the whole message, however many pieces of answers come in between."""
    with sending(kind=kind, settings={"timeout": SHORT}) as (notifier, mailbox):
        start = time.monotonic()
        assert LATE == notifier.send(NOTICE)
        assert time.monotonic() - start < 2
    assert [] == mailbox.kept


@pytest.mark.rule("O3")
@pytest.mark.parametrize("security", [Security.STARTTLS, Security.IMPLICIT_TLS], ids=lambda way: way.value)
def test_an_encrypted_slow_server_is_not_waited_for(certificates: Certificates, security: Security) -> None:
    """The time-out holds where the pieces come encrypted too."""
    server = {**listening(security, certificates.server()), "auth_required": False}
    settings = {"security": security, "context": certificates.trusting, "timeout": SHORT * 2}
    with sending(kind=Dripping, settings=settings, **server) as (notifier, _):
        start = time.monotonic()
        assert LATE == notifier.send(NOTICE)
        assert time.monotonic() - start < 3


def test_a_server_that_does_not_greet_is_not_waited_for() -> None:
    """The time-out holds from the first moment on."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = at(silent.getsockname()[1], timeout=SHORT)
        assert LATE == EmailNotifier(RENDERER, server).send(NOTICE)


@pytest.mark.rule("O3")
def test_the_time_is_for_each_message_anew() -> None:
    """A connection that is kept for longer than the time-out serves the next message."""
    with sending() as (notifier, mailbox):
        assert Delivered() == notifier.send(NOTICE)
        assert notifier._connection is not None
        notifier._connection.until = time.monotonic() - 1
        assert Delivered() == notifier.send(NOTICE)
    assert (2, 1) == (len(mailbox.kept), mailbox.connections)


def test_nothing_is_said_after_the_moment_to_give_up() -> None:
    """A connection whose time is up is late, and one that was closed is closed."""
    with serving() as port, contextlib.closing(at(port).connect(time.monotonic() + 10)) as connection:
        connection.until = time.monotonic() - 1
        with pytest.raises(TimeoutError):
            connection.noop()
        connection.close()
        with pytest.raises(smtplib.SMTPServerDisconnected):
            connection.noop()


@pytest.mark.parametrize("security", [Security.NONE, Security.IMPLICIT_TLS], ids=lambda way: way.value)
def test_a_long_message_arrives_whole(certificates: Certificates, security: Security) -> None:
    """The server gets one text from what is written in several pieces."""
    long = attrs.evolve(NOTICE, reason="Übergröße. " * 900)
    implicit_tls = certificates.server() if security is Security.IMPLICIT_TLS else None
    settings = {"security": security, "context": certificates.trusting}
    with sending(implicit_tls=implicit_tls, settings=settings) as (notifier, mailbox):
        assert Delivered() == notifier.send(long)

    (mail,) = mailbox.kept
    assert RENDERER.message(long).as_bytes() == mail.content
    assert 900 == part(read(mail.content), "plain").count("Übergröße.")


# Odd ones


@pytest.mark.rule("O3", "O4")
@pytest.mark.parametrize(
    ("words", "expected"), [("451 4.3.0 Not now", TryAgain), ("554 5.6.0 Nothing of that", NeverDeliverable)]
)
def test_a_refusal_before_the_message_leaves_nothing_behind(
    words: str, expected: type[TryAgain | NeverDeliverable]
) -> None:
    """Where the server refuses the command DATA, the next message starts afresh over the same connection."""
    answers = iter([words])

    class Unwilling(SMTP):
        async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
            refusal = next(answers, "")
            if refusal:
                await self.push(refusal)
            else:
                await super().smtp_DATA(arg)

    with sending(kind=Unwilling) as (notifier, mailbox):
        first, second = notifier.send(NOTICE), notifier.send(NOTICE)

    assert isinstance(first, expected)
    assert words in first.why
    assert Delivered() == second
    assert 1 == len(mailbox.kept)


def test_an_answer_that_cannot_be_read_loses_nothing() -> None:
    """A challenge that is not base64 is an answer in words, and the connection is not kept."""

    class Babbling(SMTP):
        async def smtp_AUTH(self, arg: str) -> None:  # noqa: ARG002, N802
            await self.push("334 !!!notbase64")

    box = Mailbox()
    login = {"username": USER, "password": PASSWORD}
    server: dict[str, Any] = {"kind": Babbling, "authenticator": box.login, "auth_require_tls": False}
    with sending(mailbox=box, settings=login, **server) as (notifier, _):
        for _ in range(2):
            answer = notifier.send(NOTICE)
            assert isinstance(answer, TryAgain)
            assert "conversation with the mail server failed: Error: Invalid base64" in answer.why


def test_a_server_that_refuses_the_greeting_is_tried_again() -> None:
    """Its words are the answer."""

    class Busy(SMTP):
        async def smtp_EHLO(self, hostname: str) -> None:  # noqa: ARG002, N802
            await self.push("554 Not today")

        smtp_HELO = smtp_EHLO  # noqa: N815

    with sending(kind=Busy) as (notifier, _):
        assert TryAgain("The mail server refused the connection: 554 Not today.") == notifier.send(NOTICE)


# Greetings and goodbyes


@pytest.mark.parametrize("name", ["mis.trust.example", "[127.0.0.1]", "[IPv6:::1]", "mis", "mis.trust.example."])
def test_a_machine_may_be_called_by_name_or_number(name: str) -> None:
    """The server accepts what the greeting may hold."""
    with sending(settings={"own_name": name}) as (notifier, _):
        assert Delivered() == notifier.send(NOTICE)


def test_a_server_hears_goodbye() -> None:
    """Closing sends QUIT, so that the server need not wait for more."""
    goodbyes = []

    class Polite(SMTP):
        async def smtp_QUIT(self, arg: str) -> None:  # noqa: N802
            goodbyes.append(arg)
            await super().smtp_QUIT(arg)

    with sending(kind=Polite) as (notifier, _):
        notifier.send(NOTICE)
        notifier.close()
        assert 1 == len(goodbyes)


def test_a_failed_login_leaves_no_connection_open() -> None:
    """The server has been left while somebody still looks at the error."""
    left = threading.Event()

    class Watching(SMTP):
        def connection_lost(self, error: Exception | None) -> None:
            left.set()
            super().connection_lost(error)

    box = Mailbox()
    with serving(box, kind=Watching, authenticator=box.login, auth_require_tls=False) as port:
        server = at(port, username=USER, password="battery staple")  # noqa: S106
        with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
            server.connect(server.deadline())

        assert left.wait(5)
        assert 535 == refused.value.smtp_code
