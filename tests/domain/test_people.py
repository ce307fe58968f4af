"""People, their roles and permissions, and who may be asked (rules P)."""

from datetime import date, timedelta
from itertools import count

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datashare.domain.eligibility import (
    Eligibility,
    Unsuitable,
    approvers,
    eligible_recipients,
    holds,
    recipient_eligibility,
    same_person,
    sender_eligibility,
    suggested_recipients,
)
from datashare.domain.people import (
    ALWAYS,
    Associations,
    BusinessRole,
    Grant,
    HeldRole,
    Period,
    Permission,
    Person,
    PersonId,
    address_key,
    usable_address,
)
from datashare.domain.policy import Policy
from datashare.domain.register import GroupId
from tests.builders import DAY, URN, person, sender
from tests.builders import LA as AUTHORITY
from tests.builders import MAT as TRUST
from tests.builders import by_id as known

MAT = Policy.mat()
ANSWER = Permission.ADMINISTER_DATA_SHARING_REQUEST
SEND = Permission.ADMINISTER_INSTITUTION_DETAILS
LONG_ADDRESS = f"{'x' * 64}@{'y' * 60}.{'y' * 60}.{'y' * 59}.example"  # of 254 characters
HANA = "Hana Žižková (urn:100000/hana)"
YESTERDAY, TOMORROW = DAY - timedelta(days=1), DAY + timedelta(days=1)


def eligibility(person_: Person, policy: Policy = MAT) -> Eligibility:
    """Ask whether a person can be sent a request to the school of these tests."""
    return recipient_eligibility(person_.id, person_, urn=URN, policy=policy, day=DAY)


@pytest.mark.rule("P2", "P5")
def test_permissions_come_from_roles_and_from_grants() -> None:
    """A person may do what their roles bring and what was granted directly; an unknown person may do nothing."""
    policy = attrs.evolve(MAT, role_permissions={"bursar": {SEND}, "clerk": {Permission.END_AGREEMENT}})
    clerk = person(roles=["bursar", "clerk", "caretaker"], permissions=[ANSWER])

    assert {SEND, ANSWER, Permission.END_AGREEMENT} == {
        p for p in Permission if holds(clerk, p, policy=policy, day=DAY)
    }
    assert not holds(None, ANSWER, policy=policy, day=DAY)


@pytest.mark.rule("P2", "P3")
def test_whoever_holds_the_permission_can_approve() -> None:
    """Approvers are those who hold the permission, whether or not they could be asked, by id."""
    head = person("z")
    granted = person("b", roles=[], email=None, permissions=[ANSWER])
    deputy = person("a", roles=[BusinessRole.DEPUTY_HEAD_TEACHER])

    assert (granted, head) == approvers(known(head, granted, deputy), policy=MAT, day=DAY)


@pytest.mark.rule("P4")
def test_holders_of_eligible_roles_can_be_asked() -> None:
    """The four roles are eligible; another role is not an error, and is eligible only if the policy names it."""
    bursar = person(roles=["bursar"])

    assert all(eligibility(person(roles=[role])).eligible for role in BusinessRole)
    assert (Unsuitable.NO_ELIGIBLE_ROLE,) == eligibility(bursar).reasons
    assert eligibility(bursar, attrs.evolve(MAT, eligible_roles={"bursar"})).eligible


@pytest.mark.rule("P5")
@pytest.mark.parametrize(
    ("period", "expected"),
    [
        (Period(), True),
        (Period(DAY, DAY), True),
        (Period(None, DAY), True),
        (Period(DAY, None), True),
        (Period(None, YESTERDAY), False),
        (Period(TOMORROW, None), False),
    ],
    ids=count(),
)
def test_only_what_is_current_counts(period: Period, expected: bool) -> None:
    """Roles, grants and people count from the first day to the last, both included."""
    by_role = person(roles=[HeldRole("head_teacher", period)])
    by_grant = person(roles=[], permissions=[Grant(ANSWER, period)])
    by_person = person(period=period)

    assert [expected] * 3 == [holds(holder, ANSWER, policy=MAT, day=DAY) for holder in (by_role, by_grant, by_person)]
    assert [expected] * 2 == [eligibility(head).eligible for head in (by_role, by_person)]


