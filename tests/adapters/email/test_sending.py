"""Notices over a real mail server: whatever it does, state, notices and mailbox agree (rules O1, O3, O4, P7)."""

import socket
import ssl
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest
from aiosmtpd.smtp import SMTP, Envelope
from jinja2 import DictLoader

from datashare.adapters.email import EmailNotifier, MailServer, Security
from datashare.delivery import DeliveryReport, deliver
from datashare.domain.agreements import RefusalCode, State
from datashare.domain.notices import Notice
from datashare.domain.policy import Policy
from datashare.errors import InvalidValue
from datashare.ports import Delivered, NeverDeliverable, NoticeStatus, Notifier, SendResult, TryAgain
from datashare.testing import NotifierContract, ReceivedMessages
from tests.adapters.email.conftest import Certificates
from tests.adapters.email.servers import (
    PASSWORD,
    USER,
    DyingServer,
    Mailbox,
    RunningServer,
    hang_up,
    letters,
    part,
    received,
    serving,
)
from tests.golden.values import NOTICES
from tests.world import ACTIONS, ASKABLE, HILDA, MIS, OSCAR, TERMS, TRUST, World, head, person

NOTICE = attrs.evolve(NOTICES["notice"], address="head@hilda.example")
MINUTE = timedelta(minutes=1)
WAITING, LEASED, DELIVERED, GIVEN_UP, CANCELLED = NoticeStatus


def plain(port: int, **settings: Any) -> MailServer:
    """Name a server without encryption."""
    return MailServer(**{"host": "127.0.0.1", "port": port, "security": Security.NONE, **settings})


def run(world: World, notifier: Notifier) -> DeliveryReport:
    """Deliver what is due, by the world's clock; what failed is due half a minute later."""
    return deliver(world.store, notifier, clock=world.clock, random=lambda: 0.5)


def statuses(world: World) -> dict[str, NoticeStatus]:
    """Tell what became of the notice to each address."""
    return {one.notice.address: one.status for one in world.notices(status=None) if one.notice}


def errors(world: World) -> str:
    """Tell what was said last about those not delivered."""
    return "\n".join(sorted({one.error for one in world.notices(status=None) if one.error}))


def addresses(server: RunningServer) -> list[str]:
    """Tell whom the messages in the mailbox went to, in order of address."""
    assert all(len(mail.recipients) == 1 for mail in server.mailbox.kept)
    return sorted(mail.recipients[0] for mail in server.mailbox.kept)


def agree(world: World, server: RunningServer, **expected: int) -> None:
    """Check that the request is open, so many notices have each status, and the mailbox holds those delivered."""
    found = statuses(world)
    assert State.PENDING == world.state(HILDA).state  # O4: whatever became of the messages
    assert expected == {status.name.lower(): count for status, count in Counter(found.values()).items()}
    assert sorted(address for address, status in found.items() if status is DELIVERED) == addresses(server)


# What the server takes over


@pytest.mark.rule("O1", "O4")
def test_every_recipient_gets_a_message_with_the_link(world: World) -> None:
    """Each person asked gets one message of their own, over one connection, with the school's link in both parts."""
    world.asked(HILDA, OSCAR)
    with serving() as server, EmailNotifier(letters(), plain(server.port)) as notifier:
        report = run(world, notifier)
        again = run(world, notifier)

        assert (DeliveryReport(delivered=len(ASKABLE) + 1), DeliveryReport()) == (report, again)
        agree(world, server, delivered=5)
        assert 1 == len({mail.peer for mail in server.mailbox.kept})
        for mail in server.mailbox.kept:
            link = f"https://{OSCAR if str(OSCAR) in mail.recipients[0] else HILDA}.example/data/sharing"
            assert link in part(mail.message, "plain").splitlines()
            assert f'href="{link}"' in part(mail.message, "html")


