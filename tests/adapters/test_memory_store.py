"""What every store of agreements must do, proven on the one in memory.

The sections carry the numbers of *Implementers must* in `datashare.ports.AgreementStore`. Number 8, the cost of
a call, and number 12, what goes wrong below, say nothing about a store that has nothing below it.
"""

import sys
import threading
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, NoReturn

import attrs
import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datashare.adapters.memory import MemoryAgreementStore
from datashare.codec import fingerprint
from datashare.domain.agreements import (
    TRANSITIONS,
    Agreement,
    AgreementId,
    Approve,
    Command,
    Decided,
    Decline,
    Facts,
    Named,
    Remind,
    RequestId,
    RequestWithdrawn,
    State,
    Withdraw,
    decide,
    fold,
    request_of,
)
from datashare.domain.agreements.transitions import CommandType
from datashare.domain.instants import Instant
from datashare.domain.institutions import GroupId
from datashare.domain.notices import ASKING, NoticeKind, notices_for
from datashare.domain.people import BusinessRole, PersonId
from datashare.errors import InvalidValue
from datashare.ports import (
    AgreementStore,
    Change,
    KeptOutcome,
    LeasedNotice,
    Loaded,
    NeverDeliverable,
    NoticeStatus,
    StoredNotice,
    TryAgain,
)
from tests.domain.agreements.builders import (
    ACTIONS,
    AGREEMENT,
    ANA,
    COUNCIL,
    DEPUTY,
    HEAD,
    LA,
    MAT,
    NOW,
    OTHER_URN,
    URN,
    answer_to,
    ask,
    by_id,
    command_of,
    decided,
    end,
    facts,
    fold_onto,
    importing,
    new,
    open_request,
    person,
    record,
)

OTHER = AgreementId(MAT, OTHER_URN)
COUNCILS = AgreementId(LA, URN)
MINUTE = timedelta(minutes=1)
MICROSECOND = timedelta(microseconds=1)
LONG_AGO = NOW - timedelta(days=400)
BOTH = Named((HEAD, DEPUTY))

WAITING, LEASED, DELIVERED, GIVEN_UP, CANCELLED = NoticeStatus


@pytest.fixture
def store() -> MemoryAgreementStore:
    """Give an empty store."""
    return MemoryAgreementStore()


def change(before: Agreement, command: Command, given_facts: Facts | None = None) -> Change:
    """Give what *command*, which must be allowed, changes, as a service would hand it to a store."""
    known = given_facts or facts()
    answer = decided(before, command, known)
    after = fold_onto(before, answer.events)
    shared, own = fingerprint(known.actor, command)
    return Change(
        decided_on=before.version,
        after=after,
        events=answer.events,
        notices=notices_for(before, answer.events, known),
        kept=KeptOutcome(
            agreement=before.id,
            command_id=known.command_id,
            request=request_of(command),
            shared_digest=shared,
            own_digest=own,
            events=answer.events,
            cautions=answer.cautions,
        ),
        closes=before.request.id if before.request and after.request is None else None,
    )


def imported(urn: int = URN, group: GroupId = MAT, given_facts: Facts | None = None) -> Change:
    """Give the import of an agreement: one event and no notice."""
    return change(Agreement(id=AgreementId(group, urn)), attrs.evolve(importing(), urn=urn), given_facts)


def asked(urn: int = URN, group: GroupId = MAT, *, now: Instant = NOW, command_id: str = "c-1") -> Change:
    """Give a request to the head and the deputy of a school: one event and two notices."""
    head, deputy = PersonId(urn, "head"), PersonId(urn, "deputy")
    people = by_id(
        person(head, BusinessRole.HEAD_TEACHER, email=f"head@{urn}.example"),
        person(deputy, BusinessRole.DEPUTY_HEAD_TEACHER, email=f"deputy@{urn}.example"),
    )
    known = facts(now=now, command_id=command_id, people=people)
    if group == LA:
        known = attrs.evolve(facts(group=COUNCIL, now=now, command_id=command_id), people=people)
    command = attrs.evolve(ask(recipients=Named((head, deputy))), urn=urn)
    return change(Agreement(id=AgreementId(group, urn)), command, known)


LEASED_NOTICE = LeasedNotice(notice=asked().notices[0], lease="1", attempts=1)


def save(store: AgreementStore, *changes: Change) -> None:
    """Save what must not lose."""
    assert frozenset() == store.append(changes)


def do(store: AgreementStore, command: Command, given_facts: Facts | None = None) -> Agreement:
    """Do *command* to the agreement of the usual school as the store holds it."""
    before = store.load([AGREEMENT]).agreements.get(AGREEMENT, new())
    one = change(before, command, given_facts)
    save(store, one)
    return one.after


def everything(store: AgreementStore) -> tuple[object, ...]:
    """Give all that a store answers about the groups and schools of these tests, for comparing."""
    ids = [AGREEMENT, OTHER]
    return (
        store.load(ids, command_id="c-1"),
        store.load([COUNCILS], command_id="c-1"),
        [store.states(group) for group in (MAT, LA)],
        [store.states_at(urn) for urn in (URN, OTHER_URN)],
        [list(store.group_history(group)) for group in (MAT, LA)],
        [store.notices(group) for group in (MAT, LA)],
    )


def at_once(calls: Iterable[Callable[[], object]]) -> None:
    """Make all calls at the same moment, each in a thread of its own; raise what one of them raises."""
    made = list(calls)
    barrier, raised = threading.Barrier(len(made)), list[BaseException]()

    def make(call: Callable[[], object]) -> None:
        try:
            barrier.wait(timeout=30)
            call()
        except BaseException as exc:  # noqa: BLE001 - handed to the test's own thread
            raised.append(exc)

    threads = [threading.Thread(target=make, args=(call,)) for call in made]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # so that threads get in each other's way
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
    finally:
        sys.setswitchinterval(interval)
    assert raised == []


def test_it_is_an_agreement_store() -> None:
    """A type checker takes it for the port."""
    conforming: AgreementStore = MemoryAgreementStore()

    assert conforming.states(MAT) == []


