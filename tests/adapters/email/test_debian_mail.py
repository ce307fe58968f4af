"""Notices over Debian's own mail server into mailboxes: state, notices and mailboxes agree (rules O1, O3, O4)."""

import signal
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest

from datashare.adapters.email import EmailNotifier, EmailRenderer, MailServer, Security
from datashare.delivery import DeliveryReport, deliver
from datashare.domain.agreements import State
from datashare.domain.notices import Notice
from datashare.ports import Delivered, NeverDeliverable, NoticeStatus, SendResult, TryAgain
from tests.adapters.email.conftest import Certificates
from tests.adapters.email.exim import PROGRAM, Exim, Login, own_exim, wait_until
from tests.adapters.email.servers import PASSWORD, USER, letters, part, read
from tests.golden.values import NOTICES
from tests.machine import EXIM, ServerUnavailable
from tests.world import ASKABLE, HILDA, MIS, World, head

WAITING, LEASED, DELIVERED, GIVEN_UP, CANCELLED = NoticeStatus

LETTERS = letters(list_id="data-sharing.trust.example")
NOTICE = attrs.evolve(NOTICES["notice"], address="head@hilda.example")
ADDRESSES = [f"{who.id}@{HILDA}.example" for who in ASKABLE]
HEAD = f"head@{HILDA}.example"
SOON = timedelta(seconds=2)
PATIENT = timedelta(seconds=60)


@pytest.fixture
def exim() -> Iterator[Exim]:
    """Give a server that knows everybody at St Hilda's and is not yet started."""
    EXIM.demand()
    with own_exim() as server:
        server.know(ADDRESSES)
        yield server


def at(exim: Exim, **settings: Any) -> MailServer:
    """Name a server."""
    return MailServer(
        **{"host": "127.0.0.1", "port": exim.port, "security": Security.NONE, "timeout": PATIENT, **settings}
    )


def run(world: World, server: MailServer, made_by: EmailRenderer = LETTERS) -> DeliveryReport:
    """Deliver what is due over a connection of its own."""
    with EmailNotifier(made_by, server) as notifier:
        return deliver(world.store, notifier, clock=world.clock, random=lambda: 0.5)


def later(world: World) -> World:
    """Let the time pass after which what failed is tried again."""
    world.clock.move_on(timedelta(minutes=2))
    return world


def agree(world: World, exim: Exim, *, copies: int = 1, **expected: int) -> None:
    """Check that the request is open, so many notices have each status, and each of those delivered arrived once.

    What is in a mailbox is the message as it was written, below the line that every mail server adds; as often as there
    are *copies*, where the server's answer was lost.
    """
    stored = [one for one in world.notices(status=None) if one.notice]
    written = {
        one.notice.address: [LETTERS.message(one.notice).as_bytes().replace(b"\r\n", b"\n")] * copies
        for one in stored
        if one.notice and one.status is DELIVERED
    }

    assert State.PENDING == world.state(HILDA).state  # O4: whatever became of the messages
    assert expected == {
        status.name.lower(): count for status in NoticeStatus if (count := sum(one.status is status for one in stored))
    }
    assert written == {address: list(map(without_trace, mails)) for address, mails in exim.mail().items()}


def without_trace(content: bytes) -> bytes:
    """Take the one header away that the mail server put before all others."""
    lines = content.splitlines(keepends=True)
    assert lines[0].startswith(b"Received: ")
    first = next(number for number, line in enumerate(lines[1:], 1) if not line.startswith((b"\t", b" ")))
    return b"".join(lines[first:])


def errors(world: World) -> str:
    """Tell what was said last about those not delivered."""
    return "\n".join(sorted({one.error for one in world.notices(status=None) if one.error}))


@pytest.mark.exim
@pytest.mark.rule("O1", "O3", "O4")
def test_messages_arrive_once_and_as_they_were_written(world: World, exim: Exim) -> None:
    """Every header and every part is in the mailbox byte for byte, and a second run sends nothing."""
    world.asked(HILDA)
    exim.start()

    assert [DeliveryReport(delivered=4), DeliveryReport()] == [run(world, at(exim)), run(later(world), at(exim))]
    agree(world, exim, delivered=4)
    for address, (content,) in exim.mail().items():
        message = read(content)
        (stored,) = (one for one in world.notices(status=None) if one.notice and one.notice.address == address)
        assert address == message["To"]
        assert f"<{stored.id}@trust.example>" == message["Message-ID"]
        assert "auto-generated" == message["Auto-Submitted"]
        assert f"https://{HILDA}.example/data/sharing" in part(message, "plain").splitlines()


