"""No value adds a header, a recipient or markup, and what is displayed is the value (rule O5)."""

import re
import unicodedata
from collections.abc import Callable

import attrs
import idna
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from datashare.adapters.email._values import one_line
from datashare.domain.agreements import EndCause, Terms
from datashare.domain.notices import ASKING, Addressee, Answerer, Notice, NoticeKind
from datashare.domain.policy import Party
from datashare.domain.register import GroupKind
from datashare.domain.trusted import copier
from datashare.errors import InvalidValue
from datashare.testing.contracts._notifier import HOSTILE
from tests.adapters.email.servers import TagReader, letters, part, read
from tests.adapters.email.test_words import DAI, HANA, notice
from tests.golden.values import TERMS

MANY = settings(max_examples=10_000 if settings().max_examples >= 1_000 else settings().max_examples)
"""As many as elsewhere, and 10,000 in the profile `torture`."""

LETTERS = letters()
ISOLATES = "\u2068\u2069"
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
    """Give texts of anything: what has meaning in headers, markup, templates and layout, and other characters."""
    pieces = st.sampled_from(FRAGMENTS) | st.text(max_size=8)
    return st.lists(pieces, min_size=1, max_size=6).map("".join) | st.just(LONG)


@st.composite
def hostile_notices(draw: st.DrawFn) -> Notice:
    """Give notices of every kind, whose every text from outside is hostile."""
    plain = notice(
        draw(st.sampled_from(NoticeKind)),
        audience=draw(st.sampled_from(Party)),
        group_kind=draw(st.sampled_from(GroupKind)),
        upgrade=draw(st.booleans()),
        readers=draw(st.sampled_from([(HANA,), (DAI,)])),
    )
    plain = attrs.evolve(
        plain,
        cause=draw(st.none() | st.sampled_from(EndCause)),
        terms=draw(st.sampled_from([None, TERMS])),
        answerers=draw(st.sampled_from([(), (ASKED,), (UNASKED,)])),
    )
    texts = {field: draw(hostile()) for field in FIELDS}
    texts["reference"] = f"§ {texts['reference']}"  # no address, since that would be a link
    return saying(plain, *texts.values())


ASKED, UNASKED = Answerer(name="x", asked=True), Answerer(name="x", asked=False)
_unchecked, _unchecked_terms = copier(Notice), copier(Terms)
_unchecked_addressee, _unchecked_answerer = copier(Addressee), copier(Answerer)

FIELDS: dict[str, Callable[[Notice], str | None]] = {
    "person": lambda one: one.people[0].name,
    "group": lambda one: one.group_name,
    "school": lambda one: one.institution_name,
    "sender": lambda one: one.sender_name,
    "actor": lambda one: one.actor_name,
    "level": lambda one: one.level_label,
    "level before": lambda one: one.level_before_label if one.level_before else None,
    "reason": lambda one: one.reason or "",
    "reference": lambda one: one.terms.reference if one.terms else None,
    "version": lambda one: one.terms.version if one.terms else None,
    "answerer": lambda one: one.answerers[0].name if one.answerers else None,
}
"""Where each text from outside stands in a notice; none, where it has no place in that one."""

ALWAYS = {"person", "group", "school", "reason"}
ASKING_TOO = ALWAYS | {"level", "sender", "reference", "version"}
NAMED: dict[NoticeKind, set[str]] = {
    NoticeKind.REQUEST: ASKING_TOO | {"level before"},
    NoticeKind.REMINDER: ASKING_TOO | {"level before"},
    NoticeKind.APPROVED: ALWAYS | {"level", "level before", "actor", "reference", "version"},
    NoticeKind.DECLINED: ALWAYS | {"level", "level before", "actor"},
    NoticeKind.WITHDRAWN: ALWAYS | {"level", "level before", "actor"},
    NoticeKind.APPROVAL_RECORDED: ALWAYS | {"level", "level before", "actor", "reference", "version"},
    NoticeKind.ENDED: ALWAYS | {"level"},
}
"""What the messages of each kind show, whatever else they depend on."""


def named(one: Notice) -> set[str]:
    """Tell which texts the messages of a notice show."""
    found = set(NAMED[one.kind])
    if one.audience is Party.SCHOOL:
        found.add("sender")
    if one.kind is NoticeKind.ENDED and one.cause:
        found.add("actor")
    if one.kind in ASKING and not one.people[0].can_approve:
        found.add("answerer")
    return found


