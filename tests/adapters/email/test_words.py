"""What people read: plain, whole, and the same in both parts, for every notice there is (rules O1, N5, U3, Q8)."""

import re
from collections.abc import Iterator
from datetime import date
from itertools import product

import attrs
import pytest

from datashare.domain.agreements import EndCause
from datashare.domain.levels import AccessLevel
from datashare.domain.notices import ASKING, Addressee, Answerer, Notice, NoticeKind
from datashare.domain.policy import Party, Policy
from datashare.domain.register import GroupKind
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
        request=NOTICES["notice"].request if kind is not NoticeKind.ENDED or upgrade else None,
        asked_on=date(2026, 3, 2) if kind is NoticeKind.REMINDER else None,
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
    assert len(text.split()) < 170
    for words in (subject, text, page):
        assert other not in re.sub("Ar.*? Learning Trust", "", words).lower().replace("trust actions", "")
        assert not re.search(r"None|\{\{|\{%|Undefined|“”|\s[.,:;](\s|$)|\( ?\)|\.\.|[.:?][A-Z]|bdi", words)
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
    assert [
        "carry out trust actions: tasks done centrally in the school’s MIS",
        "log in to the school’s MIS",
    ] == listed(upgrade)
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
    named = attrs.evolve(asked, terms=attrs.evolve(TERMS, reference="javascript:alert(1)", review_on=None))

    version = "(version 2.1, due for review on 29 March 2027)"
    words = f"Please read the terms first: https://council.example/addendum.pdf {version}"
    assert version in page_words(linked)
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


OF_GROUP, OF_SCHOOL = "Ana Ćosić from Llanfair Borough", "Mair Jones at the school"
CAUSES: dict[EndCause | None, tuple[str, str, str]] = {
    EndCause.SCHOOL_CLOSED: (
        f"The school has closed. {OF_GROUP} recorded this.",
        "A school that has closed cannot be asked again.",
        "A school that has closed cannot be asked again.",
    ),
    EndCause.SCHOOL_LEFT_GROUP: (
        f"The school has left the local authority. {OF_GROUP} recorded this.",
        "If the school joins the local authority again, the local authority can send a new request.",
        "If the school joins the local authority again, you can send a new request.",
    ),
    EndCause.GROUP_CLOSED: (
        f"The local authority has closed. {OF_GROUP} recorded this.",
        "A local authority that has closed cannot ask again.",
        "A local authority that has closed cannot ask again.",
    ),
    EndCause.SUCCEEDED: (
        f"Another school has taken the school’s place. {OF_GROUP} recorded this.",
        "If the school that has taken its place is to share data, the local authority asks that school.",
        "If the school that has taken its place is to share data, send that school a request.",
    ),
    EndCause.BY_SCHOOL: (
        f"{OF_SCHOOL} asked for this.",
        "If the school is to share data again, the local authority must send a new request.",
        "If you still need the data, talk to the school, then send a new request.",
    ),
    EndCause.BY_GROUP: (
        f"{OF_GROUP} asked for this.",
        "If the school is to share data again, the local authority must send a new request.",
        "If the school is to share data again, send a new request.",
    ),
    EndCause.ENTERED_IN_ERROR: (
        f"It had been entered by mistake. {OF_GROUP} recorded this.",
        "If the school is to share data again, the local authority must send a new request.",
        "If the school is to share data again, send a new request.",
    ),
    None: (
        "the agreement has ended.",
        "If the school is to share data again, the local authority must send a new request.",
        "If the school is to share data again, send a new request.",
    ),
}
"""Why, with who said so, and what comes next, for the school's side and the group's."""


def ended(cause: EndCause | None, audience: Party = Party.SCHOOL, actor: str | None = None) -> Notice:
    """Make a notice of an end, by somebody of the side that can say so."""
    known = "Mair Jones" if cause is EndCause.BY_SCHOOL else "Ana Ćosić"
    plain = notice(NoticeKind.ENDED, group_kind=GroupKind.LOCAL_AUTHORITY, audience=audience)
    return attrs.evolve(plain, cause=cause, actor_name=known if actor is None else actor)