@pytest.mark.exim
@pytest.mark.rule("O3", "O4")
def test_an_unknown_mailbox_is_given_up_and_the_others_are_written_to(world: World, exim: Exim) -> None:
    """One of many recipients is refused for ever, in the server's words; the rest go over the same connection."""
    world.asked(HILDA)
    exim.know(address for address in ADDRESSES if address != HEAD)
    exim.start()

    assert DeliveryReport(delivered=3, given_up=1) == run(world, at(exim))
    agree(world, exim, delivered=3, given_up=1)
    assert [HEAD] == [one.notice.address for one in world.notices(status=None) if one.notice and one.status is GIVEN_UP]
    assert "The mail server refused the address: 550 " in errors(world)


@pytest.mark.exim
@pytest.mark.rule("O3", "O4")
def test_a_server_that_does_not_relay_gives_no_notice_up(world: World, exim: Exim) -> None:
    """Debian's server says so without a status and with a code for ever, and the mistake is the host's own."""
    people = world.people.people([head(HILDA)])
    world.people.put(attrs.evolve(people[head(HILDA)], email="head@elsewhere.test"))
    world.trust().request([HILDA], level=MIS, recipients={HILDA: [head(HILDA)]}, command_id="ask")
    exim.start()

    assert DeliveryReport(retried=1) == run(world, at(exim))
    assert "The mail server refused the address: 550 relay not permitted." == errors(world)
    agree(world, exim, waiting=1)


@pytest.mark.exim
@pytest.mark.rule("O3", "O4")
def test_greylisting_delays_and_loses_nothing(world: World, exim: Exim) -> None:
    """Who is refused for now is written to later; who is not, at once."""
    world.asked(HILDA)
    exim.greylist(ADDRESSES[:3])
    exim.start()

    assert DeliveryReport(delivered=1, retried=3) == run(world, at(exim))
    agree(world, exim, delivered=1, waiting=3)
    assert "450 4.2.0 Greylisted, come back later" in errors(world)

    exim.greylist([])
    assert DeliveryReport(delivered=3) == run(later(world), at(exim))
    agree(world, exim, delivered=4)


def login(certificates: Certificates, *, until: datetime | None = None, implicit_tls: bool = False) -> Login:
    """Want encryption and a password, with a certificate valid until an instant."""
    since = datetime(2000, 1, 1, tzinfo=UTC) if until else None
    issued = certificates.authority.issue_cert("127.0.0.1", not_before=since, not_after=until)
    pem = issued.private_key_and_cert_chain_pem.bytes()
    return Login(certificate=pem, user=USER, password=PASSWORD, implicit_tls=implicit_tls)


@pytest.mark.exim
@pytest.mark.rule("O3", "O4")
@pytest.mark.parametrize("security", [Security.STARTTLS, Security.IMPLICIT_TLS], ids=lambda one: one.value)
def test_messages_go_out_encrypted_and_logged_in(
    world: World, exim: Exim, certificates: Certificates, security: Security
) -> None:
    """A server that wants a password takes nothing without one or with a wrong one, and all with the right one."""
    world.asked(HILDA)
    exim.start(login=login(certificates, implicit_tls=security is Security.IMPLICIT_TLS))
    strangers = at(exim, security=security, context=certificates.trusting)

    assert DeliveryReport(retried=4) == run(world, strangers)
    assert "530 5.7.0 Encrypt, and log in" in errors(world)
    wrong = attrs.evolve(strangers, username=USER, password="battery")  # noqa: S106
    assert DeliveryReport(retried=4) == run(later(world), wrong)
    assert "refused the user name or password: 535" in errors(world)
    agree(world, exim, waiting=4)

    assert DeliveryReport(delivered=4) == run(
        later(later(world)), attrs.evolve(strangers, username=USER, password=PASSWORD)
    )
    agree(world, exim, delivered=4)
    assert all(b"esmtpsa" in content for mails in exim.mail().values() for content in mails)


