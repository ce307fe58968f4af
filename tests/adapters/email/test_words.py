"""What people read: plain, whole, and the same in both parts, for every notice there is (rules O1, N5, U3, Q8)."""

import re
from collections.abc import Iterator
from itertools import product

import attrs
import pytest

from datashare.domain.agreements import EndCause
from datashare.domain.institutions import GroupKind
from datashare.domain.levels import AccessLevel
from datashare.domain.notices import ASKING, Addressee, Notice, NoticeKind
from datashare.domain.policy import Party, Policy
from tests.adapters.email.pages import SeenPage, contrast
from tests.adapters.email.servers import TagReader, letters, read
from tests.golden.values import AGREEMENT as OF_TRUST
from tests.golden.values import DEPUTY, HEAD, LA, NOTICES, TERMS

LETTERS = letters()
NAMES = {GroupKind.MULTI_ACADEMY_TRUST: "Areté Learning Trust", GroupKind.LOCAL_AUTHORITY: "Llanfair Borough"}
HANA = Addressee(id=HEAD, name="Hana Žižková", can_approve=True)
DAI = Addressee(id=DEPUTY, name="Dai ap Rhys")
READERS = {"can": (HANA,), "cannot": (DAI,), "one of two can": (DAI, HANA)}
SHOWN = [
    NoticeKind.APPROVED,
    NoticeKind.APPROVAL_RECORDED,
    NoticeKind.DECLINED,
    NoticeKind.ENDED,
    NoticeKind.REMINDER,
    NoticeKind.REQUEST,
    NoticeKind.WITHDRAWN,
]


def notice(
    kind: NoticeKind,
    *,
    audience: Party = Party.SCHOOL,
    group_kind: GroupKind = GroupKind.MULTI_ACADEMY_TRUST,
    upgrade: bool = False,
    readers: tuple[Addressee, ...] = (HANA,),
) -> Notice:
    """Make a notice as the library makes it."""
    policy = Policy.for_kind(group_kind)
    level = AccessLevel.MIS_DATA_AND_GROUP_ACTIONS
    before = AccessLevel.MIS_DATA if upgrade else None
    answered = kind in {NoticeKind.APPROVED, NoticeKind.DECLINED}
    return attrs.evolve(
        NOTICES["notice"],
        kind=kind,
        audience=audience,
        agreement=OF_TRUST if group_kind is GroupKind.MULTI_ACADEMY_TRUST else attrs.evolve(OF_TRUST, group=LA),
        people=readers,
        group_kind=group_kind,
        group_name=NAMES[group_kind],
        sender_address="ana@group.example",
        level_label=policy.label(level),
        level_before=before,
        level_before_label=policy.label(before) if before else "",
        link="https://hilda.example/data/sharing" if audience is Party.SCHOOL else None,
        terms=TERMS if group_kind is GroupKind.LOCAL_AUTHORITY else None,
        reason="We change our MIS in May." if kind not in {*ASKING, NoticeKind.APPROVED} else None,
        actor_name="Mair Jones" if answered else "Ana Ćosić",
        cause=EndCause.BY_GROUP if kind is NoticeKind.ENDED else None,
    )


def every() -> Iterator[Notice]:
    """Make every kind of notice, for both sides, kinds of group, first requests and upgrades, and all readers."""
    for kind, audience, group_kind, upgrade, readers in product(
        SHOWN, Party, GroupKind, (False, True), READERS.values()
    ):
        yield notice(kind, audience=audience, group_kind=group_kind, upgrade=upgrade, readers=readers)


EVERY = [pytest.param(one, id=f"{number}-{one.kind.value}") for number, one in enumerate(every())]


def page_words(one: Notice) -> str:
    """Give the words of the page, without the title."""
    return TagReader(LETTERS.html(one).partition("</head>")[2]).text


@pytest.mark.parametrize("one", EVERY)
def test_every_message_is_plain_whole_and_short(one: Notice) -> None:
    """Subject, text and page say who and which school, use the group's own word, and leave no gap in a sentence."""
    subject, text, page = LETTERS.subject(one), LETTERS.text(one), page_words(one)
    other = "local authority" if one.group_kind is GroupKind.MULTI_ACADEMY_TRUST else "trust"

    assert one.group_name in subject
    assert one.institution_name in subject
    assert len(subject) < 120
    assert len(" ".join(text.split("\n\n")[:2]).split()) < 60
    assert len(text.split()) < 160
    for words in (subject, text, page):
        assert other not in re.sub("Ar.*? Learning Trust", "", words).lower().replace("trust actions", "")
        assert not re.search(r"None|\{\{|\{%|Undefined|“”|\s[.,:;](\s|$)|\( ?\)|\.\.|bdi", words)
    assert not re.search(r"[^\n ] {2,}|[ \t]\n(?<!-- \n)|\n{3,}", text)
    assert all(re.search(r"[.:?]$", line) for line in text.splitlines()[2:4] if line)


