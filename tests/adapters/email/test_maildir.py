"""For development, messages are kept where a person can open them, and none is sent."""

import mailbox
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import attrs
import pytest

from datashare.adapters.email import MaildirNotifier
from datashare.delivery import DeliveryReport, deliver
from datashare.errors import InvalidValue
from datashare.ports import Delivered, NeverDeliverable, NoticeStatus, Notifier, TryAgain
from datashare.testing import NotifierContract, ReceivedMessages
from tests.adapters.email.servers import TagReader, letters, received
from tests.golden.values import NOTICES
from tests.world import ASKABLE, HILDA, World

NOTICE = attrs.evolve(NOTICES["notice"], address="head@hilda.example")


def kept(folder: Path) -> list[bytes]:
    """Give the messages of a Maildir, in the order in which they came."""
    with_number = [(int(re.search(r"Q(\d+)", file.name)[1]), file) for file in (folder / "new").iterdir()]  # type: ignore[index]
    return [file.read_bytes() for _, file in sorted(with_number)]


@pytest.mark.rule("O1")
def test_what_would_be_sent_is_kept_where_a_person_can_open_it(world: World, tmp_path: Path) -> None:
    """A mail program finds each message, a browser finds a list with a page for each, and the link is in it."""
    world.asked(HILDA)
    notifier = MaildirNotifier(letters(), tmp_path / "mail")
    assert DeliveryReport(delivered=len(ASKABLE)) == deliver(world.store, notifier, clock=world.clock)

    notices = [one.notice for one in world.notices(status=NoticeStatus.DELIVERED) if one.notice]
    index = notifier.index.read_text(encoding="utf-8")
    assert len(ASKABLE) == len(mailbox.Maildir(tmp_path / "mail"))
    for one in notices:
        assert f"to <bdi>{one.address}</bdi>" in index
        page, message = (tmp_path / "mail" / name for name in re.findall(rf'"(pages/{one.id}\.\w+)"', index))
        assert letters().html(one) == page.read_text(encoding="utf-8")
        assert letters().message(one).as_bytes() == message.read_bytes()
        assert 'href="https://100000.example/data/sharing"' in page.read_text(encoding="utf-8")
    assert sorted(kept(tmp_path / "mail")) == sorted(letters().message(one).as_bytes() for one in notices)


def test_the_list_goes_on(tmp_path: Path) -> None:
    """Another notifier, such as that of the next run, adds to the same list."""
    for number in range(3):
        notifier = MaildirNotifier(letters(), str(tmp_path))
        assert Delivered() == notifier.send(attrs.evolve(NOTICE, id=f"n{number}"))
    index = (tmp_path / "index.html").read_text(encoding="utf-8")

    assert 1 == index.count("<h1>")
    assert ["n0", "n1", "n2"] == re.findall(r"pages/(n\d)\.html", index)


@pytest.mark.rule("O5")
def test_a_hostile_value_adds_nothing_to_the_list(tmp_path: Path) -> None:
    """Subjects are escaped, and a strange id stays a file in the folder."""
    hostile = attrs.evolve(NOTICE, id="../../x%2F<b>", group_name="<script>alert(1)</script>", address="a&b@h.example")
    notifier = MaildirNotifier(letters(), tmp_path / "mail")
    assert Delivered() == notifier.send(hostile)
    tags = TagReader(notifier.index.read_text(encoding="utf-8")).tags

    assert not [tag for tag in tags if tag.startswith(("script", "b "))]
    assert 2 == len(list((tmp_path / "mail" / "pages").iterdir()))
    assert ["mail"] == [file.name for file in tmp_path.iterdir()]


def test_a_development_host_can_see_what_giving_up_is_like(tmp_path: Path) -> None:
    """Addresses can be named that are answered as if nobody had them; an unusable one is too."""
    notifier = MaildirNotifier(letters(), tmp_path, refusing=["Head@Hilda.example"])

    assert isinstance(notifier.send(NOTICE), NeverDeliverable)
    assert isinstance(notifier.send(attrs.evolve(NOTICE, address="nobody")), NeverDeliverable)
    assert Delivered() == notifier.send(attrs.evolve(NOTICE, address="deputy@hilda.example"))
    assert 1 == len(kept(tmp_path))


def test_a_folder_that_cannot_be_written_is_tried_again(tmp_path: Path) -> None:
    """What is in the way is told."""
    (tmp_path / "mail").write_text("a file", encoding="utf-8")
    answer = MaildirNotifier(letters(), tmp_path / "mail").send(NOTICE)

    assert isinstance(answer, TryAgain)
    assert "mail" in answer.why


def test_it_is_made_of_letters() -> None:
    """Anything else is refused at once."""
    wrong: Any = "letters"
    with pytest.raises(InvalidValue, match="letters must be EmailRenderer"):
        MaildirNotifier(wrong, "mail")


class TestMaildirNotifier(NotifierContract):
    """The notifier keeps the contract."""

    @pytest.fixture
    def accepting(self, tmp_path: Path) -> Notifier:
        """Give one over a folder."""
        return MaildirNotifier(letters(), tmp_path / "mail")

    @pytest.fixture
    def received(self, tmp_path: Path) -> ReceivedMessages:
        """Read what is in the folder; a message goes to whom its header names, since there is no envelope."""
        return lambda: [received(content, to(content)) for content in kept(tmp_path / "mail")]

    @pytest.fixture
    def down(self, tmp_path: Path) -> Iterable[Notifier]:
        """Give it over a file where a folder should be."""
        (tmp_path / "file").write_text("", encoding="utf-8")
        return [MaildirNotifier(letters(), tmp_path / "file"), MaildirNotifier(letters(), tmp_path / "file" / "x")]

    @pytest.fixture
    def refusing(self, tmp_path: Path) -> Iterable[Notifier]:
        """Give one that refuses everybody at the contract's school."""
        names = ("head", "deputy", "data", "executive")
        return [MaildirNotifier(letters(), tmp_path, refusing=[f"{name}@100000.example" for name in names])]


def to(content: bytes) -> tuple[str, ...]:
    """Read whom a message is to."""
    return tuple(re.findall(rb"^To: (.*?)\r?$", content, re.MULTILINE)[0].decode().split(", "))
