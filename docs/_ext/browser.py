"""Takes pictures of pages in Chromium, without a window and without a network.

Chromium is told what to do over a pipe, in the language of its developer tools, since only there can a page be laid out
as narrow as on a phone: no window of Chromium gets narrower than some 500 pixels.
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
    "--no-sandbox",  # which could not be had as root; the pages are our own
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-sync",
    "--hide-scrollbars",
    "--no-first-run",
    "--proxy-server=127.0.0.1:1",  # nowhere: what a page would load from elsewhere, it does not get here either
    "--remote-debugging-pipe",
]

# Chromium reads from file 3 and writes to file 4.
WITH_PIPES = 'exec "$0" "$@" 3<&0 4>&1 </dev/null >&2'

SECONDS_TO_ANSWER = 60
SECONDS_TO_END = 20


class BrowserFailed(Exception):
    """Chromium does not start, or does not do what it is told."""


@attrs.frozen(kw_only=True)
class Screen:
    """How wide a page is laid out.

    Attributes:
        name: What it is called.
        width: In pixels.
        phone: Whether pages are laid out as phones do.
        dark: Whether the person prefers light words on a dark ground.
    """

    name: str
    width: int
    phone: bool = False
    dark: bool = False


DESKTOP = Screen(name="desktop", width=1024)
PHONE = Screen(name="phone", width=390, phone=True)


def chromium() -> str | None:
    """Give the path of Chromium, or nothing where it is not installed."""
    return shutil.which("chromium")


@attrs.frozen
class Browser:
    """A Chromium that runs, with one page."""

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
        """Lay a page out.

        Args:
            page: Its HTML.
            screen: For what it is laid out.
        """
        self._resize(screen, height=screen.width)
        self._tell(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": "dark" if screen.dark else "light"}],
        )
        frame = self._tell("Page.getFrameTree")["frameTree"]["frame"]["id"]
        self._tell("Page.setDocumentContent", frameId=frame, html=page)
        self._resize(
            screen, height=cast("int", self.ask("Math.ceil(document.documentElement.getBoundingClientRect().height)"))
        )

    def picture(self) -> bytes:
        """Give the page that is shown as a picture, as a PNG that is as high as the page."""
        return base64.b64decode(self._tell("Page.captureScreenshot", format="png")["data"])

    def ask(self, expression: str) -> object:
        """Give the value of an expression of JavaScript on the page that is shown."""
        answer = self._tell("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in answer:
            raise BrowserFailed(f"{expression}: {answer['exceptionDetails']}")
        return cast("object", answer["result"].get("value"))

    def _resize(self, screen: Screen, *, height: int) -> None:
        self._tell(
            "Emulation.setDeviceMetricsOverride",
            width=screen.width,
            height=height,
            deviceScaleFactor=1,
            mobile=screen.phone,
        )

    def _open(self) -> None:
        target = self._tell("Target.createTarget", url="about:blank")["targetId"]
        self._session["sessionId"] = self._tell("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]

    @property
    def _input(self) -> IO[bytes]:
        return cast("IO[bytes]", self._process.stdin)

    @property
    def _output(self) -> IO[bytes]:
        return cast("IO[bytes]", self._process.stdout)

    def _tell(self, method: str, **parameters: object) -> dict[str, Any]:
        command = {"id": next(self._number), "method": method, "params": parameters, **self._session}
        # One that hangs is ended, so that nobody waits for it for ever.
        watch = Timer(SECONDS_TO_ANSWER, self._process.kill)
        watch.start()
        try:
            return self._answer_to(method, command)
        finally:
            watch.cancel()

    def _answer_to(self, method: str, command: dict[str, object]) -> dict[str, Any]:
        try:
            self._input.write(json.dumps(command).encode() + b"\0")
            self._input.flush()
        except OSError as exc:
            raise BrowserFailed(f"Chromium ended before {method}.") from exc
        for said in self._answers():
            if said.get("id") == command["id"]:
                if "error" in said:
                    raise BrowserFailed(f"Chromium refused {method}: {said['error']}")
                return cast("dict[str, Any]", said["result"])
        raise BrowserFailed(f"Chromium ended during {method}.")

    def _answers(self) -> Iterator[dict[str, Any]]:
        said = bytearray()
        while byte := self._output.read(1):
            if byte != b"\0":
                said += byte
                continue
            yield json.loads(said)
            said.clear()

    def _end(self) -> None:
        with suppress(BrowserFailed):
            self._session.clear()
            self._tell("Browser.close")
        with suppress(OSError):
            self._input.close()  # what could not be written to it is lost
        try:
            self._process.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self._process.kill()
