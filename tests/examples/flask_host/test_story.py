"""The whole story in a browser, by keyboard alone and without scripts, on a desktop and on a phone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import cast

import attrs
import pytest
from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.remote.webelement import WebElement
from werkzeug.serving import make_server

from docs._ext.browser import DESKTOP, PHONE, Browser, Screen
from examples.flask_host.app import create_app
from examples.flask_host.sample import load_sample
from tests.examples.accessibility import problems, problems_of_the_keyboard
from tests.machine import CHROMIUM

pytestmark = pytest.mark.chromium

MOST_STEPS = 150
NARROW = Screen(name="narrowest", width=320, phone=True)
SCREENS = (DESKTOP, PHONE)
ASHINGDON, AYLWARD, BARTON_HILL = 137378, 136147, 138369

NAME = """
const element = document.activeElement;
const named = element.labels?.length ? [...element.labels] : [element];
return named.map(each => each.textContent).join(" ").replace(/\\s+/g, " ").trim();
"""


@attrs.frozen
class Typist:
    """Somebody who uses the host by the keyboard alone, and looks at each page for what makes it hard to use.

    Attributes:
        browser: The browser.
        address: Where the host is.
        screen: How wide it is.
    """

    browser: Browser
    address: str
    screen: Screen

    def open(self, path: str) -> None:
        """Type an address."""
        self.browser.visit(f"{self.address}{path}", self.screen)
        self.look()

    def look(self) -> None:
        """Check the page that is shown."""
        assert [] == problems(self.browser), self.browser.driver.current_url

    def tab_to(self, words: str) -> WebElement:
        """Press Tab until what has the focus has a name that begins with some words."""
        for _ in range(MOST_STEPS):
            ActionChains(self.browser.driver).send_keys(Keys.TAB).perform()
            if cast("str", self.browser.ask(NAME)).startswith(words):
                return self.focused
        raise AssertionError(f"Tab does not reach {words!r} on {self.browser.driver.current_url}.")

    def tick(self, words: str) -> None:
        """Tick a box, or choose one of several."""
        self.tab_to(words).send_keys(Keys.SPACE)

    def write(self, words: str, text: str) -> WebElement:
        """Write into a field."""
        field = self.tab_to(words)
        field.send_keys(text)
        return field

    def press(self, words: str) -> None:
        """Press a button or follow a link, and look at the page that it leads to."""
        self._enter(self.tab_to(words))

    def send(self, words: str, text: str) -> None:
        """Write into a field, and send its form by Enter."""
        self._enter(self.write(words, text))

    def _enter(self, element: WebElement) -> None:
        with self.browser.leaving():
            element.send_keys(Keys.ENTER)
        self.look()

    @property
    def focused(self) -> WebElement:
        """What has the focus."""
        return self.browser.driver.switch_to.active_element

    @property
    def words(self) -> str:
        """What a person reads."""
        return self.browser.driver.find_element("tag name", "body").text


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start the host over the register's sample."""
    CHROMIUM.demand()
    app = create_app({"DATABASE": str(tmp_path_factory.mktemp("story") / "mis.sqlite3")})
    load_sample(app.extensions["mis"])
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()
    app.extensions["mis"].engine.dispose()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start a browser without scripts."""
    CHROMIUM.demand()
    with Browser.running(scripts=False) as started:
        yield started


@pytest.fixture(params=SCREENS, ids=lambda screen: screen.name)
def typist(request: pytest.FixtureRequest, browser: Browser, address: str) -> Typist:
    """Return somebody who is not logged in."""
    browser.driver.delete_all_cookies()
    return Typist(browser, address, request.param)


def test_the_whole_story_by_keyboard(typist: Typist) -> None:
    """From the choice of a user to pupils that may be seen, and on to more; every page on the way is easy to use."""
    urn, name = (ASHINGDON, "Ashingdon") if typist.screen is DESKTOP else (AYLWARD, "Aylward")
    typist.open("/")
    typist.press("Ana Okafor")
    typist.send("Name, town", name)
    typist.tick(f"Choose {name}")
    typist.press("Ask for data")
    typist.press("Preview")
    typist.tab_to("Choose the level").send_keys(Keys.ENTER)
    typist.focused.send_keys(Keys.SPACE)  # the link of the summary leads to the field
    typist.tick("Head teachers")
    typist.press("Preview")
    assert "1 of 1 school: 1 message would be sent." in typist.words
    typist.press("Confirm")
    typist.press("Go to the pending requests")
    typist.tick(f"Choose {name}")
    typist.press("Send reminders")
    typist.press("Preview")
    typist.press("Confirm")
    typist.press("Log out")

    typist.send("URN of a school", str(urn))
    typist.press(head_of(typist))
    assert "LIFT SCHOOLS asks for MIS Data" in typist.words
    typist.press("Accept")
    assert "You have accepted the request." in typist.words
    typist.tab_to("History").send_keys(Keys.ENTER)
    assert "accepted the request; MIS Data is in force from then on." in typist.words
    typist.press("Log out")

    typist.press("Ana Okafor")
    typist.press("Approved")
    typist.press(name)
    typist.press("See its pupils")
    typist.open(f"/schools/{urn}/mis")
    assert "The school does not share this with you" in typist.words
    typist.press("Go to the agreement")
    typist.press("Raise the level")
    typist.tick("MIS Data")
    typist.focused.send_keys(Keys.ARROW_DOWN)
    typist.tick("Head teachers")
    typist.press("Preview")
    typist.press("Confirm")
    typist.press("Go to the pending requests")
    typist.press(name)
    typist.press("Withdraw")
    typist.write("Why?", "We asked too early.")
    typist.press("Preview")
    typist.press("Confirm")
    typist.open(f"/schools/{urn}")
    assert "withdrew the request, with the words “We asked too early.”" in typist.words


def head_of(typist: Typist) -> str:
    """Return the name on the button of the head teacher."""
    cards = typist.browser.driver.find_elements("css selector", "button.card")
    return next(card.text.splitlines()[0] for card in cards if "\nHead teacher" in card.text)


def test_an_authority_and_a_school_by_keyboard(typist: Typist) -> None:
    """The authority's terms are shown; the school declines, and says why."""
    name = "Blagdon" if typist.screen is DESKTOP else "Blagrave"
    typist.open("/")
    typist.press("Leila Haddad")
    typist.send("Name, town", name)
    typist.tick(f"Choose {name}")
    typist.press("Ask for data")
    typist.tick("DfE Data")
    typist.tick("Head teachers")
    typist.press("Preview")
    typist.press("Confirm")
    typist.press("Log out")
    typist.send("URN of a school", "109748" if typist.screen is DESKTOP else "109749")
    typist.press(head_of(typist))
    typist.tab_to("Decline instead").send_keys(Keys.ENTER)
    typist.press("Decline")
    assert "There is a problem" in typist.words
    typist.write("Why?", "The governors meet in June.")
    typist.press("Decline")
    assert "You have declined the request." in typist.words


