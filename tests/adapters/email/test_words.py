"""What people read: plain, whole, and the same in both parts, for every kind of notice (rules O1, N5, U3, Q8)."""

import re
from datetime import date
from itertools import count
from typing import Any

import attrs
import pytest

from datashare.domain.agreements import EndCause
from datashare.domain.levels import AccessLevel
from datashare.domain.notices import Answerer, Notice, NoticeKind
from datashare.domain.policy import Party
from datashare.domain.register import GroupKind
from tests.adapters.email.notices import ASKED, DAI, HANA, READERS, RENDERER, notice, renderer, variants
from tests.adapters.email.reading import Page, contrast, read
from tests.golden.values import NOTICES, TERMS

LA = GroupKind.LOCAL_AUTHORITY
APPROVED, DECLINE, ENDED, RECORDED, REMINDER, REQUEST, WITHDRAWN = (
    NoticeKind.APPROVED,
    NoticeKind.DECLINED,
    NoticeKind.ENDED,
    NoticeKind.APPROVAL_RECORDED,
    NoticeKind.REMINDER,
    NoticeKind.REQUEST,
    NoticeKind.WITHDRAWN,
)

every_kind = pytest.mark.parametrize("kind", NoticeKind, ids=lambda kind: kind.value)


def page_words(notice: Notice) -> str:
    """Return the words of the page."""
    return Page(RENDERER.html(notice)).text


def listed(text: str) -> list[str]:
    """Return what a text lists."""
    return re.findall(r"^ {2}- (.*)$", text, re.MULTILINE)


@every_kind
def test_every_message_is_plain_whole_and_short(kind: NoticeKind) -> None:
    """Subject, text and page say who and which school, use the group's own word, and leave no gap in a sentence."""
    for sample in variants(kind):
        subject, text, page = RENDERER.subject(sample), RENDERER.text(sample), page_words(sample)
        other = "trust" if sample.group_kind is LA else "local authority"

        assert sample.group_name in subject
        assert sample.institution_name in subject
        assert len(subject) < 120
        assert len(" ".join(text.split("\n\n")[:2]).split()) < 60
        assert len(text.split()) < 170
        for words in (subject, text, page):
            assert other not in re.sub("Ar.*? Learning Trust", "", words).lower().replace("trust actions", "")
            assert not re.search(r"None|_|\{\{|\{%|Undefined|“”|\s[.,:;](\s|$)|\( ?\)|\.\.|[.:?][A-Z]|bdi", words)
        assert not re.search(r"[^\n ] {2,}|[ \t]\n(?<!-- \n)|\n{3,}", text)
        assert all(re.search(r"[.:?]$", line) for line in text.splitlines()[2:4] if line)


@every_kind
def test_text_and_page_say_the_same(kind: NoticeKind) -> None:
    """Every sentence of the text stands on the page too, in the same order."""
    for sample in variants(kind):
        page, at = page_words(sample), 0
        for line in RENDERER.text(sample).splitlines():
            words = " ".join(line.removeprefix("  - ").split())
            if words and words != "--":
                at = page.index(words, at)


@pytest.mark.rule("O1")
@every_kind
def test_the_school_gets_its_link(kind: NoticeKind) -> None:
    """The link stands on a line of its own in the text, and is the one button of the page."""
    sample = notice(kind)

    assert sample.link in RENDERER.text(sample).splitlines()
    assert 1 == RENDERER.html(sample).count(f'href="{sample.link}"')


@every_kind
def test_every_page_is_accessible(kind: NoticeKind) -> None:
    """Language, title, one heading, closed elements, nothing from elsewhere; contrast of 4.5, light and dark."""
    for sample in variants(kind):
        html = RENDERER.html(sample)
        light, dark = Page(html), Page(html, dark=True)

        assert html.startswith('<!doctype html>\n<html lang="en-GB">\n')
        assert re.search(r"<title>[A-Z][^<>]{10,70}</title>", html)
        assert ["h1"] == [tag.split()[0] for tag in light.tags if re.match("h[1-6] ", tag)]
        assert [] == light.unbalanced
        assert not re.search(r"<(img|script|link|iframe|object|form|table|svg)\b|src=|url\(|@import|@font", html)
        for page in (light, dark):
            assert 4.5 <= min(contrast(*pair) for pair in page.colours)
        assert light.colours.isdisjoint(dark.colours)  # so that nothing is left light on a dark page