# 1. All of a change, or nothing of it


@pytest.mark.rule("K1")
def test_a_change_is_saved_with_all_that_belongs_to_it(store: MemoryAgreementStore) -> None:
    """Events, state, notices and kept outcome are there after one call."""
    one = asked()
    save(store, one)
    found = store.load([AGREEMENT], command_id="c-1")

    assert {AGREEMENT: one.after} == found.agreements
    assert (one.kept,) == found.kept
    assert one.events == tuple(store.history(AGREEMENT))
    assert {notice.id: notice for notice in one.notices} == {s.id: s.notice for s in store.notices(MAT)}
    assert len(one.notices) == 2


@pytest.mark.rule("K1")
def test_nothing_of_a_loser_is_saved(store: MemoryAgreementStore) -> None:
    """A change that lost leaves no event, state, notice, outcome or cancellation behind."""
    standing = do(store, ask(recipients=BOTH))
    late = change(standing, answer_to(standing), facts(actor=HEAD, command_id="c-late"))
    do(store, Remind(request=open_request(standing).id), facts(command_id="c-2"))
    before = everything(store)

    assert late.closes is not None
    assert frozenset({AGREEMENT}) == store.append([late])
    assert before == everything(store)
    assert store.load([AGREEMENT], command_id="c-late").kept == ()


def test_nothing_is_saved_where_one_change_cannot_be(store: MemoryAgreementStore) -> None:
    """What is no change, after one that is, leaves nothing of the whole call behind."""
    broken: Any = object()
    before = everything(store)

    with pytest.raises(InvalidValue, match="The changes to save must be a collection of Changes"):
        store.append([asked(), broken])
    assert before == everything(store)


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(lambda one: attrs.evolve(one, events=()), id="no-event"),
        pytest.param(
            lambda one: attrs.evolve(one, events=(), after=attrs.evolve(one.after, version=0)), id="nothing-at-all"
        ),
        pytest.param(lambda one: attrs.evolve(one, decided_on=1), id="gap"),
        pytest.param(lambda one: attrs.evolve(one, after=attrs.evolve(one.after, version=2)), id="ahead"),
        pytest.param(lambda one: attrs.evolve(one, events=one.events * 2), id="twice"),
        pytest.param(lambda one: attrs.evolve(one, events=imported(OTHER_URN).events), id="another-school"),
        pytest.param(lambda one: attrs.evolve(one, kept=imported(OTHER_URN).kept), id="another-outcome"),
        pytest.param(lambda one: attrs.evolve(one, after=imported(OTHER_URN).after), id="another-state"),
    ],
)
def test_changes_that_contradict_themselves_are_refused(
    store: MemoryAgreementStore, wrong: Callable[[Change], Change]
) -> None:
    """A change whose numbers or identities do not fit is a programming error, and nothing is saved."""
    save(store, imported(OTHER_URN))
    before = everything(store)

    with pytest.raises(InvalidValue, match="A change's events"):
        store.append([imported(URN, LA, facts(group=COUNCIL)), wrong(imported())])
    assert before == everything(store)


def test_two_changes_of_one_agreement_are_refused(store: MemoryAgreementStore) -> None:
    """One call holds at most one change for each agreement."""
    with pytest.raises(InvalidValue, match="at most one for each agreement"):
        store.append([imported(), imported(OTHER_URN), imported()])
    assert store.states(MAT) == []


def test_no_change_is_no_loser(store: MemoryAgreementStore) -> None:
    """A call without changes does nothing."""
    assert frozenset() == store.append([])


# 2. The version check


def test_losers_are_answered_and_the_rest_is_saved(store: MemoryAgreementStore) -> None:
    """Of several changes those whose agreement moved on lose, without an error; the others are saved."""
    save(store, imported())
    stale, fresh, council = imported(), imported(OTHER_URN), imported(URN, LA, facts(group=COUNCIL))

    assert frozenset({AGREEMENT}) == store.append([fresh, stale, council])
    assert [state.version for state in store.states(MAT)] == [1, 1]
    assert [state.id for state in store.states(LA)] == [COUNCILS]


def test_a_change_from_the_future_loses(store: MemoryAgreementStore) -> None:
    """A change decided on a version that the store has not reached loses too."""
    first = imported()
    second = change(first.after, record(ACTIONS), facts(command_id="c-2"))

    assert frozenset({AGREEMENT}) == store.append([second])
    assert list(store.history(AGREEMENT)) == []


def test_changes_follow_one_another(store: MemoryAgreementStore) -> None:
    """A change decided on the present version is saved, and the events are added to those before."""
    first = imported()
    second = change(first.after, record(ACTIONS), facts(command_id="c-2"))
    save(store, first)
    save(store, second)

    assert [*first.events, *second.events] == list(store.history(AGREEMENT))
    assert [second.after] == store.states(MAT)


@pytest.mark.rule("K4")
def test_the_first_outcome_of_a_command_is_kept(store: MemoryAgreementStore) -> None:
    """An outcome kept under a command id is never replaced by a later one."""
    first = imported()
    second = change(first.after, record(ACTIONS))
    save(store, first)
    save(store, second)

    assert (first.kept,) == store.load([AGREEMENT], command_id="c-1").kept


# 3. Two writers at once


def test_one_of_several_writers_wins() -> None:
    """Eight threads that decided on one version at once give one winner and exactly one more event."""
    for _ in range(20):
        store = MemoryAgreementStore()
        save(store, imported())
        (standing,) = store.states(MAT)
        answers: dict[str, frozenset[AgreementId]] = {}
        changes = {f"w-{n}": change(standing, record(ACTIONS), facts(command_id=f"w-{n}")) for n in range(8)}
        at_once([partial(write, store, one, answers) for one in changes.values()])

        (winner,) = (name for name, losers in answers.items() if not losers)
        assert set(changes) == set(answers)
        assert ["c-1", winner] == [event.command_id for event in store.history(AGREEMENT)]
        assert [state.version for state in store.states(MAT)] == [2]
        assert {name: int(name == winner) for name in changes} == {
            name: len(store.load([AGREEMENT], command_id=name).kept) for name in changes
        }


