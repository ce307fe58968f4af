"""A SQLite file that an earlier version wrote works with this one; `tests/golden/v1/database.sql` stays as it is.

It holds two schools that went through every kind of event, what was written about one of them erased; an import; a
request that is still open; notices in every status, some of them purged; and a register that was applied.
"""

import hashlib
import sqlite3
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import get_args

import pytest

from datashare.adapters.memory import MemoryInstitutionDirectory, MemoryPeopleDirectory
from datashare.adapters.sql import SqlAgreementStore, sqlite_engine
from datashare.codec import decode_agreement, read_event
from datashare.delivery import DeliveryReport, deliver
from datashare.domain.agreements import (
    AgreementId,
    AgreementImported,
    Event,
    RequestAccess,
    RequestDeclined,
    Withdraw,
    fold,
)
from datashare.domain.levels import AccessLevel
from datashare.domain.notices import NoticeKind
from datashare.domain.people import BusinessRole, Permission, Person
from datashare.domain.register import EstablishmentStatus, Group, Institution, TrustLink
from datashare.domain.verification import verify
from datashare.ports import NoticeStatus, readable
from datashare.service import DataSharing
from datashare.testing import FrozenClock, RecordingNotifier
from datashare.testing.changes import AGREEMENT, COUNCIL, NOW, OTHER_URN, TRUST, URN, deputy_of, head_of, then, user_of

from .databases import disposing

FILE = Path(__file__).parents[2] / "golden" / "v1" / "database.sql"
SHA256 = "1cbc4e29bbbae4f723bd0b3897f83548a82036593599158f49dfbbcc20d204ab"
HILDA = 100002
"""The school whose request is still open."""
WAITING, LEASED, DELIVERED, GIVEN_UP, CANCELLED = NoticeStatus


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlAgreementStore]:
    """Open the database as a host does after it updated the library."""
    path = tmp_path / "agreements.db"
    connection = sqlite3.connect(path)
    connection.executescript(FILE.read_text(encoding="utf-8"))
    connection.close()
    with disposing(sqlite_engine(path)) as engine:
        yield SqlAgreementStore(engine)


def sharing(store: SqlAgreementStore) -> DataSharing:
    """Stand the service over the store, in the world in which the open request was sent."""
    ana = Person(id=user_of(TRUST), name="Ana Okafor", email="ana@trust.example", permissions=tuple(Permission))
    head = Person(
        id=head_of(HILDA), name="Siân Ó Briain", email="head@hilda.example", roles=(BusinessRole.HEAD_TEACHER,)
    )
    deputy = Person(
        id=deputy_of(HILDA), name="Zoë Köhler", email="deputy@hilda.example", roles=(BusinessRole.DEPUTY_HEAD_TEACHER,)
    )
    hilda = Institution(urn=HILDA, name="St Hilda’s", status=EstablishmentStatus.OPEN, trusts=(TrustLink(TRUST.code),))
    return DataSharing(
        store=store,
        institutions=MemoryInstitutionDirectory([hilda], groups=[Group(id=TRUST, name="Areté Learning Trust")]),
        people=MemoryPeopleDirectory([ana, head, deputy]),
        clock=FrozenClock(NOW + timedelta(days=2)),
    )


def test_the_file_stays_as_it_is() -> None:
    """What an earlier version wrote is not written again."""
    assert hashlib.sha256(FILE.read_bytes()).hexdigest() == SHA256


@pytest.mark.rule("H3", "T3")
def test_it_is_read_folded_and_verified(store: SqlAgreementStore) -> None:
    """Every kind of event comes back, folds to the state that is kept, and its chain holds."""
    events = [event for group in (TRUST, COUNCIL) for event in store.group_history(group)]
    states = [*readable(store.states(TRUST)), *readable(store.states(COUNCIL))]

    assert set(get_args(Event)) == {type(event) for event in events}
    assert [fold(state.id, [e for e in events if e.agreement == state.id]) for state in states] == states
    assert [URN, OTHER_URN, HILDA, URN] == [state.urn for state in states]
    assert verify(store.chains(), read_event=read_event, read_state=decode_agreement).sound
    assert date(2026, 3, 28) == store.last_register(TRUST)


@pytest.mark.rule("H4")
def test_what_was_erased_is_gone_and_the_rest_is_there(store: SqlAgreementStore) -> None:
    """What people wrote about one school was erased, and about the other it was not."""
    reasons = {
        event.agreement.urn: event.reason for event in store.group_history(TRUST) if isinstance(event, RequestDeclined)
    }

    assert {URN: "Not before the governors have met.", OTHER_URN: None} == reasons
    assert ["Mrs Ó Briain, Head"] == [
        event.approver for event in store.group_history(COUNCIL) if isinstance(event, AgreementImported)
    ]


@pytest.mark.rule("K4")
def test_a_repetition_is_answered(store: SqlAgreementStore) -> None:
    """The command that was sent before the update is recognised by its digests, and does nothing more."""
    outcomes = sharing(store).for_group(TRUST, actor=user_of(TRUST)).request(
        [HILDA], level=AccessLevel.MIS_DATA, command_id="ask-hilda"
    )  # fmt: skip

    (done,) = outcomes.done
    assert done.replayed
    assert tuple(store.history(AgreementId(TRUST, HILDA))) == done.events
    recorded = [store.load([AGREEMENT], command_id=f"c-{number}").outcomes for number in range(1, 13)]
    assert [2] * 12 == [len(outcomes) for outcomes in recorded]


@pytest.mark.rule("O3", "O6")
def test_its_notices_are_delivered_and_purged(store: SqlAgreementStore) -> None:
    """What waits, or was leased to a worker that is gone, is sent; purged notices stay purged."""
    before = store.notices(TRUST)
    unsent = [stored.id for stored in before if stored.status in {WAITING, LEASED}]
    notifier = RecordingNotifier()
    report = deliver(store, notifier, clock=FrozenClock(NOW + timedelta(days=2)))

    assert set(NoticeStatus) == {stored.status for stored in before}
    assert any(stored.notice is None for stored in before)
    assert DeliveryReport(delivered=len(unsent)) == report
    assert sorted(unsent) == sorted(notifier.ids)
    assert {DELIVERED, GIVEN_UP, CANCELLED} == set(Counter(stored.status for stored in store.notices(TRUST)))
    store.purge(settled_before=NOW + timedelta(days=3))
    assert {None} == {stored.notice for stored in store.notices(TRUST)}


@pytest.mark.rule("H3", "O7")
def test_its_histories_go_on(store: SqlAgreementStore) -> None:
    """New events are chained to the old ones, of an open request and of an agreement that ended."""
    now = NOW + timedelta(days=2)
    (ended, _, asked) = readable(store.states(TRUST))
    changes = [then(asked, Withdraw, now=now, command_id="new"), then(ended, RequestAccess, now=now, command_id="new")]

    assert frozenset() == store.append(changes)
    assert [changes[1].after, changes[0].after] == [store.states(TRUST)[0], store.states(TRUST)[2]]
    assert verify(store.chains(), read_event=read_event, read_state=decode_agreement).sound
    cancelled = [stored for stored in store.notices(TRUST) if stored.settled_at == now]
    kinds = [stored.notice.kind for stored in cancelled if stored.notice]
    assert {(HILDA, CANCELLED)} == {(stored.agreement.urn, stored.status) for stored in cancelled}
    # O7: whom the request has not reached is not told that it was withdrawn.
    assert [NoticeKind.REQUEST] * 2 + [NoticeKind.WITHDRAWN] == sorted(kinds, key=lambda kind: kind.value)
