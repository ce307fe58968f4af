"""The packages export the names that they list."""

import importlib
from pathlib import Path
from types import ModuleType

import pytest

SRC = Path(__file__).parents[2] / "src"
INIT_FILES = sorted((SRC / "datashare").rglob("__init__.py"))
PACKAGES = [".".join(path.parent.relative_to(SRC).parts) for path in INIT_FILES]


def public_names(module: ModuleType) -> list[str]:
    """List in order the names of a module without a leading underscore, submodules left out."""
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
    """The `__all__` of each package lists its public names in order; a package without public names needs no list."""
    package = importlib.import_module(name)

    assert public_names(package) == getattr(package, "__all__", [])


def test_every_folder_is_a_package() -> None:
    """Every folder with code has an `__init__.py`, without which its docstrings would not be tested."""
    folders = {path.parent for path in (SRC / "datashare").rglob("*.py")}

    assert {path.parent for path in INIT_FILES} == folders


def test_the_types_are_published() -> None:
    """The marker file is where type checkers look for it."""
    assert (SRC / "datashare" / "py.typed").is_file()