@pytest.mark.parametrize("one", EVERY)
def test_text_and_page_say_the_same(one: Notice) -> None:
    """Every sentence of the text stands on the page too, in the same order."""
    page, at = page_words(one), 0
    for line in LETTERS.text(one).splitlines():
        words = " ".join(line.removeprefix("  - ").split())
        if words and words != "--":
            at = page.index(words, at)


@pytest.mark.rule("O1")
@pytest.mark.parametrize("one", [one for one in EVERY if one.values[0].audience is Party.SCHOOL])  # type: ignore[union-attr]
def test_the_school_gets_its_link(one: Notice) -> None:
    """The link stands on a line of its own in the text, and is the one button of the page."""
    assert one.link in LETTERS.text(one).splitlines()
    assert 1 == LETTERS.html(one).count(f'href="{one.link}"')


@pytest.mark.parametrize("kind", ASKING, ids=lambda kind: kind.value)
def test_who_can_answer_is_told_what_to_do(kind: NoticeKind) -> None:
    """Who can answer is asked to; who cannot is told who can, or to pass it on."""
    told = {who: LETTERS.text(notice(kind, readers=readers)) for who, readers in READERS.items()}

    assert "Please accept or decline on the school’s Data Sharing page." in told["can"]
    assert "You cannot answer this yourself. Please pass it on to someone at your school who can" in told["cannot"]
    assert "Hana Žižková can accept or decline on the school’s Data Sharing page." in told["one of two can"]
    assert told["one of two can"].startswith("Dear Dai ap Rhys and Hana Žižková,\n")


@pytest.mark.parametrize("readers", READERS.values(), ids=READERS)
def test_without_a_link_the_way_is_told(readers: tuple[Addressee, ...]) -> None:
    """Where the school's address is not known, the words say where to look."""
    one = attrs.evolve(notice(NoticeKind.REQUEST, readers=readers), link=None)

    assert "School › Data › Data Sharing." in LETTERS.text(one)
    assert "href" not in LETTERS.html(one)


@pytest.mark.rule("N5", "U3")
@pytest.mark.parametrize("kind", [*ASKING, NoticeKind.APPROVED, NoticeKind.APPROVAL_RECORDED], ids=lambda k: k.value)
def test_an_upgrade_names_both_levels_and_what_the_new_one_adds(kind: NoticeKind) -> None:
    """Only what is added is listed; without a level before, everything is."""
    upgrade, first = LETTERS.text(notice(kind, upgrade=True)), LETTERS.text(notice(kind))

    assert "“MIS Data & Trust Actions”" in upgrade
    assert "“MIS Data”" in upgrade
    assert ["carry out trust actions in the school’s MIS", "log in to the school’s MIS"] == listed(upgrade)
    assert ["see the DfE’s data about the school", "see live data from the school’s MIS", *listed(upgrade)] == listed(
        first
    )
    assert "may also:" in upgrade
    assert "“MIS Data”" not in first


def listed(text: str) -> list[str]:
    """Give what is listed in a text."""
    return re.findall(r"^ {2}- (.*)$", text, re.MULTILINE)


@pytest.mark.rule("U2")
@pytest.mark.parametrize("kind", [*ASKING, NoticeKind.DECLINED, NoticeKind.WITHDRAWN], ids=lambda kind: kind.value)
def test_what_stays_in_force_is_told(kind: NoticeKind) -> None:
    """Until an upgrade is accepted the level before stays, and the message says so."""
    assert re.search("“MIS Data” stays in force", LETTERS.text(notice(kind, upgrade=True)))


