"""What a log or a failed test shows of stored values names nobody, and repeats nothing that anybody wrote (H4, O6)."""

import traceback
from collections.abc import Callable

import attrs
import pytest

from datashare.codec import encode, record_event, record_events
from datashare.domain.agreements import Decline, EndAgreement, EndCause, RequestDeclined
from datashare.domain.chain import BEFORE_THE_FIRST
from datashare.errors import StoreUnreadable
from datashare.ports import LeasedNotice, NoticeStatus, Settlement, StoredNotice
from datashare.rows import AgreementRow, EventRow, prepare, to_agreement, to_event, to_notice, to_outcome
from datashare.testing.changes import AGREEMENT, NOW, asked, then

WRITTEN = "Mrs Ó Briain, head@hilda.example"
DECLINED = then(asked().after, Decline, command_id="c-2")
(EVENT,) = (attrs.evolve(event, reason=WRITTEN) for event in DECLINED.events if isinstance(event, RequestDeclined))
NOTICE = attrs.evolve(
    asked().notices[0], address="head@hilda.example", reason=WRITTEN, sender_name=WRITTEN, group_name=WRITTEN
)
CHANGE = attrs.evolve(DECLINED, events=(EVENT,), notices=(NOTICE,))
PREPARED = prepare(CHANGE)

VALUES = {
    "event": EVENT,
    "notice": NOTICE,
    "people": attrs.evolve(NOTICE.people[0], name=WRITTEN),
    "change": CHANGE,
    "outcome": CHANGE.outcome,
    "stored": StoredNotice(
        id="1", agreement=AGREEMENT, notice=NOTICE, status=NoticeStatus.WAITING, due_at=NOW, error=WRITTEN
    ),
    "leased": LeasedNotice(notice=NOTICE, lease="x", attempts=1),
    "settlement": Settlement.given_up(at=NOW, error=WRITTEN),
    "record": record_event(EVENT),
    "chained": record_events([EVENT], after=BEFORE_THE_FIRST),
    "prepared": PREPARED,
    "rows": (PREPARED.outcome, PREPARED.pending, PREPARED.chained_to(BEFORE_THE_FIRST)),
    "command": EndAgreement(urn=1, cause=EndCause.BY_SCHOOL, note=WRITTEN),
}


@pytest.mark.rule("H4", "O6")
@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_what_is_stored_is_shown_without_names_and_words(value: object) -> None:
    """The id, the kind and the agreement are enough to find it."""
    for part in ("Briain", "hilda.example"):
        assert part not in repr(value)


NOTICE_ROW = PREPARED.pending[0]
READING: dict[str, Callable[[], object]] = {
    "state": lambda: to_agreement(AgreementRow("mat:5143", 100000, 1, "", f'{{"v":1,"value":"{WRITTEN}"}}')),
    "newer-state": lambda: to_agreement(AgreementRow("mat:5143", 100000, 1, "", f'{{"v":2,"value":"{WRITTEN}"}}')),
    "event": lambda: to_event(EventRow("mat:5143", 100000, 1, "", "", encode(EVENT)[:-9] + WRITTEN, None)),
    "erasable": lambda: to_event(PREPARED.chained_to("")[1][0]._replace(erasable=f"[{WRITTEN}")),
    "outcome": lambda: to_outcome(
        PREPARED.outcome._replace(cautions=WRITTEN), [PREPARED.chained_to(BEFORE_THE_FIRST)[1][0]]
    ),
    "notice": lambda: to_notice(NOTICE_ROW._replace(text=encode(NOTICE).replace('"kind"', '"kinds"'))),
    "not-text": lambda: to_notice(NOTICE_ROW._replace(text=WRITTEN.encode())),  # type: ignore[arg-type]  # as SQLite keeps it,
}


@pytest.mark.rule("H4", "O6")
@pytest.mark.parametrize("read", READING.values(), ids=READING)
def test_no_error_about_a_row_quotes_it(read: Callable[[], object]) -> None:
    """Neither the message nor what stands behind it: causes and contexts are shown by a traceback too."""
    with pytest.raises(StoreUnreadable) as caught:
        read()

    assert caught.value.__cause__ is caught.value.__context__ is None
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert "Briain" not in shown
    assert "hilda" not in shown
