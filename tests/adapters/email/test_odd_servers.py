"""Mail servers that misbehave, and settings that give a password away (rules O3 and O4)."""

import asyncio
import smtplib
import threading
import time
from datetime import timedelta
from typing import Any

import attrs
import pytest
from aiosmtpd.smtp import SMTP

from datashare.adapters.email import EmailNotifier, MailServer, Security
from datashare.adapters.email._answers import answer_to
from datashare.errors import InvalidValue
from datashare.ports import Delivered, NeverDeliverable, TryAgain
from tests.adapters.email.conftest import Certificates
from tests.adapters.email.servers import PASSWORD, USER, Mailbox, letters, part, serving
from tests.adapters.email.test_sending import NOTICE, encrypted, listening, plain

SHORT = timedelta(seconds=0.5)
LATE = TryAgain("The mail server did not answer in time.")


# Those that take their time


class Dripping(SMTP):
    """A server that sends a letter now and then, and never a whole answer."""

    async def drip(self) -> None:
        """Say a little, for ten seconds."""
        assert isinstance(self.transport, asyncio.WriteTransport)
        for _ in range(200):
            self.transport.write(b"2")
            await asyncio.sleep(0.05)

    async def smtp_RCPT(self, arg: str | None) -> None:  # noqa: ARG002, N802
        await self.drip()


class DrippingAnswers(Dripping):
    """A server that begins one line of its answer after the other."""

    async def drip(self) -> None:
        """Say so much that it never ends."""
        for _ in range(200):
            await self.push("250-There is more")
            await asyncio.sleep(0.05)


class DrippingGreeting(Dripping):
    """A server that takes its time from the beginning."""

    async def smtp_EHLO(self, hostname: str) -> None:  # noqa: ARG002, N802
        await self.drip()


@pytest.mark.rule("O3")
@pytest.mark.parametrize("kind", [Dripping, DrippingAnswers, DrippingGreeting], ids=lambda kind: kind.__name__)
def test_a_server_that_drips_is_not_waited_for(kind: type[SMTP]) -> None:
    """The time-out is for the whole message, however many pieces of answers come in between."""
    with serving(kind=kind) as server, EmailNotifier(letters(), plain(server.port, timeout=SHORT)) as notifier:
        began = time.monotonic()
        assert LATE == notifier.send(NOTICE)
        assert time.monotonic() - began < 2


@pytest.mark.rule("O3")
@pytest.mark.parametrize("security", [Security.STARTTLS, Security.IMPLICIT_TLS], ids=lambda one: one.value)
def test_an_encrypted_server_that_drips_is_not_waited_for(certificates: Certificates, security: Security) -> None:
    """It is no other where the pieces come encrypted."""
    settings = listening(security, certificates.server())
    with (
        serving(kind=Dripping, **{**settings, "auth_required": False}) as server,
        EmailNotifier(letters(), encrypted(server, certificates, security=security, timeout=SHORT * 2)) as notifier,
    ):
        began = time.monotonic()
        assert LATE == notifier.send(NOTICE)
        assert time.monotonic() - began < 3


@pytest.mark.rule("O3")
def test_the_time_is_for_each_message_anew() -> None:
    """A server that needs a part of the time for each message gets many over one connection, and the time out ends."""
    with (
        serving(Mailbox(seconds=0.2)) as server,
        EmailNotifier(letters(), plain(server.port, timeout=SHORT)) as notifier,
    ):
        assert [Delivered()] * 4 == [notifier.send(NOTICE) for _ in range(4)]
        assert 1 == len({mail.peer for mail in server.mailbox.kept})


@pytest.mark.parametrize("security", [Security.NONE, Security.IMPLICIT_TLS], ids=lambda one: one.value)
def test_a_long_message_arrives_whole(certificates: Certificates, security: Security) -> None:
    """What is written in several pieces is one text to the server."""
    long = attrs.evolve(NOTICE, reason="Übergröße. " * 900)
    settings: dict[str, Any] = {"implicit_tls": certificates.server()} if security is Security.IMPLICIT_TLS else {}
    with (
        serving(**settings) as server,
        EmailNotifier(letters(), encrypted(server, certificates, security=security)) as notifier,
    ):
        assert Delivered() == notifier.send(long)
        (mail,) = server.mailbox.kept
        assert letters().message(long).as_bytes() == mail.content
        assert 900 == part(mail.message, "plain").count("Übergröße.")


def test_time_that_is_over_is_no_time() -> None:
    """Nobody is talked to after the moment to give up at."""
    with serving() as server:
        connection = plain(server.port).connect(time.monotonic() + 10)
        connection.until = time.monotonic() - 1
        with pytest.raises(TimeoutError):
            connection.noop()
        connection.close()
        with pytest.raises(smtplib.SMTPServerDisconnected):
            connection.noop()


# Those that say odd things


@pytest.mark.rule("O3", "O4")
@pytest.mark.parametrize(
    ("said", "expected"),
    [("451 4.3.0 Not now", TryAgain), ("554 5.6.0 Nothing of that", NeverDeliverable)],
    ids=["for now", "for ever"],
)
def test_a_refusal_before_the_message_leaves_nothing_behind(
    said: str, expected: type[TryAgain | NeverDeliverable]
) -> None:
    """Where the server does not even want the message begun, the next one starts afresh over the same connection."""
    answers = iter([said])

    class Unwilling(SMTP):
        async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
            refusal = next(answers, "")
            if refusal:
                await self.push(refusal)
            else:
                await super().smtp_DATA(arg)

    with serving(kind=Unwilling) as server, EmailNotifier(letters(), plain(server.port)) as notifier:
        first, second = notifier.send(NOTICE), notifier.send(NOTICE)

        assert isinstance(first, expected)
        assert said in first.why
        assert Delivered() == second
        assert 1 == len(server.mailbox.kept)


