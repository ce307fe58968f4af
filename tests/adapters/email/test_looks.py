"""Pages as a browser lays them out, on a desktop and on phones, in light and dark, with names of any length."""

import struct
from collections.abc import Iterator

import attrs
import pytest

from datashare.domain.notices import NoticeKind
from datashare.domain.register import GroupKind
from docs._ext.browser import DESKTOP, HEIGHT, PHONE, Browser, Screen
from tests.adapters.email.notices import RENDERER, notice, saying, variants
from tests.machine import CHROMIUM

pytestmark = pytest.mark.chromium

ZOOMED = Screen(name="narrowest", width=320, phone=True)
"""A desktop at 400 %, and the smallest phones: what WCAG 2.2 asks for under *Reflow*."""

WIDTH = "return document.documentElement.scrollWidth"
BUTTON = "document.querySelector('.button').getBoundingClientRect()"
GROUND = "return getComputedStyle(document.querySelector('.card')).backgroundColor"

NAMES = {
    "one long word": "Llanfair" * 40,
    "long words": "Pneumonoultramicroscopicsilicovolcanoconiosis-Grammar-School " * 8,
    "right to left": "בית הספר היסודי על שם הילדה הקדושה " * 6,
    "long address": "https://example/" + "a" * 300,
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Build a browser, started once for all pages."""
    CHROMIUM.demand()
    with Browser.running() as started:
        yield started


@pytest.mark.parametrize("screen", [DESKTOP, PHONE, ZOOMED], ids=lambda screen: screen.name)
@pytest.mark.parametrize("kind", NoticeKind, ids=lambda kind: kind.value)
def test_every_page_fits_its_screen(browser: Browser, kind: NoticeKind, screen: Screen) -> None:
    """Nothing has to be scrolled sideways, and the one button is large enough for a thumb."""
    for sample in [sample for sample in variants(kind) if len(sample.people) == 2]:
        browser.show(RENDERER.html(sample), screen)

        assert screen.width == browser.ask("return innerWidth")
        assert screen.width == browser.ask(WIDTH)
        if sample.link:
            assert browser.ask(f"return {BUTTON}.height >= 44 && {BUTTON}.width >= 200")


@pytest.mark.parametrize("screen", [DESKTOP, PHONE, ZOOMED], ids=lambda screen: screen.name)
@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_long_and_turned_values_fit_too(browser: Browser, name: str, screen: Screen) -> None:
    """However long a name, a word, an address or a link is, it is broken and nothing leaves the screen."""
    for kind in NoticeKind:
        link = "https://hilda.example/" + "x" * 300
        sample = saying(notice(kind, upgrade=True, group_kind=GroupKind.LOCAL_AUTHORITY, link=link), name)
        browser.show(RENDERER.html(sample), screen)

        assert screen.width == browser.ask(WIDTH)


@pytest.mark.parametrize("kind", NoticeKind, ids=lambda kind: kind.value)
def test_dark_pages_are_for_who_wants_them(browser: Browser, kind: NoticeKind) -> None:
    """The background is white, and dark only for a person who prefers that."""
    grounds = []
    for screen in (PHONE, attrs.evolve(PHONE, dark=True)):
        browser.show(RENDERER.html(notice(kind)), screen)
        grounds.append(browser.ask(GROUND))

    assert ["rgb(255, 255, 255)", "rgb(29, 35, 43)"] == grounds


@pytest.mark.parametrize("screen", [DESKTOP, PHONE], ids=lambda screen: screen.name)
def test_a_picture_is_as_large_as_the_page(browser: Browser, screen: Screen) -> None:
    """The picture is a PNG of the width that was asked for, and neither cuts the page nor goes on below it."""
    browser.show(RENDERER.html(notice(NoticeKind.REQUEST)), screen)
    picture = browser.picture(screen)

    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    assert (
        screen.width,
        browser.ask(HEIGHT),
    ) == struct.unpack(">II", picture[16:24])