def write(store: AgreementStore, one: Change, answers: dict[str, frozenset[AgreementId]]) -> None:
    """Save a change, and note under its command id who lost."""
    answers[one.kept.command_id] = store.append([one])


def test_writers_of_different_agreements_all_win(store: MemoryAgreementStore) -> None:
    """Threads that write different agreements do not disturb each other."""
    at_once([partial(save, store, asked(urn)) for urn in range(URN, URN + 8)])

    assert list(range(URN, URN + 8)) == [state.urn for state in store.states(MAT)]
    assert len(store.notices(MAT)) == 16


def test_readers_never_see_half_a_change(store: MemoryAgreementStore) -> None:
    """While one thread writes, what the others read is always a state together with its outcome."""
    changes, standing = list[Change](), new()
    for n in range(200):
        command: Command = ask() if standing.request is None else Withdraw(request=open_request(standing).id)
        changes.append(change(standing, command, facts(command_id="c-1" if n == 0 else f"c-{n + 1}")))
        standing = changes[-1].after

    def write() -> None:
        for one in changes:
            save(store, one)

    def read() -> None:
        seen = 0
        while seen < len(changes):
            found = store.load([AGREEMENT], command_id="c-1")
            assert len(found.agreements) == len(found.kept)
            seen = max((state.version for state in found.agreements.values()), default=0)
            assert len(list(store.history(AGREEMENT))) >= seen

    at_once([write, read, read, read])


# 4. Precision and text

AWKWARD = ["", " ", "ß", "é", "e\u0301", "Ωмега", "שלום", "𝄞🏫", "line\nbreak\r\n", "\u2028", "'; --", "{0}%s\\"]


@pytest.mark.parametrize("text", AWKWARD, ids=ascii)
def test_text_comes_back_to_the_character(store: MemoryAgreementStore, text: str) -> None:
    """What people wrote comes back as it was: empty, beyond ASCII, beyond the first 65,536, not normalised."""
    standing = do(store, ask(recipients=BOTH))
    do(store, Withdraw(request=open_request(standing).id, reason=text), facts(command_id="c-2"))
    event = list(store.history(AGREEMENT))[-1]

    assert isinstance(event, RequestWithdrawn)
    assert text == event.reason


@pytest.mark.parametrize("microsecond", [0, 1, 999_999])
def test_instants_come_back_to_the_microsecond(store: MemoryAgreementStore, microsecond: int) -> None:
    """An instant keeps its microseconds and its zone, in events, state and notices."""
    at = pendulum.datetime(2026, 10, 25, 0, 59, 59, microsecond)  # an hour that occurs twice in London
    save(store, asked(now=at))
    (event,), (state,) = store.history(AGREEMENT), store.states(MAT)

    for found in (event.at, state.changed_at, *(stored.due_at for stored in store.notices(MAT))):
        assert found is not None
        assert (at, microsecond, timedelta(0)) == (found, found.microsecond, found.utcoffset())


# 5. and 9. Order, and the fold


@pytest.mark.rule("T3")
@given(st.lists(st.sampled_from([*TRANSITIONS[State.UPGRADING], *TRANSITIONS[State.NO_AGREEMENT]]), max_size=12))
def test_the_state_is_the_fold_of_the_events(kinds: list[CommandType]) -> None:
    """Whatever was done in whatever order, the state equals the fold and the events are numbered from 1."""
    store = MemoryAgreementStore()
    for number, kind in enumerate(kinds):
        standing = store.load([AGREEMENT]).agreements.get(AGREEMENT, new())
        command = command_of(kind, standing)
        known = facts(actor=HEAD if kind is Approve or kind is Decline else ANA, command_id=f"c-{number}")
        answer = decide(standing, command, known)
        if isinstance(answer, Decided) and answer.events:
            save(store, change(standing, command, known))

    events = list(store.history(AGREEMENT))
    assert list(range(1, len(events) + 1)) == [event.sequence for event in events]
    assert ([fold(AGREEMENT, events)] if events else []) == store.states(MAT)


def test_states_are_in_the_order_of_urns(store: MemoryAgreementStore) -> None:
    """A group's agreements come by number, not as text and not as they were saved."""
    save(store, *(imported(urn) for urn in (100_001, 9, 1_000_000, 100_000, 10)))

    assert [state.urn for state in store.states(MAT)] == [9, 10, 100_000, 100_001, 1_000_000]


def test_agreements_of_one_school_are_in_the_order_of_their_groups(store: MemoryAgreementStore) -> None:
    """A school's agreements come by the text of the group."""
    trusts = [GroupId.mat(uid) for uid in ("9", "10", "5143")]
    save(store, *(imported(URN, group) for group in (*trusts, LA)), imported(OTHER_URN))

    assert [str(one.group) for one in store.states_at(URN)] == ["la:870", "mat:10", "mat:5143", "mat:9"]


def test_a_groups_history_is_by_instant_then_urn_then_sequence(store: MemoryAgreementStore) -> None:
    """Events of a whole group come in the order of time, ties by URN and sequence."""
    early, late = NOW - MICROSECOND, NOW
    save(store, imported(10, given_facts=facts(now=late)), imported(9, given_facts=facts(now=late)))
    save(store, imported(11, given_facts=facts(now=early)))
    nine = store.load([AgreementId(MAT, 9)]).agreements[AgreementId(MAT, 9)]
    save(store, change(nine, attrs.evolve(record(ACTIONS), urn=9), facts(now=late, command_id="c-2")))
    found = [(event.agreement.urn, event.sequence) for event in store.group_history(MAT)]

    assert found == [(11, 1), (9, 1), (9, 2), (10, 1)]


def test_what_has_no_history_is_left_out(store: MemoryAgreementStore) -> None:
    """An agreement to which nothing happened is in no answer."""
    save(store, imported())

    assert {AGREEMENT} == set(store.load([AGREEMENT, OTHER, OTHER]).agreements)
    assert store.states_at(OTHER_URN) == []
    assert list(store.history(OTHER)) == []
    assert list(store.group_history(LA)) == []


# 6. Groups are kept apart


