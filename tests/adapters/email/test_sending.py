"""Notices over a real mail server: whatever it does, state, notices and mailbox agree (rules O1, O3, O4)."""

from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import getaddresses
from itertools import count
from typing import Any

import attrs
import pytest
from aiosmtpd.smtp import SMTP, Envelope
from jinja2 import DictLoader

from datashare.adapters.email import EmailNotifier, MailServer, Security
from datashare.delivery import DeliveryReport
from datashare.errors import InvalidValue
from datashare.ports import Delivered, NeverDeliverable, NoticeStatus, Notifier, TryAgain
from datashare.testing import NotifierContract, ReceivedMessages
from tests.adapters.email.conftest import Certificates
from tests.adapters.email.notices import RENDERER, renderer, unchecked
from tests.adapters.email.reading import part, read, received
from tests.adapters.email.servers import (
    NOTICE,
    PASSWORD,
    USER,
    DyingServer,
    Mailbox,
    agree,
    ask_the_head,
    at,
    errors,
    hang_up,
    listening,
    run,
    sending,
    serving,
    stored,
)
from tests.world import ASKABLE, HILDA, OSCAR, World

MINUTE = timedelta(minutes=1)


# What the server accepts


@pytest.mark.rule("O1", "O4")
def test_every_recipient_gets_a_message_with_the_link(world: World) -> None:
    """Each person asked gets one message of their own, over one connection, with the school's link in both parts."""
    world.asked(HILDA, OSCAR)
    with sending() as (notifier, mailbox):
        assert DeliveryReport(delivered=len(ASKABLE) + 1) == run(world, notifier)
        assert DeliveryReport() == run(world, notifier)

    agree(world, mailbox.addresses, delivered=5)
    assert 1 == mailbox.connections
    for mail in mailbox.kept:
        link = f"https://{OSCAR if str(OSCAR) in mail.recipient else HILDA}.example/data/sharing"
        assert link in part(read(mail.content), "plain").splitlines()
        assert f'href="{link}"' in part(read(mail.content), "html")


def test_addresses_with_unicode_domains_and_names_arrive() -> None:
    """A domain goes out in ASCII, by IDNA 2008; a local part outside ASCII by SMTPUTF8."""
    with sending() as (notifier, mailbox):
        for address in ("head@Straße.example", "größe@straße.example"):
            assert Delivered() == notifier.send(attrs.evolve(NOTICE, address=address))

    assert ["größe@xn--strae-oqa.example", "head@xn--strae-oqa.example"] == mailbox.addresses
    assert all(mail.recipient == read(mail.content)["To"] for mail in mailbox.kept)


def test_an_address_that_needs_smtputf8_of_a_server_without_it_is_never_deliverable() -> None:
    """The notice is not tried again, with the reason; the connection serves the next one."""
    with sending(enable_SMTPUTF8=False) as (notifier, mailbox):
        answer = notifier.send(attrs.evolve(NOTICE, address="größe@hilda.example"))

        assert isinstance(answer, NeverDeliverable)
        assert "SMTPUTF8" in answer.why
        assert Delivered() == notifier.send(NOTICE)
    assert [NOTICE.address] == mailbox.addresses


SENDER = "no-reply@trust.example"
NAMES = [
    "Northern Lights Trust, data sharing",
    "Trust <x>",
    "Trust <bounces@evil.example>",
    'Trust "Lights" (north); a@b.example:',
    "Żółw, Größe & Söhne",
    "\r\nBcc: all@evil.example",
    "=?utf-8?q?Trust_=3Cx=3E?=",
    "",
]


@pytest.mark.rule("O5")
@pytest.mark.parametrize("name", NAMES, ids=count())
@pytest.mark.parametrize("address", ["head@hilda.example", "größe@hilda.example"], ids=count())
def test_the_envelope_has_the_senders_address_whatever_the_name(name: str, address: str) -> None:
    """Bounces and SPF go by the envelope; and a program that reads the header finds the same address there."""
    with sending(renderer=renderer(sender=SENDER, sender_name=name)) as (notifier, mailbox):
        assert Delivered() == notifier.send(attrs.evolve(NOTICE, address=address))
    (mail,) = mailbox.kept
    shown = renderer(sender=SENDER, sender_name=name).message(NOTICE)["From"]

    assert (SENDER, address) == (mail.sender, mail.recipient)
    assert SENDER == read(mail.content)["From"].addresses[0].addr_spec
    assert [SENDER] == [found for _, found in getaddresses([shown])]


