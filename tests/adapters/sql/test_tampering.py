"""A change of rows by hand is detected, on every database (H3, H4)."""

import gc
import re
import sqlite3
import tracemalloc
from contextlib import closing

import pytest
from sqlalchemy import Engine, create_engine

from datashare.adapters.sql import SqlAgreementStore
from datashare.codec import decode_agreement, read_event
from datashare.domain.agreements import AgreementId, Approve, Decline, RequestAccess
from datashare.domain.chain import GroupDigest, digest_of
from datashare.domain.register import GroupId
from datashare.domain.verification import FindingCode, Verification, verify
from datashare.errors import StoreUnreadable
from datashare.testing.changes import AGREEMENT, NOW, OTHER_URN, TRUST, URN, asked
from datashare.testing.contracts._store_suite import OTHER, do

from .databases import disposing, round_trips


def with_a_history(engine: Engine) -> SqlAgreementStore:
    """Return a store in which a school declined, was asked again and approved, and another was asked."""
    store = SqlAgreementStore(engine)
    store.append([asked(), asked(OTHER_URN)])
    do(store, Decline)
    do(store, RequestAccess, command_id="c-3")
    do(store, Approve, command_id="c-4")
    return store


def verified(store: SqlAgreementStore, noted: GroupDigest | None = None) -> Verification:
    """Verify the trust's chains as the service does."""
    return verify(store.chains(TRUST), read_event=read_event, read_state=decode_agreement, noted=noted)


WORDS = {
    "EVENTS": "datashare_events",
    "AGREEMENTS": "datashare_agreements",
    "THEIRS": "urn = 100001",
    "OURS": "urn = 100000",
}


def run(engine: Engine, *statements: str) -> None:
    """Change rows by hand, by statements that are shortened by `WORDS`."""
    with engine.begin() as connection:
        for statement in statements:
            for short, word in WORDS.items():
                statement = statement.replace(short, word)  # noqa: PLW2901 - spelled out
            connection.exec_driver_sql(statement)


TAMPERING: dict[str, tuple[str, int, FindingCode]] = {
    "text": ("UPDATE EVENTS SET text = REPLACE(text, '}', '} ') WHERE OURS AND sequence = 3", 3, FindingCode.ALTERED),
    "hash": ("UPDATE EVENTS SET hash = SUBSTR(hash, 2) WHERE OURS AND sequence = 4", 4, FindingCode.ALTERED),
    "dropped": ("DELETE FROM EVENTS WHERE OURS AND sequence = 2", 2, FindingCode.MISSING),
    "renumbered": ("UPDATE EVENTS SET sequence = 0 WHERE OURS AND sequence = 2", 2, FindingCode.MOVED),
    "words": (
        "UPDATE EVENTS SET erasable = REPLACE(erasable, 'Not', 'Now') WHERE OURS AND sequence = 2",
        2,
        FindingCode.WORDS_ALTERED,
    ),
    "instant": (
        "UPDATE EVENTS SET at = REPLACE(at, '2026', '2025') WHERE OURS AND sequence = 3",
        3,
        FindingCode.INSTANT_DIFFERS,
    ),
    "state": (
        "UPDATE AGREEMENTS SET state = REPLACE(state, 'mis_data', 'dfe_data') WHERE OURS",
        4,
        FindingCode.STATE_DIFFERS,
    ),
    "version": ("UPDATE AGREEMENTS SET version = 3 WHERE OURS", 4, FindingCode.STATE_DIFFERS),
    "head": ("UPDATE AGREEMENTS SET head = '' WHERE OURS", 4, FindingCode.ALTERED),
}
"""A change of each column, and of the number of rows."""


@pytest.mark.rule("H3", "H4")
@pytest.mark.parametrize(("statement", "sequence", "code"), TAMPERING.values(), ids=TAMPERING)
def test_a_change_by_hand_is_found(engine: Engine, statement: str, sequence: int, code: FindingCode) -> None:
    """The first changed event is named."""
    store = with_a_history(engine)
    assert verified(store).sound
    run(engine, statement)
    finding = verified(store).findings[0]

    assert (AGREEMENT, sequence, code) == (finding.agreement, finding.sequence, finding.code)


def by_hand(engine: Engine, statement: str) -> None:
    """Change a SQLite file with its own tool, which enforces neither foreign keys nor types."""
    with closing(sqlite3.connect(str(engine.url.database))) as connection, connection:
        connection.execute(statement)