def test_no_answer_about_one_group_holds_anything_of_another(store: MemoryAgreementStore) -> None:
    """Two groups at one school under one command id see nothing of each other, though codes look alike."""
    twin = GroupId.mat("870")
    ours, theirs, twins = asked(), asked(group=LA), imported(URN, twin)
    save(store, ours, theirs, twins)

    for group, one in ((MAT, ours), (LA, theirs), (twin, twins)):
        found = store.load([one.id], command_id="c-1")
        assert ({one.id: one.after}, (one.kept,)) == (found.agreements, found.kept)
        assert [one.after] == store.states(group)
        assert list(one.events) == list(store.group_history(group)) == list(store.history(one.id))
        assert {n.id for n in one.notices} == {stored.id for stored in store.notices(group)}


def test_outcomes_are_those_of_the_group_and_the_command(store: MemoryAgreementStore) -> None:
    """All outcomes kept under the id are answered, of schools not asked for too, and no others."""
    save(store, imported(), imported(OTHER_URN), imported(7, given_facts=facts(command_id="c-2")))

    found = store.load([AGREEMENT], command_id="c-1").kept
    assert {AGREEMENT, OTHER} == {one.agreement for one in found}
    assert store.load([AGREEMENT]).kept == ()
    assert store.load([AGREEMENT], command_id="C-1").kept == ()
    assert store.load([], command_id="c-1").kept == ()


def test_agreements_of_several_groups_are_not_loaded_together(store: MemoryAgreementStore) -> None:
    """One call is about one group."""
    with pytest.raises(InvalidValue, match="agreements of one group"):
        store.load([AGREEMENT, COUNCILS])


# 7. Nobody can reach into the store


def test_changing_an_answer_changes_nothing(store: MemoryAgreementStore) -> None:
    """Containers that were answered can be emptied without any effect on the store."""
    save(store, asked(), asked(OTHER_URN), asked(group=LA))
    before = everything(store)

    answers: list[Any] = [
        store.load([AGREEMENT], command_id="c-1").agreements,
        store.states(MAT),
        store.states_at(URN),
        store.notices(MAT),
        store.lease(now=LONG_AGO, until=NOW, limit=9),
    ]
    for answer in answers:
        answer.clear()

    assert before == everything(store)


def test_no_later_call_changes_an_answer(store: MemoryAgreementStore) -> None:
    """What was answered stays as it was when more is saved, leased and settled."""
    standing = do(store, ask(recipients=BOTH))
    answers = everything(store)
    ids = {stored.id for stored in store.notices(MAT)}
    shown, history = repr(answers), store.history(AGREEMENT)
    do(store, answer_to(standing), facts(actor=HEAD, command_id="c-2"))
    leased = store.lease(now=NOW, until=NOW + MINUTE, limit=9)
    store.complete(leased[0], at=NOW)

    assert shown == repr(answers)
    assert [event.sequence for event in history] == [1]
    assert ids < {stored.id for stored in store.notices(MAT)}


# 10. Leases


def lease(store: AgreementStore, now: Instant = NOW, minutes: int = 5, limit: int = 99) -> list[LeasedNotice]:
    """Lease notices for some minutes."""
    return list(store.lease(now=now, until=now + minutes * MINUTE, limit=limit))


def test_a_notice_is_leased_to_one_worker(store: MemoryAgreementStore) -> None:
    """What one worker holds is not leased again before the lease ends, and then under another name."""
    save(store, asked())
    first = lease(store)
    ended = NOW + 5 * MINUTE

    assert {n.id for n in asked().notices} == {one.notice.id for one in first}
    assert lease(store) == []
    assert lease(store, ended - MICROSECOND) == []
    again = lease(store, ended)
    assert {one.notice.id for one in first} == {one.notice.id for one in again}
    assert set() == {one.lease for one in first} & {one.lease for one in again}
    assert len({one.lease for one in (*first, *again)}) == 4
    assert ([one.attempts for one in first], [one.attempts for one in again]) == ([1, 1], [2, 2])
    assert {(LEASED, 2)} == {(stored.status, stored.attempts) for stored in store.notices(MAT)}


def test_only_what_is_due_is_leased(store: MemoryAgreementStore) -> None:
    """A notice is due from its instant on, not a microsecond earlier."""
    save(store, asked())

    assert lease(store, NOW - MICROSECOND) == []
    assert len(lease(store, NOW)) == 2


def test_the_longest_due_is_leased_first_up_to_the_limit(store: MemoryAgreementStore) -> None:
    """Notices are leased by due instant, then id, of all groups alike."""
    save(store, asked(now=NOW), asked(OTHER_URN, now=NOW - MINUTE), asked(group=LA, now=NOW - 2 * MINUTE))
    expected = sorted((*store.notices(MAT), *store.notices(LA)), key=lambda stored: (stored.due_at, stored.id))
    found = [one.notice.id for limit in (1, 3, 9) for one in lease(store, limit=limit)]

    assert [stored.id for stored in expected] == found
    assert len(found) == 6


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_below_one_leases_nothing(store: MemoryAgreementStore, limit: int) -> None:
    """No notice is leased where none may be."""
    save(store, asked())

    assert lease(store, limit=limit) == []
    assert {WAITING} == {stored.status for stored in store.notices(MAT)}


def test_workers_at_once_share_the_notices_out() -> None:
    """Eight workers that lease at the same moment never get the same notice."""
    changes = [asked(urn) for urn in range(URN, URN + 20)]
    for _ in range(20):
        store, found = MemoryAgreementStore(), list[LeasedNotice]()
        save(store, *changes)
        at_once([partial(_take, store, found)] * 8)

        assert 40 == len(found) == len({one.notice.id for one in found}) == len({one.lease for one in found})


def _take(store: AgreementStore, found: list[LeasedNotice]) -> None:
    found.extend(lease(store, limit=10))


def test_what_is_settled_is_not_leased_again(store: MemoryAgreementStore) -> None:
    """A delivered or given-up notice stays so, whenever the leases end."""
    save(store, asked())
    one, other = lease(store)
    assert store.complete(one, at=NOW)
    assert store.give_up(other, at=NOW, error="550 no such user")

    assert lease(store, NOW + timedelta(days=9)) == []


