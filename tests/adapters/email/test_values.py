"""How values from outside are made fit to be shown, and kept apart in text and page (rule O5)."""

import attrs
import pytest
from jinja2 import DictLoader

from datashare.adapters.email._values import one_line
from datashare.domain.agreements import EndCause
from datashare.domain.notices import Answerer, NoticeKind
from datashare.domain.policy import Party
from tests.adapters.email.servers import TagReader, letters, part, read
from tests.adapters.email.test_hostile_values import FIELDS, named, saying, visible
from tests.adapters.email.test_words import DAI, HANA, notice
from tests.golden.values import TERMS

LETTERS = letters()
DECLINED = notice(NoticeKind.DECLINED)


WHOLE = {field: f"({number}) {field} " * 600 for number, field in enumerate(FIELDS)}
"""A long text for each field, and no two alike."""


@pytest.mark.rule("O5")
@pytest.mark.parametrize("asked", [True, False], ids=["asked", "not asked"])
@pytest.mark.parametrize("audience", Party, ids=lambda audience: audience.value)
@pytest.mark.parametrize("kind", NoticeKind, ids=lambda kind: kind.value)
def test_every_field_is_shown_whole_where_its_message_names_it(kind: NoticeKind, audience: Party, asked: bool) -> None:
    """However long it is, in the text and on the page; only subject and headers shorten it."""
    for cause, upgrade, reader in (
        (None, True, DAI),
        (EndCause.BY_SCHOOL, False, HANA),
        (EndCause.SUCCEEDED, True, DAI),
    ):
        plain = notice(kind, audience=audience, upgrade=upgrade, readers=(reader,))
        plain = attrs.evolve(plain, cause=cause, terms=TERMS, answerers=(Answerer(name="x", asked=asked),))
        one = saying(plain, *WHOLE.values())
        shown = visible(LETTERS.text(one)), visible(TagReader(LETTERS.html(one)).text)
        for field in named(one) - (set() if upgrade else {"level before"}):
            assert [True, True] == [visible(WHOLE[field]) in words for words in shown], field


@pytest.mark.parametrize("value", ["می\u200cخواهم", "👩\u200d🏫", "क्\u200dष"], ids=["Persian", "picture", "Devanagari"])
def test_what_joins_letters_stays(value: str) -> None:
    """Invisible though it is, a word would be another one without it."""
    assert value == one_line(value)


@pytest.mark.parametrize(
    ("value", "shown"),
    [("a\ud800b", "ab"), ("a\u202eb", "ab"), ("a\u00adb", "ab"), ("a\tb\u2029c", "a b c"), ("\u200d\u202e", "")],
    ids=ascii,
)
def test_what_no_line_can_show_is_left_out(value: str, shown: str) -> None:
    """Halves of characters and what directs the layout; a run of what separates is one space."""
    assert shown == one_line(value)


def test_half_a_character_does_not_stop_a_message() -> None:
    """A store may hold one, and the message is sent without it."""
    one = attrs.evolve(DECLINED)
    object.__setattr__(one, "group_name", "Trust \ud800 of Schools")

    message = read(LETTERS.message(one).as_bytes())

    assert "Trust of Schools" in part(message, "plain")
    assert "Trust of Schools" in message["Subject"]


def test_each_line_of_a_reason_stands_apart() -> None:
    """A line in Hebrew keeps its direction to itself, in the text by isolates and on the page by itself."""
    one = attrs.evolve(DECLINED, reason="שלום (1)\nPlain (2)")
    (quoted,) = [tag for tag in TagReader(LETTERS.html(one)).tags if tag.startswith("blockquote")]

    assert "    \u2068שלום (1)\u2069\n    Plain (2)\n" in LETTERS.text(one)
    assert "('dir', 'auto')" in quoted
    assert "unicode-bidi:plaintext" in quoted


def test_the_link_stands_apart_on_the_page() -> None:
    """Letters around it do not turn its parts."""
    one = notice(NoticeKind.REQUEST)

    assert f"The button leads to <bdi>{one.link}</bdi>" in LETTERS.html(one)


def test_no_line_of_a_body_can_look_like_the_boundary() -> None:
    """Both parts are quoted, a host's own in plain ASCII too, so no line of theirs begins with --=."""
    boundary = str(LETTERS.message(DECLINED).get_boundary())
    own = letters(templates=DictLoader({"layout.text.j2": f"--{boundary}", "layout.html.j2": f"--{boundary}--"}))
    written = own.message(DECLINED)

    assert ["quoted-printable"] * 2 == [each["Content-Transfer-Encoding"] for each in written.iter_parts()]
    assert f"--{boundary}\n" == part(read(written.as_bytes()), "plain")
    assert 3 == written.as_bytes().count(f"--{boundary}".encode())