@pytest.mark.rule("P5")
def test_roles_combine() -> None:
    """One role may make a person eligible and another let them approve."""
    both = person(roles=["data_manager", HeldRole("head_teacher", Period(None, YESTERDAY)), "approver"])
    policy = attrs.evolve(MAT, role_permissions={"approver": {ANSWER}})

    assert {"data_manager", "approver"} == both.current_roles(DAY)
    assert eligibility(both, policy).eligible
    assert holds(both, ANSWER, policy=policy, day=DAY)


@pytest.mark.rule("P6")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("head@hilda.example", "head@hilda.example"),
        (" \tHead.O'Brien+x@Hilda.Example\n", "Head.O'Brien+x@Hilda.Example"),
        ("žofie@škola.example", "žofie@škola.example"),
        ("head@a-b.c2.xn--p1ai", "head@a-b.c2.xn--p1ai"),
        (f"{'x' * 64}@hilda.example", f"{'x' * 64}@hilda.example"),
        (LONG_ADDRESS, LONG_ADDRESS),
        (LONG_ADDRESS.replace("@", "@x"), None),
        (None, None),
        ("", None),
        ("  ", None),
        ("head", None),
        ("@hilda.example", None),
        ("head@", None),
        ("head@hilda", None),
        ("head@hilda.1", None),
        ("head@-hilda.example", None),
        ("head@hilda-.example", None),
        ("head@hilda..example", None),
        ("head@hilda.example.", None),
        (".head@hilda.example", None),
        ("head.@hilda.example", None),
        ("he..ad@hilda.example", None),
        ("head@a@hilda.example", None),
        ("head teacher@hilda.example", None),
        ("head@hilda.example, other@hilda.example", None),
        ("Head <head@hilda.example>", None),
        ("head@hilda.example\nBcc: all@hilda.example", None),
        ("head\r\n@hilda.example", None),
        ("head\u200b@hilda.example", None),
        ("head\u202e@hilda.example", None),
        ("head\u00a0teacher@hilda.example", None),
        ("head\0@hilda.example", None),
        ("head\ud800@hilda.example", None),
        (f"{'x' * 65}@hilda.example", None),
        (f"head@{'x' * 64}.example", None),
        (f"head@{'hilda.' * 50}example", None),
    ],
    ids=count(),
)
def test_a_blank_or_malformed_address_is_no_address(text: str | None, expected: str | None) -> None:
    """An address is trimmed, and whatever cannot be one, or hides another, is no address."""
    assert expected == usable_address(text)


@pytest.mark.rule("P6")
@given(st.text())
def test_an_address_is_usable_as_it_is_given(text: str) -> None:
    """Whatever the text, the answer is `None`, or the trimmed text, which is usable itself."""
    address = usable_address(f"{text}@hilda.example")

    assert address is None or address == usable_address(address) == f"{text}@hilda.example".strip()


@pytest.mark.rule("P6", "A7")
@pytest.mark.parametrize(
    ("sender_", "approver", "expected"),
    [
        (person("a"), person("a", email=None), True),
        (person("a"), person("b", email=" HANA@Hilda.Example "), True),
        (person("a"), person("a", site=TRUST, email="HANA@hilda.example"), True),
        (person("a", email="straße@hilda.example"), person("b", email="STRASSE@hilda.example"), True),
        (person("a"), person("a", site=100001, email="other@hilda.example"), False),
        (person("a"), person("b", email="other@hilda.example"), False),
        (person("a", email=None), person("b", email=None), False),
        (person("a", email=None), person("b"), False),
        (person("a"), person("b", email="hana at hilda.example"), False),
        (person("a"), None, False),
        (None, person("a"), False),
    ],
    ids=count(),
)
def test_people_are_the_same_by_id_or_by_address(
    sender_: Person | None, approver: Person | None, expected: bool
) -> None:
    """Addresses compare widely, since one person must not pass for two; a host id at two sites is two people."""
    assert expected is same_person(sender_, approver)


