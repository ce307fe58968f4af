"""An auditor's own check of a database, in twenty lines without the library."""

import hashlib
import json
import sqlite3


def first_breaks(connection: sqlite3.Connection) -> dict[str, int]:
    """Tell of each agreement that is not as it was written the number of the first event that does not fit."""
    found, ends, cursor = dict[str, int](), dict[str, tuple[int, str]](), connection.cursor()
    cursor.execute("SELECT group_id, urn, sequence, hash, text FROM datashare_events ORDER BY group_id, urn, sequence")
    for group, urn, sequence, kept, text in cursor:
        agreement = f"{group}/{urn}"
        number, head = ends.get(agreement, (0, "0" * 64))
        fits = sequence == number + 1 and kept == hashlib.sha256(f"{head}\n{text}".encode()).hexdigest()
        event = json.loads(text)["value"] if fits else {}
        if (event.get("agreement"), event.get("sequence")) != (agreement, sequence):
            found.setdefault(agreement, number + 1)
        ends[agreement] = (sequence, kept)
    cursor.execute("SELECT group_id, urn, version, head FROM datashare_agreements")
    for group, urn, version, head in cursor:
        if ends.pop(f"{group}/{urn}", None) != (version, head):
            found.setdefault(f"{group}/{urn}", version)
    return dict.fromkeys(ends, 0) | found  # what is left in `ends` are events without an agreement
