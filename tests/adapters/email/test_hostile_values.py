"""No value adds a header, a recipient or markup, and what is displayed is the value (rule O5)."""

import re
import unicodedata
from itertools import count, product

import attrs
import idna
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jinja2 import DictLoader

from datashare.adapters.email._values import one_line
from datashare.domain.agreements import EndCause, Terms
from datashare.domain.notices import Answerer, Notice, NoticeKind
from datashare.domain.policy import Party
from datashare.domain.register import GroupKind
from datashare.domain.text import https_link
from datashare.errors import InvalidValue
from datashare.testing.contracts._notifier import HOSTILE
from tests.adapters.email.notices import (
    ASKED,
    DAI,
    DECLINED,
    FIELDS,
    HANA,
    RENDERER,
    named,
    notice,
    renderer,
    saying,
    unchecked,
)
from tests.adapters.email.reading import Page, part, read
from tests.golden.values import TERMS

MANY = settings(max_examples=10_000 if settings().max_examples >= 1_000 else 25)
"""A sample, and 10,000 in the profile `torture`."""

LONG = "x" * 10_000
OFFICE = "The Data Protection and Information Governance Office of Northshire, Room 12 (Second Floor)"

FRAGMENTS = [
    *HOSTILE.values(),
    "\r\n", "\n\n", "\r", "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029", "\0\x08\x1b[31m\x7f",
    "=?utf-8?b?DQpCY2M6IGV2ZUBldmlsLmV4YW1wbGU=?=", "=?", "?=", "=?us-ascii?q?=3Cb=3E?= =?us-ascii?q?x?=",
    "<", ">", '"', "'", "&", "&amp;", "</bdi>", "</p></main><script>", "<!--", "]]>", "</title></head>",
    "{{", "}}", "{%", "{{ ''.__class__.__mro__ }}", "{% include '/etc/passwd' %}", "{# #}",
    "\u202e", "\u202d", "\u2066", "\u2067", "\u2069\u2069", "\u200f", "\u061c", "\u00ad", "\ufeff", "\u200b",
    "שלום", "مرحبا", "१२३", "e\u0301", "👩\u200d🏫", "𝄞", ",", ";", ":", "@", "\\", "(comment)", "a <b@c.example>",
    "--=_", "-- ", "\n.\n", "From ", "Bcc: eve@evil.example", "%s %(x)s ${x}", "https://evil.example", "\ue000",
    "\U000e0041",
]  # fmt: skip


def hostile() -> st.SearchStrategy[str]:
    """Draw texts of anything: what has meaning in headers, markup, templates and layout, and other characters."""
    pieces = st.sampled_from(FRAGMENTS) | st.text(max_size=8)
    return st.lists(pieces, min_size=1, max_size=6).map("".join) | st.just(LONG)


@st.composite
def hostile_notices(draw: st.DrawFn) -> Notice:
    """Draw notices of every kind, whose every text from outside is hostile."""
    plain = notice(
        draw(st.sampled_from(NoticeKind)),
        audience=draw(st.sampled_from(Party)),
        group_kind=draw(st.sampled_from(GroupKind)),
        upgrade=draw(st.booleans()),
        readers=draw(st.sampled_from([(HANA,), (DAI,)])),
        cause=draw(st.none() | st.sampled_from(EndCause)),
        terms=draw(st.sampled_from([None, TERMS])),
        answerers=draw(st.sampled_from([(), *ANSWERERS])),
    )
    texts = {field: draw(hostile()) for field in FIELDS}
    texts["reference"] = f"§ {texts['reference']}"  # no address, since that would be a link
    return saying(plain, *texts.values())


ANSWERERS = [(Answerer(name="x", asked=asked),) for asked in (True, False)]


def visible(text: str) -> str:
    """Return the characters that show something, whatever is between them."""
    return "".join(c for c in text if c.isprintable() and not c.isspace())


NAMES = {"person", "group", "school", "reference", "version", "answerer"}
"""The fields that are always named, as "(no name)" where nothing in them is visible."""

PLAIN_HEADERS = [
    *("From", "To", "Reply-To", "Subject", "Date", "Message-ID", "Auto-Submitted"),
    *("MIME-Version", "Content-Type"),
]