@pytest.mark.rule("P7")
def test_a_shared_mailbox_gets_one_message_that_greets_all(world: World) -> None:
    """Two people with one address get one message, which names both."""
    shared = "Office@100000.example"
    for who, role in ((head(HILDA), "head_teacher"), (ASKABLE[0], "data_manager")):
        world.people.put(person(who, role, email=shared))
    world.trust().request([HILDA], level=MIS, recipients={HILDA: [head(HILDA), ASKABLE[0]]}, command_id="ask")
    names = [found.name for found in world.people.people([head(HILDA), ASKABLE[0]]).values()]
    with serving() as server, EmailNotifier(letters(), plain(server.port)) as notifier:
        assert 1 == run(world, notifier).delivered

        (mail,) = server.mailbox.kept
        assert (shared,) == mail.recipients
        for kind in ("plain", "html"):
            assert all(name in part(mail.message, kind) for name in names)


@pytest.mark.rule("O1", "P7")
def test_one_person_at_two_schools_gets_two_messages(world: World) -> None:
    """The head of two schools is written to about each, with that school's link."""
    for urn in (HILDA, OSCAR):
        world.people.put(person(head(urn), "head_teacher", email="head@both.example"))
    world.trust().request(
        [HILDA, OSCAR], level=MIS, recipients={urn: [head(urn)] for urn in (HILDA, OSCAR)}, command_id="ask"
    )
    with serving() as server, EmailNotifier(letters(), plain(server.port)) as notifier:
        run(world, notifier)

        texts = [part(mail.message, "plain") for mail in server.mailbox.kept]
        assert ["head@both.example"] * 2 == addresses(server)
        for urn, other in ((HILDA, OSCAR), (OSCAR, HILDA)):
            (text,) = (text for text in texts if f"https://{urn}.example/data/sharing" in text)
            assert f"https://{other}.example" not in text


@pytest.mark.rule("A8")
def test_an_answer_reaches_the_sender(world: World) -> None:
    """The sender at the trust and the other recipients are told of the answer; who answered is not."""
    (request,) = world.asked(HILDA)
    world.school(HILDA).decline(request, reason="Not before\nthe governors have met.")
    with serving() as server, EmailNotifier(letters(), plain(server.port)) as notifier:
        run(world, notifier)

        told = {mail.recipients[0]: part(mail.message, "plain") for mail in server.mailbox.kept}
        sender = next(one.notice for one in world.notices(status=DELIVERED) if one.notice and not one.notice.link)
        head_address = world.people.people([head(HILDA)])[head(HILDA)].address
        assert len(ASKABLE) == len(told)
        assert head_address not in told
        assert all("    Not before\n    the governors have met.\n" in text for text in told.values())
        assert "send a new request" in told[sender.address]


@pytest.mark.rule("N2", "N3", "N4", "N5", "U3")
def test_a_reminder_goes_to_those_who_still_can_be_asked(world: World) -> None:
    """Who lost the role gets none, one that comes too soon is not sent, and one about an upgrade names both levels."""
    world.policies[TRUST] = attrs.evolve(Policy.mat(), least_reminder_interval=timedelta(hours=24))
    world.approved(HILDA)
    (request,) = world.asked(HILDA, level=ACTIONS, command_id="raise")
    with serving() as server, EmailNotifier(letters(), plain(server.port)) as notifier:
        run(world, notifier)
        server.mailbox.kept.clear()
        world.people.put(person(ASKABLE[0], "teacher"))
        too_soon = world.trust().remind([request], command_id="too-soon")
        assert DeliveryReport() == run(world, notifier)
        world.clock.move_on(timedelta(hours=24))
        world.trust().remind([request], command_id="remind")
        assert DeliveryReport(delivered=3) == run(world, notifier)

        assert [RefusalCode.REMINDER_TOO_SOON] == [reason.code for one in too_soon.not_done for reason in one.reasons]
        assert ["deputy@100000.example", "executive@100000.example", "head@100000.example"] == addresses(server)
        for mail in server.mailbox.kept:
            text = part(mail.message, "plain")
            assert mail.message["Subject"].startswith("Reminder")
            assert "“MIS Data & Trust Actions” instead of “MIS Data”" in text
            assert "may also:\n  - carry out trust actions: tasks done centrally in the school’s MIS\n" in text


