"""Notices over Debian's own mail server into mailboxes: state, notices and mailboxes agree (rules O1, O3, O4)."""

import signal
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import attrs
import pytest

from datashare.adapters.email import EmailNotifier, MailServer, Security
from datashare.delivery import DeliveryReport
from datashare.domain.notices import Notice
from datashare.ports import Delivered, NeverDeliverable, NoticeStatus, SendResult
from tests.adapters.email.conftest import Certificates
from tests.adapters.email.exim import Exim, Login, own_exim, wait_until
from tests.adapters.email.notices import RENDERER
from tests.adapters.email.servers import NOTICE, PASSWORD, USER, agree, ask_the_head, at, errors, run, stored
from tests.machine import EXIM, ServerUnavailable
from tests.world import ASKABLE, HILDA, MIS, World, head

ADDRESSES = [f"{who.id}@{HILDA}.example" for who in ASKABLE]
HEAD = f"head@{HILDA}.example"
SOON = timedelta(seconds=1)


@pytest.fixture
def exim() -> Iterator[Exim]:
    """Build a server that knows everybody at St Hilda's and is not yet started."""
    EXIM.demand()
    with own_exim() as server:
        server.know(ADDRESSES)
        yield server


def deliver_over(world: World, server: MailServer) -> DeliveryReport:
    """Deliver what is due over a connection of its own, after the time in which what failed waits."""
    world.clock.move_on(timedelta(minutes=2))
    with EmailNotifier(RENDERER, server) as notifier:
        return run(world, notifier)


def arrived(exim: Exim) -> list[str]:
    """Return the mailbox of each message that has arrived."""
    return [address for address, mails in exim.mail().items() for _ in mails]


def without_trace(content: bytes) -> bytes:
    """Remove the one header that the mail server put before all others."""
    lines = content.splitlines(keepends=True)
    assert lines[0].startswith(b"Received: ")
    first = next(number for number, line in enumerate(lines[1:], 1) if not line.startswith((b"\t", b" ")))
    return b"".join(lines[first:])


@pytest.mark.exim
@pytest.mark.rule("O1", "O3", "O4")
def test_messages_arrive_once_and_as_they_were_written(world: World, exim: Exim) -> None:
    """Every message is in its mailbox byte for byte, and a second run sends nothing."""
    world.asked(HILDA)
    exim.start()

    assert [DeliveryReport(delivered=4), DeliveryReport()] == [deliver_over(world, at(exim.port)) for _ in range(2)]
    agree(world, arrived(exim), delivered=4)
    assert {
        notice.address: [RENDERER.message(notice).as_bytes().replace(b"\r\n", b"\n")]
        for notice in stored(world)[NoticeStatus.DELIVERED]
    } == {address: list(map(without_trace, mails)) for address, mails in exim.mail().items()}


@pytest.mark.exim
@pytest.mark.rule("O3", "O4")
def test_an_unknown_mailbox_is_given_up_and_the_others_are_written_to(world: World, exim: Exim) -> None:
    """One of many recipients is refused for ever, in the server's words; the others get their messages."""
    world.asked(HILDA)
    exim.know(address for address in ADDRESSES if address != HEAD)
    exim.start()

    assert DeliveryReport(delivered=3, given_up=1) == deliver_over(world, at(exim.port))
    agree(world, arrived(exim), delivered=3, given_up=1)
    assert [HEAD] == [notice.address for notice in stored(world)[NoticeStatus.GIVEN_UP]]
    assert "The mail server refused the address: 550 " in errors(world)


@pytest.mark.exim
@pytest.mark.rule("O3", "O4")
def test_a_server_that_does_not_relay_gives_no_notice_up(world: World, exim: Exim) -> None:
    """Debian's server says so without a status and with a code for ever, and the mistake is the host's own."""
    people = world.people.people([head(HILDA)])
    world.people.put(attrs.evolve(people[head(HILDA)], email="head@elsewhere.test"))
    world.trust().request([HILDA], level=MIS, recipients={HILDA: [head(HILDA)]}, command_id="ask")
    exim.start()

    assert DeliveryReport(retried=1) == deliver_over(world, at(exim.port))
    assert "The mail server refused the address: 550 relay not permitted." == errors(world)
    agree(world, arrived(exim), waiting=1)


@pytest.mark.exim
@pytest.mark.rule("O3", "O4")
@pytest.mark.parametrize("security", [Security.STARTTLS, Security.IMPLICIT_TLS], ids=lambda way: way.value)
def test_messages_go_out_encrypted_and_logged_in(
    world: World, exim: Exim, certificates: Certificates, security: Security
) -> None:
    """A server that wants a password takes nothing without one or with a wrong one, and all with the right one."""
    world.asked(HILDA)
    pem = certificates.authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.bytes()
    implicit_tls = security is Security.IMPLICIT_TLS
    exim.start(login=Login(certificate=pem, user=USER, password=PASSWORD, implicit_tls=implicit_tls))
    stranger = at(exim.port, security=security, context=certificates.trusting)
    wrong, right = (attrs.evolve(stranger, username=USER, password=password) for password in ("battery", PASSWORD))

    assert DeliveryReport(retried=4) == deliver_over(world, stranger)
    assert "530 5.7.0 Encrypt, and log in" in errors(world)
    assert DeliveryReport(retried=4) == deliver_over(world, wrong)
    assert "refused the user name or password: 535" in errors(world)
    agree(world, arrived(exim), waiting=4)

    world.clock.move_on(timedelta(minutes=2))
    assert DeliveryReport(delivered=4) == deliver_over(world, right)
    agree(world, arrived(exim), delivered=4)
    assert all(b"esmtpsa" in content for mails in exim.mail().values() for content in mails)