ODD_LOCAL_PARTS = ["a%b", "host!user", "o'neill", "a=b/c?d", "{x}|y~z^`", "#$&*+-._", "-a", "a%evil.example"]


@pytest.mark.rule("O5", "P6")
@pytest.mark.parametrize("local", ODD_LOCAL_PARTS)
def test_addresses_with_odd_local_parts_are_written_as_they_are(local: str) -> None:
    """They are legal, so sender, recipient and reply address go out unchanged, line breaks around them dropped."""
    sender, recipient, reply_to = (f"{local}@{name}.example" for name in ("trust", "hilda", "group"))
    notice = unchecked(NOTICE, address=f"{recipient}\r\n", sender_address=f"{reply_to}\n")
    with sending(renderer=renderer(sender=f"{sender}\n", sender_name="Trust, x")) as (notifier, mailbox):
        assert Delivered() == notifier.send(notice)
    (mail,) = mailbox.kept
    headers = read(mail.content)

    assert (sender, recipient) == (mail.sender, mail.recipient)
    assert [sender, recipient, reply_to] == [
        headers[name].addresses[0].addr_spec for name in ("From", "To", "Reply-To")
    ]


@pytest.mark.parametrize(
    "address", ['"a b"@trust.example', '"a"@trust.example', "a,b@trust.example", "a@trust.example\nb@trust.example"]
)
def test_addresses_that_cannot_be_written_are_refused(address: str) -> None:
    """A sender is refused when the renderer is built; a recipient is given up, and a reply address left out."""
    with pytest.raises(InvalidValue, match=r"EmailRenderer\.sender must be an email address"):
        renderer(sender=address)
    with sending() as (notifier, mailbox):
        assert isinstance(notifier.send(unchecked(NOTICE, address=address)), NeverDeliverable)
        assert Delivered() == notifier.send(unchecked(NOTICE, sender_address=address))
    assert "Reply-To" not in read(mailbox.kept[0].content)


# What it refuses


@pytest.mark.rule("O3", "O4")
def test_a_refused_address_is_given_up_and_the_others_are_written_to(world: World) -> None:
    """One address that the server does not know is given up immediately, with the server's words."""
    world.asked(HILDA)
    unknown, words = "head@100000.example", "550 5.1.1 No such mailbox here"
    box = Mailbox(on_recipient=lambda _server, envelope: words if unknown in envelope.rcpt_tos else None)
    with sending(mailbox=box) as (notifier, _):
        assert DeliveryReport(delivered=len(ASKABLE) - 1, given_up=1) == run(world, notifier)

    agree(world, box.addresses, given_up=1, delivered=3)
    assert [unknown] == [notice.address for notice in stored(world)[NoticeStatus.GIVEN_UP]]
    assert f"The mail server refused the address: {words}." == errors(world)
    assert 1 == box.connections


@pytest.mark.rule("O3", "O4")
def test_greylisting_delays_and_loses_nothing(world: World) -> None:
    """What is refused for a while is accepted when it is tried again, once."""
    world.asked(HILDA)
    attempts: Counter[str] = Counter()

    def greylist(_server: SMTP, envelope: Envelope) -> str | None:
        attempts.update(envelope.rcpt_tos[-1:])
        return "451 4.7.1 Greylisted, come back later" if attempts[envelope.rcpt_tos[-1]] == 1 else None

    with sending(mailbox=Mailbox(on_recipient=greylist)) as (notifier, mailbox):
        assert DeliveryReport(retried=4) == run(world, notifier)
        agree(world, mailbox.addresses, waiting=4)
        world.clock.move_on(MINUTE)
        assert DeliveryReport(delivered=4) == run(world, notifier)

    agree(world, mailbox.addresses, delivered=4)


