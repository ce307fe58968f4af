"""The past in words: by ids alone, or with the names of those who are still known (rules H1, H4)."""

from datetime import date, timedelta
from typing import Any

import attrs
import pendulum
import pytest

from datashare.domain.agreements import AgreementId, Basis, EndCause, InForce, RequestId, State, SystemActor
from datashare.domain.register import GroupId
from datashare.domain.timeline import AgreementPeriod, Asked, Names, NotRecorded
from datashare.domain.visibility import HiddenBecause
from datashare.errors import InvalidValue
from tests.builders import ACTIONS, AGREEMENT, ANA, BEN, DFE, HEAD, MAT, MIS, NIGHTLY, TERMS, URN

ASKED_AT = pendulum.datetime(2026, 3, 28, 9, 15)
SINCE = pendulum.datetime(2026, 3, 30, 8, 30)
UNTIL = pendulum.datetime(2026, 10, 25, 0, 30)
"""In London it is half past one, for the first time."""
REQUEST = RequestId(AGREEMENT, 1)
ASKED = Asked(id=REQUEST, level=MIS, sender=ANA, asked_by=ANA, asked_at=ASKED_AT, recipients=(HEAD,), terms=None)
IN_FORCE = InForce(level=MIS, since=SINCE, basis=Basis.REQUEST, approved_by=HEAD, request=REQUEST, sender=ANA)
SHARING = AgreementPeriod(agreement=AGREEMENT, since=SINCE, until=UNTIL, in_force=IN_FORCE, accepted=ASKED)
RECORDED = attrs.evolve(
    SHARING, accepted=None, in_force=InForce(level=MIS, since=SINCE, basis=Basis.RECORDED, approved_by=ANA)
)
IMPORTED = attrs.evolve(
    SHARING, accepted=None, in_force=InForce(level=MIS, since=SINCE, basis=Basis.IMPORTED, approved_by=ANA)
)
NOTHING = AgreementPeriod(agreement=AGREEMENT, since=SINCE)
ENDED = attrs.evolve(NOTHING, ended=EndCause.SCHOOL_LEFT_GROUP, ended_by=NIGHTLY)
NAMES = Names(people={ANA: "Ana Ó Briain"}, schools={URN: "St Hilda’s"}, groups={MAT: "Areté Trust"})


@pytest.mark.rule("H1", "H4")
def test_a_level_in_force_is_worded_by_ids() -> None:
    """What could be done, from when to when, and by whose word."""
    assert str(SHARING) == (
        "From 30 March 2026 at 09:30:00 BST to 25 October 2026 at 01:30:00 BST mat:5143 could view the DfE's data "
        "and view live data from the MIS at URN 100000. MIS Data was in force by request mat:5143/100000/1, asked by "
        "mat:5143/ana on 28 March 2026 at 09:15:00 GMT, approved by urn:100000/head on 30 March 2026 at 09:30:00 BST."
    )


@pytest.mark.rule("H4")
def test_a_person_who_has_gone_is_shown_as_such() -> None:
    """Who is known is named beside the id; of who is not the id stays, and words that say so."""
    told = SHARING.told(NAMES)

    assert "Areté Trust (mat:5143) could view" in told
    assert "at St Hilda’s (100000)." in told
    assert "asked by Ana Ó Briain (mat:5143/ana) on" in told
    assert "approved by a person no longer in the directory (urn:100000/head) on" in told


@pytest.mark.rule("H4")
def test_what_is_not_known_is_worded_by_its_id() -> None:
    """A system goes by its name; a school and a group that have gone from the register by URN and identity."""
    nobody = Names()

    assert "nightly" == nobody.actor(SystemActor("nightly"))
    assert "a person no longer in the directory (mat:5143/ana)" == nobody.actor(ANA)
    assert ("URN 100000", "mat:5143") == (nobody.school(URN), nobody.group(MAT))


