"""The store in memory keeps the contract of its port, and more than that where its lock makes it easy."""

from functools import partial
from typing import Any, NoReturn

import attrs
import pytest

from datashare.adapters.memory import MemoryAgreementStore
from datashare.codec import read_event
from datashare.errors import InvalidValue
from datashare.ports import AgreementStore, Change, NoticeStatus
from datashare.testing.changes import AGREEMENT, COUNCIL, OTHER_URN, TRUST, URN, asked, imported
from datashare.testing.contracts import AgreementStoreContract, Erase, OutboxContract


class TestMemoryAgreementStore(AgreementStoreContract, OutboxContract):
    """It keeps the contract; there is nothing below it."""

    nothing_below = True

    @pytest.fixture
    def store(self) -> AgreementStore:
        """Return an empty store."""
        return MemoryAgreementStore()

    @pytest.fixture
    def erase(self, store: MemoryAgreementStore) -> Erase:
        """Erase what people wrote where the store holds it."""
        return partial(erase_words, store)


def erase_words(store: AgreementStore) -> None:
    """Erase what people wrote in a store in memory: in the records, the events and the outcomes."""
    assert isinstance(store, MemoryAgreementStore)
    for history in store._histories.values():
        history.records = tuple(attrs.evolve(record, erasable=None) for record in history.records)
        history.events = tuple(map(read_event, history.records))
    for outcomes in store._outcomes.values():
        for key, outcome in outcomes.items():
            first, last = outcome.events[0].sequence, outcome.events[-1].sequence
            outcomes[key] = attrs.evolve(outcome, events=store._histories[key].events[first - 1 : last])


@pytest.fixture
def store() -> MemoryAgreementStore:
    """Return an empty store."""
    return MemoryAgreementStore()


def save(store: AgreementStore, *changes: Change) -> None:
    """Save what must not lose."""
    assert frozenset() == store.append(changes)


def test_errors_say_what_was_wrong_with_a_call(store: MemoryAgreementStore) -> None:
    """The message names the argument, and says what would be right."""
    broken: Any = object()

    with pytest.raises(InvalidValue, match="The changes to save must be a collection of Changes"):
        store.append([asked(), broken])
    with pytest.raises(InvalidValue, match="at most one for each agreement"):
        store.append([imported(), imported(OTHER_URN), imported()])
    with pytest.raises(InvalidValue, match="agreements of one group"):
        store.load([AGREEMENT, imported(group=COUNCIL).id])
    with pytest.raises(InvalidValue, match="a datetime with a time zone"):
        store.purge(settled_before="2026-05-03")  # type: ignore[arg-type]


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
    save(store, asked(), asked(OTHER_URN), asked(group=COUNCIL), *(asked(urn, COUNCIL) for urn in range(1, 50)))
    store._histories, store._notices = Looked(store._histories), Looked(store._notices)

    assert [URN, OTHER_URN] == [state.urn for state in store.states(TRUST)]
    assert [COUNCIL, TRUST] == [state.group for state in store.states_at(URN)]
    assert 4 == Looked.looked
    assert 2 == len(list(store.group_history(TRUST)))
    assert 4 == len(store.notices(TRUST)) == len(store.notices(TRUST, status=NoticeStatus.WAITING))
    assert 6 == Looked.looked