@pytest.mark.rule("Q8")
def test_an_authoritys_request_brings_its_terms(world: World) -> None:
    """The addendum and its version are named, and the words are those of a local authority."""
    world.council().request([HILDA], level=MIS, terms=TERMS, command_id="ask")
    with serving() as server, EmailNotifier(letters(), plain(server.port)) as notifier:
        run(world, notifier)

        for mail in server.mailbox.kept:
            text = part(mail.message, "plain")
            assert (
                f"Please read the terms first: {TERMS.reference} (version {TERMS.version}, due for review on " in text
            )
            assert "your local authority" in text


def test_addresses_with_unicode_domains_and_names_arrive() -> None:
    """A domain goes out in ASCII, by IDNA 2008; a local part outside ASCII by SMTPUTF8."""
    with serving() as server, EmailNotifier(letters(), plain(server.port)) as notifier:
        answers = [
            notifier.send(attrs.evolve(NOTICE, address=address))
            for address in ("head@Straße.example", "größe@straße.example")
        ]

        assert [Delivered(), Delivered()] == answers
        assert ["größe@xn--strae-oqa.example", "head@xn--strae-oqa.example"] == addresses(server)
        assert [mail.recipients[0] for mail in server.mailbox.kept] == [
            mail.message["To"] for mail in server.mailbox.kept
        ]


def test_an_address_that_needs_smtputf8_of_a_server_without_it_is_never_deliverable() -> None:
    """The notice is not tried again, with the reason; the connection serves the next one."""
    with (
        serving(enable_SMTPUTF8=False) as server,
        EmailNotifier(letters(), plain(server.port)) as notifier,
    ):
        answer = notifier.send(attrs.evolve(NOTICE, address="größe@hilda.example"))

        assert isinstance(answer, NeverDeliverable)
        assert "SMTPUTF8" in answer.why
        assert Delivered() == notifier.send(NOTICE)


# What it refuses


def refusing(address: str, answer: str) -> Callable[[SMTP, Envelope], str | None]:
    """Refuse one address, whatever its case, with an answer."""
    return lambda _server, envelope: answer if address in envelope.rcpt_tos else None


@pytest.mark.rule("O3", "O4")
def test_a_refused_address_is_given_up_and_the_others_are_written_to(world: World) -> None:
    """One address that the server does not know is given up at once, with what the server said."""
    world.asked(HILDA)
    refused = "head@100000.example"
    with (
        serving(Mailbox(on_recipient=refusing(refused, "550 5.1.1 No such mailbox here"))) as server,
        EmailNotifier(letters(), plain(server.port)) as notifier,
    ):
        report = run(world, notifier)

        assert DeliveryReport(delivered=len(ASKABLE) - 1, given_up=1) == report
        agree(world, server, given_up=1, delivered=3)
        assert GIVEN_UP == statuses(world)[refused]
        assert "The mail server refused the address: 550 5.1.1 No such mailbox here." == errors(world)
        assert 1 == len({mail.peer for mail in server.mailbox.kept})


@pytest.mark.rule("O3", "O4")
def test_greylisting_delays_and_loses_nothing(world: World) -> None:
    """What is refused for a while is accepted when it is tried again, once."""
    world.asked(HILDA)
    tried: Counter[str] = Counter()

    def greylist(_server: SMTP, envelope: Envelope) -> str | None:
        tried.update(envelope.rcpt_tos[-1:])
        return "451 4.7.1 Greylisted, come back later" if tried[envelope.rcpt_tos[-1]] == 1 else None

    with (
        serving(Mailbox(on_recipient=greylist)) as server,
        EmailNotifier(letters(), plain(server.port)) as notifier,
    ):
        first = run(world, notifier)
        agree(world, server, waiting=4)
        world.clock.move_on(MINUTE)
        second = run(world, notifier)

        assert (DeliveryReport(retried=4), DeliveryReport(delivered=4)) == (first, second)
        agree(world, server, delivered=4)


