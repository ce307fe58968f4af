"""Takes pictures of pages in Chromium, and lets tests use them, without a window and without a network.

Selenium drives Debian's Chromium by Debian's own driver, and downloads neither. A page is laid out by the protocol of
the developer tools, since no window of Chromium is narrower than some 500 pixels.
"""

import base64
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Self, cast

import attrs
from selenium.common.exceptions import WebDriverException
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.support.wait import WebDriverWait

FLAGS = [
    "--headless",
    "--no-sandbox",  # root cannot have one; the pages are our own
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-sync",
    "--hide-scrollbars",
    "--no-first-run",
    "--proxy-server=127.0.0.1:1",  # nobody listens there, so a page can load nothing but from this machine
]
WITHOUT_SCRIPTS = {"profile.managed_default_content_settings.javascript": 2}

SECONDS_TO_LOAD = 60

HEIGHT = "return Math.ceil(document.documentElement.getBoundingClientRect().height)"
# The root of some pages is as high as the window, and what they hold goes on below it.
CONTENT_HEIGHT = f"const height = (() => {{ {HEIGHT} }})(); return height > 1 ? height : document.body.scrollHeight"


class BrowserFailed(Exception):
    """Chromium or its driver is missing, or does not start."""


@attrs.frozen(kw_only=True)
class Screen:
    """How a page is laid out.

    Attributes:
        name: Its name.
        width: Its width in pixels.
        phone: Whether pages are laid out as on phones.
        dark: Whether the person prefers light text on a dark background.
    """

    name: str
    width: int
    phone: bool = False
    dark: bool = False


DESKTOP = Screen(name="desktop", width=1024)
PHONE = Screen(name="phone", width=390, phone=True)


@attrs.frozen
class Browser:
    """A running Chromium with one page.

    Attributes:
        driver: Selenium's driver, to find what is on the page and to type.
    """

    driver: Chrome

    @classmethod
    @contextmanager
    def running(cls, *, scripts: bool = True) -> Iterator[Self]:
        """Run Chromium with a fresh profile until the block is left.

        Args:
            scripts: Whether pages may run JavaScript. `ask` can in any case.

        Raises:
            BrowserFailed: It or its driver is not installed, or does not start.
        """
        options = ChromeOptions()
        options.binary_location = program("chromium")
        service = ChromeService(program("chromedriver"), log_output=subprocess.DEVNULL)
        with TemporaryDirectory(prefix="ds-chromium-", ignore_cleanup_errors=True) as profile:
            for flag in (*FLAGS, f"--user-data-dir={profile}"):
                options.add_argument(flag)
            if not scripts:
                options.add_experimental_option("prefs", WITHOUT_SCRIPTS)
            try:
                driver = Chrome(options=options, service=service)
            except WebDriverException as exc:
                raise BrowserFailed(f"Chromium did not start: {exc.msg}") from exc
            try:
                driver.set_page_load_timeout(SECONDS_TO_LOAD)
                yield cls(driver)
            finally:
                driver.quit()

    def show(self, page: str, screen: Screen) -> None:
        """Lay out a page.

        Args:
            page: Its HTML.
            screen: The screen to lay it out for.
        """
        self.lay_out(screen)
        frame = self.driver.execute_cdp_cmd("Page.getFrameTree", {})["frameTree"]["frame"]["id"]
        self.driver.execute_cdp_cmd("Page.setDocumentContent", {"frameId": frame, "html": page})

    def visit(self, url: str, screen: Screen) -> None:
        """Load and lay out a page.

        Args:
            url: Its address.
            screen: The screen to lay it out for.
        """
        self.lay_out(screen)
        self.driver.get(url)

    @contextmanager
    def leaving(self) -> Iterator[None]:
        """Wait after the block until what was done in it has led to another page, and that is loaded."""
        self.ask("window.isBefore = true")
        yield
        # While a page gives way to another one, the driver fails in several ways.
        wait = WebDriverWait(self.driver, SECONDS_TO_LOAD, ignored_exceptions=[WebDriverException])
        wait.until(lambda _: self.ask("return !window.isBefore && document.readyState == 'complete'"))

    def lay_out(self, screen: Screen, *, height: int | None = None) -> None:
        """Lay out this page and the next ones for a screen, as high as a usual one or as *height* says."""
        wishes = {"prefers-color-scheme": "dark" if screen.dark else "light", "prefers-reduced-motion": "reduce"}
        features = [{"name": name, "value": value} for name, value in wishes.items()]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {
                "width": screen.width,
                "height": height or (844 if screen.phone else 768),
                "deviceScaleFactor": 1,
                "mobile": screen.phone,
            },
        )

    def picture(self, screen: Screen, *, height: int | None = None, form: str = "png") -> bytes:
        """Return a picture of the page that is shown.

        Args:
            screen: The screen to lay the page out for.
            height: How high the picture is in pixels; by default as high as the page.
            form: The form of the file: ``png``, or the smaller ``webp``.
        """
        self.lay_out(screen, height=1)
        self.lay_out(screen, height=height or cast("int", self.ask(CONTENT_HEIGHT)))
        picture = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"format": form})["data"]
        self.lay_out(screen)
        return base64.b64decode(picture)

    def ask(self, script: str) -> object:
        """Return what the body of a JavaScript function returns on the page that is shown."""
        return self.driver.execute_script(script)


def program(name: str) -> str:
    """Return the path of a program.

    Raises:
        BrowserFailed: It is not installed.
    """
    path = shutil.which(name)
    if path is None:
        raise BrowserFailed(f"{name} is not on the PATH. On Debian: apt-get install chromium chromium-driver.")
    return path
