"""The pictures of the host's pages in the documentation show what the pages say."""

from pathlib import Path

import pytest

from docs.host_pictures import FOLDER, HEIGHTS, SHOTS, host, page, take, words
from tests.machine import CHROMIUM

FILES = {f"{shot.name}-{screen.name}.webp" for shot in SHOTS for screen in HEIGHTS}
MOST_BYTES = 100_000


def test_pictures_show_what_the_pages_say(tmp_path: Path) -> None:
    """Where a page says something else by now, ``make pictures`` takes its picture anew."""
    app = host(tmp_path)
    said = {shot.name: words(page(app, shot)) for shot in SHOTS}
    app.extensions["mis"].engine.dispose()

    assert said == {shot.name: (FOLDER / f"{shot.name}.txt").read_text("utf-8") for shot in SHOTS}


def test_pictures_are_small() -> None:
    """Each is there for either screen, and nothing else is."""
    assert FILES == {path.name for path in FOLDER.glob("*.webp")}
    assert {shot.name for shot in SHOTS} == {path.stem for path in FOLDER.glob("*.txt")}
    for name in FILES:
        assert (FOLDER / name).stat().st_size <= MOST_BYTES


@pytest.mark.chromium
def test_pictures_can_be_taken_anew(tmp_path: Path) -> None:
    """All of them, at both widths."""
    CHROMIUM.demand()
    take(tmp_path / "pictures")

    assert FILES == {path.name for path in (tmp_path / "pictures").glob("*.webp")}
    for name in FILES:
        assert b"WEBP" == (tmp_path / "pictures" / name).read_bytes()[8:12]
