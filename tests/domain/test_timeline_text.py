"""The past in words: by ids only, or with the names of those who are still known (rules H1, H4)."""

from datetime import date, timedelta
from typing import get_args

import attrs
import pendulum
import pytest

from datashare.domain.agreements.commands import EndCause
from datashare.domain.agreements.events import (
    AgreementEnded,
    AgreementImported,
    ApprovalRecorded,
    Event,
    RecipientsAdded,
    ReminderSent,
    RequestApproved,
    RequestDeclined,
    RequestSent,
    RequestWithdrawn,
    VisibilityLost,
    VisibilityReturned,
)
from datashare.domain.agreements.ids import RequestId, SystemActor
from datashare.domain.agreements.state import Agreement, OpenRequest, State
from datashare.domain.register import GroupId
from datashare.domain.timeline import AgreementPeriod, NotRecorded
from datashare.domain.timeline_text import Names, describe
from datashare.domain.visibility import HiddenBecause
from tests.builders import ACTIONS, AGREEMENT, ANA, BEN, DEPUTY, DFE, HEAD, MAT, MIS, NIGHTLY, TERMS, URN, header

ASKED_AT = pendulum.datetime(2026, 3, 28, 9, 15)
SINCE = pendulum.datetime(2026, 3, 30, 8, 30)
UNTIL = pendulum.datetime(2026, 10, 25, 0, 30)
"""In London it is half past one, for the first time."""
REQUEST = RequestId(AGREEMENT, 1)
ASKED = OpenRequest(id=REQUEST, level=MIS, sender=ANA, asked_by=ANA, asked_at=ASKED_AT, recipients=(HEAD,))
UPGRADE = attrs.evolve(ASKED, id=RequestId(AGREEMENT, 3), level=ACTIONS)
BY_ANA, BY_HEAD, BY_SYSTEM = (header(at=SINCE, actor=actor) for actor in (ANA, HEAD, NIGHTLY))
APPROVED = RequestApproved(**BY_HEAD, request=REQUEST, level=MIS, terms=None)
RECORDED = ApprovalRecorded(**BY_ANA, level=MIS, terms=None, basis="Minute 7")
LEAP_DAY = date(2024, 2, 29)
IMPORTED = AgreementImported(
    **BY_ANA, level=MIS, terms=None, agreed_on=LEAP_DAY, approver="Mr Ó Sé", evidence="Cabinet 3"
)
NOT_LINKED_AND_CLOSED = (HiddenBecause.NOT_LINKED, HiddenBecause.CLOSED)
LOST = VisibilityLost(**BY_SYSTEM, register_day=date(2026, 4, 1), reasons=NOT_LINKED_AND_CLOSED)
ENDED = AgreementEnded(**BY_SYSTEM, cause=EndCause.SCHOOL_LEFT_GROUP, request=None)
NOTHING = AgreementPeriod(since=SINCE, until=UNTIL, agreement=Agreement(id=AGREEMENT))
SHARING = attrs.evolve(NOTHING, event=APPROVED, accepted=ASKED, capabilities=MIS.capabilities)
HIDDEN = attrs.evolve(
    SHARING,
    agreement=Agreement(id=AGREEMENT, hidden_since=LOST.register_day),
    hidden_by=LOST,
    capabilities=frozenset(),
)
UPGRADING = attrs.evolve(SHARING, agreement=Agreement(id=AGREEMENT, request=UPGRADE))
NAMES = Names(people={ANA: "Ana Ó Briain"}, schools={URN: "St Hilda’s"}, groups={MAT: "Areté Trust"})


@pytest.mark.rule("H1", "H4")
def test_a_level_in_force_is_worded_by_ids() -> None:
    """What could be done, from when to when, and on whose authority."""
    assert str(SHARING) == (
        "From 30 March 2026 at 09:30:00 BST to 25 October 2026 at 01:30:00 BST mat:5143 could view the DfE's data "
        "and view live data from the MIS at URN 100000. MIS Data was in force by request mat:5143/100000/1, asked by "
        "mat:5143/ana on 28 March 2026 at 09:15:00 GMT, approved by urn:100000/head on 30 March 2026 at 09:30:00 BST."
    )


@pytest.mark.rule("H4")
def test_a_person_who_has_gone_is_shown_as_such() -> None:
    """People who are known are named beside their id; for others the words say that they are not."""
    words = SHARING.in_words(NAMES)

    assert "Areté Trust (mat:5143) could view" in words
    assert "at St Hilda’s (100000)." in words
    assert "asked by Ana Ó Briain (mat:5143/ana) on" in words
    assert "approved by a person no longer in the directory (urn:100000/head) on" in words