def test_contrast_is_computed_as_wcag_does() -> None:
    """Black on white is 21, and a known grey on white is just enough."""
    assert pytest.approx(21) == contrast("#000000", "#ffffff")
    assert pytest.approx(4.54, abs=0.01) == contrast("#ffffff", "#767676")
    page = Page('<html><body style="color:#777777;background:#ffffff"><p>Too light</p></b></body>')
    assert {("#777777", "#ffffff")} == page.colours
    assert ["b", "html"] == page.unbalanced


# Requests and reminders

TEACHER = Answerer(name="Ceri <b>", asked=False)
MANY = [Answerer(name=name, asked=True) for name in ("Siân", "B", "C", "D", "E")]
HERE = "on the school’s Data Sharing page"
ANSWER = ("Please answer: ", "Reminder: ")
INFORMED = ("For your information: ", "Reminder for your information: ")
ON = ("Please pass on: ", "Reminder, please pass on: ")
NOBODY = ("Nobody can answer yet: ", "Reminder, nobody can answer yet: ")
GONE_TO = "You cannot answer this request yourself. It has also gone to"
WHO_CAN_ANSWER: dict[str, tuple[dict[str, Any], str, tuple[str, str]]] = {
    "the reader": ({"people": (HANA,)}, f"Please accept or decline {HERE}.", ANSWER),
    "one of two readers": ({"people": (DAI, HANA)}, f"Hana Žižková can accept or decline {HERE}.", ANSWER),
    "unknown readers": ({"people": ()}, f"Please accept or decline {HERE}.", ANSWER),
    "asked": (
        {"answerers": (MANY[0], TEACHER)},
        f"{GONE_TO} Siân, who can, so you do not need to do anything",
        INFORMED,
    ),
    "three asked": ({"answerers": tuple(MANY[:3])}, f"{GONE_TO} Siân, B and C, who can, so", INFORMED),
    "five asked": ({"answerers": tuple(MANY)}, f"{GONE_TO} Siân, B, C and others, who can, so", INFORMED),
    "not asked": ({"answerers": (TEACHER,)}, f"pass it on to Ceri <b>, who can accept or decline {HERE}.", ON),
    "nobody": (
        {"nobody_can_answer": True},
        "ask whoever looks after your school’s MIS to give somebody, usually",
        NOBODY,
    ),
    "unknown": ({}, f"usually the Head Teacher. They can accept or decline {HERE}.", ON),
}
"""Who can answer, what the reader is told, and how the subjects of request and reminder begin."""


@pytest.mark.rule("P3", "P10")
@pytest.mark.parametrize("case", WHO_CAN_ANSWER)
def test_the_reader_is_told_what_to_do(case: str) -> None:
    """Readers who can answer are asked to, others are told who can; the subject asks for no more than that."""
    changes, words, subjects = WHO_CAN_ANSWER[case]
    for kind, beginning in zip((REQUEST, REMINDER), subjects, strict=True):
        sample = notice(kind, **{"readers": (DAI,), "answerers": (), **changes})

        assert words in RENDERER.text(sample)
        assert words in page_words(sample)
        assert RENDERER.subject(sample).startswith(beginning + "Areté Learning Trust ")
        assert len(RENDERER.subject(sample)) < 140