@pytest.mark.rule("E1")
@pytest.mark.parametrize("cause", CAUSES, ids=str)
def test_an_end_says_why_by_whose_word_and_what_comes_next(cause: EndCause | None) -> None:
    """Each cause has sentences of its own; nobody is told to send a request that the cause rules out."""
    why, *steps = CAUSES[cause]
    for audience, step in zip((Party.SCHOOL, Party.GROUP), steps, strict=True):
        text = LETTERS.text(ended(cause, audience))

        assert f"{why}\n\nThe note that goes with it:\n    We change our MIS in May.\n" in text
        assert f"There is nothing that you need to do. {step}" in text
        assert ("new request" in step) == ("new request" in text)
        upgrading = attrs.evolve(ended(cause, audience), request=NOTICES["notice"].request)
        assert f"has been closed too. {why.removeprefix('the agreement has ended.')}".strip() in LETTERS.text(upgrading)


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (EndCause.BY_SCHOOL, "The school asked for this."),
        (EndCause.BY_GROUP, "The local authority asked for this."),
        (EndCause.SCHOOL_CLOSED, "The school has closed."),
    ],
    ids=str,
)
def test_an_end_by_nobody_known_is_told(cause: EndCause, words: str) -> None:
    """Where a system ended it, or the name is not known, the sentences are whole all the same."""
    assert f"has ended. {words}\n\n" in LETTERS.text(ended(cause, actor=""))


@pytest.mark.parametrize(
    ("cause", "actor", "whom"),
    [
        (EndCause.BY_SCHOOL, "Mair Jones", "Mair Jones at the school"),
        (EndCause.BY_SCHOOL, "", "the school"),
        (EndCause.SCHOOL_CLOSED, "Ana Ćosić", "Ana Ćosić, who recorded this"),
        (EndCause.BY_GROUP, "Ana Ćosić", "Ana Ćosić, who recorded this"),
        (EndCause.GROUP_CLOSED, "", "whoever looks after data sharing at Llanfair Borough"),
    ],
    ids=str,
)
def test_the_group_is_told_whom_to_ask_about_an_end(cause: EndCause, actor: str, whom: str) -> None:
    """Who ended it; never a school that has closed."""
    assert f"Questions? Ask {whom}.\n" in LETTERS.text(ended(cause, Party.GROUP, actor))


@pytest.mark.parametrize(
    ("cause", "whom"),
    [
        (EndCause.GROUP_CLOSED, "whoever looks after your school’s MIS"),
        (EndCause.SCHOOL_LEFT_GROUP, "Llanfair Borough"),
        (EndCause.SCHOOL_CLOSED, "Llanfair Borough, your local authority"),
    ],
    ids=str,
)
def test_the_school_is_told_whom_to_ask_about_an_end(cause: EndCause, whom: str) -> None:
    """Whom the notice names, or where nobody is known, whoever there still is."""
    named, unknown = ended(cause), attrs.evolve(ended(cause), sender_name="", sender_address=None)

    assert "Questions? Ask Ana Ćosić at Llanfair Borough: ana@group.example\n" in LETTERS.text(named)
    assert f"Questions? Ask {whom}.\n" in LETTERS.text(unknown)


@pytest.mark.rule("E1")
def test_an_end_tells_of_the_request_that_it_closes() -> None:
    """With an agreement, alone, or not at all; the subject is true of each."""
    both, agreement = notice(NoticeKind.ENDED, upgrade=True), notice(NoticeKind.ENDED)
    request = attrs.evolve(both, level=None, level_label="", level_before=None)
    closed = "The request that was still open has been closed too."

    assert f"the agreement has ended. {closed}" in LETTERS.text(both)
    assert closed not in LETTERS.text(agreement) + LETTERS.text(request)
    for one in (both, agreement):
        assert "Ended: data sharing between St Hilda’s {CE} Primary and Areté Learning Trust" == LETTERS.subject(one)
    assert "Closed: the request of Areté Learning Trust to St Hilda’s {CE} Primary" == LETTERS.subject(request)
    assert "The request of Areté Learning Trust to St Hilda’s {CE} Primary has been closed" in LETTERS.text(request)
    assert "no longer" not in LETTERS.text(request)


@pytest.mark.rule("N6")
def test_a_withdrawal_says_who_withdrew_and_is_true_by_itself() -> None:
    """Who never got the request, because it was withdrawn first, understands the message too."""
    one = notice(NoticeKind.WITHDRAWN)
    told, unknown = LETTERS.text(one), LETTERS.text(attrs.evolve(one, actor_name=""))

    assert "Ana Ćosić from Areté Learning Trust, your trust, has withdrawn the request to St Hilda’s" in told
    assert "\nAreté Learning Trust, your trust, has withdrawn the request to St Hilda’s" in unknown
    assert "If you have a message that asks for this, it can no longer be answered." in told
    assert "earlier" not in told