def saying(plain: Notice, *texts: str) -> Notice:
    """Put a text into each of the fields of a notice, those too that no notice can hold."""
    said = dict(zip(FIELDS, texts, strict=True))
    return _unchecked(
        plain,
        people=tuple(_unchecked_addressee(one, name=said["person"]) for one in plain.people),
        group_name=said["group"],
        institution_name=said["school"],
        sender_name=said["sender"],
        actor_name=said["actor"],
        level_label=said["level"],
        level_before_label=said["level before"] if plain.level_before else "",
        reason=said["reason"],
        terms=plain.terms and _unchecked_terms(plain.terms, reference=said["reference"], version=said["version"]),
        answerers=tuple(_unchecked_answerer(one, name=said["answerer"]) for one in plain.answerers),
    )


def texts_of(one: Notice) -> tuple[str, ...]:
    """Give the texts of a notice, in the order of `FIELDS`."""
    return tuple(find(one) or "" for find in FIELDS.values())


def visible(text: str) -> str:
    """Give the characters that show something, whatever is between them."""
    return "".join(c for c in text if c.isprintable() and not c.isspace())


NAMES = {"person", "group", "school", "reference", "version", "answerer"}
"""What is always named, and said to be nothing where there is nothing to see."""


def shown(value: str) -> str:
    """Tell what must be seen of a name: what is visible in it, or that there is nothing."""
    return visible(value) or visible("(no name)")


PLAIN_HEADERS = [
    *("From", "To", "Reply-To", "Subject", "Date", "Message-ID", "Auto-Submitted"),
    *("MIME-Version", "Content-Type"),
]


@pytest.mark.rule("O5")
@MANY
@given(hostile_notices())
@example(saying(notice(NoticeKind.DECLINED), *[HOSTILE["encoded word"]] * len(FIELDS)))
@example(saying(notice(NoticeKind.REQUEST), *["\u202e\u2069\n"] * len(FIELDS)))
@example(saying(notice(NoticeKind.REQUEST), *[LONG] * len(FIELDS)))
@example(saying(notice(NoticeKind.REQUEST), *[OFFICE] * len(FIELDS)))
def test_no_value_adds_a_header_or_a_recipient(one: Notice) -> None:
    """Written and read, a message has the headers of a plain one, one recipient, and the subject as it was worded."""
    content = LETTERS.message(one).as_bytes()
    message = read(content)
    asked = one.audience is Party.SCHOOL

    assert [name for name in PLAIN_HEADERS if asked or name != "Reply-To"] == message.keys()
    assert ("größe@xn--strae-oqa.example",) == tuple(a.addr_spec for a in message["To"].addresses)
    assert LETTERS.subject(one) == message["Subject"]
    assert ["no-reply@trust.example"] == [address.addr_spec for address in message["From"].addresses]
    assert [] == message.defects
    assert ["text/plain", "text/html"] == [each.get_content_type() for each in message.iter_parts()]
    assert max(map(len, content.splitlines())) <= 998
    if asked:
        (reply,) = message["Reply-To"].addresses
        assert "ana@group.example" == reply.addr_spec
        assert shows_the_beginning(reply.display_name, one.sender_name)
    assert all(len(word) <= 75 for word in encoded_words(content, "Reply-To"))
    assert len(encoded_words(content, "Reply-To")) <= 1
    assert len(message["Subject"]) < 300


def shows_the_beginning(displayed: str, value: str) -> bool:
    """Tell whether a name is shown from its beginning on, and cut only where that is said; none for none."""
    seen, whole = visible(displayed), visible(value)
    return seen == whole or (len(displayed) > 7 and whole.startswith(seen.removesuffix("…")) and seen.endswith("…"))


def encoded_words(content: bytes, header: str) -> list[bytes]:
    """Give the encoded words of a header, as they are written."""
    (written,) = re.findall(rb"^%s: (.*(?:\n[ \t].*)*)" % header.encode(), content, re.MULTILINE) or [b""]
    return re.findall(rb"=\?[\w-]+\?[bq]\?[^?\s]*\?=", written)


