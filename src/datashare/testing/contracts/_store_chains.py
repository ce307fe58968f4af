"""Numbers 14 to 16 of the store's contract: the chain of each agreement, as it is kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

import pytest

from datashare.codec import decode_agreement, read_event
from datashare.domain.agreements import Agreement, AgreementId, Decline, RequestAccess, Withdraw, fold
from datashare.domain.chain import Chain
from datashare.domain.instants import instant_text
from datashare.domain.register import GroupId
from datashare.domain.verification import Verification, verify
from datashare.ports import Change
from datashare.testing.changes import AGREEMENT, COUNCIL, NOW, OTHER_URN, TRUST, TWIN, URN, asked, imported, then
from datashare.testing.fakes import StoreWithOutbox

from ._store_suite import OTHER, StoreSuite, do, save, standing


class Chains(StoreSuite):
    """14. to 16. The chain of each agreement."""

    @pytest.mark.must(14)
    @pytest.mark.rule("H3")
    def test_each_event_is_chained_to_the_one_before_it(self, store: StoreWithOutbox) -> None:
        """Each hash covers the hash before it and the text, across calls; the state holds the last one."""
        save(store, asked(), asked(OTHER_URN))
        do(store, Decline)
        do(store, RequestAccess, command_id="c-3")

        for chain in store.chains(TRUST):
            previous = "0" * 64
            for record in chain.records:
                previous = hashlib.sha256(f"{previous}\n{record.text}".encode()).hexdigest()
                assert previous == record.hash
            assert chain.state is not None
            assert (len(chain.records), previous) == (chain.state.version, chain.state.head)
        assert [3, 1] == [len(chain.records) for chain in store.chains(TRUST)]

    @pytest.mark.must(14)
    @pytest.mark.rule("H3", "H4")
    def test_a_chain_holds_the_events_and_what_they_come_to(self, store: StoreWithOutbox) -> None:
        """What is chained is what happened: numbered from 1, with what people wrote beside it and not in it."""
        save(store, asked())
        do(store, Decline)
        (chain,) = store.chains(TRUST)
        events = [read_event(record) for record in chain.records]

        assert [1, 2] == [record.sequence for record in chain.records]
        assert list(store.history(AGREEMENT)) == events
        assert chain.state is not None
        assert standing(store) == fold(AGREEMENT, events) == decode_agreement(chain.state.text)
        assert chain.records[0].erasable is None
        assert "governors" in (chain.records[1].erasable or "")
        assert "governors" not in chain.records[1].text

    @pytest.mark.must(14)
    @pytest.mark.rule("H4")
    def test_each_event_has_a_salt_of_its_own(self, store: StoreWithOutbox) -> None:
        """The same words in two events have different seals, so that nobody learns from one what another says."""
        save(store, asked(), asked(OTHER_URN))
        do(store, Decline)
        do(store, Decline, of=OTHER)
        beside = [json.loads(chain.records[1].erasable or "") for chain in store.chains(TRUST)]

        assert beside[0]["texts"] == beside[1]["texts"]
        assert beside[0]["salt"] != beside[1]["salt"]
        assert 32 <= min(len(one["salt"]) for one in beside)

    @pytest.mark.must(14)
    @pytest.mark.rule("H3")
    def test_what_was_chained_stays_as_it_was(self, store: StoreWithOutbox) -> None:
        """Later events and losers change nothing of a record, and asking twice gives the same."""
        save(store, asked())
        (before,) = store.chains(TRUST)
        do(store, Decline)
        assert frozenset({AGREEMENT}) == store.append([asked()])
        (after,) = store.chains(TRUST)

        assert before.records == after.records[:1]
        assert [after] == list(store.chains(TRUST)) == list(store.chains())

    @pytest.mark.must(16)
    @pytest.mark.rule("H3")
    def test_each_record_has_its_instant_beside_it(self, store: StoreWithOutbox) -> None:
        """What events are ordered by is given as text of one form, to the microsecond, so that it can be compared."""
        save(store, *(asked(urn, now=NOW.add(microseconds=number)) for number, urn in enumerate((URN, OTHER_URN))))
        kept = [record.at for chain in store.chains(TRUST) for record in chain.records]

        assert ["2026-03-29T00:59:59.999999Z", "2026-03-29T01:00:00.000000Z"] == kept
        assert [instant_text(event.at) for event in store.group_history(TRUST)] == kept

    @pytest.mark.must(15)
    @pytest.mark.rule("H3")
    def test_chains_are_in_the_order_of_groups_and_urns(self, store: StoreWithOutbox) -> None:
        """By the text of the group, then by number; of one group alone, if one is named."""
        groups = [GroupId.mat("9"), TWIN, COUNCIL, GroupId.mat("10"), TRUST]
        urns = [100_001, 9, 1_000_000]
        save(store, *(imported(urn, group) for group in groups for urn in urns))
        expected = [
            AgreementId(GroupId.parse(group), urn)
            for group in ("la:870", "mat:10", "mat:5143", "mat:870", "mat:9")
            for urn in sorted(urns)
        ]

        assert expected == [chain.agreement for chain in store.chains()]
        assert verified(store.chains()).sound
        for group in groups:
            assert [one for one in expected if one.group == group] == [one.agreement for one in store.chains(group)]
        assert [] == list(store.chains(GroupId.mat("1")))

    @pytest.mark.must(7, 15)
    def test_chains_that_are_being_read_go_on(self, store: StoreWithOutbox) -> None:
        """A stream answers all that was there when it was asked for, and each chain is whole, whatever is saved."""
        save(store, asked(), asked(OTHER_URN))
        streams = [store.chains(TRUST), store.chains()]
        do(store, Decline, of=OTHER)

        for stream in streams:
            found = list(stream)
            assert [AGREEMENT, OTHER] == [chain.agreement for chain in found]
            assert verified(found).sound

    @pytest.mark.must(3, 15)
    @pytest.mark.rule("H3")
    def test_writers_at_work_are_no_false_alarm(self, store: StoreWithOutbox) -> None:
        """While one thread writes, each chain that others read is of one moment: state and events fit together."""
        changes, before = list[Change](), Agreement(id=AGREEMENT)
        for number in range(self.steps):
            changes.append(then(before, Withdraw if before.request else RequestAccess, command_id=f"c-{number}"))
            before = changes[-1].after
        save(store, asked(OTHER_URN))
        ended = list[bool]()

        def write() -> None:
            try:
                for one in changes:
                    save(store, one)
            finally:
                ended.append(True)

        def read() -> None:
            more = True
            while more:
                more = not ended
                assert "" == "\n".join(map(str, verified(store.chains(TRUST)).findings))

        self.at_once([write, read])
        expected = Verification(agreements=2, events=self.steps + 1, broken=0, findings=())
        assert expected == verified(store.chains(TRUST))


def verified(chains: Iterable[Chain]) -> Verification:
    """Verify chains as the service does."""
    return verify(chains, read_event=read_event, read_state=decode_agreement)