@pytest.mark.parametrize(
    "changes", [{"readers": readers} for readers in READERS.values()] + [{"answerers": (TEACHER,)}]
)
def test_without_a_link_the_way_is_described(changes: dict[str, Any]) -> None:
    """Where the school's address is not known, the words say where to look."""
    sample = notice(REQUEST, link=None, **{"readers": (DAI,), **changes})

    assert f"{HERE}: in your MIS, open School › Data › Data Sharing." in RENDERER.text(sample)
    assert "href" not in RENDERER.html(sample)


@pytest.mark.rule("N5", "U3")
@pytest.mark.parametrize("kind", [REQUEST, REMINDER, APPROVED, RECORDED], ids=lambda kind: kind.value)
def test_an_upgrade_names_both_levels_and_what_the_new_one_adds(kind: NoticeKind) -> None:
    """Only what is added is listed; without a level before, everything is."""
    upgrade, first = RENDERER.text(notice(kind, upgrade=True)), RENDERER.text(notice(kind))
    added = ["carry out trust actions: tasks done centrally in the school’s MIS", "log in to the school’s MIS"]

    assert "“MIS Data & Trust Actions”" in upgrade
    assert "“MIS Data”" in upgrade
    assert "may also:" in upgrade
    assert added == listed(upgrade)
    assert ["see the DfE’s data about the school", "see live data from the school’s MIS", *added] == listed(first)
    assert "“MIS Data”" not in first


@pytest.mark.rule("L2")
@pytest.mark.parametrize("level", AccessLevel, ids=lambda level: level.value)
def test_every_capability_has_words(level: AccessLevel) -> None:
    """No message shows a key: a new level needs words in `words.j2`, and no other change of the adapter."""
    words = listed(RENDERER.text(notice(REQUEST, level=level)))

    assert len(level.capabilities) == len(words)
    assert all(re.fullmatch(r"[a-z][^_]{10,80}", line) for line in words)


@pytest.mark.rule("U2")
@pytest.mark.parametrize("kind", [REQUEST, REMINDER, DECLINE, WITHDRAWN], ids=lambda kind: kind.value)
def test_the_level_in_force_is_named(kind: NoticeKind) -> None:
    """Until an upgrade is accepted the level before stays, and the message says so."""
    assert "“MIS Data” stays in force" in RENDERER.text(notice(kind, upgrade=True))


@pytest.mark.rule("Q8")
@pytest.mark.parametrize("kind", [REQUEST, REMINDER], ids=lambda kind: kind.value)
def test_the_terms_are_linked_with_their_version(kind: NoticeKind) -> None:
    """The local authority's addendum is a link if it is an https address, and text if it is not."""
    address, version = "https://council.example/addendum.pdf", "(version 2.1, due for review on 29 March 2027)"
    linked = notice(kind, group_kind=LA, terms=attrs.evolve(TERMS, reference=address))
    script = notice(kind, group_kind=LA, terms=attrs.evolve(TERMS, reference="javascript:alert(1)", review_on=None))

    assert f"Please read the terms first: {address} {version}" in RENDERER.text(linked)
    assert version in page_words(linked)
    assert f'href="{address}"' in RENDERER.html(linked)
    assert "Please read the terms first: javascript:alert(1) (version 2.1)" in RENDERER.text(script)
    assert "javascript" not in "".join(Page(RENDERER.html(script)).tags)
    assert "terms" not in RENDERER.text(notice(kind))


@pytest.mark.rule("O5", "Q8")
def test_terms_that_hide_where_they_lead_are_no_link() -> None:
    """What was stored before such addresses were refused is text; letters that look alike are shown as ASCII."""
    hidden, alike = "https://good.example@evil.example/", "https://gооd.example/größe"
    shown = notice(REQUEST, terms=attrs.evolve(TERMS, reference=hidden), link=hidden)
    linked = notice(REQUEST, terms=attrs.evolve(TERMS, reference=alike))

    assert f"Please read the terms first: {hidden} (" in RENDERER.text(shown)
    assert [] == [tag for tag in Page(RENDERER.html(shown)).tags if tag.startswith("a ")]
    real = "https://xn--gd-fmca.example/gr%C3%B6%C3%9Fe"
    assert f"Please read the terms first: {real} (" in RENDERER.text(linked)
    assert f'href="{real}"' in RENDERER.html(linked)
    assert alike not in RENDERER.html(linked)


