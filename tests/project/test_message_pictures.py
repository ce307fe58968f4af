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
LETTERS = EmailRenderer(sender="no-reply@data-sharing.example")
SAMPLES = samples()
WIDTHS = {"desktop": 1024, "phone": 390}


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """Make documentation of that one page."""
    (tmp_path / "conf.py").write_text(CONF, encoding="utf-8")
    shutil.copy(DOCS / "reference" / "messages.md", tmp_path / "index.md")
    return tmp_path


def build(sources: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Build the documentation, warnings being errors."""
    return subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-W", "-b", "html", sources, sources / "html"],
        check=False,
        capture_output=True,
        text=True,
        env=environment,
    )


def page_of(sources: Path) -> str:
    """Read the page that was built."""
    return (sources / "html" / "index.html").read_text(encoding="utf-8")


def test_every_kind_of_message_is_among_them() -> None:
    """Each kind, to both sides where both are told; by both kinds of group, the first time and for more."""
    found = [one.notice for one in SAMPLES]
    both_sides = {NoticeKind.APPROVED, NoticeKind.DECLINED, NoticeKind.ENDED}

    assert set(NoticeKind) == {one.kind for one in found}
    assert both_sides == {one.kind for one in found if one.audience is Party.GROUP}
    assert set(NoticeKind) == {one.kind for one in found if one.audience is Party.SCHOOL}
    assert len(SAMPLES) == len({one.name for one in SAMPLES}) == len({one.title for one in SAMPLES})
    for kind in ASKING:
        assert {False, True} == {one.level_before is not None for one in found if one.kind is kind}
    assert set(GroupKind) == {one.group_kind for one in found if one.kind is NoticeKind.REQUEST}
    for group_kind in GroupKind:
        assert {NoticeKind.REMINDER, NoticeKind.APPROVED, NoticeKind.ENDED} <= {
            one.kind for one in found if one.group_kind is group_kind
        }
    assert all(one.terms for one in found if one.group_kind is GroupKind.LOCAL_AUTHORITY and one.kind in ASKING)
    assert {True, False} == {all(who.can_approve for who in one.people) for one in found if one.kind in ASKING}


@pytest.mark.chromium
def test_every_message_is_shown_as_pictures_and_in_words(sources: Path) -> None:
    """Each has its subject, its words, and a picture of the right width on either screen, with an alternative."""
    built = build(sources, PATH="/usr/bin:/bin", **{CHROMIUM.variable: "1"})
    assert 0 == built.returncode, built.stderr
    page = page_of(sources)

    assert "Pictures need Chromium" not in page
    for one in SAMPLES:
        text = LETTERS.text(one.notice)
        assert escape(LETTERS.subject(one.notice), quote=False) in page
        assert escape(text, quote=False).strip() in page
        for screen, width in WIDTHS.items():
            name = f"message-{one.name}-{screen}.png"
            picture = (sources / "html" / "_images" / name).read_bytes()
            height = struct.unpack(">II", picture[16:24])[1]
            said = text.splitlines()[2]
            assert picture.startswith(b"\x89PNG\r\n\x1a\n")
            assert struct.pack(">II", width, height) == picture[16:24]
            assert 400 < height < 1_500
            assert f'alt="{escape(f"{one.title}, {width} pixels wide. {said}")}" src="_images/{name}"' in page


def test_without_chromium_the_pages_themselves_are_shown(sources: Path) -> None:
    """The page says so, and shows each message in a frame that can do nothing, with its words."""
    built = build(sources, PATH=str(sources))
    assert 0 == built.returncode, built.stderr
    page = page_of(sources)

    assert "Pictures need Chromium" in page
    assert len(SAMPLES) == page.count("<iframe sandbox title=")
    for one in SAMPLES:
        assert f'srcdoc="{escape(LETTERS.html(one.notice))}"' in page
        assert escape(LETTERS.text(one.notice), quote=False).strip() in page


def test_a_required_chromium_that_is_missing_fails_the_build(sources: Path) -> None:
    """The message says how to have it."""
    built = build(sources, PATH=str(sources), **{CHROMIUM.variable: "1"})

    assert 0 != built.returncode
    assert "DATASHARE_REQUIRE_CHROMIUM=1" in built.stderr
    assert "apt-get install chromium" in built.stderr


@pytest.mark.parametrize(("required", "fails"), [("0", False), ("1", True)], ids=["not required", "required"])
def test_a_chromium_that_does_not_start_is_not_believed(sources: Path, required: str, fails: bool) -> None:
    """Where it is required the build fails, and elsewhere the page does without it."""
    (sources / "chromium").write_text("#!/bin/sh\nexit 3\n", encoding="utf-8")
    (sources / "chromium").chmod(0o755)
    built = build(sources, PATH=str(sources), **{CHROMIUM.variable: required})

    assert fails == (built.returncode != 0)
    assert fails == ("could not be taken" in built.stderr)
    assert fails or "Pictures need Chromium" in page_of(sources)