# 11. Settling


def test_a_notice_is_settled_as_delivered(store: MemoryAgreementStore) -> None:
    """The holder of the lease settles it, once, with the instant and without the earlier error."""
    save(store, asked())
    one, _ = lease(store)
    assert store.retry(one, due_at=NOW, error="451 later")
    again = next(found for found in lease(store) if found.notice.id == one.notice.id)

    assert store.complete(again, at=NOW + MICROSECOND)
    assert not store.complete(again, at=NOW + MINUTE)
    (stored,) = store.notices(MAT, status=DELIVERED)
    assert (one.notice.id, one.notice, 2) == (stored.id, stored.notice, stored.attempts)
    assert (stored.settled_at, stored.error) == (NOW + MICROSECOND, None)


def test_a_notice_waits_to_be_tried_again(store: MemoryAgreementStore) -> None:
    """A retried notice keeps its attempts and the error, and is due when it was said to be."""
    save(store, asked())
    one, other = lease(store)
    later = NOW + 90 * MINUTE
    assert store.retry(one, due_at=later, error="451 später 𝄞")
    store.complete(other, at=NOW)

    (stored,) = store.notices(MAT, status=WAITING)
    assert (later, "451 später 𝄞", 1, None) == (
        stored.due_at,
        stored.error,
        stored.attempts,
        stored.settled_at,
    )
    assert lease(store, later - MICROSECOND) == []
    assert [(one.notice.id, 2)] == [(again.notice.id, again.attempts) for again in lease(store, later)]


def test_a_notice_is_given_up_visibly(store: MemoryAgreementStore) -> None:
    """A given-up notice is listed with its error and instant."""
    save(store, asked())
    one, _ = lease(store)
    assert store.give_up(one, at=NOW + MINUTE, error="550 unknown")

    (stored,) = store.notices(MAT, status=GIVEN_UP)
    assert (one.notice.id, "550 unknown", NOW + MINUTE) == (stored.id, stored.error, stored.settled_at)


Settle = Callable[[AgreementStore, LeasedNotice], bool]
SETTLINGS: dict[str, Settle] = {
    "complete": lambda store, leased: store.complete(leased, at=NOW),
    "retry": lambda store, leased: store.retry(leased, due_at=NOW, error="x"),
    "give_up": lambda store, leased: store.give_up(leased, at=NOW, error="x"),
}


@pytest.mark.parametrize("settle", SETTLINGS.values(), ids=SETTLINGS)
def test_only_the_holder_of_the_present_lease_settles(store: MemoryAgreementStore, settle: Settle) -> None:
    """A wrong name, another notice's lease, an unknown notice and a lease taken over change nothing."""
    save(store, asked())
    waiting = LeasedNotice(notice=asked().notices[0], lease="lease-1", attempts=1)
    assert not settle(store, waiting)
    one, other = lease(store)
    again = {found.notice.id: found for found in lease(store, NOW + 5 * MINUTE)}
    before = everything(store)

    assert not settle(store, attrs.evolve(one, lease="no such lease"))
    assert not settle(store, attrs.evolve(one, lease=again[other.notice.id].lease))
    assert not settle(store, one)
    assert not settle(store, attrs.evolve(one, notice=attrs.evolve(one.notice, id="no such notice")))
    assert before == everything(store)
    assert settle(store, again[one.notice.id])
    assert not settle(store, again[one.notice.id])


@pytest.mark.parametrize("settle", SETTLINGS.values(), ids=SETTLINGS)
def test_a_lease_that_ended_is_held_until_another_worker_takes_it(store: MemoryAgreementStore, settle: Settle) -> None:
    """A slow worker may still settle what nobody has taken over, so that it is not sent twice."""
    save(store, asked())
    one, _ = lease(store)
    assert [one.notice.id] != [found.notice.id for found in lease(store, NOW + 4 * MINUTE)]

    assert settle(store, one)


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda s, at: s.lease(now=at, until=NOW, limit=1), id="lease-now"),
        pytest.param(lambda s, at: s.lease(now=NOW, until=at, limit=1), id="lease-until"),
        pytest.param(lambda s, at: s.complete(LEASED_NOTICE, at=at), id="complete"),
        pytest.param(lambda s, at: s.retry(LEASED_NOTICE, due_at=at, error=""), id="retry"),
        pytest.param(lambda s, at: s.give_up(LEASED_NOTICE, at=at, error=""), id="give_up"),
        pytest.param(lambda s, at: s.requeue(MAT, ["n"], due_at=at), id="requeue"),
        pytest.param(lambda s, at: s.purge(settled_before=at), id="purge"),
    ],
)
@pytest.mark.parametrize("at", [None, "2026-05-03", datetime(2026, 5, 3)], ids=repr)  # noqa: DTZ001 - naive
def test_instants_without_a_zone_are_refused(
    store: MemoryAgreementStore, call: Callable[[MemoryAgreementStore, object], object], at: object
) -> None:
    """No instant that could mean several is taken, even where there is nothing to do."""
    with pytest.raises(InvalidValue, match="a datetime with a time zone"):
        call(store, at)


# Closing a request


def closing(request: RequestId) -> dict[str, tuple[Command, Facts]]:
    """Give every command that closes an open request, with its facts."""
    by_head = facts(actor=HEAD, command_id="c-9", now=NOW + MINUTE)
    by_ana = facts(command_id="c-9", now=NOW + MINUTE)
    return {
        "approve": (Approve(request=request), by_head),
        "decline": (Decline(request=request, reason="No."), by_head),
        "withdraw": (Withdraw(request=request), by_ana),
        "end": (end(), by_ana),
    }


