"""Sets Django up, and makes the example's database once; each test has a copy of its own."""

from tests.adapters.django import started  # isort: skip  # noqa: F401 - first, since models need it

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import call_command

from examples.django_host.mis.management.commands.start import REGISTER, make_people
from tests.adapters.django.databases import database, migrated, sqlite_settings

from .visitor import PASSWORD


@pytest.fixture(scope="session")
def _template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the database that `manage.py start` makes."""
    file = tmp_path_factory.mktemp("django-host") / "mis.sqlite3"
    with database("default", migrated(sqlite_settings(file))):
        call_command("datashare_register", *REGISTER, verbosity=0)
        make_people("https://mis.example", PASSWORD)
    return file


@pytest.fixture
def host(_template: Path, tmp_path: Path) -> Iterator[Path]:
    """Run the example on a database of its own, and return the file."""
    file = tmp_path / "mis.sqlite3"
    shutil.copy(_template, file)
    with database("default", sqlite_settings(file)):
        yield file
