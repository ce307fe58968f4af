"""Each notifier that breaks a promise fails the contract."""

import html
from collections.abc import Callable, Iterable
from email import message_from_string, policy
from email.message import EmailMessage
from html.parser import HTMLParser
from typing import Any

import attrs
import pytest

from datashare.domain.notices import Notice, NoticeKind
from datashare.ports import (
    Delivered,
    NeverDeliverable,
    Notifier,
    SendResult,
    TryAgain,
)
from datashare.testing import (
    NotifierContract,
    ReceivedMessage,
    ReceivedMessages,
)


class MailServer:
    """The other side of a notifier: accepts messages, or refuses them with a code."""

    def __init__(self, code: int = 250) -> None:
        self.code = code
        self.accepted: list[str] = []

    def accept(self, raw: str) -> int:
        if self.code < 400:
            self.accepted.append(raw)
        return self.code

    def received(self) -> list[ReceivedMessage]:
        """Read the accepted messages as a mail client does."""
        return [_read(raw) for raw in self.accepted]


def _read(raw: str) -> ReceivedMessage:
    tags = list[str]()

    class TagReader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            tags.append(f"{tag} {attrs}")

    message = message_from_string(raw, policy=policy.default)
    TagReader().feed(message.get_content())
    headers = tuple(message.keys())
    return ReceivedMessage(id=message["Message-ID"], recipients=(message["To"],), headers=headers, markup=tuple(tags))


class MailNotifier:
    """Sends a notice as a message with an HTML part, as a host would."""

    def __init__(self, server: MailServer) -> None:
        self.server = server

    def send(self, notice: Notice, /) -> SendResult:
        code = self.server.accept(self.message(notice))
        return Delivered() if code < 400 else TryAgain(str(code)) if code < 500 else NeverDeliverable(str(code))

    def message(self, notice: Notice) -> str:
        message = EmailMessage()
        message["Message-ID"] = f"<{notice.id}@host.example>"
        message["To"] = notice.address
        # An encoded word would be decoded, line breaks in it included, when the message is written.
        message["Subject"] = " ".join(f"Data sharing with {notice.group_name}".replace("=?", "= ?").split())
        link = f"<a href='{self.escape(notice.link)}'>" if notice.link else ""
        words = "".join(f"<p>{self.escape(text)}</p>" for text in self.words(notice))
        message.set_content(link + words, subtype="html")
        return message.as_string()

    def words(self, notice: Notice) -> Iterable[str]:
        return notice.reason or "", notice.actor_name, notice.institution_name

    def escape(self, text: str) -> str:
        return html.escape(text)


class Injectable(MailNotifier):
    """4. Lets a name add a header."""

    def message(self, notice: Notice) -> str:
        return f"X-Group: {notice.group_name}\n{super().message(notice)}"


class Marked(MailNotifier):
    """4. Lets a reason add markup."""

    def escape(self, text: str) -> str:
        return text


class MarkedWhen(MailNotifier):
    """4. Lets the name of the school, and of whoever acted, add markup in one kind of notice."""

    def words(self, notice: Notice) -> Iterable[str]:
        if notice.kind is NoticeKind.APPROVED:
            self.escape = str  # type: ignore[method-assign,assignment]
        return super().words(notice)


class MarkedLink(MailNotifier):
    """4. Lets a link add markup."""

    def message(self, notice: Notice) -> str:
        return super().message(notice).replace("<a href", f"<a href='{notice.link}'><a href")


class Splitting(MailNotifier):
    """4. Splits an address at a comma."""

    def send(self, notice: Notice, /) -> SendResult:
        first, *others = notice.address.split(",")
        for address in others:
            super().send(attrs.evolve(notice, address=address.strip()))
        return super().send(attrs.evolve(notice, address=first))


class Folding(MailNotifier):
    """1. Writes addresses in small letters."""

    def message(self, notice: Notice) -> str:
        return super().message(attrs.evolve(notice, address=notice.address.lower()))


