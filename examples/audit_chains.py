"""An auditor's own check of a database, in twenty lines without the library."""

import hashlib
import json
import sqlite3


def first_breaks(connection: sqlite3.Connection) -> dict[str, int]:
    """Return the number of the first event that does not fit, for each agreement that is not as it was written."""
    breaks, ends, cursor = dict[str, int](), dict[str, tuple[int, str]](), connection.cursor()
    cursor.execute("SELECT group_id, urn, sequence, at, hash, text FROM datashare_events ORDER BY 1, 2, 3")
    for group, urn, sequence, at, kept, text in cursor:
        agreement = f"{group}/{urn}"
        number, head = ends.get(agreement, (0, "0" * 64))
        hashed = hashlib.sha256(f"{head}\n{text}".encode()).hexdigest()
        try:
            says = list(map(json.loads(text)["value"].get, ("agreement", "sequence", "at")))
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError):  # not an event
            says = []
        if (number + 1, hashed, says) != (sequence, kept, [agreement, sequence, at]):
            breaks.setdefault(agreement, number + 1)
        ends[agreement] = (number + 1, kept)
    cursor.execute("SELECT group_id, urn, version, head FROM datashare_agreements")
    heads = {f"{group}/{urn}": (version, head) for group, urn, version, head in cursor}
    return {key: heads.get(key, (0, ""))[0] for key in ends | heads if ends.get(key) != heads.get(key)} | breaks
