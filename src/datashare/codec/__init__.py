"""Commands, events, agreements, notices, plans and the register as versioned JSON text, to be carried and kept.

Instants are ISO 8601 in UTC with six decimals, days are ISO 8601, ids are their text, and enumerations their values.
Every later version of this library reads what an earlier one wrote.
"""

from __future__ import annotations

from ._converter import converter
from ._exports import COLUMNS, ExportFormat, defused, export_lines
from ._fingerprints import fingerprint, fingerprints
from ._forms import (
    VERSION,
    decode_agreement,
    decode_batch,
    decode_cautions,
    decode_clusters,
    decode_command,
    decode_event,
    decode_group,
    decode_institution,
    decode_notice,
    decode_plan,
    decode_successor_link,
    encode,
    encode_cautions,
    encode_clusters,
)
from ._records import new_salt, read_event, record_event, record_events

__all__ = [
    "COLUMNS",
    "ExportFormat",
    "VERSION",
    "converter",
    "decode_agreement",
    "decode_batch",
    "decode_cautions",
    "decode_clusters",
    "decode_command",
    "decode_event",
    "decode_group",
    "decode_institution",
    "decode_notice",
    "decode_plan",
    "decode_successor_link",
    "defused",
    "encode",
    "encode_cautions",
    "encode_clusters",
    "export_lines",
    "fingerprint",
    "fingerprints",
    "new_salt",
    "read_event",
    "record_event",
    "record_events",
]
