"""Number 4 of the store's contract: what was saved comes back, to the character and to the microsecond."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import attrs
import pendulum
import pytest

from datashare.domain.agreements import Agreement, Withdraw
from datashare.domain.instants import Instant
from datashare.ports import Settlement
from datashare.testing.changes import AGREEMENT, NOW, TRUST, URN, asked, change, imported
from datashare.testing.fakes import StoreWithOutbox

from ._store_suite import StoreSuite, lease, save

TEXTS = {
    "empty": "",
    "blank": " ",
    "trailing space": "x ",
    "sharp s": "ß",
    "composed": "é",
    "decomposed": "e\u0301",
    "Greek": "Ωмега",
    "right to left": "שלום",
    "beyond 65,536": "𝄞🏫",
    "line breaks": "line\nbreak\r\n",
    "separator": "\u2028",
    "quotes": "'; -- \"",
    "braces": "{0}%s%(x)s:name\\",
    "long": "ß𝄞x\n7" * 2_000,
}
INSTANTS = {
    "twice in London": pendulum.datetime(2026, 10, 25, 0, 59, 59),
    "one microsecond": pendulum.datetime(2026, 10, 25, 0, 59, 59, 1),
    "the last microsecond": pendulum.datetime(2026, 10, 25, 0, 59, 59, 999_999),
    "before 1970": pendulum.datetime(1969, 12, 31, 23, 59, 59, 999_999),
    "beyond 32 bits": pendulum.datetime(2106, 2, 7, 6, 28, 16, 10),
}


class Precision(StoreSuite):
    """4. What was saved comes back."""

    @pytest.mark.must(4)
    @pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
    def test_text_comes_back_to_the_character(self, store: StoreWithOutbox, text: str) -> None:
        """What people wrote comes back as it was: empty, beyond ASCII, beyond the first 65,536, not normalised."""
        before = asked().after
        save(store, asked())
        withdrawn = change(before, Withdraw(request=_open(before), reason=text), command_id="c-2")
        save(store, withdrawn)
        (one,) = lease(store, limit=1)
        assert store.settle(one, Settlement.try_again(due_at=NOW, error=text))

        assert withdrawn.events == tuple(store.history(AGREEMENT))[1:]
        assert (withdrawn.outcome,) == store.load([AGREEMENT], command_id="c-2").outcomes
        assert text in {stored.error for stored in store.notices(TRUST)}
        assert set(withdrawn.notices) <= {stored.notice for stored in store.notices(TRUST)}

    @pytest.mark.must(4)
    @pytest.mark.parametrize("text", [text for text in TEXTS.values() if text.strip()], ids=ascii)
    def test_notices_come_back_to_the_character(self, store: StoreWithOutbox, text: str) -> None:
        """The names and texts of a notice come back as they were, listed and leased."""
        one = asked()
        odd = attrs.evolve(one.notices[0], group_name=text, institution_name=text, sender_name=text, reason=text)
        save(store, attrs.evolve(one, notices=(odd,)))

        assert [odd] == [stored.notice for stored in store.notices(TRUST)]
        assert [odd] == [leased.notice for leased in lease(store)]

    @pytest.mark.must(4)
    @pytest.mark.parametrize("at", INSTANTS.values(), ids=INSTANTS)
    def test_instants_come_back_to_the_microsecond(self, store: StoreWithOutbox, at: Instant) -> None:
        """An instant keeps its microseconds and its zone, in events, state, outcomes and notices."""
        save(store, asked(now=at))
        (event,), (state,) = store.history(AGREEMENT), store.states(TRUST)
        (kept,) = store.load([AGREEMENT], command_id="c-1").outcomes
        created = [stored.notice.created_at for stored in store.notices(TRUST) if stored.notice]
        due = [stored.due_at for stored in store.notices(TRUST)]

        assert 2 == len(created) == len(due)
        for found in (event.at, state.changed_at, kept.events[0].at, *created, *due):
            assert found is not None
            assert (at, at.microsecond, timedelta(0)) == (found, found.microsecond, found.utcoffset())

    @pytest.mark.must(4)
    @pytest.mark.parametrize("at", INSTANTS.values(), ids=INSTANTS)
    def test_settled_instants_come_back_to_the_microsecond(self, store: StoreWithOutbox, at: Instant) -> None:
        """So do the instants at which a notice was settled, or is due again."""
        save(store, asked())
        one, other = lease(store)
        store.settle(one, Settlement.delivered(at=at))
        store.settle(other, Settlement.try_again(due_at=at, error=""))
        found = {stored.id: stored for stored in store.notices(TRUST)}

        assert at == found[one.notice.id].settled_at
        assert at == found[other.notice.id].due_at

    @pytest.mark.must(4)
    def test_command_ids_are_told_apart_to_the_character(self, store: StoreWithOutbox) -> None:
        """Ids that differ in case or in a mark alone are different ids."""
        ids = ["c-1", "C-1", "c-1.", "c_1", "c%1"]
        changes = [imported(URN + number, command_id=one) for number, one in enumerate(ids)]
        save(store, *changes)

        assert [(one.outcome,) for one in changes] == [store.load([AGREEMENT], command_id=one).outcomes for one in ids]
        assert () == store.load([AGREEMENT], command_id="c?1").outcomes

    @pytest.mark.must(4)
    def test_many_changes_are_saved_in_one_call(self, store: StoreWithOutbox) -> None:
        """More than the largest group of England has schools go through one call, and come back."""
        urns = range(URN, URN + self.many)
        changes = [asked(urn) for urn in urns]
        save(store, *reversed(changes))
        ids = [one.id for one in changes]
        found = store.load(ids, command_id="c-1")

        assert {one.id: one.after for one in changes} == dict(found.agreements)
        assert [one.outcome for one in changes] == sorted(found.outcomes, key=lambda one: one.agreement.urn)
        assert [one.after for one in changes] == list(store.states(TRUST))
        assert [event for one in changes for event in one.events] == list(store.group_history(TRUST))
        assert {n.id: n for one in changes for n in one.notices} == {s.id: s.notice for s in store.notices(TRUST)}
        assert frozenset(ids) == store.append(changes)
        assert 2 * self.many == len(lease(store))


def _open(before: Agreement) -> Any:
    assert before.request is not None
    return before.request.id