@pytest.mark.rule("O3")
@pytest.mark.parametrize(
    ("where", "said", "expected"),
    [
        ("on_recipient", "550 5.1.1 Unknown", NeverDeliverable),
        ("on_recipient", "553 Not allowed here", NeverDeliverable),
        ("on_recipient", "452 4.2.2 Mailbox full", TryAgain),
        ("on_recipient", "421 4.3.2 Closing", TryAgain),
        ("on_recipient", "554 5.7.1 Relay access denied", TryAgain),
        ("on_recipient", "530 Log in first", TryAgain),
        ("on_data", "554 5.6.0 Not like that", NeverDeliverable),
        ("on_data", "552 Too large", NeverDeliverable),
        ("on_data", "451 4.3.0 Busy", TryAgain),
        ("on_data", "550 5.7.26 No SPF", TryAgain),
        ("on_mail", "550 5.1.8 Who are you?", TryAgain),
        ("on_mail", "552 5.3.4 Too large for us", NeverDeliverable),
        ("on_mail", "421 4.7.0 Enough", TryAgain),
    ],
)
def test_only_what_is_wrong_with_address_or_message_is_for_ever(
    where: str, said: str, expected: type[NeverDeliverable | TryAgain]
) -> None:
    """An answer about the host's own set-up, or a temporary one, gives nothing up; each is told in its words."""
    box = Mailbox()
    setattr(box, where, lambda _server, _envelope: said)
    with serving(box) as server, EmailNotifier(letters(), plain(server.port)) as notifier:
        answer = notifier.send(NOTICE)

        assert isinstance(answer, expected)
        assert said in answer.why
        assert [] == box.kept

        setattr(box, where, lambda _server, _envelope: None)
        assert Delivered() == notifier.send(NOTICE)  # whatever became of the connection
        assert 1 == len(box.kept)


# What it cannot


@pytest.mark.rule("O3", "O4")
def test_a_server_that_is_down_loses_nothing(world: World) -> None:
    """While nobody listens all notices wait; then they are sent."""
    world.asked(HILDA)
    with serving() as gone:
        port = gone.port
    with EmailNotifier(letters(), plain(port)) as notifier:
        assert DeliveryReport(retried=4) == run(world, notifier)
    agree(world, RunningServer(port=0, mailbox=Mailbox()), waiting=4)
    assert "ConnectionRefusedError" in errors(world)

    world.clock.move_on(MINUTE)
    with serving() as server, EmailNotifier(letters(), plain(server.port)) as notifier:
        assert DeliveryReport(delivered=4) == run(world, notifier)
        agree(world, server, delivered=4)


@pytest.mark.rule("O3", "O4")
def test_a_server_that_dies_in_the_middle_of_a_message_took_nothing_over(world: World) -> None:
    """What was on its way is sent again, and arrives once."""
    world.asked(OSCAR, HILDA)
    with serving(kind=DyingServer) as dying, EmailNotifier(letters(), plain(dying.port)) as notifier:
        assert DeliveryReport(retried=5) == run(world, notifier)
        agree(world, dying, waiting=5)

    world.clock.move_on(MINUTE)
    with serving() as server, EmailNotifier(letters(), plain(server.port)) as notifier:
        assert DeliveryReport(delivered=5) == run(world, notifier)
        agree(world, server, delivered=5)


@pytest.mark.rule("O3")
def test_a_server_that_dies_before_it_answers_gets_the_same_message_again(world: World) -> None:
    """It had the message, and could not say so: at least once, and recognisably the same, byte for byte."""
    world.trust().request([HILDA], level=MIS, recipients={HILDA: [head(HILDA)]}, command_id="ask")
    deaths = iter([True])

    def die(server: SMTP, _envelope: Envelope) -> str | None:
        if next(deaths, False):
            hang_up(server)
        return None

    with (
        serving(Mailbox(after_data=die)) as server,
        EmailNotifier(letters(), plain(server.port)) as notifier,
    ):
        assert DeliveryReport(retried=1) == run(world, notifier)
        world.clock.move_on(MINUTE)
        assert DeliveryReport(delivered=1) == run(world, notifier)

        first = server.mailbox.kept.pop(0)
        assert [first.content] == [mail.content for mail in server.mailbox.kept]
        agree(world, server, delivered=1)


