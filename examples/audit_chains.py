"""An auditor's own check of a database, in twenty lines without the library."""

import hashlib
import json
import sqlite3


def first_breaks(connection: sqlite3.Connection) -> dict[str, int]:
    """Tell of each agreement that is not as it was written the number of the first event that does not fit."""
    found, ends, cursor = dict[str, int](), dict[str, tuple[int, str]](), connection.cursor()
    cursor.execute("SELECT group_id, urn, sequence, at, hash, text FROM datashare_events ORDER BY 1, 2, 3")
    for group, urn, sequence, at, kept, text in cursor:
        agreement = f"{group}/{urn}"
        number, head = ends.get(agreement, (0, "0" * 64))
        hashed = hashlib.sha256(f"{head}\n{text}".encode()).hexdigest()
        try:
            says = list(map(json.loads(text)["value"].get, ("agreement", "sequence", "at")))
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError):  # whatever else somebody wrote
            says = []
        if (number + 1, hashed, says) != (sequence, kept, [agreement, sequence, at]):
            found.setdefault(agreement, number + 1)
        ends[agreement] = (number + 1, kept)
    cursor.execute("SELECT group_id, urn, version, head FROM datashare_agreements")
    heads = {f"{group}/{urn}": (version, head) for group, urn, version, head in cursor}
    return {one: heads.get(one, (0, ""))[0] for one in ends | heads if ends.get(one) != heads.get(one)} | found
