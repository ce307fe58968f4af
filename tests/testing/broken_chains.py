"""Stores over the one in memory, each of which breaks a promise about chains, or about what was erased."""

from collections.abc import Iterable, Iterator
from itertools import chain as chain_together

import attrs

from datashare.codec import encode, record_event, record_events
from datashare.domain.agreements import AgreementId, Event
from datashare.domain.agreements.events import RequestDeclined
from datashare.domain.chain import BEFORE_THE_FIRST, Chain, ChainedRecord, chained
from datashare.domain.register import GroupId
from datashare.errors import StoreUnreadable

from .broken_stores import BrokenStore, Prefixing


class ChangedChains(BrokenStore):
    """A store that changes the records of its chains."""

    def changed(self, chain: Chain) -> Iterable[ChainedRecord]:
        raise NotImplementedError

    def chains(self, group: GroupId | None = None, /) -> Iterator[Chain]:
        for chain in self.inner.chains(group):
            yield attrs.evolve(chain, records=tuple(self.changed(chain)))

    def events_of(self, chain: Chain) -> Iterator[Event]:
        assert isinstance(chain.agreement, AgreementId)
        return self.inner.history(chain.agreement)


class Unchained(ChangedChains):
    """14. Hashes each event by itself."""

    def changed(self, chain: Chain) -> Iterable[ChainedRecord]:
        return [attrs.evolve(record, hash=chained(BEFORE_THE_FIRST, record.text)) for record in chain.records]


class Blurting(ChangedChains):
    """14. Keeps what people wrote where it cannot be erased."""

    def changed(self, chain: Chain) -> Iterable[ChainedRecord]:
        return [
            attrs.evolve(record, text=encode(event))
            for record, event in zip(chain.records, self.events_of(chain), strict=True)
        ]


class Salting(ChangedChains):
    """14. Uses one salt for all."""

    def changed(self, chain: Chain) -> Iterable[ChainedRecord]:
        for record, event in zip(chain.records, self.events_of(chain), strict=True):
            salted = record_event(event, salt="9" * 32)
            yield attrs.evolve(record, text=salted.text, erasable=salted.erasable)


class Resealing(ChangedChains):
    """14. Draws a new salt each time it is asked."""

    def changed(self, chain: Chain) -> Iterable[ChainedRecord]:
        return record_events(tuple(self.events_of(chain)), after=BEFORE_THE_FIRST)


class Mislaying(ChangedChains):
    """14. Returns only the first event of a chain."""

    def changed(self, chain: Chain) -> Iterable[ChainedRecord]:
        return chain.records[:1]


class Untimed(ChangedChains):
    """16. Returns the instants of chained events to the second."""

    def changed(self, chain: Chain) -> Iterable[ChainedRecord]:
        return [attrs.evolve(record, at=f"{record.at[:19]}Z") for record in chain.records]


class Shuffling(BrokenStore):
    """15. Returns chains in reverse."""

    def chains(self, group: GroupId | None = None, /) -> Iterator[Chain]:
        return reversed(list(self.inner.chains(group)))


class Torn(BrokenStore):
    """15. Reads the states first, and the events when the caller iterates."""

    def chains(self, group: GroupId | None = None, /) -> Iterator[Chain]:
        before = list(self.inner.chains(group))

        def later() -> Iterator[Chain]:
            now = {chain.agreement: chain for chain in self.inner.chains(group)}
            return (attrs.evolve(now[chain.agreement], state=chain.state) for chain in before)

        return (chain for _ in [0] for chain in later())


class PrefixingChains(Prefixing):
    """6. Does so with chains."""

    states = BrokenStore.states

    def chains(self, group: GroupId | None = None, /) -> Iterator[Chain]:
        return chain_together(*(self.inner.chains(other) for other in (self.alike(group) if group else [None])))


class OneHead(ChangedChains):
    """14. Chains all events of one change to the same head."""

    def changed(self, chain: Chain) -> Iterable[ChainedRecord]:
        head = now = BEFORE_THE_FIRST
        command = ""
        for record, event in zip(chain.records, self.events_of(chain), strict=True):
            head, command = (head, command) if event.command_id == command else (now, event.command_id)
            now = chained(head, record.text)
            yield attrs.evolve(record, hash=now)


class NeedingWords(BrokenStore):
    """14. Cannot read a history once words were erased."""

    def group_history(self, group: GroupId, /) -> Iterator[Event]:
        for event in self.inner.group_history(group):
            if isinstance(event, RequestDeclined) and event.reason is None:
                raise StoreUnreadable("The words are missing.")
            yield event
