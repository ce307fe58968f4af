"""`import datashare` is light: it loads little, and takes not much longer than its foundation."""

import os
import subprocess
import sys

import pytest

FOUNDATION = "attrs, cattrs, pendulum"
AT_MOST = 2.8
RUNS_A_ROUND = 6
ROUNDS = 6


def python(code: str) -> str:
    """Run code in a new interpreter without this one's environment, and return what it prints."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "COVERAGE", "COV_", "PYTEST", "HYPOTHESIS"))
    }
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout


def loaded_by(names: str) -> set[str]:
    """Return the top-level names of all modules that are loaded by importing some."""
    modules = python(f"import sys\nimport {names}\nprint(*sys.modules)").split()
    return {module.split(".", 1)[0] for module in modules}


def seconds_to_import(names: str) -> float:
    """Measure the processor time of one import, without the start of the interpreter."""
    return float(
        python(f"from time import process_time\nstart = process_time()\nimport {names}\nprint(process_time() - start)")
    )


def test_only_what_it_is_built_on_is_loaded() -> None:
    """The import of every public name loads only the foundation and what that imports."""
    allowed = {"datashare", *sys.stdlib_module_names, *loaded_by(FOUNDATION)}

    assert set() == loaded_by("datashare") - allowed


@pytest.mark.parametrize("name", ["datashare.testing", "datashare.testing.changes"])
def test_tests_can_do_without_hypothesis(name: str) -> None:
    """Contracts and fakes load no Hypothesis; only strategies and the comparison do."""
    assert "hypothesis" not in loaded_by(name)
    assert {"hypothesis"} <= loaded_by("datashare.testing.comparison")


def test_the_plugin_loads_pytest_alone() -> None:
    """The plugin, which pytest loads into every run, loads nothing of datashare."""
    assert set() == loaded_by("_datashare_pytestplugin") - {"_datashare_pytestplugin"} - loaded_by("pytest")


def test_import_does_not_become_slower() -> None:
    """The import with all names takes at most 2.8 times as long as its foundation.

    It takes about 2.6 times as long today; `make bench` holds it against the bar of 2.2, which it does not meet yet.

    The fastest of several alternating runs are compared. Noise only ever makes a run slower, so more rounds bring
    both minimums nearer to the truth.
    """
    ours, theirs = [], []
    ratio = float("inf")
    seconds_to_import("datashare")  # compiles what is not compiled yet
    for _ in range(ROUNDS):
        for _ in range(RUNS_A_ROUND):
            theirs.append(seconds_to_import(FOUNDATION))
            ours.append(seconds_to_import("datashare"))
        ratio = min(ours) / min(theirs)
        if ratio <= AT_MOST:
            break

    assert ratio <= AT_MOST