@pytest.mark.rule("O5")
@MANY
@given(hostile_notices())
@example(saying(notice(NoticeKind.DECLINED), *[HOSTILE["markup"]] * len(FIELDS)))
@example(saying(notice(NoticeKind.REQUEST), *[LONG] * len(FIELDS)))
def test_no_value_adds_markup_and_what_is_displayed_is_the_value(one: Notice) -> None:
    """The page has the tags of a plain one; page and text show every character of each value that they name."""
    message = LETTERS.message(one)
    page, text = part(message, "html"), part(message, "plain")
    plain = saying(one, *("x" if one_line(text) else "" for text in texts_of(one)))
    seen = visible(TagReader(page).text)

    assert TagReader(LETTERS.html(plain)).tags == TagReader(page).tags
    for words in (seen, visible(text)):
        for field in named(one):
            value = FIELDS[field](one)
            assert value is None or (shown(value) if field in NAMES else visible(value)) in words, field
    for direction in re.findall("[\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]", page):
        pytest.fail(f"{unicodedata.name(direction)} is on the page")
    assert balanced(text)
    assert balanced(LETTERS.subject(one))
    assert not re.search("[\0-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]", text + LETTERS.subject(one))


DOMAINS = [
    "hilda.example", "Straße.example", "бücher.example", "例え.テスト", "xn--strae-oqa.example", "ⓔvil.example",
    "a。b.example", "hilda.example\u202e", "a-.example", "[127.0.0.1]", "hilda.example>", "hilda.example,x",
]  # fmt: skip


LOCAL_PARTS = ["head", "größe", "o'neill", "a+b", "=?x?=", "a{{b}}c", "&amp;", "שלום", "%s", "a|b`c$d", "-- "]


def hostile_addresses() -> st.SearchStrategy[str]:
    """Give texts, most of which are addresses: what has meaning elsewhere before the @, domains in many scripts."""
    real = st.builds("{}@{}".format, st.sampled_from(LOCAL_PARTS), st.sampled_from(DOMAINS))
    return real | real | st.builds("{}@{}".format, hostile(), st.sampled_from(DOMAINS)) | hostile()


def hostile_links() -> st.SearchStrategy[str]:
    """Give texts that may be https addresses."""
    begun = st.sampled_from(["https://", "https://h.example/?", "javascript:", "HTTPS://"])
    return st.builds("{}{}".format, begun, st.sampled_from(FRAGMENTS))


def hostile_keys() -> st.SearchStrategy[str]:
    """Give short printable texts, such as a reference to terms or the id of a notice."""
    return hostile_links() | st.sampled_from([one for one in FRAGMENTS if one.isprintable() and one == one.strip()])


@st.composite
def notices_at_hostile_addresses(draw: st.DrawFn) -> Notice:
    """Give notices whose addresses, links, terms and ids are hostile."""
    return _unchecked(
        notice(draw(st.sampled_from(NoticeKind)), audience=draw(st.sampled_from(Party))),
        id=draw(hostile_keys()),
        address=draw(hostile_addresses()),
        sender_address=draw(st.none() | hostile_addresses()),
        link=draw(st.none() | hostile_links()),
        terms=_unchecked_terms(TERMS, reference=draw(hostile_keys()), version=draw(hostile_keys())),
    )


@pytest.mark.rule("O5")
@MANY
@given(notices_at_hostile_addresses())
@example(attrs.evolve(notice(NoticeKind.REQUEST), address="head@бücher.example", sender_address="größe@例え.テスト"))
@example(attrs.evolve(notice(NoticeKind.REQUEST), address="head@hilda.example\r\nBcc: eve@evil.example"))
def test_no_address_link_or_reference_adds_anything(one: Notice) -> None:
    """A message has one recipient, the one it is for, or is not made; it links to nothing but what it names."""
    try:
        content = LETTERS.message(one).as_bytes()
    except InvalidValue:
        return
    message = read(content)
    (recipient,) = message["To"].addresses
    local, _, domain = one.address.strip().rpartition("@")

    assert set(PLAIN_HEADERS) - set(message.keys()) <= {"Reply-To"}
    assert len(message.keys()) == len(set(message.keys())) <= len(PLAIN_HEADERS)
    assert local == recipient.username
    assert domain == recipient.domain or idna.encode(domain, uts46=True).decode() == recipient.domain
    assert [] == message.defects
    if "Reply-To" in message:
        (reply,) = message["Reply-To"].addresses
        assert one.sender_address is not None
        assert one.sender_address.strip().rpartition("@")[0] == reply.username
    assert re.fullmatch(r"<[!-~]+@trust\.example>", message["Message-ID"].strip())
    page = part(message, "html")
    links = [tag.removeprefix("a ") for tag in TagReader(page).tags if tag.startswith("a ")]
    named = [one.terms.reference if one.terms else "", one.link or ""]
    assert all(any(repr(("href", each)) in link for each in named if each.startswith("https://")) for link in links)
    assert {"html", "a"} >= {tag.split()[0] for tag in TagReader(page).tags} - {
        tag.split()[0] for tag in TagReader(LETTERS.html(notice(one.kind))).tags
    }


