"""The digest of a group can be noted outside the database, and no other text passes for it (H3)."""

import hashlib
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datashare.domain.agreements import AgreementId, Decline, RequestAccess
from datashare.domain.chain import GroupDigest, NotedHead, digest_of
from datashare.errors import InvalidValue
from datashare.testing import strategies
from datashare.testing.changes import NOW, OTHER_URN, TRUST

from .chains import chain_of, verified

CHAINS = [chain_of([RequestAccess, Decline]), chain_of([RequestAccess], AgreementId(TRUST, OTHER_URN))]
DIGEST = digest_of(TRUST, CHAINS, at=NOW)
A_HASH = "0123456789abcdef" * 4

heads = st.lists(
    st.builds(
        NotedHead,
        urn=strategies.urns(),
        version=st.integers(1, 999_999_999),
        head=st.text("0123456789abcdef", min_size=64, max_size=64),
    ),
    unique_by=lambda head: head.urn,
).map(lambda heads: tuple(sorted(heads, key=lambda head: head.urn)))
digests = st.builds(GroupDigest, group=strategies.group_ids(), at=strategies.instants(), heads=heads)


@pytest.mark.rule("H3")
def test_a_digest_lists_where_each_chain_ends() -> None:
    """It is plain text, one line an agreement, and its last line is the SHA-256 of the lines before it."""
    heads = [chain.records[-1].hash for chain in CHAINS]
    listing = (
        "datashare digest 1\n"
        "group mat:5143\n"
        "at 2026-03-29T00:59:59.999999Z\n"
        f"100000 2 {heads[0]}\n"
        f"100001 1 {heads[1]}\n"
    )
    digest = hashlib.sha256(listing.encode()).hexdigest()

    assert digest == DIGEST.digest
    assert f"{listing}sha256 {digest}\n" == str(DIGEST)


@pytest.mark.rule("H3")
@given(digests)
def test_a_digest_is_read_back(digest: GroupDigest) -> None:
    """The noted text gives back the digest, also one without agreements."""
    assert digest == GroupDigest.parse(str(digest))


@given(digests, st.data())
def test_a_digest_that_was_altered_is_refused(digest: GroupDigest, data: st.DataObject) -> None:
    """One character more, less or different, and it is refused."""
    text = str(digest)
    place = data.draw(st.integers(0, len(text) - 1))
    character = data.draw(st.characters(codec="utf-8") | st.sampled_from("0123456789abcdef \n\r"))
    altered = data.draw(
        st.sampled_from(
            [
                text[:place] + character + text[place + 1 :],
                text[:place] + character + text[place:],
                text[:place] + text[place + 1 :],
                text[:place],
                text.replace("\n", "\r\n"),
            ]
        )
    )

    if altered != text:
        with pytest.raises(InvalidValue):
            GroupDigest.parse(altered)


def signed(listing: str) -> str:
    """Add the right last line."""
    return f"{listing}sha256 {hashlib.sha256(listing.encode()).hexdigest()}\n"


LISTING = str(DIGEST).rpartition("sha256")[0]


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        str(DIGEST).encode(),
        "",
        LISTING,
        signed(""),
        signed(LISTING.replace("digest 1", "digest 2")),
        signed(LISTING.replace("mat:5143", "mat:05143")),
        signed(LISTING.replace("mat:5143", "mat:5143\u2028")),
        signed(LISTING.replace("00:59:59.999999Z", "01:59:59.999999+01:00")),
        signed(LISTING.replace("100001 1", "100001 0")),
        signed(LISTING.replace("100001 1", "100001 01")),
        signed(LISTING.replace("100001 1", "0 1")),
        signed(LISTING.replace("100001 1", "100000 2")),
        signed(LISTING.replace("100001 1", "100001 ١")),
        signed(LISTING + f"100002 {'9' * 5_000} {A_HASH}\n"),
        signed(LISTING + "\n"),
        signed(LISTING + "100002 1\n"),
        signed(LISTING + f"100002 1 {A_HASH.upper()}\n"),
        str(DIGEST) + "\n",
    ],
    ids=range(19),
)
def test_only_digests_are_read(wrong: Any) -> None:  # noqa: ANN401 - anything but right
    """Anything else is refused, even with the right last line."""
    with pytest.raises(InvalidValue):
        GroupDigest.parse(wrong)


HEAD = DIGEST.heads[0]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: attrs.evolve(HEAD, urn=0),
        lambda: attrs.evolve(HEAD, version=0),
        lambda: attrs.evolve(HEAD, version=10**9),
        lambda: attrs.evolve(HEAD, head=A_HASH + "\n"),
        lambda: attrs.evolve(DIGEST, heads=DIGEST.heads[::-1]),
        lambda: attrs.evolve(DIGEST, heads=(HEAD, HEAD)),
    ],
    ids=["urn", "version", "digits", "hash", "order", "twice"],
)
def test_no_digest_can_be_built_that_could_not_be_read_back(wrong: Callable[[], object]) -> None:
    """Wrong numbers and hashes, and agreements out of order, are refused."""
    with pytest.raises(InvalidValue, match="must be"):
        wrong()


FIRST, SECOND = CHAINS[0].records


@pytest.mark.rule("H3")
@pytest.mark.parametrize(
    "damage",
    [
        {"agreement": "mat:5143/-5"},
        {"records": ()},
        {"records": (FIRST, attrs.evolve(SECOND, hash=""))},
        {"records": (FIRST, attrs.evolve(SECOND, hash=A_HASH.upper()))},
        {"records": (FIRST, attrs.evolve(SECOND, sequence=0))},
        {"records": (FIRST, attrs.evolve(SECOND, sequence=10**9))},
    ],
    ids=["no-agreement", "no-events", "no-hash", "upper-case", "no-number", "too-high"],
)
def test_a_chain_that_does_not_end_in_a_number_and_a_hash_is_left_out(damage: dict[str, Any]) -> None:
    """The others are noted and can be read back, and `verify` reports the one that was left out."""
    damaged = attrs.evolve(CHAINS[0], **damage)
    digest = digest_of(TRUST, [damaged, CHAINS[1]], at=NOW)

    assert [OTHER_URN] == [head.urn for head in digest.heads]
    assert digest == GroupDigest.parse(str(digest))
    (finding,) = verified(damaged, CHAINS[1], noted=digest).findings
    assert damaged.agreement == finding.agreement
