"""How real rows of the register are read."""

from __future__ import annotations

from collections import Counter
from datetime import date

import attrs
import pytest

from datashare.adapters.gias import Register, read_establishments, read_group_links, read_register
from datashare.adapters.memory import MemoryInstitutionDirectory
from datashare.domain.policy import Policy
from datashare.domain.register import Coded, EstablishmentStatus, GroupId, Institution, TrustLink
from datashare.domain.visibility import HiddenBecause, visibility, visible_institutions

from . import sample

DAY = date(2025, 7, 18)

# Group UID and the number of its open schools, for every trust that is complete in the sample.
TRUSTS_WITH_COUNTS = """
5143:92 4320:62 2053:57 4474:57 3320:55 4076:54 16035:47 2974:38 4100:14 17570:14 17559:13 5622:11 3931:10
5188:10 3185:9 16042:9 16078:9 16309:9 16402:8 16520:8 16738:6 3431:5 15776:5 4579:4 16161:4 1064:3 2082:3
4048:3 4837:3 16630:3 17337:3 1520:2 1924:2 16110:2 16245:2 16319:2 16817:2 1651:1 2056:1 2750:1 2772:1 2875:1
3026:1 3171:1 3210:1 3287:1 3472:1 3476:1 3672:1 3763:1 3945:1 3947:1 4650:1 4674:1 4701:1 4870:1 5126:1 5239:1
5288:1 5301:1 5327:1 15899:1 16255:1 16496:1 16544:1 16607:1 16691:1 16770:1 16785:1 16921:1 17086:1 17690:1
17841:1 2347:0 2593:0 2600:0 2968:0 3281:0 3338:0 3556:0 3839:0 3867:0 3946:0 3961:0 4250:0 4843:0 4916:0
"""
TRUSTS = dict(pair.split(":") for pair in TRUSTS_WITH_COUNTS.split())
AUTHORITIES = {"201": 9, "420": 1, "805": 43, "857": 27, "870": 73}


def seen(register: Register, *groups: GroupId) -> list[int]:
    """Count the schools that each group sees."""
    directory = MemoryInstitutionDirectory(register.institutions.values(), groups=())
    return [
        len(
            visible_institutions(
                directory.linked(id_), group=register.groups[id_], policy=Policy.for_kind(id_.kind), day=DAY
            )
        )
        for id_ in groups
    ]


@pytest.mark.rule("V1", "V2", "V3")
@pytest.mark.parametrize("files", ["establishments", "all"])
def test_every_complete_trust_shows_its_open_schools(register: Register, files: str) -> None:
    """Each of the 87 complete trusts sees as many schools as the register says are open, whatever older files say."""
    if files == "all":
        register = read_register(
            sample.ESTABLISHMENTS,
            groups=sample.GROUPS,
            group_links=[sample.GROUP_LINKS, sample.GROUP_LINKS_2019],
            links=sample.LINKS,
            strict=True,
        )

    assert (87, 2311, 2311) == (len(TRUSTS), len(register.institutions), register.rows)
    assert (DAY, ()) == (register.day, register.problems)
    assert [int(number) for number in TRUSTS.values()] == seen(register, *map(GroupId.mat, TRUSTS))


@pytest.mark.rule("V2", "V3", "V6")
def test_every_complete_authority_shows_its_open_schools(
    register: Register, published: dict[str, dict[str, str]]
) -> None:
    """Each of the five complete authorities sees its rows with status 1 or 3, academies included."""
    is_open = Counter(row["LA (code)"] for row in published.values() if row["EstablishmentStatus (code)"] in "13")

    assert AUTHORITIES == {code: is_open[code] for code in AUTHORITIES}
    assert list(AUTHORITIES.values()) == seen(register, *map(GroupId.local_authority, AUTHORITIES))


def test_what_is_read_is_what_was_published(register: Register, published: dict[str, dict[str, str]]) -> None:
    """Each cell of each real row is read as it was published."""
    for row in published.values():
        cells = as_published(register.institutions[int(row["URN"])])
        assert {column: row[column] for column in cells} == cells


def as_published(school: Institution) -> dict[str, str]:
    """Return the cells of a school as the Department writes them."""
    coded = {
        "TypeOfEstablishment": school.establishment_type,
        "EstablishmentTypeGroup": school.establishment_type_group,
        "LA": school.local_authority,
        "PreviousLA": school.former_authority,
    }
    days = {"OpenDate": school.open_date, "CloseDate": school.close_date}
    return {
        "EstablishmentName": school.name,
        "EstablishmentStatus (name)": school.status_name,
        "EstablishmentStatus (code)": str(school.status.value),
        "PhaseOfEducation (name)": school.phase.label,
        "EstablishmentNumber": school.establishment_number,
        "Trusts (code)": "~".join(link.uid for link in school.trusts),
        "Federations (code)": "~".join(federation.code for federation in school.federations),
        "Street": school.street,
        "Town": school.town,
        "County (name)": school.county,
        "Postcode": school.postcode,
        "StatutoryLowAge": "" if school.low_age is None else str(school.low_age),
        "StatutoryHighAge": "" if school.high_age is None else str(school.high_age),
        "UKPRN": school.ukprn,
        **{column: f"{day:%d-%m-}{day.year:04}" if day else "" for column, day in days.items()},
        **{f"{column} (code)": value.code if value else "" for column, value in coded.items()},
        **{f"{column} (name)": value.name if value else "" for column, value in coded.items()},
    }


def test_what_skips_validation_would_have_passed_it(register: Register) -> None:
    """Every institution equals one that is built, and so validated, in the ordinary way."""
    for school in register.institutions.values():
        validated = attrs.evolve(school)
        assert (type(validated), validated, hash(validated)) == (type(school), school, hash(school))
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        school.name = "Another"  # type: ignore[misc]  # that it cannot be set is what is shown