@pytest.mark.exim
@pytest.mark.rule("O3", "O4")
def test_an_expired_certificate_stops_everything_and_loses_nothing(
    world: World, exim: Exim, certificates: Certificates
) -> None:
    """Nothing is sent to a server whose certificate has expired, until it has a new one."""
    world.asked(HILDA)
    exim.start(login=login(certificates, until=datetime(2001, 1, 1, tzinfo=UTC)))
    secure = {
        "security": Security.STARTTLS,
        "context": certificates.trusting,
        "username": USER,
        "password": PASSWORD,
    }

    assert DeliveryReport(retried=4) == run(world, at(exim, **secure))
    agree(world, exim, waiting=4)
    assert "The mail server's certificate is not trusted: certificate has expired." == errors(world)

    exim.kill()
    exim.start(login=login(certificates))
    assert DeliveryReport(delivered=4) == run(later(world), at(exim, **secure))
    agree(world, exim, delivered=4)


@pytest.mark.exim
@pytest.mark.rule("O3", "O4")
def test_a_server_killed_between_messages_delivers_what_it_took_over(world: World, exim: Exim) -> None:
    """What it took over outlives it, what it had not yet is sent again, and each message arrives once."""
    world.asked(HILDA)
    exim.keep(on=True)
    exim.start()
    with EmailNotifier(LETTERS, at(exim)) as notifier:
        killing = KillsAfter(2, exim, notifier)
        assert DeliveryReport(delivered=2, retried=2) == deliver(
            world.store, killing, clock=world.clock, random=lambda: 0.5
        )
    assert 2 == len(exim.spooled("H"))

    exim.keep(on=False)
    exim.start()
    agree(world, exim, delivered=2, waiting=2)
    assert DeliveryReport(delivered=2) == run(later(world), at(exim))
    agree(world, exim, delivered=4)


@attrs.define
class KillsAfter:
    """A notifier whose server is killed after so many messages."""

    left: int
    exim: Exim
    notifier: EmailNotifier

    def send(self, notice: Notice, /) -> SendResult:
        """Send, unless it is the last one's turn."""
        if self.left == 0:
            self.exim.kill()
        self.left -= 1
        return self.notifier.send(notice)


@pytest.mark.exim
@pytest.mark.rule("O3", "O4")
def test_a_server_killed_in_the_midst_of_a_message_took_nothing_over(world: World, exim: Exim) -> None:
    """It has the whole message, and dies before it says so: the notice is sent again, and arrives once."""
    world.asked(HILDA)
    exim.dawdle(on=True)
    exim.start()
    killer = threading.Thread(target=kill_in_the_midst, args=[exim])
    killer.start()
    report = run(world, at(exim))
    killer.join()

    assert DeliveryReport(retried=4) == report
    assert 1 == len(exim.spooled("D"))  # what it had of it lies there, and is nothing to it

    exim.dawdle(on=False)
    exim.start()
    agree(world, exim, waiting=4)
    assert DeliveryReport(delivered=4) == run(later(world), at(exim))
    agree(world, exim, delivered=4)


def kill_in_the_midst(exim: Exim) -> None:
    """Kill a server once it has the body of a message."""
    wait_until(lambda: exim.spooled("D") != [], exim.log)
    exim.kill()


def ask_the_head_alone() -> World:
    """Give a world in which one notice waits."""
    world = World()
    world.trust().request([HILDA], level=MIS, recipients={HILDA: [head(HILDA)]}, command_id="ask")
    return world


@pytest.mark.exim
@pytest.mark.rule("O3", "O4")
@pytest.mark.parametrize("connected", [False, True], ids=["before", "between messages"])
def test_a_server_that_stands_still_is_not_waited_for(exim: Exim, connected: bool) -> None:
    """Each answer is waited for so long and no longer; once the server moves again, everything arrives once."""
    world = ask_the_head_alone()
    exim.start()
    with EmailNotifier(LETTERS, at(exim, timeout=SOON)) as notifier:
        if connected:
            assert isinstance(notifier.send(attrs.evolve(NOTICE, address="nobody@hilda.example")), NeverDeliverable)
        exim.signal(signal.SIGSTOP)
        report = deliver(world.store, notifier, clock=world.clock)

    assert DeliveryReport(retried=1) == report
    assert "The mail server did not answer in time." == errors(world)
    exim.signal(signal.SIGCONT)
    agree(world, exim, waiting=1)
    assert DeliveryReport(delivered=1) == run(later(world), at(exim))
    agree(world, exim, delivered=1)


