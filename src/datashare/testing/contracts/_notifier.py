"""The contract of `datashare.ports.Notifier`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import attrs
import pytest

from datashare.domain.notices import Notice, NoticeKind
from datashare.ports import Delivered, NeverDeliverable, Notifier, TryAgain
from datashare.testing.changes import asked

from ._contract import Contract, required

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
    """A message as the other side of a notifier received it.

    Attributes:
        id: Its id, by which a repeated message is recognised; contains the id of the notice.
        recipients: The addresses that it goes to, from whatever header they are in.
        headers: The names of its headers, in order; empty where messages have no headers.
        markup: The tags of its marked-up parts, in order; empty where there is no markup.
    """

    id: str
    recipients: tuple[str, ...]
    headers: tuple[str, ...] = ()
    markup: tuple[str, ...] = ()


ReceivedMessages = Callable[[], Sequence[ReceivedMessage]]
"""Returns the messages that the other side has received so far, in order."""


class NotifierContract(Contract, port=Notifier):
    """What every notifier must do.

    A subclass defines four fixtures, which may share another one such as a mail server for the test::

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

    accepting = required("a notifier whose other side accepts everything")
    received = required("a function that lists the messages that the other side of `accepting` has received")
    down = required("notifiers whose other side is down, one for each way in which it can be")
    refusing = required("notifiers whose other side refuses for ever, one for each way in which it can")

    @pytest.mark.must(1)
    @pytest.mark.parametrize("kind", NoticeKind, ids=lambda kind: kind.value)
    def test_what_was_accepted_is_delivered(
        self, accepting: Notifier, received: ReceivedMessages, kind: NoticeKind
    ) -> None:
        """A notice of each kind becomes one message to its address, and no other."""
        notice = attrs.evolve(asked().notices[0], kind=kind)

        assert Delivered() == accepting.send(notice)
        assert [(notice.address,)] == [message.recipients for message in received()]

    @pytest.mark.must(1, 2)
    def test_a_server_that_is_down_is_tried_again(self, down: Iterable[Notifier]) -> None:
        """Where the other side is down, the notifier returns `TryAgain` with the reason, and does not raise."""
        answers = [notifier.send(asked().notices[0]) for notifier in down]

        assert {TryAgain} == {type(answer) for answer in answers}
        assert all(answer.why.strip() for answer in answers if isinstance(answer, TryAgain))

    @pytest.mark.must(1, 2)
    def test_what_is_refused_for_ever_is_never_deliverable(self, refusing: Iterable[Notifier]) -> None:
        """Where the other side refuses for ever, it returns `NeverDeliverable` with the reason, and does not raise."""
        answers = [notifier.send(asked().notices[0]) for notifier in refusing]

        assert {NeverDeliverable} == {type(answer) for answer in answers}
        assert all(answer.why.strip() for answer in answers if isinstance(answer, NeverDeliverable))

    @pytest.mark.must(3)
    @pytest.mark.rule("O3")
    def test_a_repeated_notice_is_recognised_by_its_id(self, accepting: Notifier, received: ReceivedMessages) -> None:
        """The same notice gets the same message id again, which contains its own id; another notice gets another."""
        head, deputy = asked().notices
        for notice in (head, head, deputy):
            accepting.send(notice)
        first, again, another = (message.id for message in received())

        assert first == again != another
        assert head.id in first
        assert deputy.id in another

    @pytest.mark.must(2, 4)
    @pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
    def test_no_value_adds_a_header_a_recipient_or_markup(
        self, accepting: Notifier, received: ReceivedMessages, text: str
    ) -> None:
        """Whatever the names and texts of a notice contain, its message has the same parts as one of plain words."""
        answers = [accepting.send(_notice_saying(words)) for words in ("Plain", text)]

        assert {True} == {isinstance(answer, Delivered | NeverDeliverable) for answer in answers}
        plain, *others = (attrs.evolve(message, id="") for message in received())
        assert [plain] * len(others) == others
        assert [isinstance(answer, Delivered) for answer in answers].count(True) == 1 + len(others)


def _notice_saying(text: str) -> Notice:
    """Build a notice whose every text is *text*."""
    notice = asked().notices[0]
    return attrs.evolve(
        notice,
        kind=NoticeKind.DECLINED,
        people=tuple(attrs.evolve(person, name=text) for person in notice.people),
        group_name=text,
        institution_name=text,
        sender_name=text,
        level_label=text,
        level_before_label=text,
        reason=text,
    )