@pytest.mark.rule("O3")
@pytest.mark.parametrize(
    ("where", "words", "expected"),
    [
        ("on_recipient", "550 5.1.1 Unknown", NeverDeliverable),
        ("on_recipient", "421 4.3.2 Closing", TryAgain),
        ("on_recipient", "554 5.7.1 Relay access denied", TryAgain),
        ("on_data", "554 5.6.0 Not like that", NeverDeliverable),
        ("on_data", "451 4.3.0 Busy", TryAgain),
        ("on_mail", "550 5.1.8 Who are you?", TryAgain),
        ("on_mail", "552 5.3.4 Too large for us", NeverDeliverable),
        ("on_mail", "421 4.7.0 Enough", TryAgain),
    ],
    ids=count(),
)
def test_only_what_is_wrong_with_address_or_message_is_for_ever(
    where: str, words: str, expected: type[NeverDeliverable | TryAgain]
) -> None:
    """The answer holds the server's words, and the next message goes out whatever became of the connection."""
    box = Mailbox()
    setattr(box, where, lambda _server, _envelope: words)
    with sending(mailbox=box) as (notifier, _):
        answer = notifier.send(NOTICE)

        assert isinstance(answer, expected)
        assert words in answer.why
        assert [] == box.kept

        setattr(box, where, lambda _server, _envelope: None)
        assert Delivered() == notifier.send(NOTICE)
        assert 1 == len(box.kept)


# What it cannot


@pytest.mark.rule("O3", "O4")
def test_a_server_that_is_down_loses_nothing(world: World) -> None:
    """While nobody listens all notices wait; then they are sent."""
    world.asked(HILDA)
    with serving() as port:
        pass
    with EmailNotifier(RENDERER, at(port)) as notifier:
        assert DeliveryReport(retried=4) == run(world, notifier)
    agree(world, [], waiting=4)
    assert "ConnectionRefusedError" in errors(world)

    world.clock.move_on(MINUTE)
    with sending() as (notifier, mailbox):
        assert DeliveryReport(delivered=4) == run(world, notifier)
    agree(world, mailbox.addresses, delivered=4)


@pytest.mark.rule("O3")
def test_a_server_that_dies_before_it_answers_gets_the_same_message_again(world: World) -> None:
    """It had the message, and could not say so: at least once, and recognisably the same, byte for byte."""
    ask_the_head(world)
    deaths = iter([True])

    def die(server: SMTP, _envelope: Envelope) -> str | None:
        if next(deaths, False):
            hang_up(server)
        return None

    with sending(mailbox=Mailbox(after_data=die)) as (notifier, mailbox):
        assert DeliveryReport(retried=1) == run(world, notifier)
        world.clock.move_on(MINUTE)
        assert DeliveryReport(delivered=1) == run(world, notifier)

    first = mailbox.kept.pop(0)
    assert [first.content] == [mail.content for mail in mailbox.kept]
    agree(world, mailbox.addresses, delivered=1)


@pytest.mark.rule("O3")
def test_a_server_that_takes_so_many_messages_a_connection_gets_a_new_one(world: World) -> None:
    """421 to the second message of a connection is no failure: it is sent over another one without delay."""
    world.asked(HILDA)
    seen: set[SMTP] = set()

    def one_each(server: SMTP, _envelope: Envelope) -> str | None:
        again = server in seen
        seen.add(server)
        return "421 4.7.0 One message for each connection" if again else None

    with sending(mailbox=Mailbox(on_mail=one_each)) as (notifier, mailbox):
        assert DeliveryReport(delivered=4) == run(world, notifier)
    agree(world, mailbox.addresses, delivered=4)


class Tired(SMTP):
    """A server that no longer wants to listen after the first message."""

    async def smtp_RSET(self, arg: str) -> None:  # noqa: ARG002, N802
        await self.push("421 Too long idle")


class Gone(SMTP):
    """A server that hangs up between messages."""

    async def smtp_RSET(self, arg: str) -> None:  # noqa: ARG002, N802
        hang_up(self)


@pytest.mark.rule("O3")
@pytest.mark.parametrize("kind", [Tired, Gone])
def test_a_connection_that_ended_between_messages_is_opened_again(kind: type[SMTP]) -> None:
    """Each message arrives once, over a connection of its own."""
    with sending(kind=kind) as (notifier, mailbox):
        assert [Delivered(), Delivered()] == [notifier.send(NOTICE), notifier.send(NOTICE)]
    assert (2, 2) == (len(mailbox.kept), mailbox.connections)