@pytest.mark.rule("H4")
def test_without_a_name_the_id_stands() -> None:
    """A system has a name of its own; a school or group that left the register is worded by its URN or id."""
    nobody = Names()

    assert "nightly" == nobody.actor(SystemActor("nightly"))
    assert "a person no longer in the directory (mat:5143/ana)" == nobody.actor(ANA)
    assert ("URN 100000", "mat:5143") == (nobody.school(URN), nobody.group(MAT))


@pytest.mark.rule("H1", "H4")
@pytest.mark.parametrize(
    ("period", "expected"),
    [
        pytest.param(attrs.evolve(SHARING, until=None), "From 30 March 2026 at 09:30:00 BST mat:5143", id="lasting"),
        pytest.param(
            attrs.evolve(SHARING, event=attrs.evolve(APPROVED, level=DFE), capabilities=DFE.capabilities),
            "mat:5143 could view the DfE's data at URN 100000. DfE Data was",
            id="one-capability",
        ),
        pytest.param(
            attrs.evolve(SHARING, event=attrs.evolve(APPROVED, terms=TERMS)),
            "BST. The terms were https://council.example/addendum-ß.pdf, version 2.1.",
            id="terms",
        ),
        pytest.param(
            attrs.evolve(SHARING, accepted=attrs.evolve(ASKED, asked_by=BEN)),
            "by request mat:5143/100000/1 from mat:5143/ana, asked by mat:5143/ben on",
            id="sent-for-another",
        ),
        pytest.param(
            attrs.evolve(SHARING, accepted=None),
            "by request mat:5143/100000/1, approved by urn:100000/head on",
            id="request-not-known",
        ),
        pytest.param(
            attrs.evolve(NOTHING, event=RECORDED),
            "by an approval settled centrally, recorded by mat:5143/ana on 30 March 2026 at 09:30:00 BST on the basis "
            "of “Minute 7”.",
            id="central",
        ),
        pytest.param(
            attrs.evolve(NOTHING, event=attrs.evolve(RECORDED, basis=None)),
            "recorded by mat:5143/ana on 30 March 2026 at 09:30:00 BST.",
            id="central-erased",
        ),
        pytest.param(
            attrs.evolve(NOTHING, event=IMPORTED),
            "by an earlier agreement of 29 February 2024, approved then by “Mr Ó Sé” (evidence: “Cabinet 3”); "
            "imported by mat:5143/ana on",
            id="imported",
        ),
        pytest.param(
            attrs.evolve(NOTHING, event=attrs.evolve(IMPORTED, approver=None, evidence=None)),
            "by an earlier agreement of 29 February 2024; imported by mat:5143/ana on",
            id="imported-erased",
        ),
        pytest.param(
            attrs.evolve(NOTHING, event=attrs.evolve(IMPORTED, approver="A”.\nFrom 1 May\u2028“B\x1b", evidence=None)),
            "approved then by “A’. From 1 May “B”; imported by",
            id="words-that-would-go-on-as-the-record",
        ),
        pytest.param(HIDDEN, "could see nothing of URN 100000. MIS Data was in force by request", id="hidden"),
        pytest.param(
            HIDDEN,
            "The register of 1 April 2026 did not show the school to the group (not linked, closed).",
            id="hidden-because",
        ),
        pytest.param(
            attrs.evolve(HIDDEN, hidden_by=attrs.evolve(LOST, reasons=())),
            "The register of 1 April 2026 did not show the school to the group.",
            id="hidden-without-reason",
        ),
        pytest.param(
            attrs.evolve(SHARING, lapsed=True),
            "It had lapsed, since the school had been hidden for too long.",
            id="lapsed",
        ),
        pytest.param(
            attrs.evolve(NOTHING, lapsed=True),
            "The request had lapsed, since the school had been hidden for too long.",
            id="request-lapsed",
        ),
        pytest.param(
            attrs.evolve(SHARING, shown=False),
            "The register does not show the school to the group now; nobody has recorded this yet.",
            id="hidden-now",
        ),
        pytest.param(
            attrs.evolve(HIDDEN, shown=True),
            "(not linked, closed). The register shows the school to the group now; nobody has recorded this yet.",
            id="shown-now",
        ),
        pytest.param(
            UPGRADING,
            "BST. Request mat:5143/100000/3 for MIS Data & Group Actions, sent by mat:5143/ana on 28 March 2026 "
            "at 09:15:00 GMT, waited for an answer.",
            id="upgrading",
        ),
        pytest.param(NOTHING, "could see nothing of URN 100000. No agreement was in force.", id="nothing"),
        pytest.param(
            attrs.evolve(NOTHING, ended=ENDED, ended_from=State.APPROVED),
            "No agreement was in force: it had been ended by system:nightly-refresh (school left group).",
            id="ended",
        ),
        pytest.param(
            attrs.evolve(NOTHING, ended=ENDED, ended_from=State.PENDING),
            "No agreement was in force: the request that waited had been closed by system:nightly-refresh (school",
            id="closed",
        ),
        pytest.param(
            attrs.evolve(NOTHING, ended=ENDED, ended_from=State.UPGRADING),
            "in force: it had been ended, and the request that waited closed, by system:nightly-refresh (school",
            id="ended-and-closed",
        ),
    ],
)
def test_everything_that_an_auditor_asks_about_has_its_words(period: AgreementPeriod, expected: str) -> None:
    """Each thing has a sentence of its own."""
    assert expected in str(period)