@pytest.mark.rule("O3", "O4")
def test_a_slow_server_is_not_waited_for(world: World) -> None:
    """After the time-out the notice waits for another attempt; nothing was taken over."""
    world.trust().request([HILDA], level=MIS, recipients={HILDA: [head(HILDA)]}, command_id="ask")
    with (
        serving(Mailbox(seconds=30)) as server,
        EmailNotifier(letters(), plain(server.port, timeout=timedelta(seconds=0.3))) as notifier,
    ):
        assert DeliveryReport(retried=1) == run(world, notifier)
        agree(world, server, waiting=1)
        assert "The mail server did not answer in time." == errors(world)


def test_a_server_that_does_not_even_greet_is_not_waited_for() -> None:
    """The time-out holds from the first moment on."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = plain(silent.getsockname()[1], timeout=timedelta(seconds=0.2))
        with EmailNotifier(letters(), server) as notifier:
            assert TryAgain("The mail server did not answer in time.") == notifier.send(NOTICE)


@pytest.mark.rule("O3")
def test_a_connection_that_was_closed_between_messages_is_opened_again(world: World) -> None:
    """A server that hangs up after each message gets each message once, over a connection of its own."""
    world.asked(HILDA)

    def hang_up_soon(server: SMTP, _envelope: Envelope) -> str | None:
        server.loop.call_later(0.01, hang_up, server)
        return None

    with (
        serving(Mailbox(after_data=hang_up_soon)) as server,
        EmailNotifier(letters(), plain(server.port)) as notifier,
    ):
        # The server hangs up a moment after it said that all is well.
        assert DeliveryReport(delivered=4) == run(world, Unhurried(notifier))
        agree(world, server, delivered=4)
        assert 4 == len({mail.peer for mail in server.mailbox.kept})


class Unhurried:
    """A notifier that lets a moment pass after each message."""

    def __init__(self, inner: Notifier) -> None:
        self.inner = inner

    def send(self, notice: Notice, /) -> SendResult:
        answer = self.inner.send(notice)
        time.sleep(0.05)
        return answer


@pytest.mark.rule("O3")
def test_a_server_that_takes_so_many_messages_a_connection_gets_a_new_one(world: World) -> None:
    """421 to the second message of a connection is no failure: it is sent at once over another one."""
    world.asked(HILDA)
    seen: set[SMTP] = set()

    def one_each(server: SMTP, _envelope: Envelope) -> str | None:
        again = server in seen
        seen.add(server)
        return "421 4.7.0 One message for each connection" if again else None

    with (
        serving(Mailbox(on_mail=one_each)) as server,
        EmailNotifier(letters(), plain(server.port)) as notifier,
    ):
        assert DeliveryReport(delivered=4) == run(world, notifier)
        agree(world, server, delivered=4)


def test_a_server_that_no_longer_wants_to_listen_is_connected_to_again() -> None:
    """A server that answers the question whether it is ready with 421 counts as gone."""

    class Tired(SMTP):
        async def smtp_RSET(self, arg: str) -> None:  # noqa: ARG002, N802
            await self.push("421 Too long idle")

    with serving(kind=Tired) as server, EmailNotifier(letters(), plain(server.port)) as notifier:
        assert [Delivered(), Delivered()] == [notifier.send(NOTICE), notifier.send(NOTICE)]
        assert 2 == len({mail.peer for mail in server.mailbox.kept})


# Encryption and passwords


def encrypted(server: RunningServer, certificates: Certificates, **settings: Any) -> MailServer:
    """Name a server with STARTTLS, whose certificates are trusted."""
    return MailServer(**{"host": "127.0.0.1", "port": server.port, "context": certificates.trusting, **settings})


@pytest.mark.parametrize("security", [Security.STARTTLS, Security.IMPLICIT_TLS], ids=lambda one: one.value)
def test_messages_go_out_encrypted_and_logged_in(world: World, certificates: Certificates, security: Security) -> None:
    """With STARTTLS and with implicit TLS, logging in happens once for all messages, and only when encrypted."""
    world.asked(HILDA)
    box = Mailbox()
    with (
        serving(box, **listening(security, certificates.server()), authenticator=box.login) as server,
        EmailNotifier(
            letters(), encrypted(server, certificates, security=security, username=USER, password=PASSWORD)
        ) as notifier,
    ):
        assert DeliveryReport(delivered=4) == run(world, notifier)
        agree(world, server, delivered=4)
        assert [PASSWORD.encode()] == box.passwords


def listening(security: Security, context: ssl.SSLContext) -> dict[str, Any]:
    """Give the settings of a server that wants encryption."""
    if security is Security.IMPLICIT_TLS:
        return {"implicit_tls": context, "auth_require_tls": False}
    return {"tls_context": context, "require_starttls": True, "auth_required": True}


@pytest.mark.rule("O3", "O4")
@pytest.mark.parametrize("security", [Security.STARTTLS, Security.IMPLICIT_TLS], ids=lambda one: one.value)
@pytest.mark.parametrize(
    ("flaw", "why"),
    [("expired", "expired"), ("wrong name", "mismatch"), ("unknown authority", "unable to get local issuer")],
)
def test_a_certificate_that_is_not_trusted_stops_everything_and_loses_nothing(
    world: World, certificates: Certificates, security: Security, flaw: str, why: str
) -> None:
    """Nothing is said to such a server, no password least of all; the notices wait for a better one."""
    world.asked(HILDA)
    bad = {
        "expired": certificates.server(until=datetime(2001, 1, 1, tzinfo=UTC)),
        "wrong name": certificates.server("mail.other.example"),
        "unknown authority": certificates.server(),
    }[flaw]
    settings: dict[str, Any] = {"username": USER, "password": PASSWORD, "security": security}
    if flaw == "unknown authority":
        settings["context"] = None  # what the machine trusts
    box = Mailbox()
    with (
        serving(box, **listening(security, bad), authenticator=box.login) as server,
        EmailNotifier(letters(), encrypted(server, certificates, **settings)) as notifier,
    ):
        assert DeliveryReport(retried=4) == run(world, notifier)
        agree(world, server, waiting=4)
        assert "The mail server's certificate is not trusted" in errors(world)
        assert why in errors(world)
        assert ([], []) == (box.passwords, box.commands)

    world.clock.move_on(MINUTE)
    with (
        serving(**listening(security, certificates.server()), authenticator=box.login) as server,
        EmailNotifier(
            letters(), encrypted(server, certificates, **{**settings, "context": certificates.trusting})
        ) as it,
    ):
        assert DeliveryReport(delivered=4) == run(world, it)
        agree(world, server, delivered=4)


@pytest.mark.rule("O3", "O4")
def test_a_wrong_password_gives_no_notice_up(world: World, certificates: Certificates) -> None:
    """The mistake is told, without the password, and mended before the notices are sent."""
    world.asked(HILDA)
    box = Mailbox()
    with serving(box, **listening(Security.STARTTLS, certificates.server()), authenticator=box.login) as server:
        wrong = encrypted(server, certificates, username=USER, password="battery staple")  # noqa: S106
        with EmailNotifier(letters(), wrong) as notifier:
            assert DeliveryReport(retried=4) == run(world, notifier)
        agree(world, server, waiting=4)
        assert "refused the user name or password: 535" in errors(world)
        assert "battery" not in errors(world) + repr(wrong)

        world.clock.move_on(MINUTE)
        right = encrypted(server, certificates, username=USER, password=PASSWORD)
        with EmailNotifier(letters(), right) as notifier:
            assert DeliveryReport(delivered=4) == run(world, notifier)
        agree(world, server, delivered=4)


def test_a_server_without_starttls_is_not_talked_to_in_the_clear() -> None:
    """Where encryption is asked for, and that is the default, nothing is sent without it."""
    with serving() as server, EmailNotifier(letters(), MailServer(host="127.0.0.1", port=server.port)) as notifier:
        answer = notifier.send(NOTICE)

        assert isinstance(answer, TryAgain)
        assert "cannot do what the settings ask for" in answer.why
        assert [] == server.mailbox.commands


def test_a_server_that_does_not_want_to_talk_is_tried_again() -> None:
    """A greeting that says no is told in its words."""

    class Busy(SMTP):
        async def smtp_EHLO(self, hostname: str) -> None:  # noqa: ARG002, N802
            await self.push("554 Not today")

        async def smtp_HELO(self, hostname: str) -> None:  # noqa: ARG002, N802
            await self.push("554 Not today")

    with serving(kind=Busy) as server, EmailNotifier(letters(), plain(server.port)) as notifier:
        assert TryAgain("The mail server does not want to talk: 554 Not today.") == notifier.send(NOTICE)


# The notifier itself


def test_what_no_message_can_be_sent_to_is_never_deliverable() -> None:
    """No server is asked about an address that cannot be one."""
    with EmailNotifier(letters(), plain(9)) as notifier:
        answers = [
            notifier.send(attrs.evolve(NOTICE, address=address))
            for address in (
                "nobody",
                "=?utf-8?q?x?=@hilda.example",
                "head@xn--ü.example",
                "a@b.example\r\nBcc: c@d.example",
            )
        ]

    assert [NeverDeliverable] * 4 == [type(answer) for answer in answers]


def test_a_template_that_cannot_be_used_loses_nothing() -> None:
    """What a host's template does wrong is told, and the notice waits until it is mended."""
    broken = letters(
        templates=DictLoader({"request.j2": "{% extends layout %}{% block says %}{{ nmae }}{% endblock %}"})
    )
    with EmailNotifier(broken, plain(9)) as notifier:
        answer = notifier.send(NOTICE)

    assert isinstance(answer, TryAgain)
    assert "'nmae' is undefined" in answer.why