# Encryption and passwords

both_ways = pytest.mark.parametrize("security", [Security.STARTTLS, Security.IMPLICIT_TLS], ids=lambda way: way.value)


def trusted(certificates: Certificates, security: Security = Security.STARTTLS, **settings: Any) -> dict[str, Any]:
    """Return settings for a server that wants encryption and a password."""
    return {
        "security": security,
        "context": certificates.trusting,
        "username": USER,
        "password": PASSWORD,
        **settings,
    }


@both_ways
def test_messages_go_out_encrypted_and_logged_in(world: World, certificates: Certificates, security: Security) -> None:
    """Logging in happens once for all messages, and only when the connection is encrypted."""
    world.asked(HILDA)
    box = Mailbox()
    server = {**listening(security, certificates.server()), "authenticator": box.login}
    with sending(mailbox=box, settings=trusted(certificates, security), **server) as (notifier, _):
        assert DeliveryReport(delivered=4) == run(world, notifier)

    agree(world, box.addresses, delivered=4)
    assert [PASSWORD.encode()] == box.passwords


@pytest.mark.rule("O3", "O4")
@both_ways
@pytest.mark.parametrize(
    ("flaw", "why"),
    [("expired", "expired"), ("wrong name", "mismatch"), ("unknown authority", "unable to get local issuer")],
    ids=count(),
)
def test_a_certificate_that_is_not_trusted_stops_everything_and_loses_nothing(
    world: World, certificates: Certificates, security: Security, flaw: str, why: str
) -> None:
    """Nothing is said to such a server, no password least of all; the notices wait for a better one."""
    ask_the_head(world)
    bad = {
        "expired": certificates.server(until=datetime(2001, 1, 1, tzinfo=UTC)),
        "wrong name": certificates.server("mail.other.example"),
        "unknown authority": certificates.server(),
    }[flaw]
    context = None if flaw == "unknown authority" else certificates.trusting  # None: what the machine trusts
    settings = trusted(certificates, security, context=context)
    box = Mailbox()
    with sending(mailbox=box, settings=settings, **listening(security, bad), authenticator=box.login) as (notifier, _):
        assert DeliveryReport(retried=1) == run(world, notifier)

    agree(world, [], waiting=1)
    assert "The mail server's certificate is not trusted" in errors(world)
    assert why in errors(world)
    assert ([], []) == (box.passwords, box.commands)


@pytest.mark.rule("O3", "O4")
def test_a_wrong_password_gives_no_notice_up(world: World, certificates: Certificates) -> None:
    """The error names the mistake without the password; the notices are sent once it is corrected."""
    world.asked(HILDA)
    box = Mailbox()
    with serving(box, **listening(Security.STARTTLS, certificates.server()), authenticator=box.login) as port:
        wrong = at(port, **trusted(certificates, password="battery staple"))  # noqa: S106
        with EmailNotifier(RENDERER, wrong) as notifier:
            assert DeliveryReport(retried=4) == run(world, notifier)
        agree(world, box.addresses, waiting=4)
        assert "refused the user name or password: 535" in errors(world)
        assert "battery" not in errors(world) + repr(wrong)

        world.clock.move_on(MINUTE)
        with EmailNotifier(RENDERER, at(port, **trusted(certificates))) as notifier:
            assert DeliveryReport(delivered=4) == run(world, notifier)
        agree(world, box.addresses, delivered=4)


def test_a_server_without_starttls_is_not_talked_to_in_the_clear() -> None:
    """Where encryption is asked for, and that is the default, nothing is sent without it."""
    mailbox = Mailbox()
    with serving(mailbox) as port, EmailNotifier(RENDERER, MailServer(host="127.0.0.1", port=port)) as notifier:
        answer = notifier.send(NOTICE)

    assert isinstance(answer, TryAgain)
    assert "does not support what the settings require" in answer.why
    assert [] == mailbox.commands


# The notifier itself