@pytest.mark.rule("Q8")
@pytest.mark.parametrize("kind", ASKING, ids=lambda kind: kind.value)
def test_the_terms_are_linked_with_their_version(kind: NoticeKind) -> None:
    """The local authority's addendum can be opened, where it is an https address, and read where it is not."""
    asked = notice(kind, group_kind=GroupKind.LOCAL_AUTHORITY)
    linked = attrs.evolve(asked, terms=attrs.evolve(TERMS, reference="https://council.example/addendum.pdf"))
    named = attrs.evolve(asked, terms=attrs.evolve(TERMS, reference="javascript:alert(1)"))

    words = "Please read the terms first: https://council.example/addendum.pdf (version 2.1)"
    assert words in LETTERS.text(linked)
    assert 'href="https://council.example/addendum.pdf"' in LETTERS.html(linked)
    assert "Please read the terms first: javascript:alert(1) (version 2.1)" in LETTERS.text(named)
    assert "javascript" not in "".join(TagReader(LETTERS.html(named)).tags)
    assert "terms" not in LETTERS.text(notice(kind))


@pytest.mark.rule("A8")
@pytest.mark.parametrize("audience", Party, ids=lambda audience: audience.value)
def test_an_answer_says_who_gave_it_and_why(audience: Party) -> None:
    """Both sides are told who answered, and the reason in the answerer's own lines."""
    accepted = LETTERS.text(notice(NoticeKind.APPROVED, audience=audience))
    declined = LETTERS.text(
        attrs.evolve(notice(NoticeKind.DECLINED, audience=audience), reason="One.\r\n\r\nTwo: \u2028x")
    )

    assert "Mair Jones has agreed, for St Hilda’s {CE} Primary, to share data with Areté Learning Trust" in accepted
    assert "Mair Jones has declined, for St Hilda’s {CE} Primary," in declined
    assert "The reason given:\n    One.\n\n    Two:\n    x\n" in declined


@pytest.mark.parametrize(("kind", "words"), [("approved", "agreed"), ("declined", "declined")])
@pytest.mark.parametrize(
    ("audience", "somebody"), [(Party.SCHOOL, "Somebody at your school"), (Party.GROUP, "The school")]
)
def test_an_answer_of_nobody_known_is_told(kind: str, words: str, audience: Party, somebody: str) -> None:
    """Where the name is not known, the sentence is whole all the same."""
    one = attrs.evolve(notice(NoticeKind(kind), audience=audience), actor_name="")

    assert f"{somebody} has {words}, for St Hilda’s {{CE}} Primary" in LETTERS.text(one)


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (EndCause.SCHOOL_CLOSED, "The school has closed."),
        (EndCause.SCHOOL_LEFT_GROUP, "The school has left the local authority."),
        (EndCause.GROUP_CLOSED, "The local authority has closed."),
        (EndCause.SUCCEEDED, "Another school has taken the school’s place."),
        (EndCause.BY_SCHOOL, "The school asked for this."),
        (EndCause.BY_GROUP, "The local authority asked for this."),
        (EndCause.ENTERED_IN_ERROR, "It had been entered by mistake."),
        (None, "the agreement has ended."),
    ],
    ids=str,
)
def test_an_end_says_why(cause: EndCause | None, words: str) -> None:
    """Each cause is a sentence of its own, before the note."""
    one = attrs.evolve(notice(NoticeKind.ENDED, group_kind=GroupKind.LOCAL_AUTHORITY), cause=cause)

    assert f"{words}\n\nThe note that goes with it:\n    We change our MIS in May.\n" in LETTERS.text(one)


def test_the_end_of_a_request_alone_says_so() -> None:
    """Where nothing was in force, what ended is the request."""
    one = attrs.evolve(notice(NoticeKind.ENDED), level=None, level_label="")

    assert "The request of Areté Learning Trust to St Hilda’s {CE} Primary has been closed" in LETTERS.text(one)
    assert "no longer:" not in LETTERS.text(one)


def test_whom_to_ask_is_always_told() -> None:
    """The sender with the address, the group where none is known; on the group's side who answered, or the school."""
    asked = notice(NoticeKind.REQUEST)

    assert "Questions? Ask Ana Ćosić at Areté Learning Trust: ana@group.example" in LETTERS.text(asked)
    unknown = attrs.evolve(asked, sender_name="", sender_address=None)
    assert "Questions? Ask Areté Learning Trust, your trust." in LETTERS.text(unknown)
    assert "\nAreté Learning Trust, your trust, asks" in LETTERS.text(unknown)
    answered = notice(NoticeKind.APPROVED, audience=Party.GROUP)
    assert "Questions? Ask Mair Jones at the school." in LETTERS.text(answered)
    assert "Questions? Ask the school." in LETTERS.text(attrs.evolve(answered, actor_name=""))
    assert "Questions? Ask the school." in LETTERS.text(notice(NoticeKind.ENDED, audience=Party.GROUP))
    assert LETTERS.text(attrs.evolve(asked, people=())).startswith("Dear colleague,\n")


