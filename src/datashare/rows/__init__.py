"""Changes as plain rows, and rows as values, for every store over tables.

The rows have the columns of the tables that `datashare.adapters.sql` makes, in their order. Instants are text, as
`datashare.domain.instants.instant_text` writes them, so that text order is time order; a day is ISO 8601 text.

To save a change, `prepare` it before the transaction begins; then lock the agreement, read its head, and write what
`PreparedChange.chained_to` returns, the outcome and the notices.
"""

from __future__ import annotations

from ._kinds import AgreementRow, EventRow, Key, NoticeRow, OutcomeRow, key_of
from ._reading import (
    to_agreement,
    to_chains,
    to_event,
    to_groups,
    to_leases,
    to_loaded,
    to_notice,
    to_outcome,
    to_register_day,
    to_states,
    to_stored_notices,
)
from ._writing import PreparedChange, prepare

__all__ = [
    "AgreementRow",
    "EventRow",
    "Key",
    "NoticeRow",
    "OutcomeRow",
    "PreparedChange",
    "key_of",
    "prepare",
    "to_agreement",
    "to_chains",
    "to_event",
    "to_groups",
    "to_leases",
    "to_loaded",
    "to_notice",
    "to_outcome",
    "to_register_day",
    "to_states",
    "to_stored_notices",
]