@pytest.mark.rule("H3")
def test_events_whose_agreement_is_gone_are_found(sqlite: Engine) -> None:
    """If the row could be deleted, its events still show it."""
    store = with_a_history(sqlite)
    by_hand(sqlite, "DELETE FROM datashare_agreements WHERE urn = 100000")
    (finding,) = verified(store).findings

    assert (AGREEMENT, 4, FindingCode.STATE_DIFFERS) == (finding.agreement, finding.sequence, finding.code)


ODDITIES = {
    "blob": ("UPDATE datashare_events SET text = x'00ff' WHERE urn = 100000 AND sequence = 2", 2),
    "number-for-hash": ("UPDATE datashare_events SET hash = 5 WHERE urn = 100000 AND sequence = 2", 2),
    "text-for-number": ("UPDATE datashare_events SET sequence = 'x' WHERE urn = 100000 AND sequence = 2", 2),
    "version": ("UPDATE datashare_agreements SET version = 'x' WHERE urn = 100000", 4),
    "state": ("UPDATE datashare_agreements SET state = x'00ff' WHERE urn = 100000", 4),
}


@pytest.mark.parametrize(("statement", "sequence"), ODDITIES.values(), ids=ODDITIES)
def test_values_of_another_type_are_found(sqlite: Engine, statement: str, sequence: int) -> None:
    """SQLite keeps any value in any column; this is found like other damage."""
    store = with_a_history(sqlite)
    by_hand(sqlite, statement)
    (finding,) = verified(store).findings

    assert (AGREEMENT, sequence) == (finding.agreement, finding.sequence)


STRAYS = {
    "group": ("UPDATE datashare_events SET group_id = 'aaa' WHERE urn = 100001", "aaa/100001"),
    "no-urn": ("UPDATE datashare_events SET urn = -5 WHERE urn = 100001", "mat:5143/-5"),
    "blob-for-group": ("UPDATE datashare_events SET group_id = x'00' WHERE urn = 100001", "b'\\x00'/100001"),
}


@pytest.mark.rule("H3")
@pytest.mark.parametrize(("statement", "key"), STRAYS.values(), ids=STRAYS)
def test_a_key_that_names_no_agreement_is_found_and_hides_nothing(sqlite: Engine, statement: str, key: str) -> None:
    """Its text names it, and every other damaged agreement is found too."""
    store = with_a_history(sqlite)
    noted = digest_of(TRUST, store.chains(TRUST), at=NOW)
    by_hand(sqlite, statement)
    by_hand(sqlite, "UPDATE datashare_events SET text = '{}' WHERE urn = 100000 AND sequence = 2")
    verification = verify(store.chains(), read_event=read_event, read_state=decode_agreement, noted=noted)
    named = {(finding.agreement, finding.sequence, finding.code) for finding in verification.findings}

    assert {
        (key, 1, FindingCode.STRAY),
        (AGREEMENT, 2, FindingCode.ALTERED),
        (OTHER, 1, FindingCode.MISSING),
    } == named
    of_group = {finding.agreement for finding in verified(store).findings}
    assert {key for key, _, _ in named if str(key).startswith("mat:")} == of_group
    assert [URN] == [head.urn for head in digest_of(TRUST, store.chains(TRUST), at=NOW).heads]


@pytest.mark.rule("H3")
def test_a_key_that_names_no_agreement_is_found_on_every_database(engine: Engine) -> None:
    """Numbers that are not URNs fit into the column, and the foreign key allows them."""
    store = with_a_history(engine)
    run(
        engine,
        (
            "INSERT INTO AGREEMENTS (group_id, urn, version, head, state) "
            "SELECT 'aaa', -5, version, head, state FROM datashare_agreements WHERE OURS"
        ),
        "UPDATE EVENTS SET hash = UPPER(hash) WHERE THEIRS",
    )
    verification = verify(store.chains(), read_event=read_event, read_state=decode_agreement)

    assert [("aaa/-5", 0, FindingCode.STRAY), (OTHER, 1, FindingCode.ALTERED)] == [
        (finding.agreement, finding.sequence, finding.code) for finding in verification.findings
    ]
    assert [TRUST] == store.groups()


DAMAGED_ENDS = {
    "upper-case": "UPDATE datashare_events SET hash = upper(hash) WHERE urn = 100001",
    "half-a-number": "UPDATE datashare_events SET sequence = 1.5 WHERE urn = 100001",
}


