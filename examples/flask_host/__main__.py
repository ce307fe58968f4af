"""Start the host with the sample on a SQLite file, for a look at it: ``make host``."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

from .app import create_app
from .jobs import send_messages
from .sample import load_sample
from .sharing import Mis

SECONDS_BETWEEN_DELIVERIES = 5


def main(folder: Path) -> None:
    """Fill the folder where it is empty, print where to look, and answer until somebody stops it."""
    port = int(os.environ.get("PORT", "8000"))
    folder.mkdir(parents=True, exist_ok=True)
    settings = {
        "DATABASE": str(folder / "mis.sqlite3"),
        "MAIL_FOLDER": str(folder / "messages"),
        "ADDRESS": f"http://127.0.0.1:{port}",
    }
    app = create_app(settings)
    mis: Mis = app.extensions["mis"]
    load_sample(mis)

    def deliver_for_ever() -> None:
        while True:
            send_messages(mis.engine, app.config)
            time.sleep(SECONDS_BETWEEN_DELIVERIES)

    threading.Thread(target=deliver_for_ever, daemon=True).start()
    where = app.config["SMTP"].get("host") or (folder / "messages" / "index.html").absolute().as_uri()
    print(f"The host is at {settings['ADDRESS']}/ and keeps everything in {folder}/.")
    print(f"Messages go to {where} within {SECONDS_BETWEEN_DELIVERIES} seconds.")
    print("Choose Ana Okafor, ask some schools, log out, and choose a head teacher. Stop it with Ctrl+C.")
    app.run(port=port)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "host"))
