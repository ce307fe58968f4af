"""What the packages export is what they say they export."""

import importlib
from pathlib import Path
from types import ModuleType

import pytest

import datashare

SRC = Path(__file__).parents[2] / "src"
INIT_FILES = sorted((SRC / "datashare").rglob("__init__.py"))
PACKAGES = [".".join(path.parent.relative_to(SRC).parts) for path in INIT_FILES]


def public_names(module: ModuleType) -> list[str]:
    """List, in order, the names of a module without a leading underscore, its submodules left out."""
    named = {name: getattr(module, name) for name in dir(module)}
    return sorted(
        name
        for name, value in named.items()
        if not name.startswith("_")
        and not isinstance(value, ModuleType)
        and name not in {"annotations", "TYPE_CHECKING"}
    )


@pytest.mark.parametrize("name", PACKAGES)
def test_all_is_sorted_and_whole(name: str) -> None:
    """The `__all__` of each package lists its public names in order; one without either needs none."""
    package = importlib.import_module(name)

    assert public_names(package) == getattr(package, "__all__", [])


def test_the_library_exports_something() -> None:
    """The package itself has an `__all__`."""
    assert datashare.__all__


def test_every_folder_is_a_package() -> None:
    """No folder with code lacks its `__init__.py`, without which its docstrings would not be tested."""
    folders = {path.parent for path in (SRC / "datashare").rglob("*.py")}

    assert {path.parent for path in INIT_FILES} == folders


def test_the_types_are_published() -> None:
    """The marker file stands where type checkers look for it."""
    assert (SRC / "datashare" / "py.typed").is_file()


def test_public_names_leave_out_what_is_not_exported() -> None:
    """Private names, submodules and future imports are not public; all else is."""
    module = ModuleType("made_up")
    exec("from __future__ import annotations\nimport re\n_a = 1\nb = 2\nA = 3", vars(module))  # noqa: S102

    assert public_names(module) == ["A", "b"]