@pytest.mark.rule("H3")
@pytest.mark.parametrize("statement", DAMAGED_ENDS.values(), ids=DAMAGED_ENDS)
def test_a_damaged_agreement_does_not_keep_the_others_from_being_noted(sqlite: Engine, statement: str) -> None:
    """It is left out of the digest, and named when the history is verified."""
    store = with_a_history(sqlite)
    by_hand(sqlite, statement)
    noted = digest_of(TRUST, store.chains(TRUST), at=NOW)

    assert [URN] == [head.urn for head in noted.heads]
    assert [OTHER] == [finding.agreement for finding in verified(store, noted).findings]


NOT_TEXT = "UPDATE {} = CAST(x'68656164ff' AS TEXT) WHERE {}"


@pytest.mark.rule("H3", "T6")
def test_bytes_that_are_not_text_are_found_and_not_quoted(sqlite: Engine) -> None:
    """They are damage of that row like any other, and hinder nothing else."""
    store = with_a_history(sqlite)
    by_hand(sqlite, NOT_TEXT.format("datashare_events SET text", "urn = 100000 AND sequence = 2"))
    by_hand(sqlite, NOT_TEXT.format("datashare_agreements SET state", "urn = 100001"))

    assert [(AGREEMENT, 2), (OTHER, 1)] == [(one.agreement, one.sequence) for one in verified(store).findings]
    with pytest.raises(StoreUnreadable, match="Event 2 of mat:5143/100000 cannot be read") as caught:
        list(store.history(AGREEMENT))
    assert not re.search("saved|command id|head", str(caught.value))
    assert caught.value.__cause__ is caught.value.__context__ is None
    assert [AGREEMENT, OTHER] == [getattr(state, "agreement", state.id) for state in store.states(TRUST)]


@pytest.mark.rule("H3", "T6")
def test_a_group_that_is_not_text_is_a_stray(sqlite: Engine) -> None:
    """Its key is shown as it can be, and every other group is verified."""
    store = with_a_history(sqlite)
    by_hand(sqlite, NOT_TEXT.format("datashare_events SET group_id", "urn = 100001"))
    verification = verify(store.chains(), read_event=read_event, read_state=decode_agreement)

    assert [FindingCode.MISSING, FindingCode.STRAY] == sorted(
        (finding.code for finding in verification.findings), key=str
    )
    str(verification).encode()
    by_hand(sqlite, NOT_TEXT.format("datashare_agreements SET group_id", "urn = 100001"))
    by_hand(sqlite, "UPDATE datashare_agreements SET group_id = x'00ff' WHERE urn = 100000")
    assert [] == store.groups()


def test_a_host_of_other_settings_is_told_of_bytes_that_are_not_text(sqlite: Engine) -> None:
    """With the driver's own settings they cannot even be fetched; the error does not quote them."""
    with_a_history(sqlite)
    by_hand(sqlite, NOT_TEXT.format("datashare_events SET text", "urn = 100000"))
    with disposing(create_engine(sqlite.url)) as plain, pytest.raises(StoreUnreadable, match="not UTF-8") as caught:
        list(SqlAgreementStore(plain).history(AGREEMENT))
    assert caught.value.__cause__ is caught.value.__context__ is None


def test_chains_are_read_a_page_at_a_time(postgresql: Engine) -> None:
    """A page is read when it is needed, and no connection is held meanwhile."""
    store = SqlAgreementStore(postgresql)
    store.append([asked(urn) for urn in range(1, 1202)])
    chains = store.chains()
    agreements: list[object] = []

    # Of each agreement there are two rows, and a page ends with a whole chain.
    assert 1 == round_trips(postgresql, lambda: agreements.append(next(chains).agreement))
    assert 0 == postgresql.pool.checkedout()  # type: ignore[attr-defined]  # a pool of connections counts them
    assert 4 == round_trips(postgresql, lambda: agreements.extend(chain.agreement for chain in chains))
    assert [AgreementId(TRUST, urn) for urn in range(1, 1202)] == agreements


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"], indirect=True)
@pytest.mark.rule("H3")
def test_memory_does_not_grow_with_what_is_verified(engine: Engine) -> None:
    """Three times as many agreements take no more memory, since a page and one chain are held at a time."""
    store = SqlAgreementStore(engine)
    few, many = GroupId.mat("1"), GroupId.mat("2")
    store.append([asked(urn, few) for urn in range(1, 601)])
    store.append([asked(urn, many) for urn in range(1, 1801)])

    def peak(group: GroupId) -> int:
        gc.collect()
        tracemalloc.start()
        try:
            assert verify(store.chains(group), read_event=read_event, read_state=decode_agreement).sound
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(few)  # what is built only once does not count
    assert peak(many) < 1.3 * peak(few)