ONE_MAILBOX = [
    ("hana@hilda.example", " HANA@Hilda.Example\n"),
    ("head@faß.example", "Head@FAß.EXAMPLE"),
    ("head@faß.example", "head@xn--fa-hia.example"),
    ("head@ΌΔΟΣ.example", "head@XN--pxawm7a.Example"),
    ("head@МОСКВА.example", "head@москва.example"),
    ("o%c!x@hilda.example", "O%C!X@hilda.example"),
]
ONE_PERSON = [
    ("strauß@hilda.example", "strauss@hilda.example"),
    ("head@faß.example", "head@fass.example"),
    ("head@xn--fa-hia.example", "head@fass.example"),
    ("head@FAẞ.example", "head@fass.example"),
    ("\u212aate@hilda.example", "Kate@hilda.example"),
    ("head@\u212aent.example", "head@kent.example"),
    ("\u017fam@hilda.example", "sam@hilda.example"),
    ("head@\u017fam.example", "head@sam.example"),
    ("head@οδος.example", "head@οδοσ.example"),
    ("Éva@hilda.example", "éva@hilda.example"),
    ("ﬁona@hilda.example", "fiona@hilda.example"),
    ("head@ﬁrst.example", "head@first.example"),
]
TWO_MAILBOXES = [
    *ONE_PERSON,
    ("İbo@hilda.example", "ibo@hilda.example"),
    ("head@xn--hilda-.example", "head@hilda.example"),
    ("head@xn--FAẞ-.example", "head@faß.example"),
    ("head@xn--99999999.example", "head@xn--99999998.example"),
    ("head@xn--é.example", "head@é.example"),
]


@pytest.mark.rule("P6", "P7")
@pytest.mark.parametrize(("one", "other"), ONE_MAILBOX, ids=count())
def test_addresses_of_one_mailbox_are_alike(one: str, other: str) -> None:
    """The local part is compared by ASCII case, the domain by lower case and as IDNA 2008 encodes it."""
    assert address_key(one) == address_key(other)
    assert same_person(person("a", email=one), person("b", email=other))


@pytest.mark.rule("P6", "P7")
@pytest.mark.parametrize(("one", "other"), TWO_MAILBOXES, ids=count())
def test_addresses_that_mail_servers_may_keep_apart_differ(one: str, other: str) -> None:
    """A false merge loses mail, so in doubt there are two mailboxes."""
    assert address_key(one) != address_key(other)


@pytest.mark.rule("A7")
@pytest.mark.parametrize(("one", "other"), ONE_PERSON, ids=count())
def test_one_person_does_not_pass_for_two_by_another_spelling(one: str, other: str) -> None:
    """What may be one person's address counts as the same, whatever mail servers make of it."""
    assert same_person(person("a", email=one), person("b", email=other))


@pytest.mark.rule("P6")
@given(st.text(max_size=20), st.text(max_size=20))
def test_any_address_has_a_key(local: str, label: str) -> None:
    """No text raises an error, and the local part stays what it is but for its case."""
    for text in (f"{local}@{label}.example", f"{local}@xn--{label}.example"):
        assert address_key(text).casefold().startswith(local.lstrip().casefold())


@pytest.mark.rule("P7")
def test_two_roles_make_one_recipient_and_a_shared_address_two() -> None:
    """A person with two eligible roles is listed once, with both; two people with one address are both listed."""
    both = person("b", email="office@hilda.example", roles=["head_teacher", "data_manager"])
    other = person("a", email="OFFICE@hilda.example")
    people = known(both, other)

    assert (other, both) == eligible_recipients(people, urn=URN, policy=MAT, day=DAY)
    suggested = suggested_recipients(people, urn=URN, asked=frozenset({other.id}), policy=MAT, day=DAY)
    assert [("data_manager", "head_teacher")] == [suggestion.roles for suggestion in suggested]