@pytest.mark.rule("H1", "L3")
def test_levels_are_worded_as_the_groups_policy_does() -> None:
    """In force and asked for; a level without words of the policy, or without any names, keeps its own."""
    names = Names(labels={MAT: {ACTIONS: "MIS Data & Local Authority Actions"}, GroupId.mat("9"): {MIS: "Another's"}})
    raised = attrs.evolve(SHARING, event=attrs.evolve(APPROVED, level=ACTIONS))

    assert " MIS Data was in force" in UPGRADING.in_words(names)
    assert "/3 for MIS Data & Local Authority Actions, sent" in UPGRADING.in_words(names)
    assert " MIS Data & Local Authority Actions was in force" in raised.in_words(names)
    assert " MIS Data & Group Actions was in force" in str(raised)


@pytest.mark.rule("H1")
def test_two_instants_of_the_record_have_two_wordings() -> None:
    """The hour that comes twice as clocks go back is marked, and two seconds of one minute differ."""
    instants = [UNTIL, UNTIL + timedelta(hours=1), UNTIL + timedelta(seconds=1)]

    assert [
        "From 25 October 2026 at 01:30:00 BST mat:5143",
        "From 25 October 2026 at 01:30:00 GMT mat:5143",
        "From 25 October 2026 at 01:30:01 BST mat:5143",
    ] == [str(attrs.evolve(NOTHING, since=since, until=None)).partition(" could")[0] for since in instants]


@pytest.mark.rule("A10", "H1")
def test_what_is_not_recorded_is_worded() -> None:
    """The words claim neither that something was in force nor that nothing was."""
    never = NotRecorded(agreement=AGREEMENT)
    begins = attrs.evolve(never, until=SINCE + timedelta(minutes=1))
    imported = attrs.evolve(begins, agreed_on=LEAP_DAY)

    assert str(never) == (
        "Not recorded here: what mat:5143 could see of URN 100000. This record holds nothing about the two."
    )
    assert str(begins) == (
        "Not recorded here: what mat:5143 could see of URN 100000 before 30 March 2026 at 09:31:00 BST, "
        "when this record of it begins."
    )
    assert imported.in_words(NAMES) == (
        "Not recorded here: what Areté Trust (mat:5143) could see of St Hilda’s (100000) before 30 March 2026 at "
        "09:31:00 BST, when this record of it begins. It begins with the import of an agreement of 29 February 2024."
    )


