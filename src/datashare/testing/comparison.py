"""A comparison of any store with the one in memory: the same calls in any order must have the same answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, timedelta
from typing import Any
from unittest import TestCase

import hypothesis
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from datashare.adapters.memory import MemoryAgreementStore
from datashare.codec import read_event
from datashare.domain.agreements import Agreement, AgreementId, Command, RequestAccess
from datashare.domain.chain import Chain
from datashare.domain.register import GroupId
from datashare.domain.visibility import HiddenBecause
from datashare.ports import LeasedNotice, NoticeStatus, Settlement, readable

from .changes import COMMANDS, COUNCIL, NOW, OTHER_URN, TWIN, URN, command_of, possible_change
from .contracts._contract import missing
from .contracts._store_suite import by_agreement, listed, verified
from .fakes import StoreWithOutbox

GROUPS = (COUNCIL, TWIN)
"""Two groups whose codes look alike."""
URNS = (URN, OTHER_URN)
COMMAND_IDS = ("c-1", "C-1", "c-2", "c-3")
IDS = [AgreementId(group, urn) for group in GROUPS for urn in URNS]

_ids = st.lists(st.sampled_from(IDS), unique=True, max_size=4)
_kinds = st.sampled_from(COMMANDS)
_command_ids = st.sampled_from(COMMAND_IDS)
_minutes = st.integers(-1, 9).map(lambda number: timedelta(minutes=number))
_groups = st.sampled_from(GROUPS)
_settlements = st.sampled_from(["delivered", "try_again", "given_up"])
_texts = st.sampled_from(["", "451 später 𝄞", "line\r\nbreak"])


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
        self.store, self.model = self.make_store(), MemoryAgreementStore()
        self.now = NOW
        self.stale: dict[AgreementId, Agreement] = {}
        self.leases: list[tuple[LeasedNotice, LeasedNotice]] = []

    def teardown(self) -> None:
        """Close the store."""
        self.close_store(self.store)

    @rule(ids=st.lists(st.sampled_from(IDS), min_size=2, unique=True), command_id=_command_ids)
    def request(self, ids: list[AgreementId], command_id: str) -> None:
        """Save requests, so that there are notices to lease."""
        self.append(ids, RequestAccess, command_id, ())

    @rule(ids=_ids, kind=_kinds, command_id=_command_ids, hidden=st.sampled_from([(), (HiddenBecause.CLOSED,)]))
    def append(
        self, ids: list[AgreementId], kind: type[Command], command_id: str, hidden: tuple[HiddenBecause, ...]
    ) -> None:
        """Save what a command changes at some agreements, decided on their present state."""
        self.stale |= {agreement: self._standing(agreement) for agreement in ids}
        self._append([self.stale[agreement] for agreement in ids], kind, command_id, hidden)

    @rule(ids=_ids, kind=_kinds, command_id=_command_ids)
    def append_late(self, ids: list[AgreementId], kind: type[Command], command_id: str) -> None:
        """Save what a command changes, decided for some agreements on their state before the last change."""
        self._append([self.stale.get(key) or self._standing(key) for key in ids], kind, command_id, ())

    @rule(by=_minutes, limit=st.integers(0, 9), minutes=st.integers(1, 9))
    def lease(self, by: timedelta, limit: int, minutes: int) -> None:
        """Let time pass, now and then backwards, and lease what is due."""
        self.now += by
        until = self.now + timedelta(minutes=minutes)
        ours = readable(self.store.lease(now=self.now, until=until, limit=limit))
        theirs = readable(self.model.lease(now=self.now, until=until, limit=limit))
        expected = [(leased.notice, leased.attempts) for leased in theirs]
        assert expected == [(leased.notice, leased.attempts) for leased in ours]
        self.leases += zip(ours, theirs, strict=True)

    @precondition(lambda self: self.leases)
    @rule(pick=st.integers(0, 99), how=_settlements, error=_texts, by=_minutes)
    def settle(self, pick: int, how: str, error: str, by: timedelta) -> None:
        """Settle a notice by showing a lease that may have ended long ago."""
        ours, theirs = self.leases[pick % len(self.leases)]
        at = self.now + by
        outcome = {
            "delivered": Settlement.delivered(at=at),
            "try_again": Settlement.try_again(due_at=at, error=error),
            "given_up": Settlement.given_up(at=at, error=error),
        }[how]
        assert self.model.settle(theirs, outcome) == self.store.settle(ours, outcome)

    @rule(group=_groups, by=_minutes)
    def requeue(self, group: GroupId, by: timedelta) -> None:
        """Let a group requeue all notices, its own and those of the other group."""
        ids = [stored.id for of in GROUPS for stored in self.model.notices(of)]
        self._same(lambda store: store.requeue(group, ids, due_at=self.now + by))

    @rule(by=_minutes)
    def purge(self, by: timedelta) -> None:
        """Erase what was settled before an instant."""
        self._same(lambda store: store.purge(settled_before=self.now + by))

    @rule(group=_groups, day=st.dates(date(2026, 5, 1), date(2026, 5, 4)))
    def note_register(self, group: GroupId, day: date) -> None:
        """Note a register, newer or older than the last."""
        self._same(lambda store: store.note_register(group, day))

    @rule(group=_groups, urns=st.sets(st.sampled_from((*URNS, 9))), command_id=st.none() | _command_ids)
    def load(self, group: GroupId, urns: set[int], command_id: str | None) -> None:
        """Load some agreements of a group, with the outcomes under a command id."""
        ids = [AgreementId(group, urn) for urn in urns]

        def ask(store: StoreWithOutbox) -> object:
            loaded = store.load(ids, command_id=command_id)
            return dict(loaded.agreements), sorted(loaded.outcomes, key=by_agreement)

        self._same(ask)

    @rule(group=st.none() | _groups)
    def verify(self, group: GroupId | None) -> None:
        """Read the chains of a group, or of all: the same events in the same places; salts differ."""
        self._same(lambda store: [_read(chain) for chain in store.chains(group)])

    @rule(group=_groups, status=st.sampled_from(NoticeStatus))
    def list_notices(self, group: GroupId, status: NoticeStatus) -> None:
        """List a group's notices of one status."""
        self._same(lambda store: list(store.notices(group, status=status)))

    @invariant()
    def both_hold_the_same(self) -> None:
        """Both stores answer every question alike."""
        self._same(
            lambda store: [
                listed(store, groups=GROUPS, urns=URNS),
                [list(store.history(agreement)) for agreement in IDS],
            ]
        )

    def _same(self, ask: Callable[[StoreWithOutbox], object]) -> None:
        assert ask(self.model) == ask(self.store)

    def _standing(self, agreement: AgreementId) -> Agreement:
        return self.model.load([agreement]).agreements.get(agreement, Agreement(id=agreement))

    def _append(
        self, states: Iterable[Agreement], kind: type[Command], command_id: str, hidden: tuple[HiddenBecause, ...]
    ) -> None:
        possible = (
            possible_change(before, command_of(kind, before), now=self.now, command_id=command_id, hidden=hidden)
            for before in states
        )
        changes = [change for change in possible if change]
        self._same(lambda store: store.append(changes))


def _read(chain: Chain) -> object:
    return chain.agreement, [(record.sequence, read_event(record)) for record in chain.records], verified([chain])