@pytest.mark.rule("P8", "Q2")
def test_head_teachers_are_suggested_first() -> None:
    """Head Teachers come first and recommended; then by folded name; those asked already are left out."""
    people = known(
        person("1", name="Zoë", roles=["deputy_head_teacher"]),
        person("2", name="émile", roles=["data_manager"], permissions=[ANSWER]),
        person("3", name="Eve", roles=["executive_head_teacher"]),
        person("4", name="Ýmir"),
        person("5", name="Adam", email=None),
        person("6", name="Bea", roles=["caretaker"]),
        person("7", name="Cleo"),
    )

    suggested = suggested_recipients(people, urn=URN, asked=frozenset({PersonId(URN, "7")}), policy=MAT, day=DAY)

    assert [
        ("4", ("head_teacher",), True, True),
        ("2", ("data_manager",), False, True),
        ("3", ("executive_head_teacher",), False, False),
        ("1", ("deputy_head_teacher",), False, False),
    ] == [(s.person.id.id, s.roles, s.recommended, s.can_approve) for s in suggested]


@pytest.mark.rule("P8")
def test_suggestions_do_not_depend_on_the_order_of_the_directory() -> None:
    """Two people of one name stand in the order of their ids, whatever the order of the directory."""
    people = [person(host_id, name="Sam Lee") for host_id in ("b", "a", "C")]

    for given_people in (people, people[::-1]):
        suggested = suggested_recipients(known(*given_people), urn=URN, asked=frozenset(), policy=MAT, day=DAY)
        assert ["C", "a", "b"] == [suggestion.person.id.id for suggestion in suggested]


@pytest.mark.rule("P9")
def test_a_sender_is_a_user_of_the_group_with_permission_and_address() -> None:
    """A current user of the group site who holds the permission and has an address can be the sender."""
    ana = sender()

    answer = sender_eligibility(ana.id, ana, group=TRUST, policy=MAT, day=DAY)

    assert answer.eligible
    assert f"{ana.name} (mat:5143/ana) is eligible" == str(answer)


@pytest.mark.rule("P9")
@pytest.mark.parametrize(
    ("sender_", "expected"),
    [
        (sender(site=GroupId.mat("5144")), (Unsuitable.OTHER_SITE,)),
        (sender(site=AUTHORITY), (Unsuitable.OTHER_SITE,)),
        (sender(permissions=[Grant(SEND, Period(TOMORROW))]), (Unsuitable.NO_PERMISSION,)),
        (sender(permissions=[ANSWER]), (Unsuitable.NO_PERMISSION,)),
        (sender(email=" "), (Unsuitable.NO_ADDRESS,)),
        (
            sender(period=Period(None, YESTERDAY), email=None),
            (Unsuitable.NOT_CURRENT, Unsuitable.NO_PERMISSION, Unsuitable.NO_ADDRESS),
        ),
    ],
    ids=count(),
)
def test_every_reason_against_a_sender_is_named(sender_: Person, expected: tuple[Unsuitable, ...]) -> None:
    """Each condition that fails is a reason of its own, and all of them are listed."""
    assert expected == sender_eligibility(sender_.id, sender_, group=TRUST, policy=MAT, day=DAY).reasons


@pytest.mark.rule("P11")
@pytest.mark.parametrize(
    ("recipient", "expected", "words"),
    [
        (person(site=100001), (Unsuitable.OTHER_SITE,), "urn:100001/hana belongs to another site"),
        (person(site=TRUST), (Unsuitable.OTHER_SITE,), "mat:5143/hana belongs to another site"),
        (person(roles=[]), (Unsuitable.NO_ELIGIBLE_ROLE,), f"{HANA} holds no eligible role"),
        (person(email="hana"), (Unsuitable.NO_ADDRESS,), f"{HANA} has no email address that can be used"),
        (person(period=Period(TOMORROW)), (Unsuitable.NOT_CURRENT,), f"{HANA} is not a current user"),
        (
            person(roles=[], email=None, period=Period(None, YESTERDAY)),
            (Unsuitable.NOT_CURRENT, Unsuitable.NO_ELIGIBLE_ROLE, Unsuitable.NO_ADDRESS),
            f"{HANA} is not a current user and holds no eligible role and has no email address that can be used",
        ),
    ],
    ids=count(),
)
def test_every_reason_against_a_recipient_is_named(
    recipient: Person, expected: tuple[Unsuitable, ...], words: str
) -> None:
    """Each condition that fails is named, with the person, and nobody is dropped silently."""
    answer = eligibility(recipient)

    assert (expected, words) == (answer.reasons, str(answer))