@pytest.mark.rule("O5")
@MANY
@given(hostile_notices())
@example(saying(DECLINED, HOSTILE["encoded word"]))
@example(saying(ASKED, "\u202e\u2069\n"))
@example(saying(ASKED, LONG))
@example(saying(ASKED, OFFICE))
def test_no_value_adds_a_header_or_a_recipient(sample: Notice) -> None:
    """Written and read, a message has the headers of a plain one, one recipient, and the subject as it was worded."""
    content = RENDERER.message(sample).as_bytes()
    message = read(content)
    to_school = sample.audience is Party.SCHOOL

    assert [name for name in PLAIN_HEADERS if to_school or name != "Reply-To"] == message.keys()
    assert ["größe@xn--strae-oqa.example"] == [address.addr_spec for address in message["To"].addresses]
    assert RENDERER.subject(sample) == message["Subject"]
    assert ["no-reply@trust.example"] == [address.addr_spec for address in message["From"].addresses]
    assert [] == message.defects
    assert ["text/plain", "text/html"] == [each.get_content_type() for each in message.iter_parts()]
    assert max(map(len, content.splitlines())) <= 998
    assert len(message["Subject"]) < 300
    if to_school:
        (reply,) = message["Reply-To"].addresses
        words = encoded_words(content, "Reply-To")
        assert "ana@group.example" == reply.addr_spec
        assert shows_the_beginning(reply.display_name, sample.sender_name)
        assert len(words) <= 1
        assert all(len(word) <= 75 for word in words)


def shows_the_beginning(displayed: str, value: str) -> bool:
    """Return whether a name is shown from its beginning on, and cut only where an ellipsis says so."""
    seen, whole = visible(displayed), visible(value)
    return seen == whole or (len(displayed) > 7 and whole.startswith(seen.removesuffix("…")) and seen.endswith("…"))


def encoded_words(content: bytes, header: str) -> list[bytes]:
    """Return the encoded words of a header, as they are written."""
    (written,) = re.findall(rb"^%s: (.*(?:\n[ \t].*)*)" % header.encode(), content, re.MULTILINE)
    return re.findall(rb"=\?[\w-]+\?[bq]\?[^?\s]*\?=", written)


@pytest.mark.rule("O5")
@MANY
@given(hostile_notices())
@example(saying(DECLINED, HOSTILE["markup"]))
@example(saying(ASKED, LONG))
def test_no_value_adds_markup_and_what_is_displayed_is_the_value(sample: Notice) -> None:
    """The page has the tags of a plain one; page and text show every character of each value that they name."""
    html, text, subject = RENDERER.html(sample), RENDERER.text(sample), RENDERER.subject(sample)
    texts = [find(sample) or "" for find in FIELDS.values()]
    plain = saying(sample, *("x" if one_line(value) else "" for value in texts))

    assert Page(RENDERER.html(plain)).tags == Page(html).tags
    for words in (visible(Page(html).text), visible(text)):
        for field, value in named(sample).items():
            assert (visible(value) or (visible("(no name)") if field in NAMES else "")) in words, field
    for direction in re.findall("[\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]", html):
        pytest.fail(f"{unicodedata.name(direction)} is on the page")
    assert balanced(text)
    assert balanced(subject)
    assert not re.search("[\0-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]", text + subject)


def balanced(text: str) -> bool:
    """Return whether each line ends every isolate that it begins, and holds no isolate within another."""
    marks = ["".join(re.findall("[\u2068\u2069]", line)) for line in text.splitlines()]
    return all(re.fullmatch("(\u2068\u2069)*", line) for line in marks)


DOMAINS = [
    "hilda.example", "Straße.example", "бücher.example", "例え.テスト", "xn--strae-oqa.example", "ⓔvil.example",
    "a。b.example", "hilda.example\u202e", "a-.example", "[127.0.0.1]", "hilda.example>", "hilda.example,x",
]  # fmt: skip
LOCAL_PARTS = ["head", "größe", "o'neill", "a+b", "=?x?=", "a{{b}}c", "&amp;", "שלום", "%s", "a|b`c$d", "-- "]


def hostile_addresses() -> st.SearchStrategy[str]:
    """Draw texts, most of which are addresses: what has meaning elsewhere before the @, domains in many scripts."""
    real = st.builds("{}@{}".format, st.sampled_from(LOCAL_PARTS), st.sampled_from(DOMAINS))
    return real | real | st.builds("{}@{}".format, hostile(), st.sampled_from(DOMAINS)) | hostile()


