"""What some tests need of the machine, since it does not come with the test dependencies.

Tests that need it carry its mark. They run, and fail when it is missing, where its environment variable is 1, and
elsewhere are left out, which the summary says.
"""

import os
import shutil

import attrs
import pytest


class ServerUnavailable(Exception):
    """A server or program that tests need cannot be had; says which, why and what to do."""


@attrs.frozen(kw_only=True)
class Need:
    """Something of the machine that some tests need.

    Attributes:
        name: What it is called.
        mark: The mark of the tests that need it.
        advice: How to have it on Debian.
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
        """Refuse a test without the mark, which would not be left out.

        Raises:
            ServerUnavailable: If it is not required.
        """
        if not self.is_required:
            raise ServerUnavailable(
                f"A test asks for {self.name}; give it the mark, pytest.mark.{self.mark}, that leaves it out."
            )

    def missing(self, what: str) -> ServerUnavailable:
        """Make the error that says what is not there."""
        return ServerUnavailable(f"{self.name} is required ({self.variable}=1), and {what}. {self.advice}")

    def program(self, name: str) -> str:
        """Give the path of one of its programs.

        Raises:
            ServerUnavailable: If it is not on the PATH.
        """
        found = shutil.which(name)
        if found is None:
            raise self.missing(f"its program {name} is not on the PATH")
        return found


MARIADB = Need(
    name="MariaDB",
    mark="mariadb",
    advice="On Debian: apt-get install mariadb-server-core mariadb-client-core, and have /usr/sbin on the PATH.",
)
EXIM = Need(name="Exim", mark="exim", advice="On Debian: make .exim, which unpacks it there and installs nothing.")
CHROMIUM = Need(name="Chromium", mark="chromium", advice="On Debian: apt-get install chromium.")

NEEDS = (MARIADB, EXIM, CHROMIUM)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests that need what is not required."""
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
