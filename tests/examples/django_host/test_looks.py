"""The example host on Django, as its one command starts it, in a browser without scripts, wide and narrow."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
from selenium.webdriver.common.by import By

from docs._ext.browser import DESKTOP, PHONE, Browser, Screen
from tests.examples.accessibility import problems, problems_of_the_keyboard
from tests.machine import CHROMIUM

pytestmark = pytest.mark.chromium

ROOT = Path(__file__).parents[3]
SCREENS = pytest.mark.parametrize("screen", [DESKTOP, PHONE], ids=lambda screen: screen.name)
SECONDS = 30
LAST_LINE = "Quit the server"
HILL, STOKESLEY, RYEDALE = 136728, 141930, 148377


@attrs.frozen(kw_only=True)
class Running:
    """The host, and a browser that looks at it.

    Attributes:
        browser: The browser.
        address: Where the host is.
        password: The password of everybody.
    """

    browser: Browser
    address: str
    password: str

    def visit(self, path: str, screen: Screen, *, who: str) -> list[str]:
        """Open a page as somebody, and list what is wrong with it."""
        self.browser.driver.delete_all_cookies()
        self.browser.visit(f"{self.address}/login/?next={path}", screen)
        self.fill(username=who, password=self.password)
        self.press("Log in")
        return problems(self.browser)

    def fill(self, **values: str) -> None:
        """Type into fields."""
        for name, value in values.items():
            self.browser.driver.find_element(By.NAME, name).send_keys(value)

    def choose(self, value: object) -> None:
        """Tick a check box."""
        self.browser.driver.find_element(By.CSS_SELECTOR, f"input[value='{value}']").click()

    def press(self, button: str) -> None:
        """Press a button, by what stands on it, and wait for the next page."""
        with self.browser.leaving():
            self.browser.driver.find_element(By.XPATH, f"//button[starts-with(normalize-space(), '{button}')]").click()

    def agree(self, urn: int) -> None:
        """Reach an agreement with a school."""
        self.visit("/", DESKTOP, who="ana")
        self.choose(urn)
        self.press("See what this would do")
        self.press("Send 1 message")
        self.visit("/", DESKTOP, who=f"head{urn}")
        self.press("Accept")

    @property
    def text(self) -> str:
        """What stands on the page."""
        return self.browser.driver.find_element(By.TAG_NAME, "body").text


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Start the host by its one command, with a fresh database, and a browser without scripts."""
    CHROMIUM.demand()
    folder = tmp_path_factory.mktemp("host")
    command = [sys.executable, "examples/django_host/manage.py", "start", "--port", "0"]
    environment = {**os.environ, "MIS_DATABASE": str(folder / "mis.sqlite3"), "PYTHONUNBUFFERED": "1"}
    with (
        (folder / "log").open("w+", encoding="utf-8") as log,
        subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=log, text=True) as process,
        Browser.running(scripts=False) as browser,
    ):
        browser.driver.implicitly_wait(SECONDS)  # for a page that is still loading
        assert process.stdout
        said = ""
        for line in process.stdout:
            said += line
            if LAST_LINE in line:
                break
        else:
            raise AssertionError(said + (folder / "log").read_text(encoding="utf-8"))
        (address,) = re.findall(r"server at (http://localhost:\d+)/", said)
        (password,) = re.findall(r"password of each is (\S+)", said)
        host = Running(browser=browser, address=address, password=password)
        try:
            host.agree(RYEDALE)
            yield host
        finally:
            process.terminate()  # SIGINT is ignored where the test run was started in the background


@SCREENS
def test_the_first_agreement_is_reached_in_a_browser(running: Running, screen: Screen) -> None:
    """By what can be seen and pressed; each page on the way is easy to use."""
    urn = HILL if screen is DESKTOP else STOKESLEY
    found = {"trust": running.visit("/", screen, who="ana")}
    running.choose(urn)
    running.press("See what this would do")
    found["preview"] = problems(running.browser)
    running.press("Send 1 message")
    assert "You have asked" in running.text
    found["pending"] = problems(running.browser)
    found["school"] = running.visit("/", screen, who=f"head{urn}")
    running.fill(reason=" ")
    running.press("Decline")  # without a reason
    found["form"] = problems(running.browser)
    running.press("Accept")
    assert "You have accepted the request." in running.text
    found["accepted"] = problems(running.browser)
    found["data"] = running.visit(f"/trust/schools/{urn}/", screen, who="ana")
    assert "Pupils present today" in running.text

    assert {name: [] for name in found} == found


@SCREENS
def test_every_page_can_be_used(running: Running, screen: Screen) -> None:
    """Pages that nobody wishes to see are as easy to use as the others."""
    found = {
        "no trust's page": running.visit("/trust/", screen, who=f"head{HILL}"),
        "no school's page": running.visit(f"/schools/{HILL}/data-sharing/", screen, who="ana"),
        "not shared": running.visit("/trust/schools/148375/", screen, who="ana"),
        "not there": running.visit("/nowhere/", screen, who="ana"),
    }
    running.browser.visit(f"{running.address}/login/", screen)
    found["login"] = problems(running.browser)

    assert {name: [] for name in found} == found


def test_everything_can_be_done_with_the_keyboard(running: Running) -> None:
    """Tab reaches every link, field and button, and what has the focus shows it."""
    for path, who in (("/trust/?tab=approved", "ana"), (f"/schools/{RYEDALE}/data-sharing/", f"head{RYEDALE}")):
        running.visit(path, DESKTOP, who=who)

        assert [] == problems_of_the_keyboard(running.browser)


@SCREENS
def test_the_admin_fits_the_screen(running: Running, screen: Screen) -> None:
    """The pages of the library's models show what there is, and need no scrolling sideways as a whole."""
    for path, words in (
        ("/admin/", "Data sharing agreements"),
        ("/admin/datashare/agreementstate/", f"mat:5622/{RYEDALE}"),
        (f"/admin/datashare/agreementstate/mat_3A5622_2F{RYEDALE}/change/", "MIS Data"),
        ("/admin/datashare/outgoingnotice/", "waiting"),
    ):
        running.visit(path, screen, who="admin")

        assert words.lower() in running.text.lower()
        assert running.browser.ask("return document.documentElement.scrollWidth <= innerWidth")