@pytest.mark.rule("O7")
@pytest.mark.parametrize("how", ["approve", "decline", "withdraw", "end"])
def test_closing_a_request_cancels_what_asks_for_its_answer(store: MemoryAgreementStore, how: str) -> None:
    """Its waiting and leased requests and reminders are cancelled with the answer, and nothing else is."""
    save(store, asked(OTHER_URN), asked(group=LA))
    standing = do(store, ask(recipients=BOTH))
    request = open_request(standing).id
    (delivered,) = (one for one in lease(store) if one.notice.address.startswith("head@site"))
    assert store.complete(delivered, at=NOW)
    do(store, Remind(request=request), facts(command_id="c-2", now=NOW + MICROSECOND))
    own = {stored.id for stored in store.notices(MAT) if stored.agreement == AGREEMENT}
    others = [stored for group in (MAT, LA) for stored in store.notices(group) if stored.id not in own]
    command, known = closing(request)[how]
    do(store, command, known)

    now = {stored.id: stored for group in (MAT, LA) for stored in store.notices(group)}
    assert {status: sum(now[one].status is status for one in own) for status in {now[one].status for one in own}} == {
        DELIVERED: 1,
        CANCELLED: 3,
    }
    assert {NOW + MINUTE} == {now[one].settled_at for one in own if now[one].status is CANCELLED}
    assert others == [now[stored.id] for stored in others]
    told = [stored for key, stored in now.items() if key not in own and stored not in others]
    assert {WAITING} == {stored.status for stored in told}
    assert how != "approve" or [s.notice.kind for s in told if s.notice] == [NoticeKind.APPROVED] * 2


@pytest.mark.rule("O7")
def test_what_was_given_up_is_cancelled_and_what_was_delivered_is_not(store: MemoryAgreementStore) -> None:
    """A given-up notice of the request can no longer be queued again; a delivered and purged one stays as it is."""
    standing = do(store, ask(recipients=BOTH))
    one, other = lease(store)
    store.give_up(one, at=NOW, error="550")
    store.complete(other, at=NOW - MINUTE)
    assert store.purge(settled_before=NOW) == 1
    do(store, Withdraw(request=open_request(standing).id), facts(command_id="c-2"))

    now = {stored.id: stored.status for stored in store.notices(MAT)}
    assert (CANCELLED, DELIVERED) == (now[one.notice.id], now[other.notice.id])
    assert 0 == store.requeue(MAT, [one.notice.id], due_at=NOW)


@pytest.mark.rule("O7")
@pytest.mark.parametrize("settle", SETTLINGS.values(), ids=SETTLINGS)
def test_one_that_was_being_sent_is_cancelled_too(store: MemoryAgreementStore, settle: Settle) -> None:
    """A worker that held the lease when the request was closed no longer does, and nobody sends it again."""
    standing = do(store, ask(recipients=BOTH))
    one, _ = lease(store)
    do(store, Withdraw(request=open_request(standing).id), facts(command_id="c-2"))

    assert not settle(store, one)
    stored = next(found for found in store.notices(MAT) if found.id == one.notice.id)
    assert CANCELLED is stored.status
    assert {NoticeKind.WITHDRAWN} == {found.notice.kind for found in lease(store, NOW + timedelta(days=1))}


@pytest.mark.rule("O7")
def test_what_tells_rather_than_asks_is_not_cancelled(store: MemoryAgreementStore) -> None:
    """Of the closed request's own notices only requests and reminders are cancelled."""
    one = change(new(), ask(recipients=BOTH))
    telling = tuple(
        attrs.evolve(one.notices[0], id=f"{kind.value}-notice", kind=kind) for kind in NoticeKind if kind not in ASKING
    )
    save(store, attrs.evolve(one, notices=(*one.notices, *telling)))
    save(store, attrs.evolve(change(one.after, withdraw_of(one), facts(command_id="c-2")), notices=()))

    assert {notice.id for notice in telling} == {stored.id for stored in store.notices(MAT, status=WAITING)}
    assert {notice.id for notice in one.notices} == {stored.id for stored in store.notices(MAT, status=CANCELLED)}


def withdraw_of(one: Change) -> Withdraw:
    """Give the command that withdraws the request which a change opened."""
    return Withdraw(request=open_request(one.after).id)


@pytest.mark.rule("O7")
def test_an_earlier_requests_notices_are_left_alone(store: MemoryAgreementStore) -> None:
    """Closing the upgrade cancels nothing that tells of the first request's answer."""
    standing = do(store, ask(recipients=BOTH))
    approved = do(store, answer_to(standing), facts(actor=HEAD, command_id="c-2"))
    answers = [stored.id for stored in store.notices(MAT, status=WAITING)]
    upgrading = do(store, ask(ACTIONS, recipients=BOTH), facts(command_id="c-3"))
    do(store, Withdraw(request=open_request(upgrading).id), facts(command_id="c-4"))

    assert approved.in_force is not None
    assert set(answers) <= {stored.id for stored in store.notices(MAT, status=WAITING)}
    assert len(answers) == 2


def test_a_reminder_cancels_nothing(store: MemoryAgreementStore) -> None:
    """Only what closes the request cancels."""
    standing = do(store, ask(recipients=BOTH))
    do(store, Remind(request=open_request(standing).id), facts(command_id="c-2"))

    assert len(store.notices(MAT, status=WAITING)) == 4


# Listing, requeueing and purging


def test_notices_are_listed_by_due_instant_then_id(store: MemoryAgreementStore) -> None:
    """A group's notices come in the order in which they are due; of one status, if one is named."""
    save(store, asked(now=NOW), asked(OTHER_URN, now=NOW - MICROSECOND))
    found = store.notices(MAT)
    one, *_ = lease(store, limit=1)

    assert sorted(found, key=lambda stored: (stored.due_at, stored.id)) == found
    assert [stored.agreement.urn for stored in found] == [OTHER_URN, OTHER_URN, URN, URN]
    assert [one.notice.id] == [stored.id for stored in store.notices(MAT, status=LEASED)]
    assert len(store.notices(MAT, status=WAITING)) == 3
    assert store.notices(MAT, status=CANCELLED) == []


def given_up(store: AgreementStore) -> list[str]:
    """Give up both notices of a request."""
    save(store, asked())
    for one in lease(store):
        assert store.give_up(one, at=NOW, error="550 head@hilda.example unknown")
    return [stored.id for stored in store.notices(MAT)]


