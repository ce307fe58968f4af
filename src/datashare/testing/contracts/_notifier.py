"""The contract of `datashare.ports.Notifier`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import attrs
import pytest

from datashare.domain.notices import Addressee, Notice, NoticeKind
from datashare.ports import Delivered, NeverDeliverable, Notifier, TryAgain
from datashare.testing.changes import asked

from ._contract import Contract

HOSTILE = {
    "line break": "Head\r\nBcc: eve@evil.example",
    "bare line feed": "Head\nTo: eve@evil.example",
    "bare return": "Head\rX-Evil: yes",
    "header end": "Head\r\n\r\n<html>Pay here</html>",
    "separator": "Head\u2028Bcc: eve@evil.example\u0085Cc: eve@evil.example",
    "address list": "Head <eve@evil.example>, eve@evil.example; ",
    "encoded word": "=?utf-8?q?=0D=0ABcc=3A_eve=40evil=2Eexample?=",
    "markup": "<script>alert(1)</script><a href='https://evil.example'>log in</a>",
    "attribute": "\"><img src=x onerror='alert(1)'>",
    "entity": "&lt;b&gt; &#60;b&#62;",
    "template": "{{ 7 * 7 }} {0.__class__} %(x)s ${x}",
    "not Latin": "Siân 𝄞 שלום \u202e",
}


@attrs.frozen(kw_only=True)
class ReceivedMessage:
    """A message as the other side of a notifier took it over.

    Attributes:
        id: Its id, by which a repeated one is recognised; contains the id of the notice.
        recipients: The addresses that it goes to, whatever the header that names them.
        headers: The names of its headers, in order; none where messages have no headers.
        markup: The tags of its marked-up parts, in order; none where there is no markup.
    """

    id: str
    recipients: tuple[str, ...]
    headers: tuple[str, ...] = ()
    markup: tuple[str, ...] = ()


ReceivedMessages = Callable[[], Sequence[ReceivedMessage]]
"""Tells what the other side has taken over so far, in order."""


class NotifierContract(Contract, port=Notifier):
    """What every notifier must do.

    A subclass gives four fixtures, which may share another one such as a mail server of the test's own::

        class TestMyNotifier(NotifierContract):
            @pytest.fixture
            def accepting(self, server: MailServer) -> Notifier: ...
            @pytest.fixture
            def received(self, server: MailServer) -> ReceivedMessages: ...
            @pytest.fixture
            def down(self) -> Iterable[Notifier]: ...
            @pytest.fixture
            def refusing(self) -> Iterable[Notifier]: ...
    """

    @pytest.fixture
    def accepting(self) -> Notifier:
        """Give a notifier whose other side takes over everything."""
        raise NotImplementedError(_missing(self, "accepting", "a notifier whose other side takes over everything"))

    @pytest.fixture
    def received(self) -> ReceivedMessages:
        """Give what tells which messages the other side of `accepting` has taken over."""
        raise NotImplementedError(_missing(self, "received", "what tells which messages were taken over"))

    @pytest.fixture
    def down(self) -> Iterable[Notifier]:
        """Give notifiers whose other side is down, in each way in which it can be."""
        raise NotImplementedError(_missing(self, "down", "notifiers whose other side is down"))

    @pytest.fixture
    def refusing(self) -> Iterable[Notifier]:
        """Give notifiers whose other side refuses for ever, in each way in which it can."""
        raise NotImplementedError(_missing(self, "refusing", "notifiers whose other side refuses for ever"))

    @pytest.mark.must(1)
    @pytest.mark.parametrize("kind", NoticeKind, ids=lambda kind: kind.value)
    def test_what_was_taken_over_is_delivered(
        self, accepting: Notifier, received: ReceivedMessages, kind: NoticeKind
    ) -> None:
        """A notice of every kind is one message to its address, and no other."""
        one = attrs.evolve(_notice(), kind=kind)

        assert Delivered() == accepting.send(one)
        assert [(one.address,)] == [message.recipients for message in received()]

    @pytest.mark.must(1, 2)
    def test_what_can_be_taken_over_later_is_tried_again(self, down: Iterable[Notifier]) -> None:
        """Where the other side is down the notifier says so and why, and does not raise."""
        answers = [notifier.send(_notice()) for notifier in down]

        assert {TryAgain} == {type(answer) for answer in answers}
        assert all(answer.why.strip() for answer in answers if isinstance(answer, TryAgain))

    @pytest.mark.must(1, 2)
    def test_what_is_refused_for_ever_is_never_deliverable(self, refusing: Iterable[Notifier]) -> None:
        """Where the other side refuses for ever the notifier says so and why, and does not raise."""
        answers = [notifier.send(_notice()) for notifier in refusing]

        assert {NeverDeliverable} == {type(answer) for answer in answers}
        assert all(answer.why.strip() for answer in answers if isinstance(answer, NeverDeliverable))

    @pytest.mark.must(3)
    @pytest.mark.rule("O3")
    def test_a_repeated_notice_is_recognised_by_its_id(self, accepting: Notifier, received: ReceivedMessages) -> None:
        """The same notice has the same id again, which contains its own; another one has another."""
        one, other = asked().notices
        for notice in (one, one, other):
            accepting.send(notice)
        first, again, another = (message.id for message in received())

        assert first == again != another
        assert one.id in first
        assert other.id in another

    @pytest.mark.must(2, 4)
    @pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
    def test_no_value_adds_a_header_a_recipient_or_markup(
        self, accepting: Notifier, received: ReceivedMessages, text: str
    ) -> None:
        """Whatever stands in the names and texts of a notice, the message is made like one of plain words."""
        answers = [accepting.send(_saying(words)) for words in ("Plain", text)]

        assert {True} == {isinstance(answer, Delivered | NeverDeliverable) for answer in answers}
        plain, *others = (attrs.evolve(message, id="") for message in received())
        assert [plain] * len(others) == others
        assert [isinstance(answer, Delivered) for answer in answers].count(True) == 1 + len(others)


def _missing(suite: object, fixture: str, what: str) -> str:
    return f"{type(suite).__name__} lacks the fixture `{fixture}`. Give it one that answers {what}."


def _notice() -> Notice:
    return asked().notices[0]


def _saying(text: str) -> Notice:
    """Give a notice whose every text is *text*."""
    one = _notice()
    people = tuple(Addressee(id=person.id, name=text, can_approve=person.can_approve) for person in one.people)
    return attrs.evolve(
        one,
        kind=NoticeKind.DECLINED,
        people=people,
        group_name=text,
        institution_name=text,
        sender_name=text,
        level_label=text,
        level_before_label=text,
        reason=text,
    )