PAGES = (
    "/schools?tab=approved",
    "/schools?phase=2&search=academy",
    "/coverage",
    "/register",
    "/hidden",
    "/why?urn=121669",
    "/actions/ask?everything=on",
    "/actions/end?urn=137378",
    "/schools/999999",
    "/nowhere",
)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_page_fits_every_screen(browser: Browser, address: str, *, dark: bool) -> None:
    """Wide, narrow and as narrow as the smallest phones, in light and dark."""
    typist = Typist(browser, address, DESKTOP)
    browser.driver.delete_all_cookies()
    typist.open("/")
    typist.press("Ana Okafor")

    for screen in (DESKTOP, PHONE, NARROW):
        for page in PAGES:
            attrs.evolve(typist, screen=attrs.evolve(screen, dark=dark)).open(page)


def test_everything_is_reached_and_shows_the_focus(typist: Typist) -> None:
    """The skip link comes first; Tab reaches every link, field and button."""
    typist.open("/")
    typist.press("Ana Okafor")
    typist.open("/schools")
    typist.focused.send_keys(Keys.TAB)
    assert "Skip to the main content" == typist.focused.text
    for page in ("/schools?search=st", "/actions/ask?urn=137378", "/coverage"):
        typist.open(page)

        assert [] == problems_of_the_keyboard(typist.browser)