@pytest.mark.rule("N2")
def test_a_reminder_says_when_the_request_was_sent() -> None:
    """By its day, where that is known; notices stored by older versions do not know it."""
    one = notice(NoticeKind.REMINDER)

    assert "your trust, asked St Hilda’s {CE} Primary on 2 March 2026 to share" in LETTERS.text(one)
    older = LETTERS.text(attrs.evolve(one, asked_on=None))
    assert "your trust, has asked St Hilda’s {CE} Primary to share" in older


@pytest.mark.parametrize(("month", "name"), [(1, "January"), (6, "June"), (7, "July"), (12, "December")])
def test_days_are_written_out(month: int, name: str) -> None:
    """In English, whatever the locale of the program."""
    one = attrs.evolve(notice(NoticeKind.REMINDER), asked_on=date(2026, month, 30))

    assert f"on 30 {name} 2026" in LETTERS.text(one)


SIAN, TEACHER = Answerer(name="Siân", asked=True), Answerer(name="Ceri <b>", asked=False)
PASSING_ON: dict[str, tuple[dict[str, object], str, str, str]] = {
    "asked": (
        {"answerers": (SIAN, TEACHER)},
        "The request has also gone to Siân, who can, so there is nothing that you need to do.",
        "For your information: ",
        "Reminder for your information: ",
    ),
    "not asked": (
        {"answerers": (TEACHER,)},
        "Please pass it on to Ceri <b>, who can accept or decline on the school’s Data Sharing page.",
        "Please pass on: ",
        "Reminder, please pass on: ",
    ),
    "many asked": (
        {"answerers": [attrs.evolve(SIAN, name=name) for name in "ABCDE"]},
        "The request has also gone to A, B, C and others, who can, so",
        "For your information: ",
        "Reminder for your information: ",
    ),
    "three asked": (
        {"answerers": [attrs.evolve(SIAN, name=name) for name in "ABC"]},
        "The request has also gone to A, B and C, who can, so",
        "For your information: ",
        "Reminder for your information: ",
    ),
    "nobody": (
        {"nobody_can_answer": True},
        (
            "Nobody at your school can answer this yet. Please ask whoever looks after your school’s MIS to give "
            "somebody, usually the Head Teacher, the permission “School: Action: Data Sharing Request: Administer”."
        ),
        "Nobody can answer yet: ",
        "Reminder, nobody can answer yet: ",
    ),
    "not known": (
        {},
        "Please pass it on to someone at your school who can, usually the Head Teacher,",
        "Please pass on: ",
        "Reminder, please pass on: ",
    ),
}
"""What is known of who can answer, what who cannot is told, and how the subjects begin."""


@pytest.mark.rule("P3", "P10")
@pytest.mark.parametrize("case", PASSING_ON)
def test_who_cannot_answer_is_told_who_can(case: str) -> None:
    """They have been asked too, or they have not, or nobody can: the subject asks for no more than there is to do."""
    known, words, *subjects = PASSING_ON[case]
    for kind, beginning in zip((NoticeKind.REQUEST, NoticeKind.REMINDER), subjects, strict=True):
        one = attrs.evolve(notice(kind, readers=(DAI,)), **known)  # type: ignore[arg-type]

        assert words in LETTERS.text(one)
        assert words in page_words(one)
        assert LETTERS.subject(one).startswith(beginning + "Areté Learning Trust ")
        assert len(LETTERS.subject(one)) < 140


@pytest.mark.parametrize(("kind", "beginning"), [("request", "Please answer: "), ("reminder", "Reminder: ")])
def test_who_can_answer_is_asked_to_in_the_subject(kind: str, beginning: str) -> None:
    """Whoever else can; where the address is shared, or nobody is named, too."""
    for readers in ((HANA,), (DAI, HANA), ()):
        one = attrs.evolve(notice(NoticeKind(kind), readers=readers), answerers=(SIAN,))

        assert LETTERS.subject(one).startswith(beginning)
        assert "accept or decline" in LETTERS.text(one)


def test_who_passes_it_on_is_told_the_way() -> None:
    """Without a link, where to look stands in the words."""
    one = attrs.evolve(notice(NoticeKind.REQUEST, readers=(DAI,)), answerers=(TEACHER,), link=None)

    assert "on the school’s Data Sharing page: in your MIS, open School › Data › Data Sharing." in LETTERS.text(one)


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