def test_an_interruption_leaves_no_half_used_connection() -> None:
    """After a signal in the middle of a message the next one goes over a new connection."""
    with serving() as server, EmailNotifier(letters(), plain(server.port)) as notifier:
        assert Delivered() == notifier.send(NOTICE)
        kept = notifier._connection
        assert kept is not None
        kept.send_message = interrupt  # type: ignore[method-assign,assignment]
        with pytest.raises(KeyboardInterrupt):
            notifier.send(NOTICE)
        assert Delivered() == notifier.send(NOTICE)
        assert 2 == len({mail.peer for mail in server.mailbox.kept})


def interrupt(*_arguments: object, **_options: object) -> None:
    """Stand for a signal."""
    raise KeyboardInterrupt


def test_closing_may_happen_at_any_time() -> None:
    """Twice, before anything was sent, when the server has gone, and before the next message."""
    with serving() as server:
        notifier = EmailNotifier(letters(), plain(server.port))
        notifier.close()
        assert Delivered() == notifier.send(NOTICE)
        notifier.close()
        notifier.close()
        assert Delivered() == notifier.send(NOTICE)
    notifier.close()


def test_threads_may_share_a_notifier() -> None:
    """Threads that send at once take turns, and no message is mixed up with another."""
    notices = [attrs.evolve(NOTICE, id=f"{n:032}", address=f"head{n}@hilda.example") for n in range(20)]
    with serving() as server, EmailNotifier(letters(), plain(server.port)) as notifier:
        with ThreadPoolExecutor(5) as pool:
            assert {Delivered()} == set(pool.map(notifier.send, notices))

        found = {mail.recipients[0]: mail.message["Message-ID"] for mail in server.mailbox.kept}
        assert {one.address: f"<{one.id}@trust.example>" for one in notices} == found


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"host": ""}, id="no host"),
        pytest.param({"host": "mx.example\r\nQUIT"}, id="host of two lines"),
        pytest.param({"host": "mx..example"}, id="host with an empty label"),
        pytest.param({"host": f"{'x' * 64}.example"}, id="host with a long label"),
        pytest.param({"host": ".".join(["x" * 50] * 6)}, id="long host"),
        pytest.param({"host": "bücher.example"}, id="host outside ASCII"),
        pytest.param({"host": 2_130_706_433}, id="host as a number"),
        pytest.param({"port": 0}, id="port 0"),
        pytest.param({"port": 65_536}, id="port too large"),
        pytest.param({"port": True}, id="port no number"),
        pytest.param({"security": "starttls"}, id="security as text"),
        pytest.param({"username": "me"}, id="no password"),
        pytest.param({"password": "me"}, id="no user name"),
        pytest.param({"username": "mé", "password": "me"}, id="user name not ASCII"),
        pytest.param({"username": "me", "password": "mé"}, id="password not ASCII"),
        pytest.param({"username": "me", "password": "a\r\nb"}, id="password of two lines"),
        pytest.param({"timeout": timedelta(0)}, id="no time"),
        pytest.param({"timeout": timedelta(hours=1)}, id="too much time"),
        pytest.param({"timeout": 5}, id="time as a number"),
        pytest.param({"context": "none"}, id="no context"),
        pytest.param({"own_name": " "}, id="blank name"),
        pytest.param({"own_name": "Büro"}, id="name outside ASCII"),
        pytest.param({"own_name": "mis.example x"}, id="name of two words"),
        pytest.param({"own_name": 7}, id="name as a number"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any]) -> None:
    """Each is refused when it is made, in words, before anything is sent."""
    with pytest.raises(InvalidValue, match=r"MailServer\..* must be"):
        MailServer(**{"host": "mx.example", **settings})