@pytest.mark.parametrize(
    "address", ["nobody", "=?utf-8?q?x?=@hilda.example", "head@xn--ü.example", "a@b.example\r\nBcc: c@d.example"]
)
def test_what_no_message_can_be_sent_to_is_never_deliverable(address: str) -> None:
    """No server is asked about an address that cannot be one."""
    answer = EmailNotifier(RENDERER, at(9)).send(unchecked(NOTICE, address=address))

    assert isinstance(answer, NeverDeliverable)


def test_a_template_that_cannot_be_used_loses_nothing() -> None:
    """The answer names the fault in the host's template, and the notice waits until it is corrected."""
    broken = DictLoader({"request.j2": "{% extends layout %}{% block says %}{{ nmae }}{% endblock %}"})
    answer = EmailNotifier(renderer(templates=broken), at(9)).send(NOTICE)

    assert isinstance(answer, TryAgain)
    assert "'nmae' is undefined" in answer.why


def test_an_interruption_leaves_no_half_used_connection() -> None:
    """After a signal in the middle of a message the next one goes over a new connection."""
    with sending() as (notifier, mailbox):
        assert Delivered() == notifier.send(NOTICE)
        kept = notifier._connection
        assert kept is not None
        kept.send_message = interrupt  # type: ignore[method-assign,assignment]
        with pytest.raises(KeyboardInterrupt):
            notifier.send(NOTICE)
        assert Delivered() == notifier.send(NOTICE)
    assert 2 == mailbox.connections


def interrupt(*_arguments: object, **_options: object) -> None:
    """Stand for a signal."""
    raise KeyboardInterrupt


def test_closing_may_happen_at_any_time() -> None:
    """Twice, before anything was sent, when the server has gone, and before the next message."""
    with serving() as port:
        notifier = EmailNotifier(RENDERER, at(port))
        notifier.close()
        assert Delivered() == notifier.send(NOTICE)
        notifier.close()
        notifier.close()
        assert Delivered() == notifier.send(NOTICE)
    notifier.close()


def test_threads_may_share_a_notifier() -> None:
    """Threads that send at the same time take turns, and no message is mixed up with another."""
    notices = [attrs.evolve(NOTICE, id=f"{n:032}", address=f"head{n}@hilda.example") for n in range(20)]
    with sending() as (notifier, mailbox), ThreadPoolExecutor(5) as pool:
        assert {Delivered()} == set(pool.map(notifier.send, notices))

    ids = {mail.recipient: read(mail.content)["Message-ID"] for mail in mailbox.kept}
    assert {notice.address: f"<{notice.id}@trust.example>" for notice in notices} == ids


class TestEmailNotifier(NotifierContract):
    """The notifier keeps the contract, over a real mail server."""

    @pytest.fixture
    def mailbox(self) -> Mailbox:
        """Build the mailbox of a server that accepts everything."""
        return Mailbox()

    @pytest.fixture
    def accepting(self, mailbox: Mailbox) -> Iterator[Notifier]:
        """Build a notifier over that server."""
        with sending(mailbox=mailbox) as (notifier, _):
            yield notifier

    @pytest.fixture
    def received(self, mailbox: Mailbox) -> ReceivedMessages:
        """Read what the server accepted."""
        return lambda: [received(mail.content, (mail.recipient,)) for mail in mailbox.kept]

    @pytest.fixture
    def down(self) -> Iterator[Iterable[Notifier]]:
        """Build notifiers over servers that are busy, dying, gone, and unknown to the domain name system."""
        busy = Mailbox(on_mail=lambda _server, _envelope: "451 Busy")
        with serving() as gone:
            pass
        with sending(mailbox=busy) as (to_busy, _), sending(kind=DyingServer) as (to_dying, _):
            others = [EmailNotifier(RENDERER, server) for server in (at(gone), at(25, host="mx.invalid"))]
            yield [to_busy, to_dying, *others]

    @pytest.fixture
    def refusing(self) -> Iterator[Iterable[Notifier]]:
        """Build notifiers over servers that know nobody, or do not want the message."""
        unknown = Mailbox(on_recipient=lambda _server, _envelope: "550 5.1.1 Nobody")
        unwanted = Mailbox(on_data=lambda _server, _envelope: "554 5.6.0 No")
        with sending(mailbox=unknown) as (first, _), sending(mailbox=unwanted) as (second, _):
            yield [first, second]