def test_given_up_notices_wait_again(store: MemoryAgreementStore) -> None:
    """A requeued notice is due when it was said to be, with no attempts, and counts once."""
    one, other = given_up(store)
    later = NOW + timedelta(days=2)

    assert store.requeue(MAT, [one, one, "no such notice"], due_at=later) == 1
    assert [one] == [stored.id for stored in store.notices(MAT, status=WAITING)]
    assert [other] == [stored.id for stored in store.notices(MAT, status=GIVEN_UP)]
    assert lease(store, later - MICROSECOND) == []
    assert [(one, 1)] == [(found.notice.id, found.attempts) for found in lease(store, later)]


def test_a_group_requeues_its_own_notices_only(store: MemoryAgreementStore) -> None:
    """The id of another group's notice is no id at all."""
    ids = given_up(store)

    assert 0 == store.requeue(LA, ids, due_at=NOW)
    assert {GIVEN_UP} == {stored.status for stored in store.notices(MAT)}


def test_a_requeued_notice_is_not_purged(store: MemoryAgreementStore) -> None:
    """What waits again is no longer settled."""
    store.requeue(MAT, given_up(store), due_at=NOW)

    assert {None} == {stored.settled_at for stored in store.notices(MAT)}
    assert store.purge(settled_before=NOW + timedelta(days=900)) == 0


def test_only_given_up_notices_are_requeued(store: MemoryAgreementStore) -> None:
    """Waiting, leased, delivered and cancelled notices stay as they are."""
    standing = do(store, ask(recipients=BOTH))
    one, _ = lease(store)
    store.complete(one, at=NOW)
    save(store, asked(OTHER_URN))
    do(store, Withdraw(request=open_request(standing).id), facts(command_id="c-2"))
    lease(store, limit=1)
    before = store.notices(MAT)

    assert {WAITING, LEASED, DELIVERED, CANCELLED} == {stored.status for stored in before}
    assert store.requeue(MAT, [stored.id for stored in before], due_at=NOW) == 0
    assert before == store.notices(MAT)


def test_purging_erases_names_and_addresses_and_keeps_ids(store: MemoryAgreementStore) -> None:
    """Of a purged notice the id, the agreement, the status and the instants stay; notice and error go."""
    ids = given_up(store)
    before = store.notices(MAT)

    assert store.purge(settled_before=NOW + MICROSECOND) == 2
    assert [attrs.evolve(stored, notice=None, error=None) for stored in before] == store.notices(MAT)
    assert ids == [stored.id for stored in store.notices(MAT)]
    assert "hilda" not in repr(store.notices(MAT))
    assert store.purge(settled_before=NOW + MICROSECOND) == 0


def test_only_what_was_settled_before_the_instant_is_purged(store: MemoryAgreementStore) -> None:
    """The instant itself is not before it, and what is not settled is never purged."""
    given_up(store)
    save(store, asked(OTHER_URN))
    before = store.notices(MAT)

    assert store.purge(settled_before=NOW) == 0
    assert before == store.notices(MAT)
    assert store.purge(settled_before=NOW + timedelta(days=1000)) == 2
    assert sum(stored.notice is not None for stored in store.notices(MAT)) == 2


def test_delivered_and_cancelled_notices_are_purged(store: MemoryAgreementStore) -> None:
    """All three ways in which a notice is settled end in its purge."""
    standing = do(store, ask(recipients=BOTH))
    one, other = lease(store)
    store.complete(one, at=NOW)
    store.retry(other, due_at=NOW, error="451 deputy@site.example is busy")
    do(store, Withdraw(request=open_request(standing).id), facts(command_id="c-2"))

    assert store.purge(settled_before=NOW + MINUTE) == 2
    purged = [stored for stored in store.notices(MAT) if stored.notice is None]
    assert {DELIVERED, CANCELLED} == {stored.status for stored in purged}
    assert {None} == {stored.error for stored in purged}


def test_a_purged_notice_cannot_be_requeued(store: MemoryAgreementStore) -> None:
    """There is nothing left that could be sent."""
    ids = given_up(store)
    store.purge(settled_before=NOW + MINUTE)

    assert store.requeue(MAT, ids, due_at=NOW) == 0
    assert {GIVEN_UP} == {stored.status for stored in store.notices(MAT)}
    assert lease(store, NOW + timedelta(days=1)) == []


# The register


def test_the_newest_register_is_kept(store: MemoryAgreementStore) -> None:
    """The last register applied to a group is the newest, in whatever order they were noted."""
    assert store.last_register(MAT) is None
    for day in (date(2026, 5, 2), date(2026, 5, 3), date(2026, 4, 30)):
        store.note_register(MAT, day)

    assert date(2026, 5, 3) == store.last_register(MAT)
    assert store.last_register(LA) is None


@pytest.mark.parametrize("day", [None, "2026-05-03", NOW], ids=["none", "text", "instant"])
def test_only_a_day_can_be_noted(store: MemoryAgreementStore, day: object) -> None:
    """An instant or a text is no day, and changes nothing."""
    store.note_register(MAT, date(2026, 5, 3))

    with pytest.raises(InvalidValue):
        store.note_register(MAT, day)  # type: ignore[arg-type]
    assert date(2026, 5, 3) == store.last_register(MAT)


# What makes no sense