class Demanding(MailNotifier):
    """2. Needs a link."""

    def message(self, notice: Notice) -> str:
        assert notice.link is not None
        return super().message(notice)


class Anonymous(MailNotifier):
    """3. Makes an id of its own for each message."""

    def message(self, notice: Notice) -> str:
        return super().message(attrs.evolve(notice, id=f"{len(self.server.accepted)}"))


class Hopeful(MailNotifier):
    """1. Says delivered whatever the other side said."""

    def send(self, notice: Notice, /) -> SendResult:
        super().send(notice)
        return Delivered()


class Nervous(MailNotifier):
    """2. Raises where the other side does not accept a message."""

    def send(self, notice: Notice, /) -> SendResult:
        answer = super().send(notice)
        if answer != Delivered():
            raise ConnectionError(answer)
        return answer


class TestMailNotifier(NotifierContract):
    """A notifier over a mail server keeps the contract."""

    @pytest.fixture
    def server(self) -> MailServer:
        """Return a server that accepts everything."""
        return MailServer()

    @pytest.fixture
    def accepting(self, server: MailServer) -> Notifier:
        """Return the notifier over it."""
        return MailNotifier(server)

    @pytest.fixture
    def received(self, server: MailServer) -> ReceivedMessages:
        """Return what reads the messages that it accepted."""
        return server.received

    @pytest.fixture
    def down(self) -> Iterable[Notifier]:
        """Return a notifier over a server that is busy."""
        return [MailNotifier(MailServer(451))]

    @pytest.fixture
    def refusing(self) -> Iterable[Notifier]:
        """Return a notifier over a server that knows nobody."""
        return [MailNotifier(MailServer(550))]


def _accepting(test: str, *arguments: Any) -> Callable[[type[MailNotifier]], None]:
    def run(kind: type[MailNotifier]) -> None:
        server = MailServer()
        getattr(TestMailNotifier(), test)(kind(server), server.received, *arguments)

    return run


def _failing(test: str, code: int) -> Callable[[type[MailNotifier]], None]:
    return lambda kind: getattr(TestMailNotifier(), test)([kind(MailServer(code))])


LINE_BREAK = "Head\nBcc: eve@evil.example"
SENT = "test_no_value_adds_a_header_a_recipient_or_markup"


@pytest.mark.parametrize(
    ("broken", "run"),
    [
        (Injectable, _accepting(SENT, LINE_BREAK)),
        (Marked, _accepting(SENT, "<b>Pay here</b>")),
        (MarkedWhen, _accepting("test_no_value_of_any_kind_of_notice_adds_markup", NoticeKind.APPROVED)),
        (MarkedLink, _accepting("test_no_link_or_reply_address_adds_anything", "link", "'><script>")),
        (Splitting, _accepting("test_an_address_is_one_recipient", "head@hilda.example, eve@evil.example")),
        (Folding, _accepting("test_an_address_is_one_recipient", "Head@hilda.example")),
        (Demanding, _accepting("test_a_bare_notice_is_sent")),
        (Anonymous, _accepting("test_a_repeated_notice_is_recognised_by_its_id")),
        (Hopeful, _failing("test_a_server_that_is_down_is_tried_again", 451)),
        (Hopeful, _failing("test_what_is_refused_for_ever_is_never_deliverable", 550)),
        (Nervous, _failing("test_a_server_that_is_down_is_tried_again", 451)),
    ],
    ids=["header", "markup", "kind", "link", "comma", "case", "bare", "id", "down", "refused", "raising"],
)
def test_a_notifier_that_breaks_a_promise_fails(
    broken: type[MailNotifier], run: Callable[[type[MailNotifier]], None]
) -> None:
    """The test that proves the promise fails on it, and passes on one that keeps it."""
    run(MailNotifier)
    with pytest.raises((AssertionError, ConnectionError)):
        run(broken)