def test_an_answer_that_nobody_can_read_loses_nothing() -> None:
    """A challenge that is no base64 is an answer in words, and the connection is not kept."""

    class Babbling(SMTP):
        async def smtp_AUTH(self, arg: str) -> None:  # noqa: ARG002, N802
            await self.push("334 !!!notbase64")

    box = Mailbox()
    with (
        serving(box, kind=Babbling, authenticator=box.login, auth_require_tls=False) as server,
        EmailNotifier(letters(), plain(server.port, username=USER, password=PASSWORD)) as notifier,
    ):
        for _ in range(2):
            answer = notifier.send(NOTICE)
            assert isinstance(answer, TryAgain)
            assert "could not be talked to: Error: Invalid base64" in answer.why


@pytest.mark.rule("O3")
@pytest.mark.parametrize(
    ("code", "said"),
    [
        (550, "relay not permitted"),
        (550, "authentication required"),
        (523, "Encryption Needed"),
        (550, "Sender verify failed"),
        (550, "5.1.8 <no-reply@trust.example>: Sender address rejected: Domain not found"),
        (553, "5.1.7 Bad sender's mailbox address syntax"),
        (501, "5.5.2 <mis>: Helo command rejected: Invalid name"),
        (550, "5.7.26 This mail is unauthenticated"),
        (553, "sorry, that domain isn't in my list of allowed rcpthosts"),
        *((code, "No") for code in (502, 503, 504, 523, 530, 534, 535, 538)),
    ],
)
def test_the_hosts_own_mistakes_give_no_notice_up(code: int, said: str) -> None:
    """Whatever is wrong with its set-up is said of every address, and is mended sooner or later."""
    for error in (
        smtplib.SMTPRecipientsRefused({"head@hilda.example": (code, said.encode())}),
        smtplib.SMTPDataError(code, said),
    ):
        answer = answer_to(error)

        assert isinstance(answer, TryAgain)
        assert f"{code} {said}" in answer.why


@pytest.mark.rule("O3")
@pytest.mark.parametrize(
    ("code", "said"),
    [
        (550, "Unknown user"),
        (550, "5.1.1 No such authenticated sender or relay"),
        (550, "<sender.relay@hilda.example>: unknown"),
        (554, "5.4.1 Recipient address rejected: Access denied"),
        (550, "Unbekannter Empfaenger"),
    ],
)
def test_what_is_wrong_with_the_address_is_for_ever(code: int, said: str) -> None:
    """A status decides where there is one, and words within an address say nothing."""
    refused = smtplib.SMTPRecipientsRefused({"head@hilda.example": (code, said.encode())})

    assert isinstance(answer_to(refused), NeverDeliverable)


# Passwords and goodbyes


@pytest.mark.parametrize("host", ["smtp.remote.example", "127.0.0.1.example", "192.0.2.1", "2001:db8::1"])
def test_no_password_goes_to_another_machine_in_the_clear(host: str) -> None:
    """It is refused when the settings are made, without showing it."""
    settings: dict[str, Any] = {"host": host, "username": USER, "password": PASSWORD}
    with pytest.raises(InvalidValue, match=r"MailServer\.security must be encrypted") as refused:
        MailServer(**settings, security=Security.NONE)

    assert PASSWORD not in str(refused.value)
    assert host == MailServer(**settings).host


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "::1"])
def test_a_password_may_stay_on_this_machine(host: str) -> None:
    """A server on the same machine needs no encryption."""
    server = MailServer(host=host, security=Security.NONE, username=USER, password=PASSWORD)

    assert host == server.host


@pytest.mark.parametrize("name", ["mis.trust.example", "[127.0.0.1]", "[IPv6:::1]", "mis", "mis.trust.example."])
def test_a_machine_may_be_called_by_name_or_number(name: str) -> None:
    """What the greeting may hold is taken."""
    with serving() as server, EmailNotifier(letters(), plain(server.port, own_name=name)) as notifier:
        assert Delivered() == notifier.send(NOTICE)


def test_a_server_is_told_goodbye() -> None:
    """Closing says QUIT, so that the server need not wait for more."""
    goodbyes = []

    class Polite(SMTP):
        async def smtp_QUIT(self, arg: str) -> None:  # noqa: N802
            goodbyes.append(arg)
            await super().smtp_QUIT(arg)

    with serving(kind=Polite) as server:
        with EmailNotifier(letters(), plain(server.port)) as notifier:
            notifier.send(NOTICE)
        assert 1 == len(goodbyes)


def test_a_failed_login_leaves_no_connection_open() -> None:
    """While the error is still looked at, the server has been left."""
    left = threading.Event()

    class Watching(SMTP):
        def connection_lost(self, error: Exception | None) -> None:
            left.set()
            super().connection_lost(error)

    box = Mailbox()
    with serving(box, kind=Watching, authenticator=box.login, auth_require_tls=False) as server:
        settings = plain(server.port, username=USER, password="battery staple")  # noqa: S106
        with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
            settings.connect(settings.deadline())

        assert left.wait(5)
        assert 535 == refused.value.smtp_code
