"""The chains of a store: each event chained to the one before it, kept for ever, and read as it is kept."""

from __future__ import annotations

import hashlib
import json

import pytest

from datashare.codec import decode_agreement, read_event
from datashare.domain.agreements import commands
from datashare.domain.agreements.ids import AgreementId
from datashare.domain.agreements.state import fold
from datashare.domain.instants import instant_text
from datashare.domain.register import GroupId
from datashare.domain.verification import Verification
from datashare.testing.changes import AGREEMENT, COUNCIL, NOW, OTHER_URN, TRUST, TWIN, URN, asked, imported
from datashare.testing.fakes import StoreWithOutbox

from ._store_suite import OTHER, StoreSuite, do, long_history, save, standing, verified


class Chains(StoreSuite):
    """14. to 16. The chain of each agreement."""

    @pytest.mark.must(14)
    @pytest.mark.rule("H3")
    def test_each_event_is_chained_to_the_one_before_it(self, store: StoreWithOutbox) -> None:
        """Each hash covers the hash before it and the text, across calls; the state holds the last one."""
        save(store, asked(), asked(OTHER_URN))
        do(store, commands.Decline)
        do(store, commands.RequestAccess, command_id="c-3")

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
    def test_a_chain_holds_the_events_and_what_they_fold_to(self, store: StoreWithOutbox) -> None:
        """The chained events are those of the history, from 1; what people wrote is beside the text, not in it."""
        save(store, asked())
        do(store, commands.Decline)
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
        """The same words in two events have different seals, so that one event says nothing about another."""
        save(store, asked(), asked(OTHER_URN))
        do(store, commands.Decline)
        do(store, commands.Decline, of=OTHER)
        ours, theirs = (json.loads(chain.records[1].erasable or "") for chain in store.chains(TRUST))

        assert ours["texts"] == theirs["texts"]
        assert ours["salt"] != theirs["salt"]
        assert 32 <= min(len(ours["salt"]), len(theirs["salt"]))

    @pytest.mark.must(14)
    @pytest.mark.rule("H3")
    def test_what_was_chained_stays_as_it_was(self, store: StoreWithOutbox) -> None:
        """Later events and losers change nothing of a record, and asking twice gives the same answer."""
        save(store, asked())
        (before,) = store.chains(TRUST)
        do(store, commands.Decline)
        assert frozenset({AGREEMENT}) == store.append([asked()])
        (after,) = store.chains(TRUST)

        assert before.records == after.records[:1]
        assert [after] == list(store.chains(TRUST)) == list(store.chains())

    @pytest.mark.must(16)
    @pytest.mark.rule("H3")
    def test_each_record_has_its_instant_beside_it(self, store: StoreWithOutbox) -> None:
        """The instant by which events are ordered is text of one form, to the microsecond, so that it compares."""
        save(store, *(asked(urn, now=NOW.add(microseconds=number)) for number, urn in enumerate((URN, OTHER_URN))))
        instants = [record.at for chain in store.chains(TRUST) for record in chain.records]

        assert ["2026-03-29T00:59:59.999999Z", "2026-03-29T01:00:00.000000Z"] == instants
        assert [instant_text(event.at) for event in store.group_history(TRUST)] == instants

    @pytest.mark.must(15)
    @pytest.mark.rule("H3")
    def test_chains_are_in_the_order_of_groups_and_urns(self, store: StoreWithOutbox) -> None:
        """Chains come by the text of the group, then by number; those of one group alone, if one is named."""
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
            own = [agreement for agreement in expected if agreement.group == group]
            assert own == [chain.agreement for chain in store.chains(group)]
        assert [] == list(store.chains(GroupId.mat("1")))

    @pytest.mark.must(7, 15)
    def test_chains_that_are_being_read_go_on(self, store: StoreWithOutbox) -> None:
        """A stream returns all that was there when it was asked for, and each chain is whole, whatever is saved."""
        save(store, asked(), asked(OTHER_URN))
        streams = [store.chains(TRUST), store.chains()]
        do(store, commands.Decline, of=OTHER)

        for stream in streams:
            chains = list(stream)
            assert [AGREEMENT, OTHER] == [chain.agreement for chain in chains]
            assert verified(chains).sound

    @pytest.mark.must(3, 15)
    @pytest.mark.rule("H3")
    def test_writers_at_work_raise_no_false_alarm(self, store: StoreWithOutbox) -> None:
        """While one thread writes, each chain that another reads is of one moment: state and events fit together."""
        save(store, asked(OTHER_URN))

        def read() -> None:
            assert "" == "\n".join(map(str, verified(store.chains(TRUST)).findings))

        self.read_while_writing(store, long_history(self.steps), [read])
        expected = Verification(agreements=2, events=self.steps + 1, broken=0, findings=())
        assert expected == verified(store.chains(TRUST))