def hostile_links() -> st.SearchStrategy[str]:
    """Draw texts that may be https addresses."""
    schemes = st.sampled_from(["https://", "https://h.example/?", "javascript:", "HTTPS://"])
    return st.builds("{}{}".format, schemes, st.sampled_from(FRAGMENTS))


def hostile_keys() -> st.SearchStrategy[str]:
    """Draw short printable texts, such as a reference to terms or the id of a notice."""
    return hostile_links() | st.sampled_from(
        [text for text in FRAGMENTS if text.isprintable() and text == text.strip()]
    )


@st.composite
def notices_at_hostile_addresses(draw: st.DrawFn) -> Notice:
    """Draw notices whose addresses, links, terms and ids are hostile."""
    return unchecked(
        notice(draw(st.sampled_from(NoticeKind)), audience=draw(st.sampled_from(Party))),
        id=draw(hostile_keys()),
        address=draw(hostile_addresses()),
        sender_address=draw(st.none() | hostile_addresses()),
        link=draw(st.none() | hostile_links()),
        terms=unchecked(TERMS, reference=draw(hostile_keys()), version=draw(hostile_keys())),
    )


@pytest.mark.rule("O5")
@MANY
@given(notices_at_hostile_addresses())
@example(notice(NoticeKind.REQUEST, address="head@бücher.example", sender_address="größe@例え.テスト"))
@example(notice(NoticeKind.REQUEST, address="head@hilda.example\r\nBcc: eve@evil.example"))
def test_no_address_link_or_reference_adds_anything(sample: Notice) -> None:
    """A message has one recipient, the one it is for, or is not made; it links to nothing but what it names."""
    try:
        message = read(RENDERER.message(sample).as_bytes())
    except InvalidValue:
        return
    (recipient,) = message["To"].addresses
    local, _, domain = sample.address.strip().rpartition("@")

    assert set(PLAIN_HEADERS) - set(message.keys()) <= {"Reply-To"}
    assert len(message.keys()) == len(set(message.keys())) <= len(PLAIN_HEADERS)
    assert local == recipient.username
    assert domain == recipient.domain or idna.encode(domain, uts46=True).decode() == recipient.domain
    assert [] == message.defects
    if "Reply-To" in message:
        (reply,) = message["Reply-To"].addresses
        assert sample.sender_address is not None
        assert sample.sender_address.strip().rpartition("@")[0] == reply.username
    assert re.fullmatch(r"<[!-~]+@trust\.example>", message["Message-ID"].strip())
    tags = Page(part(message, "html")).tags
    addresses = [sample.terms.reference if sample.terms else "", sample.link or ""]
    hrefs = [repr(("href", https_link(address))) for address in addresses if https_link(address)]
    assert all(any(href in tag for href in hrefs) for tag in tags if tag.startswith("a "))
    plain = {tag.split()[0] for tag in Page(RENDERER.html(notice(sample.kind))).tags}
    assert {tag.split()[0] for tag in tags} <= plain | {"a"}


# Each kind of value


WHOLE = [f"({number}) {field} " * 60 for number, field in enumerate(FIELDS)]
"""A long text for each field, and no two alike."""


@pytest.mark.rule("O5")
@pytest.mark.parametrize("kind", NoticeKind, ids=lambda kind: kind.value)
def test_every_field_is_shown_whole_where_its_message_names_it(kind: NoticeKind) -> None:
    """However long it is, in the text and on the page; only subject and headers shorten it."""
    cases = [(None, True, DAI), (EndCause.BY_SCHOOL, False, HANA), (EndCause.SUCCEEDED, True, DAI)]
    for audience, answerers, (cause, upgrade, reader) in product(Party, ANSWERERS, cases):
        plain = notice(kind, audience=audience, upgrade=upgrade, readers=(reader,), cause=cause, terms=TERMS)
        sample = saying(attrs.evolve(plain, answerers=answerers), *WHOLE)
        for words in (visible(RENDERER.text(sample)), visible(Page(RENDERER.html(sample)).text)):
            assert [] == [field for field, value in named(sample).items() if visible(value) not in words]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        *((joined, joined) for joined in ("می\u200cخواهم", "👩\u200d🏫", "क्\u200dष")),  # other words without joiners
        *(("a\ud800b", "ab"), ("a\u202eb", "ab"), ("a\u00adb", "ab")),
        *(("a\tb\u2029c", "a b c"), ("\u200d\u202e", "")),
    ],
    ids=count(),
)
def test_a_line_shows_what_can_be_seen(value: str, shown: str) -> None:
    """Joiners stay; broken surrogates and what directs the layout go; a run of what separates is one space."""
    assert shown == one_line(value)