@pytest.mark.exim
@pytest.mark.rule("O3", "O4")
def test_a_server_killed_between_messages_delivers_what_it_took_over(world: World, exim: Exim) -> None:
    """What it took over outlives it, what it had not yet is sent again, and each message arrives once."""
    world.asked(HILDA)
    exim.switch("keep", on=True)
    exim.start()
    with EmailNotifier(RENDERER, at(exim.port)) as notifier:
        assert DeliveryReport(delivered=2, retried=2) == run(world, KillsAfter(2, exim, notifier))
    assert 2 == len(exim.spooled("H"))

    exim.switch("keep", on=False)
    exim.start()
    agree(world, arrived(exim), delivered=2, waiting=2)
    assert DeliveryReport(delivered=2) == deliver_over(world, at(exim.port))
    agree(world, arrived(exim), delivered=4)


@attrs.define
class KillsAfter:
    """A notifier whose server is killed after so many messages."""

    left: int
    exim: Exim
    notifier: EmailNotifier

    def send(self, notice: Notice, /) -> SendResult:
        """Send, after killing the server if it is time."""
        if self.left == 0:
            self.exim.kill()
        self.left -= 1
        return self.notifier.send(notice)


@pytest.mark.exim
@pytest.mark.rule("O3", "O4")
def test_a_server_killed_in_the_midst_of_a_message_took_nothing_over(world: World, exim: Exim) -> None:
    """It has the whole message, and dies before it says so: the notice is sent again, and arrives once."""
    world.asked(HILDA)
    exim.switch("dawdle", on=True)
    exim.start()
    killer = threading.Thread(target=kill_in_the_midst, args=[exim])
    killer.start()
    report = deliver_over(world, at(exim.port))
    killer.join()

    assert DeliveryReport(retried=4) == report
    assert 1 == len(exim.spooled("D"))  # the body lies there, and the server ignores it

    exim.switch("dawdle", on=False)
    exim.start()
    agree(world, arrived(exim), waiting=4)
    assert DeliveryReport(delivered=4) == deliver_over(world, at(exim.port))
    agree(world, arrived(exim), delivered=4)


def kill_in_the_midst(exim: Exim) -> None:
    """Kill a server once it has the body of a message."""
    wait_until(lambda: exim.spooled("D") != [], exim.log)
    exim.kill()


@pytest.mark.exim
@pytest.mark.rule("O3", "O4")
@pytest.mark.parametrize("when", ["before the greeting", "between messages", "after the message"])
def test_a_server_that_stands_still_is_not_waited_for(world: World, exim: Exim, when: str) -> None:
    """The time-out ends the wait; once the server moves again, the message arrives once."""
    ask_the_head(world)
    exim.switch("dawdle", on=when == "after the message")
    exim.start()
    with EmailNotifier(RENDERER, at(exim.port, timeout=SOON)) as notifier:
        if when == "between messages":
            assert isinstance(notifier.send(NOTICE), NeverDeliverable)
        if when != "after the message":
            exim.signal(signal.SIGSTOP)
        assert DeliveryReport(retried=1) == run(world, notifier)

    assert "The mail server did not answer in time." == errors(world)
    exim.signal(signal.SIGCONT)
    exim.switch("dawdle", on=False)
    agree(world, arrived(exim), waiting=1)
    assert DeliveryReport(delivered=1) == deliver_over(world, at(exim.port))
    agree(world, arrived(exim), delivered=1)


@pytest.mark.exim
@pytest.mark.rule("O3")
def test_a_message_that_is_too_large_is_given_up_before_it_is_sent(exim: Exim) -> None:
    """The server refuses it by the size that the client announces, which no second attempt would change."""
    exim.know([NOTICE.address])
    exim.start(largest=15_000)
    with EmailNotifier(RENDERER, at(exim.port)) as notifier:
        refused = notifier.send(attrs.evolve(NOTICE, reason="Far too long. " * 700))
        assert Delivered() == notifier.send(NOTICE)

    assert isinstance(refused, NeverDeliverable)
    assert "The mail server refused the message: 552 " in refused.why
    assert [NOTICE.address] == arrived(exim)


def test_a_required_server_that_is_missing_fails(tmp_path: Path) -> None:
    """Where it is not unpacked, the tests say how to get it, and are not skipped."""
    with (
        pytest.raises(ServerUnavailable, match=r"DATASHARE_REQUIRE_EXIM=1\).* On Debian: make \.exim"),
        own_exim(tmp_path),
    ):
        pytest.fail("there is none")
