"""The documentation's page of messages: whole, with pictures where Chromium is, and never silently without."""

import shutil
import struct
import subprocess
import sys
from html import escape
from pathlib import Path

import pytest

from datashare.adapters.email import EmailRenderer
from datashare.domain.notices import ASKING, NoticeKind
from datashare.domain.policy import Party
from datashare.domain.register import GroupKind
from docs._ext.sample_messages import samples
from tests.machine import CHROMIUM

DOCS = Path(__file__).parents[2] / "docs"
CONF = f"""
import sys
sys.path.insert(0, {str(DOCS / "_ext")!r})
extensions = ["myst_parser", "messages"]
suppress_warnings = ["myst.xref_missing"]
html_theme = "basic"
"""
RENDERER = EmailRenderer(sender="no-reply@data-sharing.example")
SAMPLES = samples()
WIDTHS = {"desktop": 1024, "phone": 390}


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """Make the sources of documentation with that page alone."""
    (tmp_path / "conf.py").write_text(CONF, encoding="utf-8")
    shutil.copy(DOCS / "reference" / "messages.md", tmp_path / "index.md")
    return tmp_path


def build(sources: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Build the documentation, with warnings as errors."""
    return subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-W", "-b", "html", sources, sources / "html"],
        check=False,
        capture_output=True,
        text=True,
        env=environment,
    )


def page_of(sources: Path) -> str:
    """Read the page that was outcome."""
    return (sources / "html" / "index.html").read_text(encoding="utf-8")


def test_every_kind_of_message_is_among_them() -> None:
    """Each kind, to each side that gets one; by both kinds of group, the first time and for more."""
    notices = [sample.notice for sample in SAMPLES]
    to_both = {NoticeKind.APPROVED, NoticeKind.DECLINED, NoticeKind.ENDED}

    assert to_both == {notice.kind for notice in notices if notice.audience is Party.GROUP}
    assert set(NoticeKind) == {notice.kind for notice in notices if notice.audience is Party.SCHOOL}
    assert len(SAMPLES) == len({sample.name for sample in SAMPLES}) == len({sample.title for sample in SAMPLES})
    requests = [notice for notice in notices if notice.kind in ASKING]
    for kind in ASKING:
        assert {False, True} == {notice.level_before is not None for notice in requests if notice.kind is kind}
    assert {True, False} == {all(person.can_approve for person in notice.people) for notice in requests}
    assert all(notice.terms for notice in requests if notice.group_kind is GroupKind.LOCAL_AUTHORITY)
    assert set(GroupKind) == {notice.group_kind for notice in notices if notice.kind is NoticeKind.REQUEST}
    for group_kind in GroupKind:
        kinds = {notice.kind for notice in notices if notice.group_kind is group_kind}
        assert {NoticeKind.REMINDER, NoticeKind.APPROVED, NoticeKind.ENDED} <= kinds


@pytest.mark.chromium
def test_every_message_is_shown_as_pictures_and_in_words(sources: Path) -> None:
    """Each has its subject, its words, and a picture of the right width on either screen, with an alternative."""
    outcome = build(sources, PATH="/usr/bin:/bin", **{CHROMIUM.variable: "1"})
    assert 0 == outcome.returncode, outcome.stderr
    page = page_of(sources)

    assert "Pictures need Chromium" not in page
    for sample in SAMPLES:
        text = RENDERER.text(sample.notice)
        assert escape(RENDERER.subject(sample.notice), quote=False) in page
        assert escape(text, quote=False).strip() in page
        for screen, width in WIDTHS.items():
            name = f"message-{sample.name}-{screen}.png"
            picture = (sources / "html" / "_images" / name).read_bytes()
            height = struct.unpack(">II", picture[16:24])[1]
            assert picture.startswith(b"\x89PNG\r\n\x1a\n")
            assert struct.pack(">II", width, height) == picture[16:24]
            assert 400 < height < 1_500
            assert (
                f'alt="{escape(f"{sample.title}, {width} pixels wide. {text.splitlines()[2]}")}" src="_images/{name}"'
                in page
            )


def test_without_chromium_the_pages_themselves_are_shown(sources: Path) -> None:
    """The page says so, and shows each message in a frame that can do nothing, with its words."""
    outcome = build(sources, PATH=str(sources))
    assert 0 == outcome.returncode, outcome.stderr
    page = page_of(sources)

    assert "Pictures need Chromium" in page
    assert len(SAMPLES) == page.count("<iframe sandbox title=")
    for sample in SAMPLES:
        assert f'srcdoc="{escape(RENDERER.html(sample.notice))}"' in page
        assert escape(RENDERER.text(sample.notice), quote=False).strip() in page


@pytest.mark.parametrize(
    ("program", "why"),
    [(None, "apt-get install chromium"), ("#!/bin/sh\nexit 3\n", "Chromium did not start")],
    ids=["missing", "does not start"],
)
def test_a_required_chromium_that_fails_stops_the_build(sources: Path, program: str | None, why: str) -> None:
    """The error says that it is required, and why it failed."""
    for name in ("chromium", "chromedriver") if program else ():
        (sources / name).write_text(program or "", encoding="utf-8")
        (sources / name).chmod(0o755)
    outcome = build(sources, PATH=str(sources), **{CHROMIUM.variable: "1"})

    assert 0 != outcome.returncode
    assert "DATASHARE_REQUIRE_CHROMIUM=1" in outcome.stderr
    assert why in outcome.stderr
