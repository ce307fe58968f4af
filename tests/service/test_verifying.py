"""A host asks whether the history is as it was written, and notes what it amounts to (H3, H4)."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import attrs
import pytest

from datashare import DataSharing
from datashare.domain.agreements import AgreementId
from datashare.domain.chain import Chain, GroupDigest
from datashare.domain.register import GroupId
from datashare.domain.verification import FindingCode, Verification
from datashare.errors import InvalidValue
from datashare.testing import WrappedStore
from tests.world import COUNCIL, NOW, TRUST, World, large_world


class Tampered(WrappedStore):
    """A store in which somebody deleted the first event of every agreement, or set all hashes of one."""

    hash, only = "", 0

    def chains(self, group: GroupId | None = None, /) -> Iterator[Chain]:
        for chain in self.inner.chains(group):
            if not self.hash:
                yield attrs.evolve(chain, records=chain.records[1:])
            elif chain.agreement == AgreementId(TRUST, self.only):
                yield attrs.evolve(chain, records=[attrs.evolve(one, hash=self.hash) for one in chain.records])
            else:
                yield chain


def asked_world() -> tuple[World, tuple[int, ...]]:
    """Give a trust that has asked seven schools, and all have approved."""
    world, urns = large_world(7)
    world.approved(*urns)
    return world, urns


@pytest.mark.rule("H3")
def test_a_group_or_everything_is_verified() -> None:
    """Of one group its own agreements are looked at, and of all groups all."""
    world, _ = asked_world()
    whole = Verification(agreements=7, events=14, broken=0, findings=())
    nothing = Verification(agreements=0, events=0, broken=0, findings=())

    assert whole == world.sharing.verify() == world.sharing.verify(TRUST)
    assert nothing == world.sharing.verify(COUNCIL)


@pytest.mark.rule("H3")
def test_what_is_wrong_is_named() -> None:
    """Each agreement that is not as it was written, with its first fault."""
    world, urns = asked_world()
    found = world.over(Tampered(world.store)).verify(TRUST)

    assert [(AgreementId(TRUST, urn), 1, FindingCode.MISSING) for urn in sorted(urns)] == [
        (finding.agreement, finding.sequence, finding.code) for finding in found.findings
    ]
    assert (7, False) == (found.broken, found.sound)


@pytest.mark.rule("H3")
def test_a_noted_digest_is_compared() -> None:
    """What was noted outside is held against what is there now; what happened since is right."""
    world, urns = asked_world()
    noted = world.sharing.digest(TRUST)
    elsewhere, _ = asked_world()
    elsewhere.approved(urns[0])

    assert (TRUST, NOW) == (noted.group, noted.at)
    assert [(urn, 2) for urn in sorted(urns)] == [(head.urn, head.version) for head in noted.heads]
    assert world.sharing.verify(TRUST, noted=noted) == world.sharing.verify(noted=GroupDigest.parse(str(noted)))
    assert world.sharing.verify(TRUST, noted=noted).sound
    emptied = World().sharing.verify(TRUST, noted=noted)
    assert {FindingCode.NOT_AS_NOTED} == {finding.code for finding in emptied.findings}
    assert (0, 7) == (emptied.agreements, emptied.broken)


@pytest.mark.parametrize("count", [1, 7, 700])
def test_verifying_and_noting_cost_one_call(count: int) -> None:
    """Whatever the number of schools."""
    world, urns = large_world(count)
    world.approved(*urns)
    sharing = world.counted()

    assert count == sharing.verify(TRUST).agreements
    assert count == len(sharing.digest(TRUST).heads)
    assert Counter({"store.chains": 2}) == world.calls


@pytest.mark.rule("H3")
def test_a_chain_that_ends_in_no_hash_is_not_noted() -> None:
    """A damaged agreement keeps nobody from noting the others; to verify says what is wrong."""
    world, urns = asked_world()
    store = Tampered(world.store)
    store.hash, store.only = "x", urns[0]
    sharing = world.over(store)
    noted = sharing.digest(TRUST)

    assert sorted(urns[1:]) == [head.urn for head in noted.heads]
    assert [AgreementId(TRUST, urns[0])] == [one.agreement for one in sharing.verify(TRUST, noted=noted).findings]


WRONG: dict[str, Any] = {
    "group": lambda sharing: sharing.verify("mat:5143"),
    "noted": lambda sharing: sharing.verify(TRUST, noted="datashare digest 1"),
    "noted-of-another": lambda sharing: sharing.verify(COUNCIL, noted=sharing.digest(TRUST)),
    "digest": lambda sharing: sharing.digest("mat:5143"),
    "digest-of-all": lambda sharing: sharing.digest(None),
}


@pytest.mark.parametrize("call", WRONG.values(), ids=WRONG)
def test_what_makes_no_sense_is_refused(call: Any) -> None:  # noqa: ANN401 - a function
    """Whatever is no group, no digest, or one of another group."""
    sharing: DataSharing = World().sharing

    with pytest.raises(InvalidValue, match="must be"):
        call(sharing)