@pytest.mark.rule("H1")
@pytest.mark.parametrize(
    ("changed", "said"),
    [
        pytest.param(
            attrs.evolve(SHARING, until=None), "From 30 March 2026 at 09:30:00 BST mat:5143 could", id="lasting"
        ),
        pytest.param(
            attrs.evolve(SHARING, in_force=attrs.evolve(IN_FORCE, level=DFE)),
            "mat:5143 could view the DfE's data at URN 100000. DfE Data was",
            id="one-capability",
        ),
        pytest.param(
            attrs.evolve(SHARING, in_force=attrs.evolve(IN_FORCE, terms=TERMS)),
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
            attrs.evolve(RECORDED, evidence="Minute 7"),
            "by an approval settled centrally, recorded by mat:5143/ana on 30 March 2026 at 09:30:00 BST on the basis "
            "of “Minute 7”.",
            id="central",
        ),
        pytest.param(RECORDED, "recorded by mat:5143/ana on 30 March 2026 at 09:30:00 BST.", id="central-erased"),
        pytest.param(
            attrs.evolve(IMPORTED, agreed_on=date(2024, 2, 29), approver="Mr Ó Sé", evidence="Cabinet 3"),
            "by an earlier agreement of 29 February 2024, approved then by “Mr Ó Sé” (evidence: “Cabinet 3”); "
            "imported by mat:5143/ana on",
            id="imported",
        ),
        pytest.param(
            attrs.evolve(IMPORTED, agreed_on=date(2024, 2, 29)),
            "by an earlier agreement of 29 February 2024; imported by mat:5143/ana on",
            id="imported-erased",
        ),
        pytest.param(IMPORTED, "by an earlier agreement; imported by mat:5143/ana on", id="imported-without-day"),
        pytest.param(
            attrs.evolve(IMPORTED, approver="A”.\nFrom 1 May\u2028“B\x1b"),
            "approved then by “A’. From 1 May “B”; imported by",
            id="words-that-would-go-on-as-the-record",
        ),
        pytest.param(
            attrs.evolve(SHARING, hidden_since=date(2026, 4, 1), hidden_because=(HiddenBecause.NOT_LINKED,)),
            "mat:5143 could see nothing of URN 100000. MIS Data was in force by request",
            id="hidden",
        ),
        pytest.param(
            attrs.evolve(
                SHARING,
                hidden_since=date(2026, 4, 1),
                hidden_because=(HiddenBecause.NOT_LINKED, HiddenBecause.CLOSED),
            ),
            "The register of 1 April 2026 did not show the school to the group (not linked, closed).",
            id="hidden-because",
        ),
        pytest.param(
            attrs.evolve(SHARING, hidden_since=date(2026, 4, 1)),
            "The register of 1 April 2026 did not show the school to the group.",
            id="hidden-without-reason",
        ),
        pytest.param(
            attrs.evolve(SHARING, lapsed=True, hidden_since=date(2026, 4, 1)),
            "did not show the school to the group. It had lapsed, since the school had been hidden for too long.",
            id="hidden-and-lapsed",
        ),
        pytest.param(
            attrs.evolve(SHARING, lapsed=True),
            "It had lapsed, since the school had been hidden for too long.",
            id="lapsed",
        ),
        pytest.param(
            attrs.evolve(SHARING, request=attrs.evolve(ASKED, id=RequestId(AGREEMENT, 3), level=ACTIONS)),
            "BST. Request mat:5143/100000/3 for MIS Data & Group Actions, sent by mat:5143/ana on 28 March 2026 "
            "at 09:15:00 GMT, waited for an answer.",
            id="upgrading",
        ),
        pytest.param(NOTHING, "could see nothing of URN 100000. No agreement was in force.", id="nothing"),
        pytest.param(
            attrs.evolve(ENDED, ended_from=State.APPROVED),
            "No agreement was in force: it had been ended by system:nightly-refresh (school left group).",
            id="ended",
        ),
        pytest.param(
            attrs.evolve(ENDED, ended_from=State.PENDING),
            "No agreement was in force: the request that waited had been closed by system:nightly-refresh (school",
            id="closed",
        ),
        pytest.param(
            attrs.evolve(ENDED, ended_from=State.UPGRADING),
            "in force: it had been ended, and the request that waited closed, by system:nightly-refresh (school",
            id="ended-and-closed",
        ),
    ],
)
def test_every_way_to_stand_has_its_words(changed: AgreementPeriod, said: str) -> None:
    """Each thing that an auditor asks about is told in a sentence of its own."""
    assert said in str(changed)


