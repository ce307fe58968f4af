"""Takes pictures of pages in Chromium, without a window and without a network.

The commands use the protocol of the developer tools, over a pipe. Only this protocol can lay out a page as narrow as a
phone, since no window of Chromium is narrower than some 500 pixels.
"""

import base64
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Timer
from typing import IO, Any, Self, cast

import attrs

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
    "--proxy-server=127.0.0.1:1",  # nobody listens there, so a page can load nothing from elsewhere
    "--remote-debugging-pipe",
]

# Chromium reads from file 3 and writes to file 4.
WITH_PIPES = 'exec "$0" "$@" 3<&0 4>&1 </dev/null >&2'

SECONDS_TO_ANSWER = 60
SECONDS_TO_END = 20


class BrowserFailed(Exception):
    """Chromium does not start, or fails a command."""


@attrs.frozen(kw_only=True)
class Screen:
    """How wide a page is laid out.

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


def chromium() -> str:
    """Return the path of Chromium.

    Raises:
        BrowserFailed: It is not installed.
    """
    program = shutil.which("chromium")
    if program is None:
        raise BrowserFailed("Chromium is not on the PATH. On Debian: apt-get install chromium.")
    return program


@attrs.frozen
class Browser:
    """A running Chromium with one page."""

    _process: "subprocess.Popen[bytes]"
    _session: dict[str, str] = attrs.field(factory=dict)
    _number: Iterator[int] = attrs.field(factory=lambda: iter(range(1, 1_000_000)))

    @classmethod
    @contextmanager
    def running(cls, program: str) -> Iterator[Self]:
        """Run Chromium with a fresh profile until the block is left.

        Raises:
            BrowserFailed: It does not start.
        """
        with (
            TemporaryDirectory(prefix="ds-chromium-", ignore_cleanup_errors=True) as folder,
            (Path(folder) / "log").open("wb") as log,
            subprocess.Popen(  # noqa: S603 - a fixed command, from the PATH
                ["/bin/sh", "-c", WITH_PIPES, program, *FLAGS, f"--user-data-dir={folder}/profile", "about:blank"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
            ) as process,
        ):
            browser = cls(process)
            try:
                browser._open()
                yield browser
            finally:
                browser._end()

    def show(self, page: str, screen: Screen) -> None:
        """Lay out a page.

        Args:
            page: Its HTML.
            screen: The screen to lay it out for.
        """
        self._resize(screen, height=screen.width)
        self._command(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": "dark" if screen.dark else "light"}],
        )
        frame = self._command("Page.getFrameTree")["frameTree"]["frame"]["id"]
        self._command("Page.setDocumentContent", frameId=frame, html=page)
        self._resize(
            screen, height=cast("int", self.ask("Math.ceil(document.documentElement.getBoundingClientRect().height)"))
        )

    def picture(self) -> bytes:
        """Return a picture of the page that is shown: a PNG as high as the page."""
        return base64.b64decode(self._command("Page.captureScreenshot", format="png")["data"])

    def ask(self, expression: str) -> object:
        """Return the value of a JavaScript expression on the page that is shown."""
        answer = self._command("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in answer:
            raise BrowserFailed(f"{expression}: {answer['exceptionDetails']}")
        return cast("object", answer["result"].get("value"))

    def _resize(self, screen: Screen, *, height: int) -> None:
        self._command(
            "Emulation.setDeviceMetricsOverride",
            width=screen.width,
            height=height,
            deviceScaleFactor=1,
            mobile=screen.phone,
        )

    def _open(self) -> None:
        target = self._command("Target.createTarget", url="about:blank")["targetId"]
        self._session["sessionId"] = self._command("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]

    @property
    def _input(self) -> IO[bytes]:
        return cast("IO[bytes]", self._process.stdin)

    @property
    def _output(self) -> IO[bytes]:
        return cast("IO[bytes]", self._process.stdout)

    def _command(self, method: str, **parameters: object) -> dict[str, Any]:
        command = {"id": next(self._number), "method": method, "params": parameters, **self._session}
        # A browser that hangs is killed, so that nobody waits for ever.
        watch = Timer(SECONDS_TO_ANSWER, self._process.kill)
        watch.start()
        try:
            return self._result_of(method, command)
        finally:
            watch.cancel()

    def _result_of(self, method: str, command: dict[str, object]) -> dict[str, Any]:
        try:
            self._input.write(json.dumps(command).encode() + b"\0")
            self._input.flush()
        except OSError as exc:
            raise BrowserFailed(f"Chromium ended before {method}.") from exc
        for answer in self._answers():
            if answer.get("id") == command["id"]:
                if "error" in answer:
                    raise BrowserFailed(f"Chromium refused {method}: {answer['error']}")
                return cast("dict[str, Any]", answer["result"])
        raise BrowserFailed(f"Chromium ended during {method}.")

    def _answers(self) -> Iterator[dict[str, Any]]:
        text = bytearray()
        while byte := self._output.read(1):
            if byte != b"\0":
                text += byte
                continue
            yield json.loads(text)
            text.clear()

    def _end(self) -> None:
        with suppress(BrowserFailed):
            self._session.clear()
            self._command("Browser.close")
        with suppress(OSError):
            self._input.close()  # Chromium has ended, and what was not yet written is lost
        try:
            self._process.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self._process.kill()
