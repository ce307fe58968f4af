"""A comparison of any store with the one in memory: the same calls in any order must have the same answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable
from datetime import date, timedelta
from typing import Any
from unittest import TestCase

import attrs
import hypothesis
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from datashare.adapters.memory import MemoryAgreementStore
from datashare.codec import read_event
from datashare.domain.agreements import Agreement, AgreementId, Approve, Command, RecordVisibility, RequestAccess
from datashare.domain.chain import Chain
from datashare.domain.instants import Instant
from datashare.domain.register import GroupId
from datashare.domain.visibility import HiddenBecause
from datashare.ports import LeasedNotice, NoticeStatus, Settlement, readable

from .changes import COMMANDS, COUNCIL, NOW, OTHER_URN, TWIN, URN, command_of, possible_change
from .contracts._contract import missing
from .contracts._store_suite import by_agreement, listed, verified
from .fakes import StoreWithOutbox

GROUPS = (COUNCIL, TWIN, GroupId.mat("87"))
"""Groups whose codes look alike, or begin alike."""
URNS = (URN, OTHER_URN)
COMMAND_IDS = ("c-1", "C-1", "c-10", "x" * 63 + "y", "x" * 63 + "z")
IDS = [AgreementId(group, urn) for group in GROUPS for urn in URNS]

_ids = st.lists(st.sampled_from(IDS), unique=True, min_size=1, max_size=4)
_picks = st.lists(st.integers(0, 99), min_size=4, max_size=4)
_hidden = st.sampled_from([(), (), (HiddenBecause.CLOSED,)])
_command_ids = st.sampled_from(COMMAND_IDS)
_minutes = st.integers(-1, 9).map(lambda number: timedelta(minutes=number))
_fast = st.sampled_from([timedelta(0)] * 4 + [timedelta(days=40)])
_groups = st.sampled_from(GROUPS)
_days = st.dates(date(2026, 9, 29), date(2026, 10, 2))
_settlements = st.sampled_from(["delivered", "try_again", "given_up"])
_texts = st.sampled_from(["", "451 später 𝄞 e\u0301", "line\r\nbreak ", "x\n" * 2_000])


def compare_with_memory(
    make_store: Callable[[], StoreWithOutbox],
    close: Callable[[Any], object] | None = None,
    *,
    settings: hypothesis.settings | None = None,
) -> type[TestCase]:
    """Build a test that makes the same calls of a store and of the one in memory, and compares every answer.

    Hypothesis draws the calls: appends that win and that lose, loads, histories, chains, leases, settlements,
    requeues, purges and registers, of two groups whose codes look alike. Names of leases are not compared, since each
    store has its own::

        TestMyStoreComparedWithMemory = compare_with_memory(make_my_store, settings=settings(max_examples=50))

    Args:
        make_store: Makes an empty store; called once for each example.
        close: Called with each store in the end.
        settings: Those of Hypothesis, such as how many examples are tried; by default the profile's.

    Returns:
        A test case; pytest collects it under a name that begins with `Test`.
    """

    class Comparison(StoreComparison):
        def make_store(self) -> StoreWithOutbox:
            return make_store()

        def close_store(self, store: StoreWithOutbox) -> None:
            if close:
                close(store)

    case = Comparison.TestCase
    if settings:
        case.settings = settings
    return case


class StoreComparison(RuleBasedStateMachine):
    """The machine behind `compare_with_memory`; subclass it to add rules of your own."""

    def make_store(self) -> StoreWithOutbox:
        """Make an empty store to compare; every subclass defines this."""
        raise NotImplementedError(missing(self, "make_store", "a method that makes an empty store"))

    def close_store(self, store: StoreWithOutbox) -> None:
        """Close what the store was made with."""

    def __init__(self) -> None:
        super().__init__()
        self.store: StoreWithOutbox = self.make_store()
        self.model: MemoryAgreementStore = MemoryAgreementStore()
        self.now: Instant = NOW
        self.stale: dict[AgreementId, Agreement] = {}
        self.command_ids: list[str] = ["c-0"]
        self.leases: list[tuple[LeasedNotice, LeasedNotice]] = []
        self.names: set[tuple[str, str]] = set()
        self.answers: list[tuple[object, str]] = []

    def teardown(self) -> None:
        """Close the store."""
        self.close_store(self.store)

    @initialize(command_id=_command_ids)
    def request(self, command_id: str) -> None:
        """Save requests at every school, so that there is something to answer and to send."""
        self._append([(Agreement(id=agreement), RequestAccess, ()) for agreement in IDS], command_id)

    @rule(ids=_ids, picks=_picks, command_id=_command_ids, hidden=_hidden, fast=_fast)
    def append(
        self,
        ids: list[AgreementId],
        picks: list[int],
        command_id: str,
        hidden: tuple[HiddenBecause, ...],
        fast: timedelta,
    ) -> None:
        """Save what commands that are possible change at some agreements, now and then by a clock that is fast."""
        self.stale |= {agreement: self._standing(agreement) for agreement in ids}
        self._append(
            [
                (before, _possible(before, pick), hidden if before.hidden_since is None else ())
                for before, pick in zip((self.stale[agreement] for agreement in ids), picks, strict=False)
            ],
            command_id,
            fast=fast,
        )

    @rule(ids=_ids, picks=_picks, command_id=_command_ids, late=st.integers(0, 15))
    def append_late(self, ids: list[AgreementId], picks: list[int], command_id: str, late: int) -> None:
        """Save what commands change, some of them decided on the state before the last change, beside others."""
        states = [
            self.stale[agreement] if late >> number & 1 and agreement in self.stale else self._standing(agreement)
            for number, agreement in enumerate(ids)
        ]
        self._append(
            [(state, _possible(state, pick), ()) for state, pick in zip(states, picks, strict=False)], command_id
        )

    @rule(ids=_ids, command_id=_command_ids)
    def see_again(self, ids: list[AgreementId], command_id: str) -> None:
        """Hide schools, then let them answer: where they had been asked, that is a change of two events each."""
        self._append([(self._standing(key), RecordVisibility, (HiddenBecause.CLOSED,)) for key in ids], command_id)
        self._append([(self._standing(key), Approve, ()) for key in ids], command_id)

    @rule(by=_minutes, limit=st.integers(0, 9), minutes=st.integers(1, 9), fast=_fast)
    def lease(self, by: timedelta, limit: int, minutes: int, fast: timedelta = timedelta(0)) -> None:
        """Let time pass, now and then backwards, and lease what is due, under new names."""
        self.now += by
        now, until = self.now + fast, self.now + fast + timedelta(minutes=minutes)
        ours = readable(self.store.lease(now=now, until=until, limit=limit))
        theirs = readable(self.model.lease(now=now, until=until, limit=limit))
        expected = [(leased.notice, leased.attempts) for leased in theirs]
        assert expected == [(leased.notice, leased.attempts) for leased in ours]
        names = {(leased.notice.id, leased.lease) for leased in ours}
        assert set() == names & self.names, "A lease has the name of an earlier one of the same notice."
        self.names |= names
        self.leases += zip(ours, theirs, strict=True)

    @precondition(lambda self: self.leases)
    @rule(pick=st.integers(0, 9), how=_settlements, error=_texts, by=_minutes, fast=_fast)
    def settle(self, pick: int, how: str, error: str, by: timedelta, fast: timedelta) -> None:
        """Settle a notice by showing one of the last leases, which may have ended, or one from long ago."""
        ours, theirs = self.leases[-1 - pick % len(self.leases)] if pick else self.leases[0]
        at = self.now + by + fast
        outcome = {
            "delivered": Settlement.delivered(at=at),
            "try_again": Settlement.try_again(due_at=at, error=error),
            "given_up": Settlement.given_up(at=at, error=error),
        }[how]
        assert self.model.settle(theirs, outcome) == self.store.settle(ours, outcome)

    @rule(group=_groups, by=_minutes, error=_texts)
    def give_up_and_requeue(self, group: GroupId, by: timedelta, error: str) -> None:
        """Give up what is due, let a group requeue all notices, its own and the others', and lease what is due then."""
        self.lease(timedelta(0), 9, 5)
        for ours, theirs in self.leases[-4:]:
            outcome = Settlement.given_up(at=self.now, error=error)
            assert self.model.settle(theirs, outcome) == self.store.settle(ours, outcome)
        ids = [stored.id for of in GROUPS for stored in self.model.notices(of)]
        self._same(lambda store: store.requeue(group, ids, due_at=self.now + by))
        self.lease(timedelta(minutes=9), 9, 5)

    @rule(by=_minutes, now=st.booleans())
    def purge(self, by: timedelta, now: bool) -> None:
        """Erase what was settled before an instant, or far ahead."""
        self._same(lambda store: store.purge(settled_before=self.now + by, now=self.now if now else None))

    @rule(registers=st.lists(st.tuples(_groups, _days), min_size=2, max_size=4))
    def note_registers(self, registers: list[tuple[GroupId, date]]) -> None:
        """Note registers, newer or older than the last."""
        for group, day in registers:
            self._same(lambda store, group=group, day=day: store.note_register(group, day))  # type: ignore[misc]

    @rule(group=_groups, urns=st.sets(st.sampled_from((*URNS, 9))), pick=st.integers(0, 9))
    def load(self, group: GroupId, urns: set[int], pick: int) -> None:
        """Load some agreements of a group, with the outcomes under a command id that was used, but for the case."""
        command_id = self.command_ids[-1 - pick % len(self.command_ids)]
        for asked in (command_id, command_id.swapcase(), None):
            self._same(lambda store, asked=asked: _loaded(store, {AgreementId(group, urn) for urn in urns}, asked))  # type: ignore[misc]

    @rule(group=st.none() | _groups)
    def verify(self, group: GroupId | None) -> None:
        """Read the chains of a group, or of all, twice: the same events in the same places; salts differ."""
        first = list(self.store.chains(group))
        assert first == list(self.store.chains(group))
        assert [_read(chain) for chain in self.model.chains(group)] == [_read(chain) for chain in first]
        salts = [json.loads(record.erasable)["salt"] for chain in first for record in chain.records if record.erasable]
        assert len(salts) == len(set(salts)), "Two events have one salt."

    @rule(group=_groups, status=st.sampled_from(NoticeStatus))
    def list_notices(self, group: GroupId, status: NoticeStatus) -> None:
        """List the notices of one status, of a group and of all groups."""
        self._same(lambda store: list(store.notices(group, status=status)))
        self._same(lambda store: list(store.notices(status=status)))

    @rule()
    def read_histories(self) -> None:
        """Read the history of every agreement."""
        self._same(lambda store: [list(store.history(agreement)) for agreement in IDS])

    @invariant()
    def both_hold_the_same(self) -> None:
        """Both stores answer every question alike, and no earlier answer has changed."""
        self._same(lambda store: listed(store, groups=GROUPS, urns=URNS))
        self._same(lambda store: (list(store.groups()), list(store.notices())))
        assert [shown for _, shown in self.answers] == [repr(answer) for answer, _ in self.answers]
        answers = [self.store.states(COUNCIL), self.store.notices(COUNCIL)]
        self.answers = [(answer, repr(answer)) for answer in answers]

    def _same(self, ask: Callable[[StoreWithOutbox], object]) -> None:
        assert ask(self.model) == ask(self.store)

    def _standing(self, agreement: AgreementId) -> Agreement:
        return self.model.load([agreement]).agreements.get(agreement, Agreement(id=agreement))

    def _append(
        self,
        wanted: Iterable[tuple[Agreement, type[Command], tuple[HiddenBecause, ...]]],
        command_id: str,
        *,
        fast: timedelta = timedelta(0),
    ) -> None:
        """Save what commands change, and compare what was saved under their ids."""
        possible = (
            possible_change(before, command_of(kind, before), now=self.now + fast, command_id=command_id, hidden=hidden)
            for before, kind, hidden in wanted
        )
        changes = [change for change in possible if change]
        self.command_ids += [change.command_id for change in changes]
        self._same(lambda store: store.append(changes))
        for change in changes:
            self._same(lambda store, change=change: _loaded(store, [change.id], change.command_id))  # type: ignore[misc]


def _possible(before: Agreement, pick: int) -> type[Command]:
    """Pick a kind of command that changes an agreement as it stands."""
    possible = [kind for kind in COMMANDS if possible_change(before, command_of(kind, before))]
    return possible[pick % len(possible)]


def _loaded(store: StoreWithOutbox, ids: Collection[AgreementId], command_id: str | None) -> object:
    loaded = store.load(ids, command_id=command_id)
    return dict(loaded.agreements), sorted(loaded.outcomes, key=by_agreement), loaded.unreadable


def _read(chain: Chain) -> object:
    """Return a chain for comparing: its events with and without what people wrote, and what verifying it finds."""
    events = [
        (record.sequence, record.at, read_event(record), read_event(attrs.evolve(record, erasable=None)))
        for record in chain.records
    ]
    return chain.agreement, events, verified([chain])