@pytest.mark.rule("V1")
def test_a_trust_code_links_whatever_the_flag_says(register: Register, published: dict[str, dict[str, str]]) -> None:
    """The foundation trust of Brent Knoll School has flag 1, and Oasis Restore has flag 0, not applicable."""
    for urn, flag, uid, schools in (("100760", "1", "1520", 2), ("150154", "0", "17690", 1)):
        assert flag == published[urn]["TrustSchoolFlag (code)"]
        assert [uid] == [link.uid for link in register.institutions[int(urn)].trusts]
        assert [schools] == seen(register, GroupId.mat(uid))


@pytest.mark.rule("V2", "V9")
def test_a_closed_school_keeps_its_trust_and_is_hidden(register: Register) -> None:
    """A closed row with a trust code is linked, so that being closed is the only reason that hides it."""
    closed = [
        school
        for school in register.institutions.values()
        if school.trusts and school.status is EstablishmentStatus.CLOSED
    ]

    assert 100188 in {school.urn for school in closed}
    for school in closed:
        group = register.groups[GroupId.mat(school.trusts[0].uid)]
        answer = visibility(school.urn, school, group=group, policy=Policy.mat(), day=DAY)
        assert [HiddenBecause.CLOSED] == [reason.because for reason in answer.reasons]


@pytest.mark.rule("V1")
def test_group_links_that_disagree_give_way_to_the_establishment_file(register: Register) -> None:
    """Southampton's schools were in another trust in 2022, and Harris's 138270 has closed; the file of 2025 counts."""
    both = read_register(sample.ESTABLISHMENTS, group_links=sample.GROUP_LINKS)
    older = {link.urn: link.uid for link in read_group_links(sample.GROUP_LINKS) if link.is_trust}

    assert ("1459", "3320") == (older[116103], older[138270])
    for urn in (116103, 138270):
        assert register.institutions[urn].trusts == both.institutions[urn].trusts
    assert ["16161"] == [link.uid for link in both.institutions[116103].trusts]
    assert () == both.institutions[138270].trusts


@pytest.mark.rule("V7")
def test_group_links_supply_the_day_on_which_a_school_joined() -> None:
    """Paddington Academy joined United Learning Trust on 1 September 2006, in both kinds of group links."""
    for file in (sample.GROUP_LINKS, sample.GROUP_LINKS_2019):
        (school,) = read_register(
            sample.ESTABLISHMENTS, group_links=file, keep=lambda school: school.urn == 130912
        ).institutions.values()
        assert (TrustLink("5143", "UNITED LEARNING TRUST", date(2006, 9, 1)),) == school.trusts


def test_letters_outside_ascii_are_read(register: Register) -> None:
    """É and the typographic apostrophe of cp1252 are as published, and repaired where U+0092 was saved in its place."""
    saved_again = read_register(sample.ESTABLISHMENTS, groups=sample.GROUPS, keep=lambda _school: False)
    expected = {"5188": "FIERTÉ MULTI-ACADEMY TRUST", "5622": "ARETÉ LEARNING TRUST", "3672": "LADY HAWKINS’ SCHOOL"}

    for groups in (register.groups, saved_again.groups):
        assert expected == {uid: groups[GroupId.mat(uid)].name for uid in expected}
    assert {"LADY HAWKINS’ SCHOOL"} == {
        link.name for link in read_group_links(sample.GROUP_LINKS) if link.uid == "3672"
    }


@pytest.mark.rule("V1")
def test_every_row_of_group_links_is_read() -> None:
    """6 saved for 06 is a multi-academy trust; in 2019 the header names a last column that no row has."""
    for file, links, trusts in ((sample.GROUP_LINKS, 1493, 608 + 53 + 47), (sample.GROUP_LINKS_2019, 1003, 511 + 24)):
        is_trust = [link.is_trust for link in read_group_links(file)]
        assert (links, trusts) == (len(is_trust), sum(is_trust))


@pytest.mark.rule("V8")
def test_groups_come_with_their_status() -> None:
    """Bridgwater Education Trust closed on 30 June 2021, in the file of 2022."""
    group = read_register(sample.ESTABLISHMENTS, groups=sample.GROUPS).groups[GroupId.mat("1044")]

    assert (False, date(2021, 6, 30)) == (group.is_open, group.closed_on)


def test_every_authority_is_a_group_but_none_at_all(register: Register) -> None:
    """LA code 000 means "Does not apply", and is no group."""
    assert "Isles Of Scilly" == register.groups[GroupId.local_authority("420")].name
    assert GroupId.local_authority("000") not in register.groups
    authorities = [school.local_authority for school in register.institutions.values()]
    assert 52 == authorities.count(Coded("000", "Does not apply"))


def test_successors_are_read_from_both_sides_once() -> None:
    """Most links are in the file twice; each is read once, by predecessor and successor."""
    register = read_register(sample.ESTABLISHMENTS, links=sample.LINKS)
    pairs = [(link.predecessor, link.successor) for link in register.successors]

    assert pairs == sorted(set(pairs))
    assert (100188, 138449) in pairs
    assert {"Sixth Form Centre School": 43, "Sixth Form Centre Link": 11, "Result of Amalgamation": 7} == dict(
        register.other_links
    )
    # 1104 + 868 + … rows name a predecessor or successor; those that are in the file twice are counted once.
    assert 2092 - 43 - 11 - 7 - 772 == len(pairs)


def test_the_stream_yields_what_the_register_holds(register: Register) -> None:
    """Reading the file row by row yields the same institutions, in its order."""
    assert list(register.institutions.values()) == list(read_establishments(sample.ESTABLISHMENTS))
