"""The contract of `datashare.ports.Notifier`."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from copy import copy
from datetime import date
from typing import Any, TypeVar

import attrs
import pytest

from datashare.domain.agreements.ids import Terms
from datashare.domain.levels import AccessLevel
from datashare.domain.notices import Addressee, Answerer, Notice, NoticeKind
from datashare.errors import InvalidValue
from datashare.ports import Delivered, NeverDeliverable, Notifier, TryAgain
from datashare.testing.changes import asked

from ._contract import Contract, required

_V = TypeVar("_V", Notice, Addressee, Answerer)

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

ADDRESSES = {
    "mixed case": "Head.Of+Mis@hilda.example",
    "apostrophe": "o'brien@hilda.example",
    "percent": "head%hilda@gateway.example",
    "exclamation mark": "hilda!head@gateway.example",
    "quoted comma": '"head, of"@hilda.example',
    "two addresses": "head@hilda.example, eve@evil.example",
    "name": "Head <head@hilda.example>",
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

    accepting: Any = required("a notifier whose other side accepts everything")
    received: Any = required("a function that lists the messages that the other side of `accepting` has received")
    down: Any = required("notifiers whose other side is down, one for each way in which it can be")
    refusing: Any = required("notifiers whose other side refuses for ever, one for each way in which it can")

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
    def test_a_bare_notice_is_sent(self, accepting: Notifier, received: ReceivedMessages) -> None:
        """A notice of any kind without a sender, a link, terms, a reason or a level is sent too."""
        bare = attrs.evolve(
            asked().notices[0], sender_name="", sender_address=None, level=None, level_label="", link=None, terms=None
        )
        answers = [accepting.send(attrs.evolve(bare, id=kind.value, kind=kind)) for kind in NoticeKind]

        assert [Delivered()] * len(answers) == answers
        assert [(bare.address,)] * len(answers) == [message.recipients for message in received()]

    @pytest.mark.must(1, 4)
    @pytest.mark.rule("O5")
    @pytest.mark.parametrize("address", ADDRESSES.values(), ids=ADDRESSES)
    def test_an_address_is_one_recipient(self, accepting: Notifier, received: ReceivedMessages, address: str) -> None:
        """An unusual address gets the message as it is written, or nobody does."""
        usual, other = asked().notices
        notice = _with(other, address=address)
        answers = [accepting.send(usual), accepting.send(notice)]

        assert isinstance(answers[1], Delivered | NeverDeliverable)
        expected = [(usual.address,), (notice.address,)][: answers.count(Delivered())]
        assert expected == [message.recipients for message in received()]

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
        assert 1 + len(others) == [isinstance(answer, Delivered) for answer in answers].count(True)

    @pytest.mark.must(4)
    @pytest.mark.rule("O5")
    @pytest.mark.parametrize("kind", NoticeKind, ids=lambda kind: kind.value)
    def test_no_value_of_any_kind_of_notice_adds_markup(
        self, accepting: Notifier, received: ReceivedMessages, kind: NoticeKind
    ) -> None:
        """Each name and text is escaped wherever it is shown, whatever the notice says."""
        for words in ("Plain", HOSTILE["markup"], HOSTILE["attribute"]):
            assert Delivered() == accepting.send(_notice_saying(words, kind))
        plain, *others = (attrs.evolve(message, id="") for message in received())

        assert [plain] * 2 == others

    @pytest.mark.must(2, 4)
    @pytest.mark.rule("O5")
    @pytest.mark.parametrize("field", ["link", "sender_address"])
    @pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
    def test_no_link_or_reply_address_adds_anything(
        self, accepting: Notifier, received: ReceivedMessages, field: str, text: str
    ) -> None:
        """An invalid link or reply address adds no header, recipient or tag; the notifier may leave it out."""
        before = {"link": "https://hilda.example/", "sender_address": "ana@trust.example, "}[field]
        notice = asked().notices[0]
        answers = [accepting.send(notice), accepting.send(_with(notice, **{field: f"{before}{text}"}))]

        assert {True} == {isinstance(answer, Delivered | NeverDeliverable) for answer in answers}
        plain, *others = received()
        for message in others:
            assert plain.recipients == message.recipients
            assert set(plain.headers) >= set(message.headers)
            assert Counter(tag.split()[0] for tag in plain.markup) >= Counter(tag.split()[0] for tag in message.markup)


def _notice_saying(text: str, kind: NoticeKind = NoticeKind.DECLINED) -> Notice:
    """Build a notice of a kind whose every text is *text*."""
    names = ("group_name", "institution_name", "sender_name", "actor_name", "level_label", "level_before_label")
    notice = attrs.evolve(
        asked().notices[0], kind=kind, asked_on=date(2026, 3, 2), level_before=AccessLevel.DFE_DATA, reason=text
    )
    with contextlib.suppress(InvalidValue):
        notice = attrs.evolve(notice, terms=Terms(reference=text, version=text))
    return _with(
        notice,
        people=tuple(_with(person, name=text) for person in notice.people),
        answerers=tuple(_with(Answerer(name="", asked=asked_too), name=text) for asked_too in (True, False)),
        **dict.fromkeys(names, text),
    )


def _with(value: _V, **changes: object) -> _V:
    """Change a value without its checks: a notifier keeps its promises whoever made the notice."""
    changed = copy(value)
    for field, content in changes.items():
        object.__setattr__(changed, field, content)
    return changed