# Pages


@pytest.mark.parametrize("one", EVERY)
def test_every_page_is_accessible(one: Notice) -> None:
    """Language, title, one heading, closed elements, nothing from elsewhere; contrast of 4.5, light and dark."""
    page = LETTERS.html(one)
    light, dark = SeenPage(page, dark=False), SeenPage(page, dark=True)

    assert page.startswith('<!doctype html>\n<html lang="en-GB">\n')
    assert re.search(r"<title>[A-Z][^<>]{10,70}</title>", page)
    assert (["h1"], []) == (light.headings, light.unbalanced)
    assert not re.search(r"<(img|script|link|iframe|object|form|table|svg)\b|src=|url\(|@import|@font", page)
    for seen in (light, dark):
        assert 4.5 <= min(contrast(*pair) for pair in seen.colours)
    assert light.colours.isdisjoint(dark.colours)  # so that nothing is left light on a dark page


def test_contrast_is_computed_as_wcag_does() -> None:
    """Black on white is 21, and a known grey on white is just enough."""
    assert pytest.approx(21) == contrast("#000000", "#ffffff")
    assert pytest.approx(4.54, abs=0.01) == contrast("#ffffff", "#767676")
    page = '<html><body style="color:#777777;background:#ffffff"><p>Too light</p></b></body>'
    seen = SeenPage(page, dark=False)
    assert {("#777777", "#ffffff")} == seen.colours
    assert ["b", "html"] == seen.unbalanced


# Messages


def test_a_message_of_a_notice_is_always_the_same() -> None:
    """Byte for byte, with an id, a date and a boundary that follow from the notice alone."""
    one = notice(NoticeKind.REQUEST)
    first, second = (letters(list_id="data-sharing.trust.example").message(one).as_bytes() for _ in range(2))
    message = read(first)

    assert first == second
    assert {
        "From": "Data sharing <no-reply@trust.example>",
        "To": "größe@xn--strae-oqa.example",
        "Reply-To": "Ana Ćosić <ana@group.example>",
        "Subject": "Please answer: Areté Learning Trust asks St Hilda’s {CE} Primary to share data",
        "Date": "Sun, 29 Mar 2026 00:59:59 +0000",
        "Message-ID": f"<{one.id}@trust.example>",
        "Auto-Submitted": "auto-generated",
        "List-Id": "<data-sharing.trust.example>",
        "MIME-Version": "1.0",
    } == {name: str(value) for name, value in message.items() if name != "Content-Type"}
    assert ["text/plain", "text/html"] == [part.get_content_type() for part in message.iter_parts()]
    assert all(len(line) <= 78 for line in first.splitlines()[:12])


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "Ana Ćosić <ana@group.example>"),
        ({"sender_name": ""}, "ana@group.example"),
        ({"sender_name": 'Ana "Annie" <eve@evil.example>, B'}, "ana@group.example"),
        ({"sender_address": "ana@straße.example"}, "Ana Ćosić <ana@xn--strae-oqa.example>"),
        ({"sender_address": None}, None),
        ({"sender_address": "ana at trust"}, None),
        ({"sender_address": "=?utf-8?q?x?=@trust.example"}, None),
        ({"sender_address": "größe@trust.example", "address": "head@hilda.example"}, None),
        ({"sender_address": "größe@trust.example"}, "Ana Ćosić <größe@trust.example>"),
        ({"audience": Party.GROUP}, None),
    ],
    ids=str,
)
def test_replies_go_to_the_sender(changes: dict[str, object], expected: str | None) -> None:
    """Where the sender has an address that the message can name; the sender's own messages need none."""
    one = attrs.evolve(notice(NoticeKind.REQUEST), **changes)  # type: ignore[arg-type]
    found = read(LETTERS.message(one).as_bytes())["Reply-To"]

    if expected is None:
        assert found is None
    else:
        assert [expected.rpartition("<")[2].removesuffix(">")] == [one.addr_spec for one in found.addresses]
        assert (one.sender_name or "") == found.addresses[0].display_name