@pytest.mark.rule("P9", "P11")
def test_an_unknown_person_is_named_as_such() -> None:
    """A person of the right site whom the host does not know is unknown."""
    head, ana, unknown = PersonId(URN, "nobody"), PersonId(TRUST, "nobody"), (Unsuitable.UNKNOWN_PERSON,)

    assert unknown == recipient_eligibility(head, None, urn=URN, policy=MAT, day=DAY).reasons
    assert unknown == sender_eligibility(ana, None, group=TRUST, policy=MAT, day=DAY).reasons


@pytest.mark.rule("P9", "P11")
@pytest.mark.parametrize("period", [ALWAYS, Period(None, YESTERDAY)], ids=["current", "former"])
def test_of_a_person_of_another_site_nothing_else_is_told(period: Period) -> None:
    """Neither name, nor whether they are known, current, permitted or have an address."""
    head, ana = person(site=100001, period=period), sender(site=AUTHORITY, email=None, period=period)
    other = (Unsuitable.OTHER_SITE,)

    for member in (head, None):
        assert Eligibility(head.id, other) == recipient_eligibility(head.id, member, urn=URN, policy=MAT, day=DAY)
    for member in (ana, None):
        assert Eligibility(ana.id, other) == sender_eligibility(ana.id, member, group=TRUST, policy=MAT, day=DAY)


@pytest.mark.rule("X3")
@pytest.mark.parametrize(
    ("associations", "expected"),
    [
        (Associations(), False),
        (Associations(urns=[URN]), True),
        (Associations(urns=[100001]), False),
        (Associations(clusters=["Nord", "Süd"]), True),
        (Associations(clusters=["Nord"]), False),
        (Associations(everything=True), True),
    ],
    ids=["none", "named", "other", "two-clusters", "other-cluster", "all"],
)
def test_associated_schools_are_named_or_in_a_cluster_or_all(associations: Associations, expected: bool) -> None:
    """A school is associated directly, by one of its clusters, or because all schools are."""
    assert expected is associations.include(URN, ["Süd", "West"])


PERIODS = st.tuples(
    st.none() | st.dates(date(2026, 4, 30), DAY + timedelta(days=1)),
    st.none() | st.dates(DAY - timedelta(days=1), date(2026, 5, 6)),
).filter(lambda days: days[0] is None or days[1] is None or days[0] <= days[1])
ROLES = st.builds(
    HeldRole,
    st.sampled_from([*BusinessRole, "caretaker"]),
    PERIODS.map(lambda days: Period(*days)),
)
PEOPLE = st.lists(
    st.builds(
        person,
        st.sampled_from("abcdef"),
        site=st.sampled_from([URN, 100001]),
        email=st.sampled_from([None, "", "a@hilda.example", "not one"]),
        roles=st.lists(ROLES, max_size=3),
        permissions=st.lists(st.sampled_from(Permission), max_size=2),
        period=PERIODS.map(lambda days: Period(*days)),
    ),
    max_size=8,
    unique_by=lambda somebody: somebody.id,
)


@pytest.mark.rule("P4", "P5", "P6", "P7", "P8")
@given(PEOPLE)
def test_whoever_is_suggested_is_eligible(people: list[Person]) -> None:
    """The eligible are suggested, each once, with a current role and an address, Head Teachers first."""
    suggested = suggested_recipients(known(*people), urn=URN, asked=frozenset(), policy=MAT, day=DAY)

    recommended = [suggestion.recommended for suggestion in suggested]
    assert sorted(recommended, reverse=True) == recommended
    ids = [suggestion.person.id for suggestion in suggested]
    assert sorted(ids, key=str) == sorted({p.id for p in people if eligibility(p).eligible}, key=str)
    for suggestion in suggested:
        assert suggestion.roles
        assert suggestion.person.address is not None
        assert suggestion.can_approve is (suggestion.person in approvers(known(*people), policy=MAT, day=DAY))