def test_half_a_character_does_not_stop_a_message() -> None:
    """A store may hold one, and the message is sent without it."""
    message = read(RENDERER.message(unchecked(DECLINED, group_name="Trust \ud800 of Schools")).as_bytes())

    assert "Trust of Schools" in part(message, "plain")
    assert "Trust of Schools" in message["Subject"]


@pytest.mark.rule("O5")
@pytest.mark.parametrize("kind", NoticeKind, ids=lambda kind: kind.value)
def test_right_to_left_names_stand_apart(kind: NoticeKind) -> None:
    """A name in Hebrew does not turn the words around it; a mark that would turn letters is left out."""
    sample = notice(kind, group_name="שלום \u202eabc", institution_name="Plain")

    assert "\u2068שלום abc\u2069" in RENDERER.text(sample)
    assert "\u2068שלום abc\u2069" in RENDERER.subject(sample)
    assert "<bdi>שלום abc</bdi>" in RENDERER.html(sample)
    assert "\u2068Plain" not in RENDERER.text(sample)


def test_each_line_of_a_reason_stands_apart() -> None:
    """A line in Hebrew keeps its direction to itself, in the text by isolates and on the page by itself."""
    sample = notice(NoticeKind.DECLINED, reason="שלום (1)\nPlain (2)")
    (quoted,) = [tag for tag in Page(RENDERER.html(sample)).tags if tag.startswith("blockquote")]

    assert "    \u2068שלום (1)\u2069\n    Plain (2)\n" in RENDERER.text(sample)
    assert "('dir', 'auto')" in quoted
    assert "unicode-bidi:plaintext" in quoted


@pytest.mark.rule("O5")
@pytest.mark.parametrize(
    "link",
    ["javascript:alert(1)", "http://h.example/", "https://h.example/\r\nX: y", 'https://h.example/" onclick="x'],
)
def test_only_https_addresses_become_links(link: str) -> None:
    """Neither a script nor an address that breaks out of its place can be clicked."""
    sample = notice(NoticeKind.REQUEST, link=link, terms=Terms(reference="data:text/html,x", version="1"))

    assert not [tag for tag in Page(RENDERER.html(sample)).tags if tag.startswith("a ")]


def test_a_link_stands_apart_and_stays_in_its_attribute() -> None:
    """Letters around it do not turn its parts, and its quotes are escaped."""
    link = "https://hilda.example/?a=\"'<b>&amp;"
    (tag,) = [tag for tag in Page(RENDERER.html(attrs.evolve(ASKED, link=link))).tags if tag.startswith("a ")]

    assert repr(("href", link)) in tag
    assert f"The button leads to <bdi>{ASKED.link}</bdi>" in RENDERER.html(ASKED)


def test_people_without_a_name_are_greeted() -> None:
    """Where nothing of a name is visible, the message says so."""
    sample = notice(NoticeKind.REQUEST, people=(attrs.evolve(HANA, name="\u202e\u200b"), HANA))

    assert RENDERER.text(sample).startswith("Dear (no name) and Hana Žižková,\n")


def test_no_line_of_a_body_can_look_like_the_boundary() -> None:
    """Both parts are quoted, a host's own in plain ASCII too, so none of their lines begins with --=."""
    boundary = str(RENDERER.message(DECLINED).get_boundary())
    templates = DictLoader({"layout.text.j2": f"--{boundary}", "layout.html.j2": f"--{boundary}--"})
    message = renderer(templates=templates).message(DECLINED)

    assert ["quoted-printable"] * 2 == [each["Content-Transfer-Encoding"] for each in message.iter_parts()]
    assert f"--{boundary}\n" == part(read(message.as_bytes()), "plain")
    assert 3 == message.as_bytes().count(f"--{boundary}".encode())