NONSENSE: dict[str, Callable[[Any], object]] = {
    "load": lambda store: store.load([5]),
    "load-text": lambda store: store.load("mat:5143/100000"),
    "load-none": lambda store: store.load(None),
    "load-command": lambda store: store.load([AGREEMENT], command_id=5),
    "append": lambda store: store.append([5]),
    "append-none": lambda store: store.append(None),
    "states": lambda store: store.states("x"),
    "states_at": lambda store: store.states_at("x"),
    "history": lambda store: store.history("x"),
    "group_history": lambda store: store.group_history("x"),
    "last_register": lambda store: store.last_register("x"),
    "note_register": lambda store: store.note_register("x", date(2026, 5, 3)),
    "notices": lambda store: store.notices("x"),
    "notices-status": lambda store: store.notices(MAT, status="x"),
    "lease-limit": lambda store: store.lease(now=NOW, until=NOW + MINUTE, limit="x"),
    "lease-half": lambda store: store.lease(now=NOW, until=NOW + MINUTE, limit=1.5),
    "lease-yes": lambda store: store.lease(now=NOW, until=NOW + MINUTE, limit=True),
    "lease-no-time": lambda store: store.lease(now=NOW, until=NOW, limit=1),
    "lease-backwards": lambda store: store.lease(now=NOW, until=NOW - MICROSECOND, limit=1),
    "complete": lambda store: store.complete(5, at=NOW),
    "retry": lambda store: store.retry(5, due_at=NOW, error=""),
    "retry-error": lambda store: store.retry(LEASED_NOTICE, due_at=NOW, error=None),
    "give_up": lambda store: store.give_up(None, at=NOW, error=""),
    "give_up-error": lambda store: store.give_up(LEASED_NOTICE, at=NOW, error=OSError()),
    "requeue": lambda store: store.requeue(MAT, [5], due_at=NOW),
    "requeue-text": lambda store: store.requeue(MAT, "n", due_at=NOW),
    "requeue-group": lambda store: store.requeue("x", [], due_at=NOW),
}


@pytest.mark.parametrize("call", NONSENSE.values(), ids=NONSENSE)
def test_nonsense_is_refused_and_changes_nothing(store: MemoryAgreementStore, call: Callable[[Any], object]) -> None:
    """Whatever is none of what a call takes is told with words that say what would be, and nothing happens."""
    save(store, asked())
    before = everything(store)

    with pytest.raises(InvalidValue, match="must be"):
        call(store)
    assert before == everything(store)


def test_reading_a_group_costs_the_size_of_the_group() -> None:
    """However much other groups and schools have, a question looks at what it is about alone."""

    class Looked(dict[Any, Any]):
        looked = 0

        def __getitem__(self, key: object) -> object:
            Looked.looked += 1
            return super().__getitem__(key)

        def values(self) -> NoReturn:
            raise AssertionError("everything was walked")

        __iter__ = keys = items = values

    store = MemoryAgreementStore()
    save(store, asked(), asked(OTHER_URN), asked(group=LA), *(asked(urn, LA) for urn in range(1, 50)))
    store._states, store._events, store._notices = Looked(store._states), Looked(store._events), Looked(store._notices)

    assert [URN, OTHER_URN] == [one.urn for one in store.states(MAT)]
    assert [LA, MAT] == [one.group for one in store.states_at(URN)]
    assert 4 == Looked.looked
    assert 2 == len(list(store.group_history(MAT)))
    assert 4 == len(store.notices(MAT)) == len(store.notices(MAT, status=WAITING))
    assert 6 == Looked.looked


# Values of the port

STORED = StoredNotice(id="n", agreement=AGREEMENT, notice=None, status=WAITING, due_at=NOW)
LOADED = Loaded(agreements={AGREEMENT: asked().after}, kept=())
evolved: Callable[..., object] = attrs.evolve  # with what the type checker would not let pass

WRONG: list[tuple[object, str, list[object]]] = [
    (asked(), "decided_on", [-1, "0", None, True]),
    (asked(), "after", [None, "x", asked(OTHER_URN).after]),
    (asked(), "events", [None, "x", [], [5], asked(OTHER_URN).events]),
    (asked(), "notices", [None, [5], asked(OTHER_URN).notices]),
    (asked(), "kept", [None, asked(OTHER_URN).kept]),
    (asked(), "closes", ["x", RequestId(OTHER, 1)]),
    (asked().kept, "agreement", [None, "mat:5143/100000", OTHER]),
    (asked().kept, "command_id", [None, "", "a b"]),
    (asked().kept, "request", ["x", RequestId(OTHER, 1)]),
    (asked().kept, "shared_digest", [None, ""]),
    (asked().kept, "own_digest", [None, 5]),
    (asked().kept, "events", [None, [], [5]]),
    (asked().kept, "cautions", [None, ["x"]]),
    (LOADED, "agreements", [None, [], {"x": asked().after}, {AGREEMENT: "x"}, {OTHER: asked().after}]),
    (LOADED, "kept", [None, [5]]),
    (STORED, "id", [None, "", 5]),
    (STORED, "agreement", [None, "x"]),
    (STORED, "notice", ["x", 5]),
    (STORED, "status", ["waiting", None]),
    (STORED, "due_at", [None, datetime(2026, 5, 3)]),  # noqa: DTZ001 - naive
    (STORED, "attempts", [-1, "1", True]),
    (STORED, "error", [5, OSError()]),
    (STORED, "settled_at", ["x", datetime(2026, 5, 3)]),  # noqa: DTZ001 - naive
    (LEASED_NOTICE, "notice", [None, "x"]),
    (LEASED_NOTICE, "lease", [None, "", 5]),
    (LEASED_NOTICE, "attempts", [0, "1", None]),
    (TryAgain("x"), "why", [None, 5, b"x"]),
    (NeverDeliverable("x"), "why", [None, OSError()]),
]


@pytest.mark.parametrize(
    ("good", "name", "values"), WRONG, ids=[f"{type(good).__name__}.{name}" for good, name, _ in WRONG]
)
def test_values_of_the_ports_are_valid_from_construction(good: object, name: str, values: list[object]) -> None:
    """None of them can be made with what a field may not hold."""
    for value in values:
        with pytest.raises(InvalidValue, match="must be"):
            evolved(good, **{name: value})


def test_values_of_the_ports_are_told_instants_in_utc() -> None:
    """An instant of another zone is the same instant, and what the other side said may be any text."""
    summer = pendulum.datetime(2026, 7, 1, 9, tz="Europe/London")
    stored = StoredNotice(
        id="n", agreement=AGREEMENT, notice=None, status=DELIVERED, due_at=summer, settled_at=summer, error=""
    )

    assert ("UTC", "UTC", 8) == (stored.due_at.timezone_name, stored.due_at.tzname(), stored.due_at.hour)
    assert summer == stored.settled_at
    assert "\0" == TryAgain("\0").why