@pytest.mark.parametrize(("month", "name"), [(1, "January"), (6, "June"), (7, "July"), (12, "December")])
def test_days_are_written_out(month: int, name: str) -> None:
    """The month has its English name, whatever the locale of the program."""
    assert f"on 30 {name} 2026" in RENDERER.text(notice(REMINDER, asked_on=date(2026, month, 30)))


# What else has happened

SCHOOL, TRUST = "St Hilda’s {CE} Primary", "Areté Learning Trust"
UNKNOWN_SENDER: dict[str, Any] = {"sender_name": "", "sender_address": None}
TO_TRUST = {"audience": Party.GROUP}
SENTENCES: list[tuple[NoticeKind, dict[str, Any], str]] = [
    (REQUEST, {}, f"Questions? Ask Ana Ćosić at {TRUST}: ana@group.example"),
    (REQUEST, UNKNOWN_SENDER, f"\n{TRUST}, your trust, asks*Questions? Ask {TRUST}, your trust."),
    (REQUEST, {"people": (DAI, HANA)}, "Dear Dai ap Rhys and Hana Žižková,\n"),
    (REQUEST, {"people": ()}, "Dear colleague,\n"),
    (REMINDER, {}, f"your trust, asked {SCHOOL} on 2 March 2026 to share"),
    (REMINDER, {"asked_on": None}, f"your trust, has asked {SCHOOL} to share"),
    (APPROVED, {}, f"Mair Jones has agreed, for {SCHOOL}, to share data with {TRUST}, your trust"),
    (APPROVED, {"actor_name": ""}, f"Somebody at your school has agreed, for {SCHOOL}"),
    (APPROVED, TO_TRUST, f"Mair Jones has agreed, for {SCHOOL}*Questions? Ask Mair Jones at the school."),
    (APPROVED, {**TO_TRUST, "actor_name": ""}, f"The school has agreed, for {SCHOOL}*Questions? Ask the school."),
    (DECLINE, {"reason": "One.\r\n\r\nTwo: \u2028x"}, "The reason given:\n    One.\n\n    Two:\n    x\n"),
    (DECLINE, {}, f"Mair Jones has declined, for {SCHOOL},"),
    (DECLINE, {"actor_name": ""}, f"Somebody at your school has declined, for {SCHOOL}"),
    (DECLINE, {**TO_TRUST, "actor_name": ""}, f"The school has declined, for {SCHOOL}*send a new request"),
    (WITHDRAWN, {}, f"Ana Ćosić from {TRUST}, your trust, has withdrawn the request to {SCHOOL}"),
    (WITHDRAWN, {}, "If you have received this request, you can no longer answer it."),  # N6: some never got it
    (WITHDRAWN, {"actor_name": ""}, f"\n{TRUST}, your trust, has withdrawn the request"),
]


@pytest.mark.rule("A8", "N2", "N6")
@pytest.mark.parametrize(("kind", "changes", "words"), SENTENCES, ids=count())
def test_a_message_says_who_did_what_and_whom_to_ask(kind: NoticeKind, changes: dict[str, Any], words: str) -> None:
    """Its sentences are whole where a name is not known too; a star stands for what is between them."""
    pattern = ".*".join(map(re.escape, words.split("*")))

    assert re.search(pattern, RENDERER.text(notice(kind, **changes)), re.DOTALL)


