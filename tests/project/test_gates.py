"""The gates of the project fail when they should: each runs, with our own settings, on a tiny project."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
DJANGO = Path("examples/django_host")

COVERED = '''
from typing import Literal, Protocol, TYPE_CHECKING, assert_never

if TYPE_CHECKING:
    import decimal

class Port(Protocol):
    def answer(self) -> int:
        """Answer."""
        ...

def choose(value: Literal[1, 2]) -> str:
    match value:
        case 1:
            return "one"
        case 2:
            return "two"
        case _:
            assert_never(value)

choose(1)
choose(2)
'''
UNCOVERED_LINE = COVERED.replace("choose(2)\n", "")
UNCOVERED_BRANCH = "value = 1\nif value:\n    value = 2\n"

TYPED = "def double(value: int) -> int:\n    return 2 * value\n"
UNTYPED = "def double(value):\n    return 2 * value\n"
BARE_IGNORE = 'value: int = "one"  # type: ignore\n'

QUIET = "def test_quiet():\n    pass\n"
WARNING = "import warnings\n\ndef test_warning():\n    warnings.warn('old', DeprecationWarning)\n"
UNKNOWN_MARK = "import pytest\n\n@pytest.mark.ruel('V1')\ndef test_mark():\n    pass\n"

RIGHT_BLOCK = "```python\nassert 1 + 1 == 2\n```\n"
WRONG_BLOCK = "```python\nassert 1 + 1 == 3\n```\n"
RIGHT_DOCSTRING = '"""Adds.\n\n>>> 1 + 1\n2\n"""\n'
WRONG_DOCSTRING = '"""Adds.\n\n>>> 1 + 1\n3\n"""\n'


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """Make a project with our settings and nothing in it."""
    for name in ("pyproject.toml", "conftest.py"):
        shutil.copy(PROJECT / name, tmp_path / name)
    shutil.copytree(PROJECT / DJANGO, tmp_path / DJANGO)  # the type checker asks its settings
    return tmp_path


def write(path: Path, text: str) -> None:
    """Write a file of a tiny project."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def run(project: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a module of Python inside a project."""
    return subprocess.run([sys.executable, "-m", *arguments], cwd=project, check=False, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("source", "passes", "said"),
    [
        pytest.param(COVERED, True, "100.00%", id="covered"),
        pytest.param(UNCOVERED_LINE, False, "less than fail-under=100", id="uncovered-line"),
        pytest.param(UNCOVERED_BRANCH, False, "2->exit", id="uncovered-branch"),
    ],
)
def test_the_coverage_gate(tiny: Path, source: str, passes: bool, said: str) -> None:
    """The report of coverage fails for a line or a branch that no test takes, and only then."""
    write(tiny / "datashare" / "__init__.py", source)
    write(tiny / "use_it.py", "import datashare\n")

    run(tiny, "coverage", "run", "use_it.py").check_returncode()
    report = run(tiny, "coverage", "report")

    assert passes is (report.returncode == 0), report.stdout
    assert said in report.stdout


@pytest.mark.parametrize(
    ("source", "passes", "said"),
    [
        pytest.param(TYPED, True, "Success", id="typed"),
        pytest.param(UNTYPED, False, "no-untyped-def", id="untyped"),
        pytest.param(BARE_IGNORE, False, "ignore-without-code", id="bare-ignore"),
    ],
)
def test_the_type_gate(tiny: Path, source: str, passes: bool, said: str) -> None:
    """The type checker refuses functions without types and ignores without a code."""
    write(tiny / "src" / "datashare" / "__init__.py", source)

    checked = run(tiny, "mypy", "src")

    assert passes is (checked.returncode == 0), checked.stdout
    assert said in checked.stdout


@pytest.mark.parametrize(
    ("source", "passes", "said"),
    [
        pytest.param(QUIET, True, "1 passed", id="quiet"),
        pytest.param(WARNING, False, "DeprecationWarning: old", id="warning"),
        pytest.param(UNKNOWN_MARK, False, "'ruel' not found", id="unknown-mark"),
    ],
)
def test_the_warning_gate(tiny: Path, source: str, passes: bool, said: str) -> None:
    """A warning fails the test that causes it, and so does a mark that is not registered."""
    write(tiny / "tests" / "test_it.py", source)

    tested = run(tiny, "pytest", "tests")

    assert passes is (tested.returncode == 0), tested.stdout
    assert said in tested.stdout


@pytest.mark.parametrize(
    ("path", "text", "passes"),
    [
        pytest.param("README.md", RIGHT_BLOCK, True, id="readme-right"),
        pytest.param("README.md", WRONG_BLOCK, False, id="readme-wrong"),
        pytest.param("docs/how-to/deep/page.md", RIGHT_BLOCK, True, id="docs-right"),
        pytest.param("docs/how-to/deep/page.md", WRONG_BLOCK, False, id="docs-wrong"),
        pytest.param("src/adder/sums.py", RIGHT_DOCSTRING, True, id="docstring-right"),
        pytest.param("src/adder/sums.py", WRONG_DOCSTRING, False, id="docstring-wrong"),
    ],
)
def test_the_documentation_gate(tiny: Path, path: str, text: str, passes: bool) -> None:
    """The code of the README, of the documentation and of docstrings runs, and fails when it is wrong."""
    write(tiny / "src" / "adder" / "__init__.py", "")
    write(tiny / path, text)

    tested = run(tiny, "pytest", "-o", "pythonpath=src", path)

    assert passes is (tested.returncode == 0), tested.stdout
    assert ("1 passed" if passes else "1 failed") in tested.stdout
