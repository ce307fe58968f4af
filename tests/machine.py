"""Programs of the machine that some tests need, since they do not come with the test dependencies.

A test that needs one carries its mark. Where the program's environment variable is 1, the test runs, and fails if the
program is missing. Elsewhere the test is left out, and the summary says so.
"""

import os
import shutil

import attrs
import pytest


class ServerUnavailable(Exception):
    """A server or program that tests need is not available; the message says which, why and what to do."""


@attrs.frozen(kw_only=True)
class Need:
    """A program of the machine that some tests need.

    Attributes:
        name: Its name.
        mark: The mark of the tests that need it.
        advice: How to install it on Debian.
    """

    name: str
    mark: str
    advice: str

    @property
    def variable(self) -> str:
        """The environment variable that requires it."""
        return f"DATASHARE_REQUIRE_{self.mark.upper()}"

    @property
    def is_required(self) -> bool:
        """Whether its tests run."""
        return os.environ.get(self.variable) == "1"

    def demand(self) -> None:
        """Refuse a test that uses the program without the mark, since such a test would not be left out.

        Raises:
            ServerUnavailable: If the program is not required.
        """
        if not self.is_required:
            raise ServerUnavailable(
                f"A test uses {self.name} without its mark. Add pytest.mark.{self.mark} to the test."
            )

    def missing(self, what: str) -> ServerUnavailable:
        """Return the error that says what is missing."""
        return ServerUnavailable(f"{self.name} is required ({self.variable}=1), and {what}. {self.advice}")

    def program(self, name: str) -> str:
        """Return the path of one of its executables.

        Raises:
            ServerUnavailable: If it is not on the PATH.
        """
        path = shutil.which(name)
        if path is None:
            raise self.missing(f"its program {name} is not on the PATH")
        return path


MARIADB = Need(
    name="MariaDB",
    mark="mariadb",
    advice="On Debian: apt-get install mariadb-server-core mariadb-client-core, and have /usr/sbin on the PATH.",
)
EXIM = Need(name="Exim", mark="exim", advice="On Debian: make .exim, which unpacks it there and installs nothing.")
CHROMIUM = Need(name="Chromium", mark="chromium", advice="On Debian: apt-get install chromium chromium-driver.")

NEEDS = (MARIADB, EXIM, CHROMIUM)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests whose program is not required."""
    for need in NEEDS:
        if not need.is_required:
            config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker(need.mark)])
            items[:] = [item for item in items if not item.get_closest_marker(need.mark)]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which tests were left out, and how to run them."""
    for need in NEEDS:
        if not need.is_required:
            terminalreporter.write_line(
                f"{need.name}: its tests were not run; run them with: make test-all (sets {need.variable}=1)",
                yellow=True,
                bold=True,
            )