ON_TERMS = f" The terms are {TERMS.reference}, version {TERMS.version}."
SENT = RequestSent(**BY_ANA, level=ACTIONS, raises=MIS, sender=BEN, recipients=(HEAD, DEPUTY), terms=TERMS)
WHEN = "30 March 2026 at 09:30:00 BST: "
GONE = "a person no longer in the directory"
ANA_SAYS, HEAD_SAYS = f"{WHEN}Ana Ó Briain (mat:5143/ana) ", f"{WHEN}{GONE} ({HEAD}) "
SENTENCES: dict[str, tuple[Event, str]] = {
    "sent": (
        SENT,
        (
            f"{ANA_SAYS}asked St Hilda’s (100000) for MIS Data & Group Actions instead of MIS Data on behalf of "
            f"{GONE} ({BEN}), by a request to {GONE} ({HEAD}) and {GONE} ({DEPUTY}).{ON_TERMS}"
        ),
    ),
    "first": (
        attrs.evolve(SENT, raises=None, sender=ANA, recipients=(ANA,), terms=None),
        (
            f"{ANA_SAYS}asked St Hilda’s (100000) for MIS Data & Group Actions, by a request to Ana Ó Briain "
            "(mat:5143/ana)."
        ),
    ),
    "added": (
        RecipientsAdded(**BY_ANA, request=REQUEST, recipients=(ANA,)),
        f"{ANA_SAYS}sent the request to Ana Ó Briain (mat:5143/ana) too.",
    ),
    "reminded": (
        ReminderSent(**BY_ANA, request=REQUEST, recipients=(ANA,)),
        f"{ANA_SAYS}reminded Ana Ó Briain (mat:5143/ana) of the request.",
    ),
    "approved": (
        attrs.evolve(APPROVED, terms=TERMS),
        f"{HEAD_SAYS}accepted the request; MIS Data is in force from then on.{ON_TERMS}",
    ),
    "declined": (
        RequestDeclined(**BY_HEAD, request=REQUEST, reason="Not\nnow”."),
        f"{HEAD_SAYS}declined the request, with the words “Not now’.”.",
    ),
    "erased": (RequestDeclined(**BY_HEAD, request=REQUEST), f"{HEAD_SAYS}declined the request."),
    "withdrawn": (
        RequestWithdrawn(**BY_ANA, request=REQUEST, reason="Wrong level"),
        f"{ANA_SAYS}withdrew the request, with the words “Wrong level”.",
    ),
    "recorded": (
        RECORDED,
        f"{ANA_SAYS}recorded an approval of MIS Data that was settled centrally on the basis of “Minute 7”.",
    ),
    "recorded-erased": (
        attrs.evolve(RECORDED, basis=None),
        f"{ANA_SAYS}recorded an approval of MIS Data that was settled centrally.",
    ),
    "imported": (
        IMPORTED,
        (
            f"{ANA_SAYS}imported an earlier agreement of 29 February 2024 on MIS Data, approved by “Mr Ó Sé” "
            "(evidence: “Cabinet 3”)."
        ),
    ),
    "imported-erased": (
        attrs.evolve(IMPORTED, approver=None, evidence=None),
        f"{ANA_SAYS}imported an earlier agreement of 29 February 2024 on MIS Data.",
    ),
    "ended": (ENDED, f"{WHEN}{NIGHTLY.name} ended the agreement (school left group)."),
    "ended-with-request": (
        attrs.evolve(ENDED, request=REQUEST, note="Moved"),
        (
            f"{WHEN}{NIGHTLY.name} ended the agreement and closed its open request (school left group), with the words "
            "“Moved”."
        ),
    ),
    "lost": (
        LOST,
        (
            f"{WHEN}{NIGHTLY.name} recorded that the register of 1 April 2026 does not show St Hilda’s (100000) to "
            "Areté Trust (mat:5143) (not linked, closed)."
        ),
    ),
    "returned": (
        VisibilityReturned(**BY_SYSTEM, register_day=date(2026, 4, 3), resumes=True),
        (
            f"{WHEN}{NIGHTLY.name} recorded that the register of 3 April 2026 shows St Hilda’s (100000) to "
            "Areté Trust (mat:5143) again. What is in force allows the same as before."
        ),
    ),
    "lapsed": (
        VisibilityReturned(**BY_SYSTEM, register_day=date(2026, 6, 3), resumes=False),
        (
            f"{WHEN}{NIGHTLY.name} recorded that the register of 3 June 2026 shows St Hilda’s (100000) to "
            "Areté Trust (mat:5143) again. The agreement has lapsed."
        ),
    ),
}


@pytest.mark.rule("H2", "H4")
@pytest.mark.parametrize(("event", "sentence"), SENTENCES.values(), ids=SENTENCES)
def test_an_event_is_described_on_one_line(event: Event, sentence: str) -> None:
    """Who did what, when; what was erased is left out, and nobody who has gone is named."""
    assert sentence == describe(event, NAMES)
    assert str(event.actor) in describe(event)


def test_every_event_has_a_description() -> None:
    """The sentences above are of every kind of event."""
    assert set(get_args(Event)) == {type(event) for event, _ in SENTENCES.values()}