GROUP_SAYS, SCHOOL_SAYS = "Ana Ćosić from Llanfair Borough", "Mair Jones at the school"
SEND_AGAIN = (
    "If the school is to share data again, the local authority must send a new request.",
    "If you need the data again, send a new request.",
)
REORGANISED = "The local authority has been reorganised, and the school now belongs to another local authority."
CAUSES: dict[EndCause | None, tuple[str, ...]] = {
    EndCause.SCHOOL_CLOSED: (
        f"The school has closed. {GROUP_SAYS} recorded this.",
        *["A school that has closed cannot be asked again."] * 2,
    ),
    EndCause.SCHOOL_LEFT_GROUP: (
        f"The school has left the local authority. {GROUP_SAYS} recorded this.",
        "If the school joins the local authority again, the local authority can send a new request.",
        "If the school joins the local authority again, you can send a new request.",
    ),
    EndCause.GROUP_CLOSED: (
        f"The local authority has closed. {GROUP_SAYS} recorded this.",
        *["A local authority that has closed cannot send a new request."] * 2,
    ),
    EndCause.GROUP_REORGANISED: (
        f"{REORGANISED} {GROUP_SAYS} recorded this.",
        *["to share data with its present local authority, that local authority must send it a request."] * 2,
    ),
    EndCause.SUCCEEDED: (
        f"The school has been replaced by another school. {GROUP_SAYS} recorded this.",
        "If the new school is to share data, the local authority must send it a request.",
        "If the new school is to share data, send it a request.",
    ),
    EndCause.BY_SCHOOL: (
        f"{SCHOOL_SAYS} asked for this.",
        SEND_AGAIN[0],
        "If you still need the data, talk to the school, then send a new request.",
    ),
    EndCause.BY_GROUP: (f"{GROUP_SAYS} asked for this.", *SEND_AGAIN),
    EndCause.ENTERED_IN_ERROR: (f"It was entered by mistake. {GROUP_SAYS} recorded this.", *SEND_AGAIN),
    None: ("the agreement has ended.", *SEND_AGAIN),
}
"""Why an agreement ended and who said so, and what comes next, for the school's side and the group's."""


def ended(cause: EndCause | None, audience: Party = Party.SCHOOL, **changes: Any) -> Notice:
    """Build a notice of an end, by somebody of the side that can say so."""
    actor = "Mair Jones" if cause is EndCause.BY_SCHOOL else "Ana Ćosić"
    fields = {"cause": cause, "actor_name": actor, "request": None, **changes}
    return notice(ENDED, group_kind=LA, audience=audience, **fields)


@pytest.mark.rule("E1")
@pytest.mark.parametrize("cause", CAUSES, ids=str)
def test_an_end_says_why_by_whose_word_and_what_comes_next(cause: EndCause | None) -> None:
    """Each cause has its own sentences; nobody is told to send a request that the cause rules out."""
    why, *steps = CAUSES[cause]
    for audience, step in zip((Party.SCHOOL, Party.GROUP), steps, strict=True):
        text = RENDERER.text(ended(cause, audience))
        upgrading = RENDERER.text(ended(cause, audience, request=NOTICES["notice"].request))

        assert f"{why}\n\nThis note was added:\n    We change our MIS in May.\n" in text
        assert re.search(f"You do not need to do anything. .*{re.escape(step)}", text)
        assert ("new request" in step) == (" new request." in text)
        assert f"has been closed too. {why.removeprefix('the agreement has ended.')}".strip() in upgrading


TO_SCHOOL, TO_GROUP, NO_ACTOR = Party.SCHOOL, Party.GROUP, {"actor_name": ""}


