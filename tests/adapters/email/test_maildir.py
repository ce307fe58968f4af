"""For development, messages are kept where a person can open them, and none is sent."""

import mailbox
import re
from collections.abc import Iterable
from pathlib import Path

import attrs
import pytest

from datashare.adapters.email import MaildirNotifier
from datashare.delivery import DeliveryReport
from datashare.ports import Delivered, NeverDeliverable, NoticeStatus, Notifier, TryAgain
from datashare.testing import NotifierContract, ReceivedMessages
from tests.adapters.email.notices import RENDERER
from tests.adapters.email.reading import Page, received
from tests.adapters.email.servers import NOTICE, run, stored
from tests.world import ASKABLE, HILDA, World


def kept(folder: Path) -> list[bytes]:
    """Return the messages of a Maildir in the order of their arrival."""
    numbered = [(int(re.search(r"Q(\d+)", file.name)[1]), file) for file in (folder / "new").iterdir()]  # type: ignore[index]
    return [file.read_bytes() for _, file in sorted(numbered)]


@pytest.mark.rule("O1")
def test_what_would_be_sent_is_kept_where_a_person_can_open_it(world: World, tmp_path: Path) -> None:
    """A mail program finds each message, a browser finds a list with a page for each, and the link is in it."""
    world.asked(HILDA)
    notifier = MaildirNotifier(RENDERER, tmp_path / "mail")
    assert DeliveryReport(delivered=len(ASKABLE)) == run(world, notifier)

    notices = stored(world)[NoticeStatus.DELIVERED]
    index = notifier.index.read_text(encoding="utf-8")
    assert len(ASKABLE) == len(mailbox.Maildir(tmp_path / "mail"))
    for notice in notices:
        assert f"to <bdi>{notice.address}</bdi>" in index
        page, message = (tmp_path / "mail" / name for name in re.findall(rf'"(pages/{notice.id}\.\w+)"', index))
        assert RENDERER.html(notice) == page.read_text(encoding="utf-8")
        assert RENDERER.message(notice).as_bytes() == message.read_bytes()
        assert 'href="https://100000.example/data/sharing"' in page.read_text(encoding="utf-8")
    assert sorted(kept(tmp_path / "mail")) == sorted(RENDERER.message(notice).as_bytes() for notice in notices)


def test_the_list_goes_on(tmp_path: Path) -> None:
    """Another notifier, such as that of the next run, adds to the same list."""
    for number in range(3):
        notifier = MaildirNotifier(RENDERER, str(tmp_path))
        assert Delivered() == notifier.send(attrs.evolve(NOTICE, id=f"n{number}"))
    index = (tmp_path / "index.html").read_text(encoding="utf-8")

    assert 1 == index.count("<h1>")
    assert ["n0", "n1", "n2"] == re.findall(r"pages/(n\d)\.html", index)


@pytest.mark.rule("O5")
def test_a_hostile_value_adds_nothing_to_the_list(tmp_path: Path) -> None:
    """Subjects are escaped, and a strange id stays a file in the folder."""
    hostile = attrs.evolve(NOTICE, id="../../x%2F<b>", group_name="<script>alert(1)</script>", address="a&b@h.example")
    notifier = MaildirNotifier(RENDERER, tmp_path / "mail")
    assert Delivered() == notifier.send(hostile)
    tags = Page(notifier.index.read_text(encoding="utf-8")).tags

    assert not [tag for tag in tags if tag.startswith(("script", "b "))]
    assert 2 == len(list((tmp_path / "mail" / "pages").iterdir()))
    assert ["mail"] == [file.name for file in tmp_path.iterdir()]


def test_a_development_host_can_see_what_giving_up_is_like(tmp_path: Path) -> None:
    """The host names addresses to refuse as unknown; an unusable one is refused too."""
    notifier = MaildirNotifier(RENDERER, tmp_path, refusing=["Head@Hilda.example"])

    assert isinstance(notifier.send(NOTICE), NeverDeliverable)
    assert isinstance(notifier.send(attrs.evolve(NOTICE, address="nobody")), NeverDeliverable)
    assert Delivered() == notifier.send(attrs.evolve(NOTICE, address="deputy@hilda.example"))
    assert 1 == len(kept(tmp_path))


def test_a_folder_that_cannot_be_written_is_tried_again(tmp_path: Path) -> None:
    """The answer names what is in the way."""
    (tmp_path / "mail").write_text("a file", encoding="utf-8")
    answer = MaildirNotifier(RENDERER, tmp_path / "mail").send(NOTICE)

    assert isinstance(answer, TryAgain)
    assert "mail" in answer.why


class TestMaildirNotifier(NotifierContract):
    """The notifier keeps the contract."""

    @pytest.fixture
    def accepting(self, tmp_path: Path) -> Notifier:
        """Build a notifier over a folder."""
        return MaildirNotifier(RENDERER, tmp_path / "mail")

    @pytest.fixture
    def received(self, tmp_path: Path) -> ReceivedMessages:
        """Read what is in the folder; a message goes to whom its header names, since there is no envelope."""
        return lambda: [received(content, to(content)) for content in kept(tmp_path / "mail")]

    @pytest.fixture
    def down(self, tmp_path: Path) -> Iterable[Notifier]:
        """Build notifiers over a file where a folder should be."""
        (tmp_path / "file").write_text("", encoding="utf-8")
        return [MaildirNotifier(RENDERER, tmp_path / "file"), MaildirNotifier(RENDERER, tmp_path / "file" / "x")]

    @pytest.fixture
    def refusing(self, tmp_path: Path) -> Iterable[Notifier]:
        """Build a notifier that refuses everybody at the contract's school."""
        names = ("head", "deputy", "data", "executive")
        return [MaildirNotifier(RENDERER, tmp_path, refusing=[f"{name}@100000.example" for name in names])]


def to(content: bytes) -> tuple[str, ...]:
    """Read where a message goes to."""
    return tuple(re.findall(rb"^To: (.*?)\r?$", content, re.MULTILINE)[0].decode().split(", "))