@pytest.mark.exim
@pytest.mark.rule("O3")
def test_a_server_that_is_slow_to_take_a_message_over_is_not_waited_for(exim: Exim) -> None:
    """The notice is sent again, and its message is the same, should it come twice."""
    world = ask_the_head_alone()
    exim.dawdle(on=True)
    exim.start()

    assert DeliveryReport(retried=1) == run(world, at(exim, timeout=SOON))
    assert "The mail server did not answer in time." == errors(world)
    exim.dawdle(on=False)
    agree(world, exim, waiting=1)
    assert DeliveryReport(delivered=1) == run(later(world), at(exim))
    agree(world, exim, delivered=1)


@pytest.mark.exim
@pytest.mark.rule("O3")
def test_a_message_that_arrives_twice_is_known_by_its_id(exim: Exim) -> None:
    """Where the answer of the server is lost on its way, the message comes again, the same byte for byte."""
    world = ask_the_head_alone()
    exim.start()
    with EmailNotifier(LETTERS, at(exim)) as notifier:
        assert DeliveryReport(retried=1) == deliver(world.store, Deaf(notifier), clock=world.clock)
    assert DeliveryReport(delivered=1) == run(later(world), at(exim))

    agree(world, exim, copies=2, delivered=1)
    assert [1, 1] == [content.count(b"\nMessage-ID: ") for content in exim.mail()[HEAD]]


@attrs.define
class Deaf:
    """A notifier that sends and does not hear the answer."""

    notifier: EmailNotifier

    def send(self, notice: Notice, /) -> SendResult:
        """Send, and know nothing of it."""
        assert Delivered() == self.notifier.send(notice)
        return TryAgain("The answer was lost.")


@pytest.mark.exim
def test_an_address_outside_ascii_goes_to_a_server_that_takes_it(exim: Exim) -> None:
    """The part before the @ goes as it is, by SMTPUTF8, and the domain in ASCII."""
    address = "größe@xn--strae-oqa.example"
    exim.know([address])
    exim.start()
    notice = attrs.evolve(NOTICE, address="größe@straße.example")
    with EmailNotifier(LETTERS, at(exim)) as notifier:
        assert Delivered() == notifier.send(notice)

    ((mailbox, (content,)),) = exim.mail().items()
    assert address == mailbox
    assert LETTERS.message(notice).as_bytes().replace(b"\r\n", b"\n") == without_trace(content)
    assert address == read(content)["To"]


@pytest.mark.exim
def test_an_address_outside_ascii_is_given_up_where_the_server_does_not_take_it(exim: Exim) -> None:
    """Nothing is said to the server of such an address; one that is not ASCII in its domain alone is written to."""
    exim.know(["head@xn--strae-oqa.example"])
    exim.start(smtputf8=False)
    with EmailNotifier(LETTERS, at(exim)) as notifier:
        never = notifier.send(attrs.evolve(NOTICE, address="größe@straße.example"))
        assert Delivered() == notifier.send(attrs.evolve(NOTICE, address="head@straße.example"))

    assert isinstance(never, NeverDeliverable)
    assert "SMTPUTF8" in never.why
    assert ["head@xn--strae-oqa.example"] == list(exim.mail())


@pytest.mark.exim
@pytest.mark.rule("O3")
def test_a_message_that_is_too_large_is_given_up_before_it_is_sent(exim: Exim) -> None:
    """The server refuses it by the size that it is told beforehand, which no second try would change."""
    exim.know([NOTICE.address])
    exim.start(largest=15_000)
    with EmailNotifier(LETTERS, at(exim)) as notifier:
        never = notifier.send(attrs.evolve(NOTICE, reason="Far too long. " * 700))
        assert Delivered() == notifier.send(NOTICE)

    assert isinstance(never, NeverDeliverable)
    assert "The mail server refused the message: 552 " in never.why
    assert [NOTICE.address] == list(exim.mail())


def test_a_required_server_that_is_missing_fails(tmp_path: Path) -> None:
    """Where it is not unpacked, the tests say how to have it, and are not skipped."""
    with (
        pytest.raises(ServerUnavailable, match=r"DATASHARE_REQUIRE_EXIM=1\).* On Debian: make \.exim"),
        own_exim(tmp_path),
    ):
        pytest.fail("there is none")


def test_a_server_that_does_not_start_is_named_with_what_it_said(tmp_path: Path) -> None:
    """One that ends at once is an error that tells why."""
    program = tmp_path / PROGRAM
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\necho no room left\nexit 3\n", encoding="utf-8")

    with (
        own_exim(tmp_path) as broken,
        pytest.raises(ServerUnavailable, match=r"(?s)did not start\. It said:.*no room left"),
    ):
        broken.start()
