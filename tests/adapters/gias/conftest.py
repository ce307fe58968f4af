"""The real rows, read once."""

from __future__ import annotations

import csv
import gzip

import pytest

from datashare.adapters.gias import Register, read_register

from . import sample


@pytest.fixture(scope="session")
def register() -> Register:
    """Return the establishment file of 18 July 2025 alone."""
    return read_register(sample.ESTABLISHMENTS)


@pytest.fixture(scope="session")
def published() -> dict[str, dict[str, str]]:
    """Return the same rows as the csv module reads them, by URN."""
    with gzip.open(sample.ESTABLISHMENTS, "rt", encoding="cp1252", newline="") as file:
        return {row["URN"]: row for row in csv.DictReader(file)}