def balanced(text: str) -> bool:
    """Tell whether every isolate is ended on its own line, and no other control of direction is there."""
    for line in text.splitlines():
        depth = 0
        for character in line:
            depth += {"\u2068": 1, "\u2069": -1}.get(character, 0)
            if depth not in {0, 1}:
                return False
        if depth:
            return False
    return True


@pytest.mark.rule("O5")
@pytest.mark.parametrize("kind", NoticeKind, ids=lambda kind: kind.value)
def test_right_to_left_names_stand_apart(kind: NoticeKind) -> None:
    """A name in Hebrew does not turn the words around it; a mark that would turn letters is left out."""
    one = attrs.evolve(notice(kind), group_name="שלום \u202eabc", institution_name="Plain")

    assert "\u2068שלום abc\u2069" in LETTERS.text(one)
    assert "\u2068שלום abc\u2069" in LETTERS.subject(one)
    assert "<bdi>שלום abc</bdi>" in LETTERS.html(one)
    assert "\u2068Plain" not in LETTERS.text(one)


@pytest.mark.rule("O5")
@pytest.mark.parametrize(
    "link",
    [
        "javascript:alert(1)",
        "http://hilda.example/",
        "https://hilda.example/\r\nX: y",
        'https://h.example/" onclick="x',
    ],
)
def test_only_https_addresses_become_links(link: str) -> None:
    """Neither a script nor an address that breaks out of its place can be clicked."""
    one = attrs.evolve(notice(NoticeKind.REQUEST), link=link, terms=Terms(reference="data:text/html,x", version="1"))
    tags = TagReader(LETTERS.html(one)).tags

    assert not [tag for tag in tags if tag.startswith("a ")]


def test_a_quote_in_a_link_stays_in_its_attribute() -> None:
    """What may stand in an address is escaped for the page."""
    one = attrs.evolve(notice(NoticeKind.REQUEST), link="https://hilda.example/?a=\"'<b>&amp;")
    (tag,) = [tag for tag in TagReader(LETTERS.html(one)).tags if tag.startswith("a ")]

    assert "onclick" not in tag
    assert "https://hilda.example/?a=\\\"\\'<b>&amp;" in tag or "https://hilda.example/?a=\"\\'<b>&amp;" in tag


@pytest.mark.rule("O5")
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_senders_name_is_shown_as_it_is_where_it_is_short(text: str) -> None:
    """The name of whom a reply goes to is the value, quoted or encoded; a long one is cut."""
    name = " ".join(visible_words(text))
    found = read(LETTERS.message(attrs.evolve(notice(NoticeKind.REQUEST), sender_name=text)).as_bytes())
    shown_name = found["Reply-To"].addresses[0].display_name

    assert shown_name == name or (shown_name.endswith("…") and name.startswith(shown_name.removesuffix("…")))


def visible_words(text: str) -> list[str]:
    """Split a text into words, without what directs the layout."""
    return "".join(" " if unicodedata.category(c) in {"Cc", "Zl", "Zp"} else c for c in text if c != "\u202e").split()


def test_people_without_a_name_are_greeted_all_the_same() -> None:
    """A name of nothing visible is said to be none."""
    one = attrs.evolve(notice(NoticeKind.REQUEST), people=(attrs.evolve(HANA, name="\u202e\u200b"), HANA))

    assert LETTERS.text(one).startswith("Dear (no name) and Hana Žižková,\n")