def test_a_notifier_is_made_of_letters_and_a_server() -> None:
    """Anything else is refused at once."""
    wrong: Any = "localhost"
    with pytest.raises(InvalidValue, match="letters must be EmailRenderer"):
        EmailNotifier(wrong, plain(25))
    with pytest.raises(InvalidValue, match="server must be a MailServer"):
        EmailNotifier(letters(), wrong)


def test_a_password_is_never_shown() -> None:
    """Neither the settings nor the error about them show it."""
    with pytest.raises(InvalidValue) as refused:
        MailServer(host="mx.example", username="me", password="pässword")  # noqa: S106

    assert "pässword" not in str(refused.value)
    assert "secret" not in repr(MailServer(host="mx.example", username="me", password="secret"))  # noqa: S106


@pytest.mark.parametrize(("security", "port"), [("starttls", 587), ("implicit_tls", 465), ("none", 25)])
def test_the_usual_port_is_taken(security: str, port: int) -> None:
    """A port need not be named."""
    assert port == MailServer(host="mx.example", security=Security(security)).port


class TestEmailNotifier(NotifierContract):
    """The notifier keeps the contract, over a real mail server."""

    @pytest.fixture
    def server(self) -> Iterable[RunningServer]:
        """Run a server that takes everything over."""
        with serving() as server:
            yield server

    @pytest.fixture
    def accepting(self, server: RunningServer) -> Iterable[Notifier]:
        """Give a notifier over it."""
        with EmailNotifier(letters(), plain(server.port)) as notifier:
            yield notifier

    @pytest.fixture
    def received(self, server: RunningServer) -> ReceivedMessages:
        """Read what it took over."""
        return lambda: [received(mail.content, mail.recipients) for mail in server.mailbox.kept]

    @pytest.fixture
    def down(self) -> Iterable[Iterable[Notifier]]:
        """Give it over servers that are gone, busy, dying, and unknown to the domain name system."""
        with (
            serving(Mailbox(on_mail=lambda _server, _envelope: "451 Busy")) as busy,
            serving(kind=DyingServer) as dying,
        ):
            with serving() as gone:
                ports = [busy.port, dying.port, gone.port]
            notifiers = [EmailNotifier(letters(), plain(port)) for port in ports]
            yield [*notifiers, EmailNotifier(letters(), plain(25, host="mx.invalid"))]
            for notifier in notifiers:
                notifier.close()

    @pytest.fixture
    def refusing(self) -> Iterable[Iterable[Notifier]]:
        """Give it over servers that know nobody, or do not want what it says."""
        with (
            serving(Mailbox(on_recipient=lambda _server, _envelope: "550 5.1.1 Nobody")) as unknown,
            serving(Mailbox(on_data=lambda _server, _envelope: "554 5.6.0 No")) as unwanted,
        ):
            notifiers = [EmailNotifier(letters(), plain(server.port)) for server in (unknown, unwanted)]
            yield notifiers
            for notifier in notifiers:
                notifier.close()