@pytest.mark.parametrize(
    ("cause", "audience", "changes", "words"),
    [
        (EndCause.BY_SCHOOL, TO_SCHOOL, NO_ACTOR, "has ended. The school asked for this.\n\n"),
        (EndCause.BY_GROUP, TO_SCHOOL, NO_ACTOR, "has ended. The local authority asked for this.\n\n"),
        (EndCause.SCHOOL_CLOSED, TO_SCHOOL, NO_ACTOR, "has ended. The school has closed.\n\n"),
        (EndCause.BY_SCHOOL, TO_GROUP, {}, "Ask Mair Jones at the school.\n"),
        (EndCause.BY_SCHOOL, TO_GROUP, NO_ACTOR, "Ask the school.\n"),
        (EndCause.SCHOOL_CLOSED, TO_GROUP, {}, "Ask Ana Ćosić, who recorded this.\n"),
        (EndCause.BY_GROUP, TO_GROUP, {}, "Ask Ana Ćosić, who recorded this.\n"),
        (EndCause.GROUP_CLOSED, TO_GROUP, NO_ACTOR, "Ask whoever looks after data sharing at Llanfair Borough.\n"),
        (EndCause.GROUP_CLOSED, TO_SCHOOL, {}, "Ask Ana Ćosić at Llanfair Borough: ana@group.example\n"),
        (EndCause.GROUP_CLOSED, TO_SCHOOL, UNKNOWN_SENDER, "Ask whoever looks after your school’s MIS.\n"),
        (EndCause.GROUP_REORGANISED, TO_SCHOOL, UNKNOWN_SENDER, "Ask whoever looks after your school’s MIS.\n"),
        (EndCause.SCHOOL_LEFT_GROUP, TO_SCHOOL, UNKNOWN_SENDER, "Ask Llanfair Borough.\n"),
        (EndCause.SCHOOL_CLOSED, TO_SCHOOL, UNKNOWN_SENDER, "Ask Llanfair Borough, your local authority.\n"),
    ],
    ids=count(),
)
def test_an_end_by_nobody_known_is_explained_and_says_whom_to_ask(
    cause: EndCause, audience: Party, changes: dict[str, Any], words: str
) -> None:
    """Who ended it, or whoever there still is: never a school or a group that has closed."""
    assert words in RENDERER.text(ended(cause, audience, **changes))


@pytest.mark.rule("E1")
def test_an_end_names_the_request_that_it_closes() -> None:
    """With an agreement, alone, or not at all; the subject is true of each."""
    both, agreement = notice(ENDED, upgrade=True), notice(ENDED)
    request = attrs.evolve(both, level=None, level_label="", level_before=None)
    closed = "The request that was still open has been closed too."

    assert f"the agreement has ended. {closed}" in RENDERER.text(both)
    assert closed not in RENDERER.text(agreement) + RENDERER.text(request)
    for sample in (both, agreement):
        assert f"Ended: data sharing between {SCHOOL} and {TRUST}" == RENDERER.subject(sample)
    assert f"Closed: the request from {TRUST} to {SCHOOL}" == RENDERER.subject(request)
    assert f"The request from {TRUST} to {SCHOOL} has been closed" in RENDERER.text(request)
    assert "no longer" not in RENDERER.text(request)


# Messages


def test_a_message_of_a_notice_is_always_the_same() -> None:
    """Byte for byte, with an id, a date and a boundary that follow from the notice alone."""
    first, second = (renderer(list_id="data-sharing.trust.example").message(ASKED).as_bytes() for _ in range(2))
    message = read(first)

    assert first == second
    assert {
        "From": "Data sharing <no-reply@trust.example>",
        "To": "größe@xn--strae-oqa.example",
        "Reply-To": "Ana Ćosić <ana@group.example>",
        "Subject": "Please answer: Areté Learning Trust asks St Hilda’s {CE} Primary to share data",
        "Date": "Sun, 29 Mar 2026 00:59:59 +0000",
        "Message-ID": f"<{ASKED.id}@trust.example>",
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
    ids=count(),
)
def test_replies_go_to_the_sender(changes: dict[str, Any], expected: str | None) -> None:
    """Where the sender has an address that the message can name; messages to the sender need none."""
    sample = notice(REQUEST, **changes)
    header = read(RENDERER.message(sample).as_bytes())["Reply-To"]

    if expected is None:
        assert header is None
    else:
        assert [expected.rpartition("<")[2].removesuffix(">")] == [address.addr_spec for address in header.addresses]
        assert sample.sender_name == header.addresses[0].display_name