@pytest.mark.rule("H1", "L3")
def test_levels_are_worded_as_the_groups_policy_does() -> None:
    """In force and asked for; a level that it does not name, and without names every level, keeps its own words."""
    labels = {MAT: {ACTIONS: "MIS Data & Local Authority Actions"}, GroupId.mat("9"): {MIS: "Another's"}}
    names = Names(labels=labels)
    upgrading = attrs.evolve(SHARING, request=attrs.evolve(ASKED, id=RequestId(AGREEMENT, 3), level=ACTIONS))
    raised = attrs.evolve(SHARING, in_force=attrs.evolve(IN_FORCE, level=ACTIONS))

    assert " MIS Data was in force" in upgrading.told(names)
    assert "/3 for MIS Data & Local Authority Actions, sent" in upgrading.told(names)
    assert " MIS Data & Local Authority Actions was in force" in raised.told(names)
    assert " MIS Data & Group Actions was in force" in str(raised)


@pytest.mark.rule("H1")
def test_two_instants_of_the_record_have_two_wordings() -> None:
    """The hour that comes twice as clocks go back is told apart, and so are two seconds of one minute."""
    instants = [UNTIL, UNTIL + timedelta(hours=1), UNTIL + timedelta(seconds=1)]

    assert [
        "From 25 October 2026 at 01:30:00 BST mat:5143",
        "From 25 October 2026 at 01:30:00 GMT mat:5143",
        "From 25 October 2026 at 01:30:01 BST mat:5143",
    ] == [str(AgreementPeriod(agreement=AGREEMENT, since=one)).partition(" could")[0] for one in instants]


@pytest.mark.rule("H4")
@pytest.mark.parametrize(
    "given",
    [
        {"people": {"mat:5143/ana": "Ana"}},
        {"people": {ANA: ""}},
        {"people": [ANA]},
        {"schools": {"100000": "St Hilda’s"}},
        {"schools": {URN: None}},
        {"groups": {"mat:5143": "Trust"}},
        {"groups": {MAT: 7}},
        {"labels": {"mat:5143": {}}},
        {"labels": {MAT: "MIS Data"}},
        {"labels": {MAT: {"mis_data": "MIS Data"}}},
        {"labels": {MAT: {MIS: " "}}},
    ],
    ids=str,
)
def test_names_are_names_by_what_they_name(given: dict[str, Any]) -> None:
    """What is no such mapping is refused when it is made, not when something is worded."""
    with pytest.raises(InvalidValue):
        Names(**given)


@pytest.mark.rule("H4")
def test_names_do_not_change() -> None:
    """What they were made from may."""
    people = {ANA: "Ana"}
    names = Names(people=people)
    people.clear()

    assert "Ana (mat:5143/ana)" == names.actor(ANA)


@pytest.mark.rule("A10", "H1")
def test_what_is_not_recorded_is_worded() -> None:
    """Neither that something was in force nor that nothing was."""
    never = NotRecorded(agreement=AgreementId(MAT, URN))
    begins = attrs.evolve(never, until=SINCE + timedelta(minutes=1))
    imported = attrs.evolve(begins, agreed_on=date(2024, 2, 29))

    assert str(never) == (
        "Not recorded here: what mat:5143 could see of URN 100000. This record holds nothing about the two."
    )
    assert str(begins) == (
        "Not recorded here: what mat:5143 could see of URN 100000 before 30 March 2026 at 09:31:00 BST, "
        "when this record of it begins."
    )
    assert imported.told(NAMES) == (
        "Not recorded here: what Areté Trust (mat:5143) could see of St Hilda’s (100000) before 30 March 2026 at "
        "09:31:00 BST, when this record of it begins. It begins with the import of an agreement of 29 February 2024."
    )
